"""One watcher for each account whatever the number of streams, and the fan-out to them.

Bounded: watchers in all, streams of one account, events that a slow stream may leave untaken (it is told to
read everything again instead), events kept for those who resume.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import secrets
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from services.common.errors import PosternError, Reason, error
from services.common.rpc.context import client_address, set_client_address
from services.mailstore.imap.connect import Account, ImapServer
from services.mailstore.imap.failure import ImapError, to_posterror
from services.mailstore.watching.account import POLL, RENEW, AccountWatch
from services.mailstore.watching.events import Event

MOST_WATCHERS, MOST_STREAMS = 5_000, 32
MOST_UNTAKEN, MOST_KEPT = 200, 200
HEARTBEAT, LINGER = 30.0, 60.0


@dataclass
class _Watch:
    """One account's watcher and who listens to it."""

    account: str
    epoch: str
    looker: AccountWatch | None = None
    task: asyncio.Task[None] | None = None
    streams: set[asyncio.Queue[Event | PosternError]] = field(default_factory=set)
    kept: deque[tuple[int, Event]] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    number: int = 0
    idle: asyncio.TimerHandle | None = None

    def token(self) -> str:
        return f"{self.epoch}.{self.number}"

    def emit(self, event: Event) -> None:
        """Number the event, keep it and hand it to every stream."""
        self.number += 1
        event = event.with_token(self.token())
        self.kept.append((self.number, event))
        for stream in self.streams:
            if stream.full():
                while not stream.empty():
                    stream.get_nowait()
                stream.put_nowait(Event(restarted=True, token=event.token))
            else:
                stream.put_nowait(event)

    def fail(self, failure: PosternError) -> None:
        for stream in self.streams:
            while stream.full():
                stream.get_nowait()
            stream.put_nowait(failure)

    def since(self, token: str) -> list[Event]:
        """Events after a token: none for an empty one, "restarted" for one that is too old."""
        if not token:
            return []
        epoch, _, number = token.partition(".")
        first = self.kept[0][0] if self.kept else self.number + 1
        if epoch != self.epoch or not number.isdigit() or not first - 1 <= int(number) <= self.number:
            return [Event(restarted=True, token=self.token())]
        return [event for position, event in self.kept if position > int(number)]


class Watchers:
    """All accounts that are watched."""

    def __init__(
        self,
        server: ImapServer,
        *,
        poll: float = POLL,
        heartbeat: float = HEARTBEAT,
        renew: float = RENEW,
    ) -> None:
        self._server, self._poll, self._heartbeat, self._renew = server, poll, heartbeat, renew
        self._watches: dict[bytes, _Watch] = {}

    @property
    def count(self) -> int:
        """How many accounts are watched, for metrics."""
        return len(self._watches)

    async def follow(self, account: Account, resume_token: str) -> AsyncIterator[Event]:
        """Events from now on (or after the token) until the caller stops. RATE_LIMITED,
        AUTHENTICATION_FAILED.
        """
        watch = self._watch(account)
        if len(watch.streams) >= MOST_STREAMS:
            raise error(Reason.RATE_LIMITED, "too many streams of one account")
        stream: asyncio.Queue[Event | PosternError] = asyncio.Queue(MOST_UNTAKEN)
        missed = watch.since(resume_token)
        watch.streams.add(stream)
        try:
            assert watch.looker is not None
            await watch.looker.ready.wait()
            # The first word says that whatever happens from here on is told.
            yield Event(heartbeat=True, token=resume_token if missed else watch.token())
            for event in missed:
                yield event
            while True:
                try:
                    async with asyncio.timeout(self._heartbeat):
                        item = await stream.get()
                except TimeoutError:
                    yield Event(heartbeat=True, token=watch.token())
                    continue
                if isinstance(item, PosternError):
                    raise item
                yield item
        finally:
            watch.streams.discard(stream)
            self._let_go(account.key, watch)

    def read_again(self, account: Account) -> None:
        """Tell all who watch an account that what they know of it may be wrong."""
        watch = self._watches.get(account.key)
        if watch is not None:
            watch.emit(Event(restarted=True))

    def _watch(self, account: Account) -> _Watch:
        key = account.key
        watch = self._watches.get(key)
        if watch is None:
            if len(self._watches) >= MOST_WATCHERS:
                raise error(Reason.RATE_LIMITED, "too many accounts are watched")
            watch = self._watches[key] = _Watch(account.id, secrets.token_hex(6))
            watch.looker = AccountWatch(self._server, account, watch.emit, self._poll, self._renew)
            # A context of its own: it outlives the call, whose deadline is not its own.
            context = contextvars.Context()
            context.run(set_client_address, client_address())
            watch.task = asyncio.get_running_loop().create_task(self._run(key, watch), context=context)
        if watch.idle is not None:
            watch.idle.cancel()
            watch.idle = None
        return watch

    async def _run(self, key: bytes, watch: _Watch) -> None:
        assert watch.looker is not None
        try:
            await watch.looker.run()
        except ImapError as err:
            watch.fail(to_posterror(err))
        except PosternError as err:
            watch.fail(err)
        finally:
            watch.looker.ready.set()
            if self._watches.get(key) is watch:
                del self._watches[key]

    def _let_go(self, key: bytes, watch: _Watch) -> None:
        """The last stream has gone: stop in a while, for a reload comes back at once."""
        if watch.streams or self._watches.get(key) is not watch:
            return
        watch.idle = asyncio.get_running_loop().call_later(LINGER, self._stop, key, watch)

    def _stop(self, key: bytes, watch: _Watch) -> None:
        if not watch.streams and watch.task is not None:
            watch.task.cancel()

    async def close(self) -> None:
        """Stop watching."""
        for watch in list(self._watches.values()):
            if watch.idle is not None:
                watch.idle.cancel()
            if watch.task is not None:
                watch.task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watch.task
