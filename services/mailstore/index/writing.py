"""Changes to an index: messages in, flags changed, messages out, mailboxes begun and dropped.

Invariant: each method is called within `Store.writing()`; a crash between two of them leaves a file that is
true to its own `built`, `texted`, `uid_next` and `modseq`, for these are written in the same transaction as
the rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from services.mailstore.index import schema
from services.mailstore.index.coding import encode_part, hash64
from services.mailstore.index.conversations import Links, Threader, carray, renew
from services.mailstore.index.convert import encode
from services.mailstore.index.ids import Allocator
from services.mailstore.index.model import Entry, MailboxState
from services.mailstore.index.sortkeys import fold, person_key
from services.mailstore.index.store import NotNow, Store
from services.mailstore.threads.subject import base_subject, is_reply


class Replaced(NotNow):
    """The mailbox was begun anew, or dropped, since its state was read: another process may do so."""


_STATE = (
    "id, name, object_id, uid_validity, uid_next, modseq, total, unread, built, texted, "
    "hidden, changes, synced, shape"
)


class Writer:
    """Writes one index file."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._db = store.db
        self._ids = Allocator(store.db)

    # mailboxes

    def mailbox(self, name: str) -> MailboxState | None:
        return read_state(self.store, name)

    def held(self, mailbox: int) -> MailboxState:
        """What is held of a mailbox by its number. Replaced where it is no more."""
        row = self._db.execute(f"SELECT {_STATE} FROM mailbox WHERE id = ?", (mailbox,)).fetchone()  # noqa: S608
        if row is None:
            raise Replaced
        return _state(row)

    def begin_mailbox(
        self, name: str, *, object_id: str, uid_validity: int, uid_next: int, modseq: int, hidden: bool
    ) -> MailboxState:
        """A mailbox of which nothing is held yet; what was held under this name goes."""
        self.drop_mailbox(name)
        self._db.execute(
            "INSERT INTO mailbox(name, object_id, uid_validity, uid_next, modseq, total, unread, "
            "built, texted, hidden, changes, synced, shape) VALUES(?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?)",
            (
                name,
                object_id,
                uid_validity,
                uid_next,
                modseq,
                uid_next,
                uid_next,
                int(hidden),
                _stamp(),
                time.time(),
                _stamp(),
            ),
        )
        state = self.mailbox(name)
        assert state is not None
        return state

    def drop_mailbox(self, name: str) -> None:
        state = self.mailbox(name)
        if state is None:
            return
        while True:
            uids = [
                uid
                for (uid,) in self._db.execute(
                    "SELECT uid FROM message WHERE mailbox = ? LIMIT 5000", (state.id,)
                )
            ]
            if not uids:
                break
            self.remove(state.id, uids)
        self._db.execute("DELETE FROM mailbox WHERE id = ?", (state.id,))

    def rename_mailbox(self, name: str, new_name: str) -> None:
        """The same messages under another name; what was held under that one goes."""
        self.drop_mailbox(new_name)
        self._db.execute(
            "UPDATE mailbox SET name = ?, changes = ? WHERE name = ?", (new_name, _stamp(), name)
        )

    def set_mailbox(self, mailbox: int, **values: int | str | float) -> None:
        """Columns of the mailbox's own row."""
        names = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"UPDATE mailbox SET {names} WHERE id = ?", (*values.values(), mailbox))  # noqa: S608

    # messages

    def add(self, mailbox: int, entries: Sequence[Entry]) -> None:
        """Put messages in. Those whose UID is held already are left as they are. Replaced where the mailbox
        is no more: under its name there may be one with other messages of the same UIDs.
        """
        if not entries:
            return
        self.held(mailbox)
        held = {
            uid
            for (uid,) in self._db.execute(
                "SELECT uid FROM message WHERE mailbox = ? AND uid IN (SELECT value FROM carray(?))",
                (mailbox, carray(entry.uid for entry in entries)),
            )
        }
        if held:
            entries = [entry for entry in entries if entry.uid not in held]
            if not entries:
                return
        links, subject_keys = self._links(entries)
        threader = Threader(self._db)
        threads = threader.assign(links)
        newest = self._newest(mailbox, entries, threads, threader)
        ids = self._ids.take(entries)
        seen = schema.SEEN
        messages, details = [], []
        unread = 0
        for index, entry in enumerate(entries):
            envelope = entry.envelope
            if not entry.flags & seen:
                unread += 1
            thread = threads[index]
            messages.append(
                (
                    ids[index],
                    mailbox,
                    entry.uid,
                    entry.flags,
                    entry.keywords,
                    int(entry.attachment),
                    int(newest.get(thread) == entry.uid),
                    thread,
                    entry.size,
                    int(envelope.date.timestamp()) if envelope.date else entry.received,
                    entry.received,
                    links[index].own or 0,
                    person_key(envelope.from_),
                    person_key(envelope.to),
                    subject_keys[index],
                )
            )
            part = entry.text_part
            details.append(
                (
                    ids[index],
                    encode(entry),
                    None if part else "",
                    encode_part(part) if part else None,
                    entry.files,
                )
            )
        # Ascending, so that neighbours are written together.
        messages.sort()
        details.sort()
        self._db.executemany(
            "INSERT INTO message VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", messages
        )
        self._db.executemany("INSERT INTO detail VALUES(?, ?, ?, ?, ?)", details)
        threader.finish()
        if threader.merged:
            renew(self._db, threader.merged)
            self._db.execute("UPDATE mailbox SET shape = ?", (_stamp(),))
        self._count(mailbox, len(entries), unread)

    def set_flags(self, mailbox: int, flags: Sequence[tuple[int, int, str | None]]) -> int:
        """Flags as the server has them now: (UID, flags, keywords). Unknown UIDs are passed over; of a UID
        that stands there twice, as where flags change while they are told, the last word counts. How many
        changed.
        """
        flags = list({change[0]: change for change in flags}.values())
        changed = 0
        unread = 0
        for start in range(0, len(flags), 2000):
            batch = flags[start : start + 2000]
            held = {
                uid: (id_, old, keywords)
                for uid, id_, old, keywords in self._db.execute(
                    "SELECT uid, id, flags, keywords FROM message "
                    "WHERE mailbox = ? AND uid IN (SELECT value FROM carray(?))",
                    (mailbox, carray(uid for uid, _, _ in batch)),
                )
            }
            updates = []
            for uid, new, keywords in batch:
                found = held.get(uid)
                if found is None or (found[1] == new and found[2] == keywords):
                    continue
                unread += (found[1] & schema.SEEN) - (new & schema.SEEN)
                updates.append((new, keywords, found[0]))
            self._db.executemany("UPDATE message SET flags = ?, keywords = ? WHERE id = ?", updates)
            changed += len(updates)
        if changed:
            self._count(mailbox, 0, unread)
        return changed

    def count_held(self, mailbox: int, uids: Sequence[int]) -> int:
        """How many of these UIDs the mailbox holds."""
        if not uids:
            return 0
        asked = "SELECT count(*) FROM message WHERE mailbox = ? AND uid IN (SELECT value FROM carray(?))"
        row: Any = self._db.execute(asked, (mailbox, carray(uids))).fetchone()
        return int(row[0])

    def remove(self, mailbox: int, uids: Iterable[int]) -> int:
        """Take messages out, by UID; unknown ones are passed over. How many went."""
        wanted = list(uids)
        gone = 0
        unread = 0
        for start in range(0, len(wanted), 2000):
            rows: list[Any] = self._db.execute(
                "SELECT id, flags, thread, newest FROM message "
                "WHERE mailbox = ? AND uid IN (SELECT value FROM carray(?))",
                (mailbox, carray(wanted[start : start + 2000])),
            ).fetchall()
            ids = [(row[0],) for row in rows]
            for table in ("message WHERE id", "detail WHERE id", "words WHERE rowid"):
                self._db.executemany(f"DELETE FROM {table} = ?", ids)  # noqa: S608
            for thread in {row[2] for row in rows if row[3]}:
                self._db.execute(
                    "UPDATE message SET newest = 1 WHERE id = "
                    "(SELECT id FROM message WHERE thread = ? AND mailbox = ? ORDER BY uid DESC LIMIT 1)",
                    (thread, mailbox),
                )
            gone += len(rows)
            unread += sum(not row[1] & schema.SEEN for row in rows)
        if gone:
            self._count(mailbox, -gone, -unread)
        return gone

    def _count(self, mailbox: int, total: int, unread: int) -> None:
        stamp = _stamp()
        self._db.execute(
            "UPDATE mailbox SET total = total + ?1, unread = unread + ?2, changes = ?3, "
            "shape = CASE WHEN ?1 THEN ?3 ELSE shape END WHERE id = ?4",
            (total, unread, stamp, mailbox),
        )

    def _links(self, entries: Sequence[Entry]) -> tuple[list[Links], list[str]]:
        salt = self.store.salt
        hashes: dict[str, int] = {}

        def hash_of(text: str) -> int:
            found = hashes.get(text)
            if found is None:
                found = hashes[text] = hash64(text, salt)
            return found

        links, subjects = [], []
        for entry in entries:
            envelope = entry.envelope
            base = base_subject(envelope.subject)
            subjects.append(fold(base))
            named = [hash_of(ref) for ref in (*envelope.references, *envelope.in_reply_to)]
            # Only a message that names no other is looked up by its subject.
            by_subject = base and not named
            links.append(
                Links(
                    hash_of(envelope.message_id) if envelope.message_id else None,
                    named,
                    hash_of("subject:" + fold(base)) if by_subject else None,
                    bool(by_subject) and is_reply(envelope.subject),
                    entry.received,
                )
            )
        return links, subjects

    def _newest(
        self, mailbox: int, entries: Sequence[Entry], threads: Sequence[int], threader: Threader
    ) -> dict[int, int]:
        """For each conversation of the batch the highest UID in it or in the mailbox."""
        newest: dict[int, int] = {}
        for entry, thread in zip(entries, threads, strict=True):
            if entry.uid > newest.get(thread, 0):
                newest[thread] = entry.uid
        old = [thread for thread in newest if not threader.is_new(thread)]
        if old:
            passed = []
            for thread, uid, id_ in self._db.execute(
                "SELECT thread, uid, id FROM message "
                "WHERE thread IN (SELECT value FROM carray(?)) AND mailbox = ? AND newest",
                (carray(old), mailbox),
            ):
                if uid > newest[thread]:
                    newest[thread] = uid
                else:
                    passed.append((id_,))
            self._db.executemany("UPDATE message SET newest = 0 WHERE id = ?", passed)
        return newest


def read_state(store: Store, name: str) -> MailboxState | None:
    """What is held of a mailbox, None where nothing is."""
    row = store.db.execute(f"SELECT {_STATE} FROM mailbox WHERE name = ?", (name,)).fetchone()  # noqa: S608
    return _state(row) if row else None


def read_states(store: Store) -> list[MailboxState]:
    """All mailboxes that are held, in part or whole."""
    return [_state(row) for row in store.db.execute(f"SELECT {_STATE} FROM mailbox")]  # noqa: S608


def _state(row: tuple[Any, ...]) -> MailboxState:
    values: list[Any] = list(row)
    values[10] = bool(values[10])
    return MailboxState(*values)


def _stamp() -> int:
    """A number that is different at each change, also after the file was begun anew."""
    return time.time_ns()
