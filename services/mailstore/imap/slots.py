"""What the pool keeps for each account, and its bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from services.mailstore.imap.failure import ImapError, LoginRefused, ServerTimeout
from services.mailstore.imap.session import Session


@dataclass(frozen=True)
class PoolLimits:
    """Bounds. Times in seconds. `kept_for`: a connection is given no more work after that long, however busy:
    servers tell it the shared mailboxes, and the rights in them, that they found when it was new.
    """

    per_account: int = 4
    in_all: int = 1000
    waiting_per_account: int = 64
    idle_for: float = 300.0
    kept_for: float = 900.0
    check_after: float = 60.0
    wait_at_most: float = 20.0


@dataclass
class Slot:
    """What is open for one account and credential."""

    idle: list[Session] = field(default_factory=list)
    open: int = 0
    cap: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


def outcome(err: BaseException) -> str:
    """Why a connection could not be opened, in a word for the metrics."""
    match err:
        case LoginRefused():
            return "refused"
        case ServerTimeout():
            return "timeout"
        case ImapError():
            return "unreachable"
    return "cancelled"
