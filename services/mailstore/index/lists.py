"""Pages of a mailbox: messages or conversations, in any order, from any place on.

Each page is a walk along one index from the anchor, from the nearer end or from a mark (index.marks), so its
cost does not grow with the mailbox. Conversations are the rows that are `newest`, walked along the same
indices made for those alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import apsw

from services.mailstore.index.coding import decode_part
from services.mailstore.index.conversations import carray
from services.mailstore.index.kept import KeptRows
from services.mailstore.index.marks import STEP, Anchor, ListId, Marks, before
from services.mailstore.index.model import MailboxState, Row
from services.mailstore.index.searching import Condition
from services.mailstore.reading.orders import Key, Order

COLUMN = {
    Key.ARRIVAL: "uid",
    Key.DATE: "date",
    Key.FROM: "from_key",
    Key.TO: "to_key",
    Key.SUBJECT: "subject_key",
    Key.SIZE: "size",
}
_ROW = (
    "m.id, m.uid, m.flags, m.keywords, m.attachment, m.received, m.size, m.thread, d.summary, d.snippet, "
    "m.mailbox, d.text_part"
)

_HEAD = "id, uid, flags, keywords, thread, mailbox"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after the row of UID `after` (before it, `back`), which stood at `position`
    then; without an anchor, `skip` rows from the start.
    """

    after: int = 0
    back: bool = False
    position: int = 0
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows in order, the position of the first in the whole list, and how many the list has."""

    rows: list[Row]
    position: int
    total: int


def list_rows(
    db: apsw.Connection,
    state: MailboxState,
    order: Order,
    size: int,
    place: Place,
    *,
    conversations: bool = False,
    condition: Condition | None = None,
    marks: Marks | None = None,
    kept: KeptRows | None = None,
) -> Listed:
    """A page of the mailbox. Call within `Store.reading()`, so that rows, position and total are of one
    moment. `marks` and `kept` are the account's.
    """
    walk = _Walk(db, state, order, conversations, condition, marks or Marks())
    total = walk.total()
    anchor = walk.key_of(place.after) if place.after else None
    if anchor is None:
        # The anchor is gone: where it stood is the best that is known.
        start = place.skip
        if place.after:
            start = place.position - size if place.back else place.position
        start = max(0, min(start, total))
        ids = walk.from_position(start, size, total)
        position = start
    elif place.back:
        ids = walk.beyond(anchor, size, towards_start=True)[::-1]
        position = max(0, walk.rank(anchor, place.position, total) - len(ids))
    else:
        ids = walk.beyond(anchor, size, towards_start=False)
        position = walk.rank(anchor, place.position, total) + 1
    rows = read_rows(db, {state.id: state}, ids, kept)
    return Listed(rows, position if rows else 0, total)


def read_rows(
    db: apsw.Connection,
    mailboxes: Mapping[int, MailboxState],
    ids: list[int],
    kept: KeptRows | None = None,
) -> list[Row]:
    """The rows with these numbers, in this order; those of mailboxes that are not in `mailboxes` are left
    out. Those that are `kept` and have not changed are not read again.
    """
    found: dict[int, Row] = {}
    missing = ids
    if kept is not None and kept.near(ids):
        for head in db.execute(
            f"SELECT {_HEAD} FROM message WHERE id IN (SELECT value FROM carray(?))",  # noqa: S608
            (carray(ids),),
        ):
            state = mailboxes.get(head[5])
            if state is not None and (known := kept.get(head, state)) is not None:
                found[known.id] = known
        missing = [id_ for id_ in ids if id_ not in found]
    if not missing:
        return [found[id_] for id_ in ids]
    for row in db.execute(
        f"SELECT {_ROW} FROM message m JOIN detail d ON d.id = m.id "  # noqa: S608
        "WHERE m.id IN (SELECT value FROM carray(?))",
        (carray(missing),),
    ):
        state = mailboxes.get(row[10])
        if state is not None:
            made = found[row[0]] = make_row(state.name, state.uid_validity, row)
            if kept is not None:
                kept.put(made)
    return [found[id_] for id_ in ids if id_ in found]


def make_row(mailbox: str, uid_validity: int, row: tuple[Any, ...]) -> Row:
    """A Row from the columns _ROW."""
    id_, uid, flags, keywords, attachment, received, size, thread, encoded, snippet, _, part = row
    return Row(
        id_,
        mailbox,
        uid_validity,
        uid,
        flags,
        keywords,
        bool(attachment),
        received,
        size,
        thread,
        encoded,
        snippet,
        decode_part(part) if part and snippet is None else None,
    )


class _Walk:
    """One order of one mailbox."""

    def __init__(
        self,
        db: apsw.Connection,
        state: MailboxState,
        order: Order,
        conversations: bool,
        condition: Condition | None,
        marks: Marks,
    ) -> None:
        self._db = db
        self._state = state
        self._marks = marks
        self._conversations = conversations
        self._whole = condition is None
        self._column = COLUMN[order.key]
        self._ascending = order.ascending
        where = "mailbox = ?"
        parameters: list[object] = [state.id]
        if condition is not None and conversations:
            where += f" AND thread IN (SELECT thread FROM message WHERE mailbox = ? AND {condition.sql})"  # noqa: S608
            parameters += [state.id, *condition.parameters]
        elif condition is not None:
            where += f" AND {condition.sql}"
            parameters += condition.parameters
        if conversations:
            where += " AND newest"
        self._where, self._parameters = where, parameters

    def total(self) -> int:
        state = self._state
        if not self._whole:
            return self._count()
        if not self._conversations:
            return state.total
        total = self._marks.total(state.id, state.shape)
        if total is None:
            total = self._count()
            self._marks.keep_total(state.id, state.shape, total)
        return total

    def key_of(self, uid: int) -> tuple[object, int] | None:
        """(key, UID) of a message, None where it is not in the mailbox any more."""
        row = self._db.execute(
            f"SELECT {self._column} FROM message WHERE mailbox = ? AND uid = ?",  # noqa: S608
            (self._state.id, uid),
        ).fetchone()
        return (row[0], uid) if row else None

    def from_position(self, start: int, size: int, total: int) -> list[int]:
        """Rows by position, counted from the nearer end, or from a mark."""
        size = min(size, total - start)
        rest = total - start - size
        if size > 0 and self._deep(min(start, rest)):
            lowest = start if self._ascending else rest
            anchors = self._anchors()
            anchor = anchors[lowest // STEP]
            ids = self._ids(*self._compare(anchor, ">="), True, size, lowest % STEP)
            return ids if self._ascending else ids[::-1]
        if rest >= start:
            return self._ids("", (), self._ascending, size, start)
        return self._ids("", (), not self._ascending, size, max(0, rest))[::-1]

    def beyond(self, anchor: tuple[object, int], size: int, *, towards_start: bool) -> list[int]:
        """Rows after the anchor, nearest first."""
        ascending = self._ascending != towards_start
        return self._ids(*self._compare(anchor, ">" if ascending else "<"), ascending, size, 0)

    def rank(self, anchor: tuple[object, int], guess: int, total: int) -> int:
        """How many rows stand before the anchor, counted from the end that `guess` is nearer to, or from a
        mark.
        """
        if self._deep(min(guess, total - guess)):
            anchors = self._anchors()
            number = before(anchors, anchor)
            place = 0
            if number >= 0:
                low, high = self._compare(anchors[number], ">="), self._compare(anchor, "<")
                place = number * STEP + self._count(low[0] + high[0], (*low[1], *high[1]))
            return place if self._ascending else max(0, total - 1 - place)
        sooner, later = ("<", ">") if self._ascending else (">", "<")
        if guess <= total // 2:
            return self._count(*self._compare(anchor, sooner))
        return max(0, total - 1 - self._count(*self._compare(anchor, later)))

    def _deep(self, distance: int) -> bool:
        """Whether counting that many rows costs more than a mark does."""
        return self._whole and distance > 2 * STEP

    def _anchors(self) -> list[Anchor]:
        which = ListId(self._state.id, self._column, self._conversations, self._state.shape)
        anchors = self._marks.anchors(which)
        if anchors is None:
            anchors = self._make_anchors()
            self._marks.keep(which, anchors)
        return anchors

    def _make_anchors(self) -> list[Anchor]:
        found: list[Anchor] = []
        condition, skip = "", 0
        parameters: tuple[object, ...] = ()
        order = "uid" if self._column == "uid" else f"{self._column}, uid"
        while True:
            row = self._db.execute(
                f"SELECT {self._column}, uid FROM message WHERE {self._where}{condition} "  # noqa: S608
                f"ORDER BY {order} LIMIT 1 OFFSET ?",
                (*self._parameters, *parameters, skip),
            ).fetchone()
            if row is None:
                return found
            found.append((row[0], row[1]))
            condition, parameters = self._compare(found[-1], ">=")
            skip = STEP

    def _compare(self, anchor: tuple[object, int], sign: str) -> tuple[str, tuple[object, ...]]:
        if self._column == "uid":
            return f" AND uid {sign} ?", (anchor[1],)
        return f" AND ({self._column}, uid) {sign} (?, ?)", anchor

    def _ids(
        self, condition: str, parameters: tuple[object, ...], ascending: bool, size: int, skip: int
    ) -> list[int]:
        direction = "ASC" if ascending else "DESC"
        order = (
            f"uid {direction}" if self._column == "uid" else f"{self._column} {direction}, uid {direction}"
        )
        return [
            row[0]
            for row in self._db.execute(
                f"SELECT id FROM message WHERE {self._where}{condition} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608
                (*self._parameters, *parameters, size, skip),
            )
        ]

    def _count(self, condition: str = "", parameters: tuple[object, ...] = ()) -> int:
        sql = f"SELECT count(*) FROM message WHERE {self._where}{condition}"  # noqa: S608
        for row in self._db.execute(sql, (*self._parameters, *parameters)):
            return int(row[0])
        return 0
