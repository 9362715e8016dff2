"""Time and ids."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], int]
DAY = 24 * 3600 * 1000


def now() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def new_id(at: int) -> str:
    """32 hexadecimal digits, in order of `at` (milliseconds), the last 80 bits random."""
    return f"{at:012x}{secrets.token_hex(10)}"


def as_datetime(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
