"""Which messages belong together, kept as messages come in, in any order and over all mailboxes.

By Message-ID, References and In-Reply-To: every id that a message names leads to its conversation, so a
reply and its original meet whichever comes first, and a message that is moved (a new UID elsewhere, the
same id) stays in its own. Of RFC 5256's threading by subject (section 3, REFERENCES, step 5) only this is
followed: a reply that names no other message joins what came with its base subject in the month before. The
rest of step 5 would make one conversation of all messages that happen to be called "Invoice".

Invariants: `message.thread` is always final; `msgid.thread` and `subject.thread` may name a conversation
that was merged into another, which `merged` tells in one step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

SUBJECT_WINDOW = 30 * 86400


@dataclass(slots=True)
class Links:
    """What of a message matters here: hashes of its own id (None where it has none) and of those it names,
    the hash of its base subject (None where empty) and whether the subject says that it is a reply.
    """

    own: int | None
    named: Sequence[int]
    subject: int | None
    is_reply: bool
    received: int


class Threader:
    """Conversations of one batch of messages, within one transaction."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._known: dict[int, int] = {}
        self._new_ids: dict[int, int] = {}
        self._new_subjects: list[tuple[int, int, int, int]] = []
        self._parent: dict[int, int] = {}
        row: Any = db.execute("SELECT value FROM meta WHERE key = 'next_thread'").fetchone()
        self._next: int = row[0]
        self._first_new = self._next
        self._subjects: dict[int, list[tuple[int, int, int]]] = {}
        self.merged: set[int] = set()

    def assign(self, batch: Sequence[Links]) -> list[int]:
        """The conversation of each, in order. Call once; then insert the messages and call `finish`."""
        self._look_up(batch)
        threads = [self._place(links) for links in batch]
        return [self._find(thread) for thread in threads]

    def finish(self) -> None:
        """Write what was learnt. Conversations that became one are relabelled."""
        find = self._find
        self._db.executemany(
            "INSERT OR REPLACE INTO msgid VALUES(?, ?)",
            [(hash_, find(thread)) for hash_, thread in self._new_ids.items()],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO subject VALUES(?, ?, ?, ?)",
            [
                (hash_, find(thread), received, orphan)
                for hash_, thread, received, orphan in self._new_subjects
            ],
        )
        for thread in list(self._parent):
            into = find(thread)
            if self.is_new(thread):
                # Made in this batch: it is in no table yet.
                continue
            self._db.execute("UPDATE message SET thread = ? WHERE thread = ?", (into, thread))
            self._db.execute("UPDATE merged SET into_thread = ? WHERE into_thread = ?", (into, thread))
            self._db.execute("INSERT OR REPLACE INTO merged VALUES(?, ?)", (thread, into))
            self.merged.add(into)
        if self._next != self._first_new:
            self._db.execute("UPDATE meta SET value = ? WHERE key = 'next_thread'", (self._next,))

    def is_new(self, thread: int) -> bool:
        """Whether it was made in this batch, so that no message of the file has it yet."""
        return thread >= self._first_new

    def _look_up(self, batch: Sequence[Links]) -> None:
        wanted: set[int] = set()
        subjects: set[int] = set()
        for links in batch:
            if links.own is not None:
                wanted.add(links.own)
            wanted.update(links.named)
            if not links.named and links.subject is not None:
                subjects.add(links.subject)
        resolve = "coalesce(g.into_thread, t.thread)"
        self._known = dict(
            _among(
                self._db,
                f"SELECT t.hash, {resolve} FROM msgid t LEFT JOIN merged g ON g.thread = t.thread "  # noqa: S608
                "WHERE t.hash IN (SELECT value FROM carray(?))",
                wanted,
            )
        )
        for hash_, thread, received, orphan in _among(
            self._db,
            f"SELECT t.hash, {resolve}, t.received, t.orphan FROM subject t "  # noqa: S608
            "LEFT JOIN merged g ON g.thread = t.thread WHERE t.hash IN (SELECT value FROM carray(?))",
            subjects,
        ):
            self._subjects.setdefault(hash_, []).append((thread, received, orphan))

    def _place(self, links: Links) -> int:
        known = self._known
        ids = links.named if links.own is None else (links.own, *links.named)
        thread = 0
        for hash_ in ids:
            found = known.get(hash_)
            if found is not None:
                thread = self._join(thread, found) if thread else self._find(found)
        if not links.named and links.subject is not None:
            thread = self._by_subject(links, thread)
        if not thread:
            thread = self._next
            self._next += 1
        for hash_ in ids:
            if hash_ not in known:
                known[hash_] = self._new_ids[hash_] = thread
        if not links.named and links.subject is not None:
            entry = (thread, links.received, int(links.is_reply))
            self._subjects.setdefault(links.subject, []).append(entry)
            self._new_subjects.append((links.subject, *entry))
        return thread

    def _by_subject(self, links: Links, thread: int) -> int:
        assert links.subject is not None
        for other, received, orphan in self._subjects.get(links.subject, ()):
            distance = links.received - received
            if (links.is_reply and 0 <= distance <= SUBJECT_WINDOW) or (
                orphan and -SUBJECT_WINDOW <= distance <= 0
            ):
                thread = self._join(thread, other) if thread else self._find(other)
                if links.is_reply:
                    break
        return thread

    def _find(self, thread: int) -> int:
        parent = self._parent
        while thread in parent:
            thread = parent[thread]
        return thread

    def _join(self, one: int, other: int) -> int:
        one, other = self._find(one), self._find(other)
        if one == other:
            return one
        # The older number stays: fewer rows change, and ids that others hold stay good.
        low, high = (one, other) if one < other else (other, one)
        self._parent[high] = low
        return low


def renew(db: apsw.Connection, threads: Iterable[int]) -> None:
    """Mark the newest message of these conversations in each mailbox anew."""
    for thread in threads:
        before = None
        for id_, mailbox, newest in db.execute(
            "SELECT id, mailbox, newest FROM message WHERE thread = ? ORDER BY mailbox, uid DESC", (thread,)
        ).fetchall():
            should = int(mailbox != before)
            before = mailbox
            if newest != should:
                db.execute("UPDATE message SET newest = ? WHERE id = ?", (should, id_))


def find_by_id(db: apsw.Connection, hash_: int) -> int | None:
    """The conversation that a Message-ID leads to."""
    row = db.execute(
        "SELECT coalesce(g.into_thread, t.thread) FROM msgid t LEFT JOIN merged g ON g.thread = t.thread "
        "WHERE t.hash = ?",
        (hash_,),
    ).fetchone()
    return row[0] if row else None


def _among(db: apsw.Connection, sql: str, values: set[int]) -> list[Any]:
    if not values:
        return []
    return db.execute(sql, (carray(values),)).fetchall()


def carray(values: Iterable[int]) -> object:
    """Numbers as one parameter of a statement: ... IN (SELECT value FROM carray(?))."""
    from array import array

    return apsw.carray(array("q", values))
