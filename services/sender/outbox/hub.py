"""Tells the watchers in this process that something of an account changed; watchers of other replicas look by
themselves."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator


class Hub:
    """Events by account."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    def changed(self, account: str) -> None:
        for event in self._waiting.get(account, ()):
            event.set()

    @contextlib.contextmanager
    def listen(self, account: str) -> Iterator[asyncio.Event]:
        """An event that is set at each change; who waits clears it."""
        event = asyncio.Event()
        self._waiting[account].add(event)
        try:
            yield event
        finally:
            self._waiting[account].discard(event)
            if not self._waiting[account]:
                del self._waiting[account]
