"""Numbers of messages in an index: they grow with the time of arrival.

Invariant: a message that was received at second s has a number from s · PER_SECOND on, and below
(s + 1) · PER_SECOND plus what meta keeps as `overrun`.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from services.mailstore.index.conversations import carray
from services.mailstore.index.model import Entry

# Messages that may arrive in one second before their numbers run over into the next one's. Small: the gaps
# between numbers cost room in the search index.
PER_SECOND = 16
_LATEST = 2**40


class Allocator:
    """Finds free numbers."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        # Where the search for a free number begins, for seconds in which more arrived than there is room
        # for: an import may give 100,000 messages the same one.
        self._full: dict[int, int] = {}

    def take(self, entries: Sequence[Entry]) -> list[int]:
        """A number for each, not yet in the file. The caller inserts them at once."""
        wanted = [
            min(max(entry.received, 1), _LATEST) * PER_SECOND + (entry.uid & (PER_SECOND - 1))
            for entry in entries
        ]
        taken = {
            id_
            for (id_,) in self._db.execute(
                "SELECT id FROM message WHERE id IN (SELECT value FROM carray(?))", (carray(wanted),)
            )
        }
        found: list[int] = []
        overrun = 0
        for id_ in wanted:
            if id_ in taken:
                free = self._free_from(id_, taken)
                overrun = max(overrun, free - id_)
                id_ = free
            taken.add(id_)
            found.append(id_)
        if overrun:
            self._db.execute(
                "UPDATE meta SET value = max(value, ?) WHERE key = 'overrun'", (overrun + PER_SECOND,)
            )
        return found

    def _free_from(self, id_: int, taken: set[int]) -> int:
        second = id_ // PER_SECOND
        # Within its own second, if there is a place left; then ever on.
        start = self._full.get(second, second * PER_SECOND)
        while True:
            rows = {
                row
                for (row,) in self._db.execute(
                    "SELECT id FROM message WHERE id >= ? AND id < ? ORDER BY id", (start, start + 1000)
                )
            }
            for candidate in range(start, start + 1000):
                if candidate not in rows and candidate not in taken:
                    self._full[second] = candidate + 1
                    return candidate
            start += 1000
