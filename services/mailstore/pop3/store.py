"""One account's mail in one file: the local mailboxes, and what is held of the maildrop.

Unlike the index this file is the only place where local mail is: each commit is on disk before it counts
(`synchronous=FULL`), and a file that does not open is left as it is.

Invariants: a UID is given once, ascending, as long as its mailbox's UIDVALIDITY stands; a message and its
octets are committed together; one that leaves the maildrop's INBOX by our hand leaves a `doomed` row in the
same transaction, until the server has deleted it. A Store is used by one thread at a time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from services.common.errors import Reason, error
from services.mailstore.files import EncipheredFile, encipher
from services.mailstore.pop3.described import Described

VERSION = 1
# Octets of a message in one row: what a window of a part reads in vain is less than this.
PIECE = 128 * 1024
# Whether the octets of a message are here: not, all of them, or the beginning of one that is too large.
NOT_HELD, HELD, CUT = 0, 1, 2

_TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE mailbox(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, use TEXT NOT NULL DEFAULT '',
    subscribed INTEGER NOT NULL DEFAULT 1, uid_validity INTEGER NOT NULL, uid_next INTEGER NOT NULL DEFAULT 1,
    modseq INTEGER NOT NULL DEFAULT 1, object_id TEXT NOT NULL);
CREATE TABLE message(id INTEGER PRIMARY KEY, mailbox INTEGER NOT NULL REFERENCES mailbox(id),
    uid INTEGER NOT NULL, flags TEXT NOT NULL DEFAULT '', modseq INTEGER NOT NULL, received INTEGER NOT NULL,
    size INTEGER NOT NULL, held INTEGER NOT NULL DEFAULT 0, UNIQUE(mailbox, uid));
CREATE TABLE described(message INTEGER PRIMARY KEY, header BLOB NOT NULL, structure BLOB, sections TEXT);
CREATE TABLE octets(message INTEGER NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL);
CREATE UNIQUE INDEX octets_of ON octets(message, number);
CREATE TABLE maildrop(message INTEGER PRIMARY KEY, uidl TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
    digest BLOB);
CREATE TABLE doomed(uidl TEXT PRIMARY KEY, size INTEGER NOT NULL, digest BLOB) WITHOUT ROWID;
"""
SPECIAL = (("INBOX", ""), ("Drafts", "\\Drafts"), ("Sent", "\\Sent"), ("Archive", "\\Archive"),
           ("Junk", "\\Junk"), ("Trash", "\\Trash"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Box:
    """A mailbox. `use` is the attribute of RFC 6154, empty where it has none."""

    id: int
    name: str
    use: str
    subscribed: bool
    uid_validity: int
    uid_next: int
    modseq: int
    object_id: str


@dataclass(frozen=True, slots=True)
class Message:
    """A row of a mailbox. `flags` are words with spaces between; `received` seconds since 1970; `remote`
    whether it lies in the maildrop.
    """

    id: int
    uid: int
    flags: str
    modseq: int
    received: int
    size: int
    held: int
    remote: bool
    known: bool


class Store(EncipheredFile):
    """An open file."""

    def __init__(self, path: Path, key: bytes, *, busy_ms: int = 15_000) -> None:
        """Open the file, or begin it. CONFLICT (`what=local_mail_locked`) where it does not open."""
        self.path = path
        # SQLite gives what stands beside it the same rights.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self.db = apsw.Connection(str(path), statementcachesize=200)
        try:
            self.db.set_busy_timeout(busy_ms)
            encipher(self.db, key, cache_mib=8, synchronous="full")
            self.db.pragma("secure_delete", "fast")
            if not self.db.pragma("user_version"):
                with self.writing():
                    if not self.db.pragma("user_version"):
                        self.db.execute(_TABLES)
                        for name, use in SPECIAL:
                            self.make(name, use)
                        self.db.pragma("user_version", VERSION)
            if self.db.pragma("user_version") != VERSION:
                raise apsw.NotADBError("another version")
        except apsw.Error as err:
            self.db.close()
            if isinstance(err, apsw.BusyError):
                raise error(Reason.UNAVAILABLE, err) from err
            raise error(Reason.CONFLICT, err, what="local_mail_locked") from err

    def used_bytes(self) -> int:
        """Octets that the mail takes in the file."""
        pages = self.db.pragma("page_count") - self.db.pragma("freelist_count")
        return int(pages * self.db.pragma("page_size"))

    # mailboxes

    def make(self, name: str, use: str = "") -> None:
        """A new mailbox. apsw.ConstraintError where there is one. Its UIDVALIDITY is one never used."""
        with self.writing() as db:
            row = db.execute("SELECT value FROM meta WHERE key = 'uid_validity'").fetchone()
            number = max(int(time.time()), (row[0] if row else 0) + 1)
            db.execute("INSERT OR REPLACE INTO meta VALUES('uid_validity', ?)", (number,))
            db.execute(
                "INSERT INTO mailbox(name, use, uid_validity, object_id) VALUES(?, ?, ?, ?)",
                (name, use, number, f"L{number}"),
            )

    def boxes(self) -> list[Box]:
        """All mailboxes, INBOX first."""
        found = self.db.execute(
            "SELECT id, name, use, subscribed, uid_validity, uid_next, modseq, object_id FROM mailbox "
            "ORDER BY name != 'INBOX', name"
        )
        return [_box(row) for row in found]

    def box(self, name: str) -> Box | None:
        row = self.db.execute(
            "SELECT id, name, use, subscribed, uid_validity, uid_next, modseq, object_id FROM mailbox "
            "WHERE name = ?",
            (name,),
        ).fetchone()
        return _box(row) if row else None

    def counts(self, box: int) -> tuple[int, int]:
        """(messages, unread ones)."""
        row: Any = self.db.execute(
            "SELECT count(*), coalesce(sum(instr(' ' || flags || ' ', ' \\Seen ') = 0), 0) FROM message "
            "WHERE mailbox = ?",
            (box,),
        ).fetchone()
        return row[0], row[1]

    def remove_box(self, box: int) -> None:
        """The mailbox and all that is in it. For good."""
        with self.writing() as db:
            ids = [id_ for (id_,) in db.execute("SELECT id FROM message WHERE mailbox = ?", (box,))]
            self._drop(ids)
            db.execute("DELETE FROM mailbox WHERE id = ?", (box,))

    # messages

    def messages(self, box: int, low: int = 1, high: int = 2**32) -> list[Message]:
        """Those with UIDs from `low` to `high`, ascending."""
        found = self.db.execute(
            "SELECT m.id, m.uid, m.flags, m.modseq, m.received, m.size, m.held, r.message IS NOT NULL, "
            "d.message IS NOT NULL FROM message m LEFT JOIN maildrop r ON r.message = m.id "
            "LEFT JOIN described d ON d.message = m.id "
            "WHERE m.mailbox = ? AND m.uid BETWEEN ? AND ? ORDER BY m.uid",
            (box, low, high),
        )
        return [_message(row) for row in found]

    def uids(self, box: int) -> list[int]:
        return [uid for (uid,) in self.db.execute("SELECT uid FROM message WHERE mailbox = ? ORDER BY uid",
                                                  (box,))]  # fmt: skip

    def add(self, box: int, *, flags: str, received: int, size: int) -> tuple[int, int]:
        """A new message without its octets: (id, UID)."""
        with self.writing() as db:
            row = db.execute("SELECT uid_next FROM mailbox WHERE id = ?", (box,)).fetchone()
            if row is None:
                raise error(Reason.MAILBOX_NOT_FOUND)
            modseq = self.touch(box)
            db.execute("UPDATE mailbox SET uid_next = uid_next + 1 WHERE id = ?", (box,))
            db.execute(
                "INSERT INTO message(mailbox, uid, flags, modseq, received, size) VALUES(?, ?, ?, ?, ?, ?)",
                (box, row[0], flags, modseq, received, size),
            )
            return db.last_insert_rowid(), row[0]

    def describe(self, message: int, header: bytes, structure: bytes | None, sections: str | None) -> None:
        self.db.execute(
            "INSERT OR REPLACE INTO described VALUES(?, ?, ?, ?)", (message, header, structure, sections)
        )

    def hold(self, message: int, raw: bytes, described: Described, held: int = HELD) -> None:
        """The octets of a message, and what is told of them."""
        with self.writing() as db:
            db.execute("DELETE FROM octets WHERE message = ?", (message,))
            db.executemany(
                "INSERT INTO octets VALUES(?, ?, ?)",
                (
                    (message, number, raw[start : start + PIECE])
                    for number, start in enumerate(range(0, len(raw), PIECE))
                ),
            )
            self.describe(message, described.header, described.structure, described.sections)
            db.execute("UPDATE message SET held = ? WHERE id = ?", (held, message))

    def octets(self, message: int, start: int, end: int) -> bytes:
        """The octets from `start` up to `end`."""
        first, last = start // PIECE, max(start, end - 1) // PIECE
        pieces = self.db.execute(
            "SELECT data FROM octets WHERE message = ? AND number BETWEEN ? AND ? ORDER BY number",
            (message, first, last),
        )
        data = b"".join(piece for (piece,) in pieces)
        return data[start - first * PIECE : end - first * PIECE]

    def described(self, message: int) -> tuple[bytes, bytes, str] | None:
        """(header, structure, sections); the latter two empty where only the header is known."""
        row = self.db.execute(
            "SELECT header, structure, sections FROM described WHERE message = ?", (message,)
        ).fetchone()
        return (row[0], row[1] or b"", row[2] or "") if row else None

    def copy(self, message: int, box: int) -> int:
        """A copy, octets and all, of a message that is held. Its UID."""
        with self.writing() as db:
            row: Any = db.execute(
                "SELECT flags, received, size, held FROM message WHERE id = ?", (message,)
            ).fetchone()
            flags, received, size, held = row
            new, uid = self.add(box, flags=flags, received=received, size=size)
            db.execute(
                "INSERT INTO octets SELECT ?, number, data FROM octets WHERE message = ?", (new, message)
            )
            db.execute(
                "INSERT INTO described SELECT ?, header, structure, sections FROM described "
                "WHERE message = ?",
                (new, message),
            )
            db.execute("UPDATE message SET held = ? WHERE id = ?", (held, new))
            return uid

    def set_flags(self, box: int, flags: Iterable[tuple[int, str]]) -> None:
        """New flags of messages, by id."""
        with self.writing() as db:
            modseq = self.touch(box)
            db.executemany(
                "UPDATE message SET flags = ?, modseq = ? WHERE id = ?",
                ((words, modseq, id_) for id_, words in flags),
            )

    def remove(self, box: int, ids: Sequence[int]) -> bool:
        """Remove messages for good; those of the maildrop are doomed there. Whether any of them is."""
        if not ids:
            return False
        with self.writing() as db:
            before = db.total_changes()
            for id_ in ids:
                db.execute(
                    "INSERT OR REPLACE INTO doomed SELECT uidl, size, digest FROM maildrop WHERE message = ?",
                    (id_,),
                )
            doomed = db.total_changes() > before
            self._drop(ids)
            self.touch(box)
        return doomed

    def forget(self, box: int, ids: Sequence[int]) -> None:
        """Remove messages that the maildrop has no more."""
        if ids:
            with self.writing():
                self._drop(ids)
                self.touch(box)

    def _drop(self, ids: Sequence[int]) -> None:
        for table, column in (
            ("octets", "message"),
            ("described", "message"),
            ("maildrop", "message"),
            ("message", "id"),
        ):
            statement = f"DELETE FROM {table} WHERE {column} = ?"  # noqa: S608 names of ours
            self.db.executemany(statement, ((id_,) for id_ in ids))

    def touch(self, box: int) -> int:
        """A new MODSEQ of the mailbox."""
        self.db.execute("UPDATE mailbox SET modseq = modseq + 1 WHERE id = ?", (box,))
        row: Any = self.db.execute("SELECT modseq FROM mailbox WHERE id = ?", (box,)).fetchone()
        if row is None:
            raise error(Reason.MAILBOX_NOT_FOUND)
        return int(row[0])


def _box(row: tuple[Any, ...]) -> Box:
    return Box(row[0], row[1], row[2], bool(row[3]), *row[4:])


def _message(row: Any) -> Message:
    id_, uid, flags, modseq, received, size, held, remote, known = row
    return Message(id_, uid, flags, modseq, received, size, held, bool(remote), bool(known))
