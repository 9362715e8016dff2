"""The index of one account while it is in use: its file, what it holds, and keeping it true."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, TypeVar

import apsw

from services.common.errors import PosternError, Reason
from services.mailstore.files import in_thread
from services.mailstore.imap.failure import CommandRefused
from services.mailstore.imap.pool import Account
from services.mailstore.imap.session import Session
from services.mailstore.imap.tracking import Agreed
from services.mailstore.index.build import BuildProgress, build_rows, build_words
from services.mailstore.index.kept import KeptRows
from services.mailstore.index.marks import Marks
from services.mailstore.index.model import MailboxState
from services.mailstore.index.source import FlagChange, Look, Opened, SessionSource
from services.mailstore.index.store import IndexBroken, NotNow, Store, remove
from services.mailstore.index.sync import MailboxSync, TooMuch
from services.mailstore.index.worker import HIDDEN, order
from services.mailstore.index.writing import Replaced, Writer, read_states
from services.mailstore.mailboxes import listing
from services.mailstore.mailboxes.model import Mailbox, Tree
from services.mailstore.reading.opening import is_fresh

T = TypeVar("T")
# Seconds between two comparisons of all flags, for servers without MODSEQ.
FLAGS_AFTER = 3.0
# Messages that may be brought in while a call waits, and in the background without a worker.
MOST_INLINE, MOST_REFRESHED = 200, 1000
# Messages of a mailbox whose changed flags are asked for unseen: so many may have changed at most.
MOST_TOLD = 1000
# Seconds that a task waits for another that writes.
WRITE_WAIT = 2.0
# The indices of one order of 100,000 messages fit several times over: a page that is not in memory is
# deciphered again.
_CACHE_MIB = 24
_BUSY_MS = 250
# Stores that are kept open for reading, each with a cache of its own; what a crowd of calls needs beyond is
# closed again.
_MOST_IDLE = 2
# Seconds that reading a page takes at most where it is done in the event loop.
_SHORT = 0.003


class Busy(NotNow):
    """Another task of this account writes, for longer than one waits."""


class AccountIndex:
    """Used from one event loop. `states` is what the file held when it was last looked at."""

    def __init__(self, account: Account, path: Path, key: bytes, threads: Executor) -> None:
        self.account = account
        self.path = path
        self.key = key
        self.states: dict[str, MailboxState] = {}
        self.tree: Tree | None = None
        self.progress: dict[str, BuildProgress] = {}
        self.used = time.monotonic()
        self.refreshed = 0.0
        # When somebody last changed mail through here that nobody has looked at since, by mailbox; under the
        # empty name where it may be any.
        self.acted: dict[str, float] = {}
        # Whether a worker has something to do, as far as is known.
        self.wanting = True
        # Mailboxes that the last worker could not bring in, and when that was.
        self.stuck: frozenset[str] = frozenset()
        self.stuck_since = 0.0
        self.broken = False
        # Seconds that looking at all mailboxes takes.
        self.cost = 0.0
        # By mailbox: when all flags were last compared, and how many seconds that took.
        self._flags_read: dict[str, tuple[float, float]] = {}
        self.marks = Marks()
        self.kept = KeptRows()
        self._threads = threads
        self._idle: list[Store] = []
        # Seconds that the last short reading took; the first is a thread's.
        self._took = _SHORT
        self._writing = asyncio.Lock()
        self._writer: Store | None = None
        self._closed = False

    # the file

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Blocking work, in a thread. IndexBroken where the file turns out to be damaged, which is then
        removed.
        """
        try:
            return await in_thread(self._threads, work, *args)
        except (apsw.CorruptError, apsw.NotADBError) as err:
            self._damaged()
            raise IndexBroken(type(err).__name__) from err

    async def read(self, work: Callable[[Store], T], *, short: bool = False) -> T:
        """`work` on a store of its own. IndexBroken where the file is gone. `short`: it reads a bounded
        number of rows, so that it may be done here and now, where that took no time before: to hand it to
        a thread costs more than the reading.
        """
        if short and self._idle and self._took < _SHORT:
            return self._read_here(work)
        store = self._idle.pop() if self._idle else None
        opened: list[Store] = [] if store is None else [store]

        def task() -> T:
            if not opened:
                opened.append(
                    Store(self.path, self.key, cache_mib=_CACHE_MIB, create=False, busy_ms=_BUSY_MS)
                )
            begun = time.thread_time()
            found = work(opened[0])
            if short:
                self._took = time.thread_time() - begun
            return found

        try:
            return await self.run(task)
        finally:
            if opened and not self._closed:
                if len(self._idle) < _MOST_IDLE:
                    self._idle.append(opened[0])
                else:
                    with contextlib.suppress(RuntimeError):  # the process ends
                        self._threads.submit(opened[0].close)

    def _read_here(self, work: Callable[[Store], T]) -> T:
        """`work`, in this thread. Where it takes long, of a file that is not in memory, the next is a
        thread's again."""
        begun = time.perf_counter()
        try:
            return work(self._idle[-1])
        except (apsw.CorruptError, apsw.NotADBError) as err:
            self._damaged()
            raise IndexBroken(type(err).__name__) from err
        finally:
            self._took = time.perf_counter() - begun

    def _damaged(self) -> None:
        self.broken = True
        remove(self.path)

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[Store]:
        """The store that writes, for one task at a time. Busy where another has it for too long: it may wait
        for the server, and whoever waits for it can ask the server as well.
        """
        try:
            async with asyncio.timeout(WRITE_WAIT):
                await self._writing.acquire()
        except TimeoutError:
            raise Busy from None
        try:
            if self._writer is None:
                self._writer = await self.run(self._open)
            yield self._writer
        finally:
            self._writing.release()

    def _open(self) -> Store:
        return Store(self.path, self.key, cache_mib=_CACHE_MIB, busy_ms=_BUSY_MS)

    async def reload(self) -> None:
        """Look again at what the file holds."""
        states = await self.read(read_states)
        self.states = {state.name: state for state in states}

    def close(self) -> None:
        """Close the file. Blocking."""
        self._closed = True
        stores = [*self._idle, *([self._writer] if self._writer else [])]
        self._idle, self._writer = [], None
        for store in stores:
            with contextlib.suppress(apsw.Error):
                store.touch()
                store.close()

    @property
    def idle(self) -> bool:
        return not self._writing.locked()

    # keeping it true

    def complete(self, mailbox: str) -> MailboxState | None:
        """What is held of a mailbox, where that is all of it."""
        state = self.states.get(mailbox)
        return state if state is not None and state.complete else None

    async def verify(self, session: Session, mailbox: str) -> tuple[MailboxState, int]:
        """The mailbox as it is at the server now, what is held brought up to date with it, and how many are
        unread. NotNow where that is not to be done while somebody waits, apsw.BusyError where a worker
        writes.
        """
        begun, state = time.monotonic(), self.complete(mailbox)
        if state is None:
            raise TooMuch
        # Opened afresh, for STATUS of a mailbox that is open tells what the connection has seen of it so far
        # (Dovecot), and one that was replaced under its name would go on being shown.
        state, look = await self._look(session, state, MOST_INLINE)
        if not agrees(state, look.opened, look.unread):
            state = await self._update(session, state, MOST_INLINE, look=look)
        elif state.modseq and session.selected is not None:
            session.agreed = Agreed(session.selected, look.told, _key(state))
        self._looked(begun, mailbox)
        return state, look.unread

    async def _look(self, session: Session, state: MailboxState, most: int) -> tuple[MailboxState, Look]:
        """The mailbox as it is at the server. Where no more than a few flags have changed and messages gone,
        as nearly always, they came with the answer and are written down.
        """
        # How long the answer may be is known beforehand: of more messages, how many changed is asked first.
        since = state.modseq if state.total <= MOST_TOLD else 0
        look = await SessionSource(session).look(state.name, since, state.built)
        flags, vanished, opened = look.flags, look.vanished, look.opened
        told = flags is not None and 0 < len(flags) + len(vanished) <= most and state.modseq < opened.modseq
        if told and _nothing_new(state, opened):
            async with self.writing() as store:
                followed = await self.run(_follow_changes, store, state, opened, flags, vanished)
            if followed is not None:
                state = self.states[state.name] = followed
        return state, look

    async def read_if_same(
        self,
        session: Session,
        mailbox: str,
        work: Callable[[Store], tuple[MailboxState, T]],
        *,
        short: bool = False,
    ) -> T | None:
        """What `work` reads, if the mailbox is as it was when it was last compared over this connection; None
        where that is not known, and `verify` is to look.

        The server is asked (NOOP) while the file is read. Only of a server with MODSEQ, which tells of every
        change of flags.
        """
        agreed = session.agreed
        if agreed is None or agreed.selected is not session.selected or not is_fresh(session, mailbox):
            return None
        begun = time.monotonic()
        asking = asyncio.create_task(session.command(b"NOOP"))
        try:
            # So that it is on its way.
            await asyncio.sleep(0)
            state, found = await self.read(work, short=short)
        except BaseException as err:
            if isinstance(err, asyncio.CancelledError):
                asking.cancel()
            await asyncio.wait([asking])
            if not asking.cancelled():
                asking.exception()  # looked at: what went wrong first is what is told
            raise
        noop = await asking
        same = agreed.changes == agreed.selected.changes and not noop.data("FETCH")
        if not same or agreed.key != _key(state):
            return None
        self._looked(begun, mailbox)
        return found

    def _looked(self, begun: float, *mailboxes: str) -> None:
        """These are as they were at the server at `begun` or later, with what was done in them before."""
        for name in mailboxes:
            if self.acted.get(name, begun + 1) <= begun:
                del self.acted[name]

    async def _update(
        self,
        session: Session,
        state: MailboxState,
        most: int,
        *,
        all_flags: bool = False,
        look: Look | None = None,
    ) -> MailboxState:
        async with self.writing() as store:
            source = SessionSource(session)
            if look is not None and self.states.get(state.name) is not state:
                # From before somebody else's writing: it may be older than what is held by now.
                look = await source.look(state.name)
            opened, selected = look.opened if look is not None else None, session.selected
            # STATUS goes by the name, which may be another mailbox's by now.
            if opened and (selected is None or selected.uid_validity != opened.uid_validity):
                opened = None
            sync = MailboxSync(store, source, self.run)
            state = await sync.update(
                state.name, hidden=state.hidden, most=most, all_flags=all_flags, opened=opened
            )
        self.states[state.name] = state
        if not state.complete:
            raise TooMuch
        return state

    async def _bring_in(self, session: Session, box: Mailbox) -> bool:
        """A mailbox of few messages that is not held yet, with its words. Whether it is held now."""
        try:
            async with self.writing() as store:
                sync = MailboxSync(store, SessionSource(session), self.run)
                state = await build_rows(sync, box.name, hidden=box.use in HIDDEN, report=_unseen)
                if not state.searchable:
                    state = await build_words(sync, state, report=_unseen)
        except (PosternError, CommandRefused, TooMuch, Replaced, apsw.BusyError) as err:
            gone = isinstance(err, PosternError) and err.reason is Reason.MAILBOX_NOT_FOUND
            held = self.states.get(box.name)
            if gone and held is not None:
                # Listed, and not there: Dovecot may list late what was deleted.
                with contextlib.suppress(apsw.BusyError):
                    async with self.writing() as store:
                        await self.run(_follow, store, [held], {}, [])
                    await self.reload()
            return False
        self.states[box.name] = state
        return state.searchable

    async def refresh(self, session: Session) -> frozenset[str]:
        """Bring all mailboxes up to date that differ a little. The names of those that agree with the
        server now. Busy.
        """
        started = time.monotonic()
        if session.selected is not None:
            # STATUS of the mailbox that is open tells what the connection has seen of it so far.
            await session.command(b"NOOP")
        tree = await listing.list_mailboxes(session, counts=True)
        self.tree = tree
        await self._follow(tree)
        # What changed is brought in once; looking whether anything has is what comes again and again.
        cost = time.monotonic() - started
        current = set()
        # The first building is a worker's; a small mailbox that is new since then is quicker brought in here.
        left = MOST_REFRESHED if self.complete("INBOX") else -1
        for box in order(tree):
            state = self.complete(box.name)
            if state is None or not state.searchable or state.uid_validity != box.uid_validity:
                left -= box.message_count
                if left >= 0 and await self._bring_in(session, box):
                    current.add(box.name)
                continue
            agreed = agrees(state, _opened(box), box.unread_count)
            if not agreed or (not state.modseq and state.total and self._flags_due(box.name)):
                begun, look = time.monotonic(), None
                try:
                    if not agreed and _nothing_new(state, _opened(box)):
                        state, look = await self._look(session, state, MOST_REFRESHED)
                        agreed = agrees(state, look.opened, look.unread)
                    if not agreed or not state.modseq:
                        await self._update(session, state, MOST_REFRESHED, all_flags=agreed, look=look)
                except (TooMuch, Replaced, apsw.BusyError):
                    continue
                except (PosternError, CommandRefused):
                    continue  # deleted or renamed meanwhile, or not ours to read: the others are no worse
                self._flags_read[box.name] = (time.monotonic(), time.monotonic() - begun)
            current.add(box.name)
        self.refreshed = time.monotonic()
        self._looked(started, *self.acted)
        self.cost = cost
        self.wanting = bool(self.missing(current))
        return frozenset(current)

    def _flags_due(self, name: str) -> bool:
        """Whether to compare the flags of a mailbox without MODSEQ at the server: they may change with
        no other sign of it.
        """
        read, cost = self._flags_read.get(name, (0.0, 0.0))
        return time.monotonic() - read > max(FLAGS_AFTER, 20 * cost)

    def missing(self, current: Collection[str] | None = None) -> frozenset[str]:
        """Mailboxes that a worker has something to do for: not held whole, or (where it is known which agree
        with the server now) behind.
        """
        names = [box.name for box in order(self.tree)] if self.tree is not None else []
        return frozenset(
            name
            for name in names
            if (state := self.states.get(name)) is None
            or not state.searchable
            or (current is not None and name not in current)
        )

    async def _follow(self, tree: Tree) -> None:
        """Mailboxes that were renamed or deleted, or whose use has changed."""
        there = {box.name: box for box in order(tree)}
        gone = [state for name, state in self.states.items() if name not in there]
        new = {
            box.mailbox_id: box.name
            for box in there.values()
            if box.mailbox_id and box.name not in self.states
        }
        hidden = [
            (state, there[name].use in HIDDEN)
            for name, state in self.states.items()
            if name in there and state.hidden != (there[name].use in HIDDEN)
        ]
        if not gone and not hidden:
            return
        async with self.writing() as store:
            await self.run(_follow, store, gone, new, hidden)
        await self.reload()

    async def flags(self, session: Session, state: MailboxState, uids: list[int]) -> bool:
        """Compare the flags of these messages with the server's, where it keeps no MODSEQ. Whether any
        changed. NotNow where the mailbox is another by now.
        """
        if not uids:
            return False
        source = SessionSource(session)
        if session.selected is None or session.selected.name != state.name:
            await source.open(state.name)
        if session.selected is None or session.selected.uid_validity != state.uid_validity:
            raise NotNow
        changes = await source.flags_of(uids)
        async with self.writing() as store:
            return await self.run(_write_flags, store, state.id, changes)


def _key(state: MailboxState) -> tuple[int, ...]:
    """What says that rows are those of one moment at the server."""
    return state.id, state.uid_validity, state.uid_next, state.total, state.modseq


def agrees(state: MailboxState, opened: Opened, unread: int) -> bool:
    """Whether what is held is what the server tells; of flags only where it keeps MODSEQ. UIDs only grow, so
    the same UIDNEXT and number mean the same messages.
    """
    return (
        state.uid_validity == opened.uid_validity
        and state.uid_next == opened.uid_next
        and state.total == opened.exists
        and state.modseq == opened.modseq
        and (bool(state.modseq) or state.unread == unread)
    )


def _nothing_new(state: MailboxState, opened: Opened) -> bool:
    """Whether flags may have changed and messages gone, and no more; only a server with MODSEQ tells which
    flags."""
    return (
        bool(state.modseq)
        and state.uid_validity == opened.uid_validity
        and state.uid_next == opened.uid_next
        and state.total >= opened.exists
    )


def _unseen(progress: BuildProgress) -> None:
    """Progress that is over before anybody looks."""


def _opened(box: Mailbox) -> Opened:
    return Opened(
        box.name, box.uid_validity, box.uid_next, box.message_count, box.highest_modseq, box.mailbox_id
    )


def _follow(
    store: Store, gone: list[MailboxState], new: dict[str, str], hidden: list[tuple[MailboxState, bool]]
) -> None:
    writer = Writer(store)
    with store.writing():
        for state in gone:
            name = new.get(state.object_id) if state.object_id else None
            if name:
                writer.rename_mailbox(state.name, name)
            else:
                writer.drop_mailbox(state.name)
        for state, is_hidden in hidden:
            writer.set_mailbox(state.id, hidden=int(is_hidden))


def _follow_changes(
    store: Store,
    known: MailboxState,
    opened: Opened,
    flags: Sequence[FlagChange],
    vanished: Sequence[int],
) -> MailboxState | None:
    """Write down these flags and what vanished, which is all that changed since `known`; the mailbox as it is
    then. None where it was changed meanwhile by another, or is not of so many messages after that.
    """
    writer = Writer(store)
    with store.writing():
        state = writer.mailbox(known.name)
        if state is None or _key(state) != _key(known):
            return None
        if state.total - writer.count_held(state.id, vanished) != opened.exists:
            return None
        writer.remove(state.id, vanished)
        writer.set_flags(state.id, flags)
        writer.set_mailbox(state.id, modseq=opened.modseq, synced=time.time())
        return writer.mailbox(known.name)


def _write_flags(store: Store, mailbox: int, changes: list[tuple[int, int, str | None]]) -> bool:
    with store.writing():
        return Writer(store).set_flags(mailbox, changes) > 0


__all__ = ["AccountIndex", "IndexBroken", "agrees"]
