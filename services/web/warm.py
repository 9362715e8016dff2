"""Opened messages kept for a moment, for the frame that asks for their HTML right after the page.

Invariants: what one session opened is handed to that session alone, and once; nothing stays for longer than
a minute, and a session that is signed out leaves nothing. Where it is absent (another replica drew the page,
or it took too long), the frame reads the message anew.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Coroutine, Hashable
from dataclasses import dataclass

from services.web.model.mail import OpenMessage

MAX_CHARS = 16_000_000
MOST = 2_000
SECONDS = 30.0


@dataclass
class Kept:
    """`document`: the frame's, where it is being made, as `terms` ask for it; None in the end where that
    failed."""

    message: OpenMessage
    terms: Hashable = None
    document: asyncio.Task[str | None] | None = None
    since: float = 0.0
    chars: int = 0


class Warm:
    """At most MOST messages and MAX_CHARS characters of text and documents, for at most SECONDS."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Hashable], Kept] = OrderedDict()
        self._chars = 0
        # A task that nobody holds might be gone before it is done.
        self._making: set[asyncio.Task[str | None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def put(
        self,
        session: str,
        key: Hashable,
        message: OpenMessage,
        terms: Hashable = None,
        make: Coroutine[None, None, str | None] | None = None,
    ) -> None:
        """Keep what `session` (a hash of its secret) opened; `make` makes the document, once the page is on
        its way."""
        self.take(session, key)
        kept = Kept(message, terms, None, time.monotonic(), sum(len(part.text) for part in message.texts))
        if kept.chars > MAX_CHARS // 4:
            if make is not None:
                make.close()
            return
        self._kept[session, key] = kept
        self._chars += kept.chars
        if make is not None:
            kept.document = task = asyncio.create_task(make)
            self._making.add(task)
            task.add_done_callback(lambda done: self._made((session, key), kept, done))
        self._trim()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SECONDS, self._tidy)

    def take(self, session: str, key: Hashable) -> Kept | None:
        kept = self._kept.pop((session, key), None)
        if kept is None:
            return None
        self._chars -= kept.chars
        return kept if time.monotonic() - kept.since <= SECONDS else None

    def forget(self, session: str) -> None:
        """The session has ended."""
        for name in [name for name in self._kept if name[0] == session]:
            self._chars -= self._kept.pop(name).chars

    def __len__(self) -> int:
        return len(self._kept)

    def _made(self, name: tuple[str, Hashable], kept: Kept, task: asyncio.Task[str | None]) -> None:
        self._making.discard(task)
        if self._kept.get(name) is kept and not task.cancelled() and task.exception() is None:
            more = len(task.result() or "")
            kept.chars += more
            self._chars += more
            self._trim()

    def _tidy(self) -> None:
        self._trim()
        self._timer = asyncio.get_running_loop().call_later(SECONDS, self._tidy) if self._kept else None

    def _trim(self) -> None:
        while self._kept and (
            self._chars > MAX_CHARS
            or len(self._kept) > MOST
            or time.monotonic() - next(iter(self._kept.values())).since > SECONDS
        ):
            self._chars -= self._kept.popitem(last=False)[1].chars
