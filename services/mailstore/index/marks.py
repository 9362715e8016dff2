"""Where one is in a long list: every STEP-th key of an order, so that no page counts through the whole of it.

A list is walked along an index of the file, which knows what follows a key but not its place. With these
marks the row at a place is at most STEP rows from a known one. They hold as long as no message came or went
(`MailboxState.shape`), and are made when somebody looks deep into a list: one walk over the index.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass

STEP = 500
# Lists of one account whose marks are kept.
_MOST = 24

Anchor = tuple[object, int]
"""(key, UID) of a row."""


@dataclass(frozen=True, slots=True)
class ListId:
    """One order of one mailbox, of its messages or its conversations, as of one `shape`."""

    mailbox: int
    column: str
    conversations: bool
    shape: int


class Marks:
    """Marks of the lists of one account; the totals of its lists of conversations too. Used by several
    threads: each value is put in whole.
    """

    def __init__(self) -> None:
        self._anchors: OrderedDict[ListId, list[Anchor]] = OrderedDict()
        self._totals: OrderedDict[tuple[int, int], int] = OrderedDict()

    def anchors(self, which: ListId) -> list[Anchor] | None:
        """The rows at places 0, STEP, 2 · STEP … in ascending order, None where they are not known."""
        return self._anchors.get(which)

    def keep(self, which: ListId, anchors: list[Anchor]) -> None:
        self._anchors[which] = anchors
        while len(self._anchors) > _MOST:
            self._anchors.popitem(last=False)

    def total(self, mailbox: int, shape: int) -> int | None:
        """How many conversations a mailbox has, None where that is not known."""
        return self._totals.get((mailbox, shape))

    def keep_total(self, mailbox: int, shape: int, total: int) -> None:
        self._totals[mailbox, shape] = total
        while len(self._totals) > 100:
            self._totals.popitem(last=False)


def before(anchors: list[Anchor], key: Anchor) -> int:
    """The number of the last mark that is not beyond `key`; -1 where all are."""
    return bisect_right(anchors, key) - 1
