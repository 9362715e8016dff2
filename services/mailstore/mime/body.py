"""A text part's octets → text to show."""

from __future__ import annotations

from .model import Part, TextBody


def read_text(part: Part, data: bytes, *, truncated: bool = False) -> TextBody:
    """Undo transfer encoding, charset, format=flowed and uuencoded blocks of the octets of BODY[part.number].

    `truncated`: only the first octets were fetched, so a cut character at the end is no damage.
    """
    raise NotImplementedError
