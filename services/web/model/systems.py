"""App tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AppToken:
    """A token that a program of the person's holds. `scopes` as in the contract."""

    token_id: str
    name: str
    scopes: tuple[str, ...] = ()
    created: datetime | None = None
    expires: datetime | None = None
    last_used: datetime | None = None
