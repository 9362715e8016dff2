"""The grey line of text beside a subject in a list."""

from __future__ import annotations

from .model import TextBody


def snippet(body: TextBody | str, limit: int = 140) -> str:
    """The first meaningful characters: no quotes, attribution lines, signatures, rules or markup."""
    raise NotImplementedError
