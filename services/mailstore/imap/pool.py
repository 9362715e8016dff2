"""Which connection serves whom.

Invariants: a connection is lent to one task at a time; of one account at most `per_account`, of all at most
`in_all` are open, those being opened included; who finds none waits in line, first come first served, until
the deadline; the line is bounded. A connection that failed in any way is never lent again. Credentials live
in memory as long as a task uses them, connections are found by their digest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from services.common.errors import Reason, error
from services.common.logging import get_logger
from services.common.rpc.context import use_deadline
from services.mailstore.imap.connect import Account, ImapServer, ServerBusy, connect
from services.mailstore.imap.deadline import time_left
from services.mailstore.imap.failure import (
    PASSING,
    CommandRefused,
    ConnectionLost,
    ImapError,
    ServerTimeout,
    to_posterror,
)
from services.mailstore.imap.session import Session
from services.mailstore.imap.slots import PoolLimits, Slot, outcome
from services.mailstore.metrics import CONNECTED, RETRIES, WAITING

T = TypeVar("T")
# How often a server may refuse an account's only connection, and the seconds after which it is asked again;
# twice and three times as long the next times.
MOST_REFUSED, REFUSED_WAIT = 3, 0.2
log = get_logger(__name__)


class Pool:
    """Warm connections to one mail server."""

    def __init__(self, server: ImapServer, limits: PoolLimits | None = None) -> None:
        self.server = server
        self.limits = limits or PoolLimits()
        self._slots: dict[bytes, Slot] = {}
        self._open = 0
        self._closed = False

    @property
    def open_connections(self) -> int:
        """How many connections are open, for metrics."""
        return self._open

    @property
    def idle_connections(self) -> int:
        """How many of them nobody uses now."""
        return sum(len(slot.idle) for slot in self._slots.values())

    # lending

    @asynccontextmanager
    async def lease(
        self, account: Account, mailbox: str = "", *, fresh: bool = False
    ) -> AsyncIterator[Session]:
        """A connection for the time of the block, one that has `mailbox` open if there is one.

        What goes wrong on it comes out as PosternError. `fresh`: not one that was kept.
        """
        key = account.key
        try:
            session = await self._take(key, account, mailbox, fresh)
        except ImapError as err:
            raise to_posterror(err) from err
        try:
            yield session
        except ImapError as err:
            raise to_posterror(err) from err
        finally:
            self._give_back(key, session)

    async def run(
        self,
        account: Account,
        work: Callable[[Session], Awaitable[T]],
        *,
        mailbox: str = "",
        aside: bool = False,
    ) -> T:
        """Run `work` on a connection. For what may be done twice, such as reads: it is run again, once, on a
        fresh connection where the first one was lost, or where the server refused for no fault of the
        command's. `aside`: nobody waits for it, so the best connection is left to those who do.
        """
        key = account.key
        for attempt in (0, 1):
            try:
                session = await self._take(key, account, mailbox, attempt > 0, aside)
            except ImapError as err:
                raise to_posterror(err) from err
            try:
                return await work(session)
            except ConnectionLost as err:
                # A new connection may be lost too: Dovecot drops one of two that open a new account at once.
                if attempt:
                    raise to_posterror(err) from err
                RETRIES.inc()
                log.info("imap.retry", account=account.id)
            except CommandRefused as err:
                if attempt or err.code not in PASSING:
                    raise to_posterror(err) from err
                RETRIES.inc()
                log.info("imap.retry", account=account.id, code=err.code)
                await asyncio.sleep(0.05)
            except ImapError as err:
                raise to_posterror(err) from err
            finally:
                self._give_back(key, session)
        raise AssertionError("unreachable")

    async def _take(
        self, key: bytes, account: Account, mailbox: str, fresh: bool, aside: bool = False
    ) -> Session:
        if self._closed:
            raise error(Reason.UNAVAILABLE)
        give_up = time.monotonic() + time_left(self.limits.wait_at_most)
        refused = 0
        while True:
            slot = self._slots.get(key)
            if slot is None:
                slot = self._slots[key] = Slot(cap=self.limits.per_account)
            session = None if fresh else await self._take_idle(slot, mailbox, aside)
            if session is not None:
                return session
            if fresh and slot.open >= slot.cap and slot.idle:
                self._forget(slot, slot.idle.pop(0))
            if slot.open < slot.cap and self._make_room():
                try:
                    opened = await self._connect(slot, account)
                except ServerBusy:
                    # None of ours is open: the server may count one still that was closed just now.
                    refused += 1
                    if refused > MOST_REFUSED or time.monotonic() + refused * REFUSED_WAIT > give_up:
                        raise
                    await asyncio.sleep(refused * REFUSED_WAIT)
                    continue
                if opened is not None:
                    return opened
            await self._wait(slot, give_up)

    async def _take_idle(self, slot: Slot, mailbox: str, aside: bool = False) -> Session | None:
        while slot.idle:
            having = [
                number
                for number, session in enumerate(slot.idle)
                if mailbox and session.selected and session.selected.name == mailbox
            ]
            # The one used last: the server has the mailbox as it is now at hand there, and need not look
            # through a large Maildir again.
            index = having[-1] if having else len(slot.idle) - 1
            if aside and len(having) > 1:
                index = having[0]
            session = slot.idle.pop(index)
            if not session.usable or time.monotonic() - session.opened_at > self.limits.kept_for:
                self._forget(slot, session)
                continue
            if time.monotonic() - session.last_used > self.limits.check_after and not await self._alive(
                session
            ):
                self._forget(slot, session)
                continue
            session.uses += 1
            return session
        return None

    @staticmethod
    async def _alive(session: Session) -> bool:
        """Whether a connection that was quiet for long still answers: a firewall may have forgotten it."""
        try:
            with use_deadline(3.0):
                await session.command(b"NOOP")
        except ImapError:
            return False
        return session.usable

    async def _connect(self, slot: Slot, account: Account) -> Session | None:
        """A new connection, or None where the server wants no more of this account than it has."""
        slot.open += 1
        self._open += 1
        try:
            session = await connect(self.server, account)
            CONNECTED.labels("ok").inc()
        except ServerBusy as err:
            CONNECTED.labels("busy").inc()
            self._closed_one(slot)
            if slot.open == 0:
                raise
            # The server's own limit: from here on we queue for the connections that it gave us.
            slot.cap = max(1, slot.open)
            log.info("imap.server_limit", account=account.id, connections=slot.cap, cause=err)
            return None
        except BaseException as err:
            CONNECTED.labels(outcome(err)).inc()
            self._closed_one(slot)
            raise
        session.uses = 1
        return session

    def _make_room(self) -> bool:
        """Whether one more may be opened; closes the longest idle one of all where the bound is reached."""
        if self._open < self.limits.in_all:
            return True
        oldest: tuple[float, Slot, Session] | None = None
        for slot in self._slots.values():
            for session in slot.idle:
                if oldest is None or session.last_used < oldest[0]:
                    oldest = (session.last_used, slot, session)
        if oldest is None:
            return False
        oldest[1].idle.remove(oldest[2])
        self._forget(oldest[1], oldest[2])
        return True

    async def _wait(self, slot: Slot, give_up: float) -> None:
        if len(slot.waiting) >= self.limits.waiting_per_account:
            raise error(Reason.RATE_LIMITED, "too many calls wait for a connection")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        slot.waiting.append(turn)
        WAITING.inc()
        try:
            async with asyncio.timeout(max(0.0, give_up - time.monotonic())):
                await turn
        except TimeoutError:
            raise ServerTimeout("no connection became free in time") from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The turn was given and will not be taken: it goes to the next in line.
                self._wake(slot)
            raise
        finally:
            WAITING.dec()
            if turn in slot.waiting:
                slot.waiting.remove(turn)

    def _give_back(self, key: bytes, session: Session) -> None:
        slot = self._slots[key]
        if session.usable and not self._closed:
            slot.idle.append(session)
            if slot.waiting:
                self._wake(slot)
            else:
                self._wake_others(slot)
        else:
            self._forget(slot, session)

    def _forget(self, slot: Slot, session: Session) -> None:
        session.close()
        self._closed_one(slot)

    def _closed_one(self, slot: Slot) -> None:
        slot.open -= 1
        self._open -= 1
        self._wake(slot)
        self._wake_others(slot)

    def _wake_others(self, slot: Slot) -> None:
        """Under the common bound, what one account gives back is room for another that waits."""
        if self._open < self.limits.in_all - 1:
            return
        for other in self._slots.values():
            if other is not slot and other.waiting:
                self._wake(other)
                return

    @staticmethod
    def _wake(slot: Slot) -> None:
        while slot.waiting:
            turn = slot.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def reopen(self, account: Account) -> None:
        """Have every mailbox opened anew before its next use: the account's tree was changed."""
        slot = self._slots.get(account.key)
        for session in slot.idle if slot else ():
            session.selected_at = 0.0

    # keeping house

    async def keep_house(self) -> None:
        """Close what is idle for too long; runs until cancelled."""
        while True:
            await asyncio.sleep(min(10.0, self.limits.idle_for / 4))
            self.sweep()

    def sweep(self) -> None:
        """Close what was idle for longer than `idle_for`, and what the server closed."""
        now = time.monotonic()
        for key, slot in list(self._slots.items()):
            for session in list(slot.idle):
                if not session.usable or now - session.last_used > self.limits.idle_for:
                    slot.idle.remove(session)
                    self._forget(slot, session)
            if slot.open == 0 and not slot.waiting:
                del self._slots[key]
            elif slot.cap < self.limits.per_account:
                slot.cap += 1

    async def close(self) -> None:
        """Log out of everything that is idle; what is lent is dropped when it comes back."""
        self._closed = True
        idle = [(slot, session) for slot in self._slots.values() for session in slot.idle]
        for slot in self._slots.values():
            slot.idle.clear()
        await asyncio.gather(*(session.logout() for _, session in idle))
        for slot, session in idle:
            self._forget(slot, session)
