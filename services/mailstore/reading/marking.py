"""Messages that were opened, marked as read (\\Seen) behind the answer.

Whoever opens a message waits for its text and not for the mark: in a large Maildir, Dovecot looks through the
whole directory for each (a file is renamed), and each connection does that is asked anything meanwhile. So
marks gather for a moment and are stored together.

Invariants: what is asked here afterwards shows a message as read though its mark is on its way (`shown`);
what is told by a filter or a search, and every act, waits for the marks that came before it (`settle`), so
that "mark as unread" is never overtaken; a mark that fails is forgotten, which shows the message as the
server has it. Bounded: marks of one account, how long they gather, how long storing may take.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from services.common.errors import PosternError, Reason, error
from services.common.logging import get_logger
from services.common.rpc.context import client_address, set_client_address, use_deadline
from services.mailstore.imap.deadline import time_left
from services.mailstore.imap.failure import ImapError
from services.mailstore.imap.pool import Account, Pool
from services.mailstore.imap.session import Selected, Session
from services.mailstore.imap.syntax import uid_sets
from services.mailstore.metrics import MARKS
from services.mailstore.names import MessageName
from services.mailstore.reading.opening import open_mailbox

log = get_logger(__name__)
T = TypeVar("T")
Marked = frozenset[MessageName]
# Seconds: after the last message that was opened, and after the first at most.
AFTER, MOST_AFTER = 0.25, 1.0
# Marks of one account that gather; who opens one more waits.
MOST = 100
# Seconds: for storing the marks of one mailbox, for those who wait for it, and for all at the end.
STORE_WITHIN, WAIT_AT_MOST, DRAIN_WITHIN = 20.0, 20.0, 10.0
_NONE: Marked = frozenset()
# There is nothing left to be marked.
_GONE = frozenset({Reason.MAILBOX_CHANGED, Reason.MAILBOX_NOT_FOUND})


@dataclass
class _Waiting:
    """One account's marks: those that gather, and those that are being stored."""

    account: Account
    client: str
    gathered: dict[MessageName, None] = field(default_factory=dict)
    storing: Marked = _NONE
    since: float = 0.0
    # How often storing was begun.
    begun: int = 0
    timer: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None


async def _nothing(session: Session, account: Account, mailbox: str) -> None:
    pass


class Marking:
    """Marks of all accounts. `stored` hears the account and mailbox whose marks the server has, before
    anybody who waits does; `failed` that of marks it has not; `behind` is what is done afterwards on a
    connection that has the mailbox open.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        stored: Callable[[str, str], object] = lambda account, mailbox: None,
        failed: Callable[[Account], object] = lambda account: None,
        behind: Callable[[Session, Account, str], Awaitable[object]] = _nothing,
    ) -> None:
        self._pool, self._stored, self._failed, self._behind = pool, stored, failed, behind
        self._accounts: dict[str, _Waiting] = {}
        self._after: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    # those who open

    async def put(self, account: Account, name: MessageName) -> None:
        """Have a message marked as read soon; waits where too many are to be."""
        waiting = self._accounts.get(account.id)
        if waiting is not None and len(waiting.gathered) >= MOST:
            await self.settle(account.id)
            waiting = self._accounts.get(account.id)
        if waiting is None:
            waiting = self._accounts[account.id] = _Waiting(account, client_address())
        if name in waiting.gathered or name in waiting.storing:
            return
        waiting.account, waiting.client = account, client_address()
        now = asyncio.get_running_loop().time()
        if not waiting.gathered:
            waiting.since = now
        waiting.gathered[name] = None
        if waiting.timer is not None:
            waiting.timer.cancel()
            waiting.timer = None
        if self._closed:
            self._store(account.id)
        elif waiting.task is None:
            self._later(account.id, waiting)

    def marked(self, account: str) -> Marked:
        """Messages whose marks are on their way."""
        waiting = self._accounts.get(account)
        return waiting.storing.union(waiting.gathered) if waiting is not None else _NONE

    def gathered(self, account: str) -> Marked:
        """Those of them that the server surely has not."""
        waiting = self._accounts.get(account)
        return frozenset(waiting.gathered) if waiting is not None else _NONE

    # those who ask afterwards

    async def shown(self, account: str, read: Callable[[], Awaitable[T]], put: Callable[[T, Marked], T]) -> T:
        """What `read` finds, with `put` showing the marks that are not stored yet. None of them was being
        stored while it was read, so that it is known what the server's counts are without.
        """
        await self._idle(account)
        before = self._accounts.get(account)
        begun = before.begun if before is not None else 0
        found = await read()
        waiting = self._accounts.get(account)
        if before is not None and (waiting is not before or waiting.begun != begun):
            # The answer may be of either side of it.
            await self.settle(account)
            return await read()
        # What was opened since then may be told either way.
        marked = self.gathered(account) if waiting is before else _NONE
        return put(found, marked) if marked else found

    async def settle(self, account: str) -> None:
        """Store what was opened so far, now, and wait until that is done or has failed.
        MAIL_SERVER_TIMEOUT.
        """
        waiting = self._accounts.get(account)
        if waiting is None:
            return
        left = set(waiting.gathered)
        give_up = time.monotonic() + time_left(WAIT_AT_MOST)
        while (waiting := self._accounts.get(account)) is not None:
            if waiting.task is None:
                if not left & waiting.gathered.keys():
                    return
                self._store(account)
            await self._wait(waiting, give_up)

    async def _idle(self, account: str) -> None:
        """Wait until none of the account's marks is being stored."""
        give_up = time.monotonic() + time_left(WAIT_AT_MOST)
        while (waiting := self._accounts.get(account)) is not None and waiting.task is not None:
            await self._wait(waiting, give_up)

    @staticmethod
    async def _wait(waiting: _Waiting, give_up: float) -> None:
        if waiting.task is not None:
            done, _ = await asyncio.wait([waiting.task], timeout=max(0.0, give_up - time.monotonic()))
            if not done:
                raise error(Reason.MAIL_SERVER_TIMEOUT, "a mark is not stored yet")

    async def close(self) -> None:
        """Store what is left."""
        self._closed = True
        for account in list(self._accounts):
            with contextlib.suppress(PosternError, TimeoutError):
                async with asyncio.timeout(DRAIN_WITHIN):
                    await self.settle(account)
        for waiting in self._accounts.values():
            if waiting.timer is not None:
                waiting.timer.cancel()
        tasks = [waiting.task for waiting in self._accounts.values() if waiting.task is not None]
        tasks += self._after.values()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # storing

    def _later(self, account: str, waiting: _Waiting) -> None:
        loop = asyncio.get_running_loop()
        when = min(loop.time() + AFTER, waiting.since + MOST_AFTER)
        waiting.timer = loop.call_at(when, self._store, account)

    def _store(self, account: str) -> None:
        """Begin to store what was gathered."""
        waiting = self._accounts[account]
        if waiting.timer is not None:
            waiting.timer.cancel()
            waiting.timer = None
        if waiting.task is not None or not waiting.gathered:
            return
        waiting.storing, waiting.gathered = frozenset(waiting.gathered), {}
        waiting.begun += 1
        # A context of its own: it outlives the call, whose deadline is not its own.
        context = contextvars.Context()
        context.run(set_client_address, waiting.client)
        waiting.task = asyncio.get_running_loop().create_task(self._run(account, waiting), context=context)

    async def _run(self, account: str, waiting: _Waiting) -> None:
        boxes: dict[tuple[str, int], list[int]] = {}
        for name in waiting.storing:
            boxes.setdefault((name.mailbox, name.uid_validity), []).append(name.uid)
        who, done = waiting.account, set[str]()
        try:
            for (mailbox, validity), uids in boxes.items():
                if await self._mark(who, mailbox, validity, uids):
                    done.add(mailbox)
        finally:
            waiting.storing, waiting.task = _NONE, None
            for mailbox in done:
                self._stored(account, mailbox)
            if waiting.gathered:
                self._later(account, waiting)
            else:
                self._accounts.pop(account, None)
        if done and not self._closed and account not in self._after:
            task = asyncio.create_task(self._follow(who, boxes))
            self._after[account] = task
            task.add_done_callback(lambda _: self._after.pop(account, None))

    async def _mark(self, account: Account, mailbox: str, validity: int, uids: list[int]) -> bool:
        """Whether anything was stored."""

        async def work(session: Session) -> bool:
            selected, _ = await open_mailbox(session, mailbox, uid_validity=validity, uid=max(uids))
            if not may_mark(selected):
                return False
            commands = [
                [b"UID", b"STORE", numbers, b"+FLAGS.SILENT", b"(\\Seen)"] for _, numbers in uid_sets(uids)
            ]
            for command, result in zip(commands, await session.execute(*commands), strict=True):
                # RFC 2180 section 4.2: NO [EXPUNGEISSUED] says that some were gone; the others are marked.
                if not (result.status == "NO" and result.code == "EXPUNGEISSUED"):
                    session.require(result, command)
            return True

        try:
            with use_deadline(STORE_WITHIN):
                done = await self._pool.run(account, work, mailbox=mailbox, aside=True)
        except PosternError as err:
            if err.reason in _GONE:
                return False
            MARKS.labels("failed").inc(len(uids))
            log.warning("message.not_marked", account=account.id, messages=len(uids), reason=err.reason)
            self._failed(account)
            return False
        MARKS.labels("ok").inc(len(uids))
        return done

    async def _follow(self, account: Account, boxes: dict[tuple[str, int], list[int]]) -> None:
        """What else the next question would wait for."""
        for (mailbox, validity), uids in boxes.items():

            async def work(session: Session, mailbox=mailbox, validity=validity, uids=uids) -> None:
                # In a Maildir the mark has renamed the files. To find them again takes as long as storing it,
                # and who reads on, or answers, would wait for it.
                if session.local:
                    return
                await open_mailbox(session, mailbox, uid_validity=validity)
                await session.execute([b"UID", b"FETCH", b"%d" % max(uids), b"(BODY.PEEK[]<0.1>)"])
                await self._behind(session, account, mailbox)

            with contextlib.suppress(PosternError, ImapError), use_deadline(STORE_WITHIN):
                await self._pool.run(account, work, mailbox=mailbox)


def may_mark(selected: Selected) -> bool:
    """Whether \\Seen would be kept: not in a mailbox that is read-only, nor where the rights have no "s"
    (RFC 4314 section 4: PERMANENTFLAGS is without it then).
    """
    if selected.read_only:
        return False
    lasting = {flag.lower() for flag in selected.permanent_flags}
    return not lasting or b"\\seen" in lasting
