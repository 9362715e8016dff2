"""Tokens that rest in no database: where the operator's relay account sends everybody's mail, a message needs
its writer's token only for the copy in Sent, and this replica has it in memory alone.

Bounded in number and in time. What is forgotten, or dies with the process, costs no message: it is sent all
the same, stays ACCEPTED, and is filed with the token of its writer's next visit.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from services.sender import clock
from services.sender.outbox.states import Retry

MOST = 5_000
KEEP = 3_600_000


@dataclass
class _Entry:
    token: str = field(repr=False)
    until: int
    look_at: int
    looks: int = 0


class Kept:
    """Tokens by submission, and when to look whether its copy can be filed. At most `most`, of which the
    oldest goes first, each for `keep` milliseconds; `retry` says how long to wait between looks."""

    def __init__(
        self, retry: Retry, *, most: int = MOST, keep: int = KEEP, now: clock.Clock = clock.now
    ) -> None:
        self._retry, self._most, self._keep, self._now = retry, most, keep, now
        self._entries: dict[str, _Entry] = {}
        # Earliest first; one that is not its entry's `look_at` is out of date.
        self._looks: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, id: str, token: str, look_at: int) -> None:
        """Keeps it in place of an older one, and looks at the message at that time first."""
        self._entries.pop(id, None)
        until = self._now() + self._keep
        self._entries[id] = _Entry(token, until, 0)
        self._look(id, min(look_at, until))
        while len(self._entries) > self._most:
            del self._entries[next(iter(self._entries))]

    def get(self, id: str) -> str:
        """The token; empty where there is none any more."""
        entry = self._entries.get(id)
        return entry.token if entry is not None and entry.until > self._now() else ""

    def forget(self, id: str, token: str = "") -> None:
        """Gives it up; with `token`, only where it is that one."""
        entry = self._entries.get(id)
        if entry is not None and token in ("", entry.token):
            del self._entries[id]

    def due(self, limit: int) -> list[str]:
        """Up to `limit` messages to look at now. Each comes again later, unless it is forgotten."""
        now = self._now()
        found: list[str] = []
        while self._looks and self._looks[0][0] <= now and len(found) < limit:
            at, id = heapq.heappop(self._looks)
            entry = self._entries.get(id)
            if entry is None or entry.look_at != at:
                continue
            if entry.until <= now:
                del self._entries[id]
                continue
            self.later(id)
            found.append(id)
        return found

    def later(self, id: str) -> None:
        """It could not be filed now: looks at it after the next wait."""
        entry = self._entries.get(id)
        if entry is not None:
            entry.looks += 1
            self._look(id, self._now() + self._retry.wait(entry.looks))

    def _look(self, id: str, at: int) -> None:
        self._entries[id].look_at = at
        heapq.heappush(self._looks, (at, id))
