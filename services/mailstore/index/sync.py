"""Keeping the rows of one mailbox true to the server.

A mailbox that is held is brought up to date by what the server can tell: with QRESYNC changed flags and
vanished UIDs, with CONDSTORE changed flags, and else all flags; where the number of messages then differs,
the UIDs are compared. Another UIDVALIDITY means to begin anew.

Invariants: what is written in one transaction is true by itself; `modseq` is written last and is the one
from before the first question, so that whatever changed meanwhile is asked for again; what was read under
one UIDVALIDITY goes to the rows of that one alone, whoever else writes meanwhile (Writer.held).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

from services.mailstore.imap.parser import Response
from services.mailstore.imap.syntax import uid_set
from services.mailstore.index import texts
from services.mailstore.index.fetched import read_entry
from services.mailstore.index.model import Entry, MailboxState
from services.mailstore.index.source import MOST_IN_SET, Opened, Source, read_vanished
from services.mailstore.index.store import NotNow, Store
from services.mailstore.index.writing import Writer
from services.mailstore.reading.items import ITEMS

T = TypeVar("T")
Run = Callable[..., Awaitable[Any]]

BATCH = 500
# Without MODSEQ all flags are compared: of larger mailboxes only where asked to.
MOST_FLAGS = 5_000


class TooMuch(NotNow):
    """More has changed than was allowed to be brought in now."""


async def directly(work: Callable[..., T], *args: Any) -> T:
    """A Run for a process of its own: blocks the event loop."""
    return work(*args)


class MailboxSync:
    """Brings mailboxes of one index up to date over one connection. `run` does the work on the file: in a
    thread, or directly in a process that does nothing else.
    """

    def __init__(self, store: Store, source: Source, run: Run = directly) -> None:
        self.store = store
        self.source = source
        self.run = run
        self.writer = Writer(store)
        # Of the mailbox at hand: what its rows were true as of when this began, how it was left by the last
        # write, and whether nobody else has written since.
        self._base, self._left, self._alone = 0, (0, 0), True

    async def update(
        self,
        name: str,
        *,
        hidden: bool,
        most: int | None = None,
        all_flags: bool = False,
        opened: Opened | None = None,
    ) -> MailboxState:
        """Bring what is held of the mailbox up to date; begin it where nothing is held. With `most`,
        TooMuch where more messages than that are new or changed. Replaced where somebody else began it anew
        meanwhile. `opened`: how it was just now on this connection, which has it open; to open a Maildir anew
        may take the server long.
        """
        if opened is None:
            opened = await self.source.open(name)
        state = await self.run(self._begun, opened, hidden)
        if state.built > 1 and state.built >= state.uid_next:
            return state
        if _same(state, opened) and not all_flags:
            return await self.run(self._finish, state, opened, state.uid_next)
        await self._flags(state, opened, most, all_flags)
        uid_next = await self._new(state, most)
        state = await self.run(self.writer.held, state.id)
        doubtful = state.total != self.source.exists if state.complete else not state.modseq
        if doubtful:
            await self._compare(state)
        return await self.run(self._finish, state, opened, max(uid_next, opened.uid_next))

    async def entries(self, uids: Sequence[int]) -> list[Entry]:
        """These messages as the server has them; those that are gone are left out."""
        commands = [
            [b"UID", b"FETCH", uid_set(uids[i : i + MOST_IN_SET]), ITEMS]
            for i in range(0, len(uids), MOST_IN_SET)
        ]
        return await self.run(_read, await self.source.fetch(commands))

    async def bodies(self, batch: Sequence[texts.Pending]) -> dict[int, bytes]:
        """The octets of the batch's text parts, by UID."""
        commands = texts.commands(batch)
        found: dict[int, bytes] = {}
        if commands:
            numbers = {m.uid: m.part.number.encode("ascii") for m in batch if m.part is not None}
            texts.read_bodies(await self.source.fetch(commands), found, numbers)
        return found

    @contextlib.contextmanager
    def writing(self, mailbox: int) -> Iterator[None]:
        """A transaction that writes what was read since `update` began. Replaced where the mailbox is no
        more.

        Two may bring in one mailbox at a time, a worker and the service. Each keeps rows that the other was
        first to put in, whose flags may be older than its own MODSEQ: so the rows count as true as of what
        this one began with, and the next update asks for all changes since.
        """
        with self.store.writing():
            now = self.writer.held(mailbox)
            self._alone = self._alone and (now.changes, now.modseq) == self._left
            if not self._alone and now.modseq > self._base:
                self.writer.set_mailbox(mailbox, modseq=self._base)
            yield
            self._leave(self.writer.held(mailbox))

    def _leave(self, state: MailboxState) -> None:
        self._left = state.changes, state.modseq

    # one step each

    def _begun(self, opened: Opened, hidden: bool) -> MailboxState:
        with self.store.writing():
            state = self.writer.mailbox(opened.name)
            if (
                state is None
                or state.uid_validity != opened.uid_validity
                or opened.uid_next < state.uid_next
                or (state.built > 1 and state.built >= state.uid_next)
            ):
                state = self.writer.begin_mailbox(
                    opened.name,
                    object_id=opened.object_id,
                    uid_validity=opened.uid_validity,
                    uid_next=opened.uid_next,
                    modseq=opened.modseq,
                    hidden=hidden,
                )
                if opened.uid_next <= 1:
                    self.writer.set_mailbox(state.id, built=1, texted=1)
                    state = self.writer.held(state.id)
            elif state.hidden != hidden:
                self.writer.set_mailbox(state.id, hidden=int(hidden))
            self._base, self._alone = state.modseq, True
            self._leave(state)
            return state

    async def _flags(self, state: MailboxState, opened: Opened, most: int | None, all_flags: bool) -> None:
        vanished: list[int] = []
        if state.modseq and opened.modseq and not all_flags:
            if most is not None and await self.source.count_changes(state.modseq) > most:
                raise TooMuch
            changes = await self.source.changes(state.built, state.modseq)
            flags = [change for change in changes.flags if change[0] < state.uid_next]
            vanished = changes.vanished or []
        elif all_flags or state.total <= MOST_FLAGS:
            flags = await self.source.flags(state.built)
        else:
            return
        if most is not None and len(flags) > most and state.modseq:
            raise TooMuch
        await self.run(self._write_flags, state.id, flags, vanished)

    def _write_flags(
        self, mailbox: int, flags: list[tuple[int, int, str | None]], vanished: list[int]
    ) -> None:
        for start in range(0, len(flags), 10 * BATCH):
            with self.writing(mailbox):
                self.writer.set_flags(mailbox, flags[start : start + 10 * BATCH])
        if vanished:
            with self.writing(mailbox):
                self.writer.remove(mailbox, vanished)

    async def _new(self, state: MailboxState, most: int | None) -> int:
        """Bring in what arrived since, with its words. The UID after the last one."""
        uid_next = state.uid_next
        uids = await self.source.uids(state.uid_next, 0)
        if most is not None and len(uids) > most:
            raise TooMuch
        for batch in _batches(uids, BATCH):
            entries = await self.entries(batch)
            words = None
            if entries:
                waiting = [
                    texts.Pending(0, e.uid, b"", e.text_part, e.files)
                    for e in entries
                    if e.text_part is not None
                ]
                words = await self.bodies(waiting)
            uid_next = batch[-1] + 1
            await self.run(self._write_new, state, entries, words, uid_next)
        return uid_next

    def _write_new(
        self, state: MailboxState, entries: list[Entry], bodies: dict[int, bytes] | None, uid_next: int
    ) -> None:
        with self.writing(state.id):
            self.writer.add(state.id, entries)
            if entries:
                # All of them are the newest of the mailbox.
                batch = [
                    message
                    for message in texts.pending(self.store, state.id, uid_next, len(entries))
                    if message.uid >= state.uid_next
                ]
                texts.add_words(self.store, state.id, texts.prepare(batch, bodies or {}))
            self.writer.set_mailbox(state.id, uid_next=uid_next)

    async def _compare(self, state: MailboxState) -> None:
        """Bring the set of UIDs into line: drop what the server has no more, take in what is missing."""
        there = await self.source.uids(state.built, 0)
        missing = await self.run(self._drop_others, state, set(there))
        for batch in _batches(sorted(missing), BATCH):
            entries = await self.entries(batch)
            bodies = await self.bodies(
                [
                    texts.Pending(0, e.uid, b"", e.text_part, e.files)
                    for e in entries
                    if e.text_part is not None
                ]
            )
            await self.run(self._write_missing, state, entries, bodies)

    def _drop_others(self, state: MailboxState, there: set[int]) -> set[int]:
        held = {
            uid for (uid,) in self.store.db.execute("SELECT uid FROM message WHERE mailbox = ?", (state.id,))
        }
        gone = list(held - there)
        if gone:
            with self.writing(state.id):
                self.writer.remove(state.id, gone)
        return {uid for uid in there - held if uid < state.uid_next}

    def _write_missing(self, state: MailboxState, entries: list[Entry], bodies: dict[int, bytes]) -> None:
        with self.writing(state.id):
            self.writer.add(state.id, entries)
            for entry in entries:
                batch = texts.pending(self.store, state.id, entry.uid + 1, 1)
                texts.add_words(self.store, state.id, texts.prepare(batch, bodies))

    def _finish(self, state: MailboxState, opened: Opened, uid_next: int) -> MailboxState:
        with self.writing(state.id):
            values: dict[str, int | str | float] = {
                "uid_next": uid_next,
                "synced": time.time(),
                "object_id": opened.object_id or state.object_id,
            }
            if self._alone:
                values["modseq"] = opened.modseq
            self.writer.set_mailbox(state.id, **values)
            return self.writer.held(state.id)


def _same(state: MailboxState, opened: Opened) -> bool:
    """Whether nothing can have changed. Without MODSEQ flags may have."""
    return (
        state.complete
        and state.uid_next == opened.uid_next
        and state.total == opened.exists
        and bool(state.modseq)
        and state.modseq == opened.modseq
    )


def _read(responses: list[Response]) -> list[Entry]:
    found = {}
    gone: set[int] = set()
    for response in responses:
        if response.name == "FETCH":
            entry = read_entry(response)
            if entry is not None:
                found[entry.uid] = entry
        elif response.name == "VANISHED":
            gone.update(read_vanished(response))
    return [entry for uid, entry in found.items() if uid not in gone]


def _batches(uids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(uids), size):
        yield uids[start : start + size]
