"""An answer and how old it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Served(Generic[T]):
    """An answer, and how many seconds ago it was true; 0 where the server was asked."""

    value: T
    stale_seconds: int = 0
