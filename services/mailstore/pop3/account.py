"""One account behind a POP3 server while it is in use: its file, and its conversation with the server.

Invariants: one POP3 session of an account at a time, in this process (a lock) and on this machine (a locked
file), for servers lock the maildrop (RFC 1939 section 4); a session that no longer does anything useful is
ended, so that other clients get at the maildrop.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from services.common.errors import PosternError
from services.common.logging import get_logger
from services.mailstore.files import in_thread
from services.mailstore.imap.connect import Account
from services.mailstore.imap.deadline import time_left
from services.mailstore.imap.failure import ConnectionLost, ImapError, LoginRefused, ServerTimeout
from services.mailstore.pop3 import drop as maildrops
from services.mailstore.pop3.bringing import bring_in
from services.mailstore.pop3.client import Listed, Maildrop, PopEndpoint
from services.mailstore.pop3.keys import KeyRing, file_name, open_key, read_key
from services.mailstore.pop3.store import Store

T = TypeVar("T")
log = get_logger(__name__)
# Seconds that a session in the background may take in all.
LONGEST = 300.0
# Seconds before a look that failed is tried again.
RETRY = 5.0
# Seconds that a look at INBOX waits for what is new; what comes later is in the next look.
PATIENCE = 2.0


@dataclass(frozen=True)
class PopSettings:
    """`interval`: seconds between two looks at the maildrop while the account is in use. Sizes in octets:
    `account_bytes` of one account's file, beyond which octets that the maildrop has are let go and nothing
    new is taken in. `name` is that of the account's files where it is not to be found by the key.
    """

    endpoint: PopEndpoint
    directory: Path
    ring: KeyRing = field(repr=False)
    name: str = ""
    interval: float = 60.0
    max_message_bytes: int = 64 * 1024 * 1024
    account_bytes: int = 10 * 1024**3


class PopAccount:
    """Used from one event loop."""

    def __init__(self, settings: PopSettings, account: Account, threads: Executor) -> None:
        self.settings = settings
        self.account = account
        name = settings.name or file_name(account.id, settings.ring.operator)
        self.path = settings.directory / f"{name}.db"
        self.key = b""
        # Sessions of `session.LocalSession` that are open, and when one last was.
        self.users = 0
        self.used = time.monotonic()
        self.failure: ImapError | None = None
        self._key_path = settings.directory / f"{name}.key"
        self._lock_path = settings.directory / f"{name}.lock"
        self._threads = threads
        self._opening, self._talking = asyncio.Lock(), asyncio.Lock()
        self._store: Store | None = None
        self._looked = 0.0
        self._interval = settings.interval
        self._task: asyncio.Task[None] | None = None
        self._purging: asyncio.Task[None] | None = None
        self._doomed = False
        self._bringing: dict[tuple[frozenset[int], frozenset[int]], asyncio.Task[set[int]]] = {}
        self._listeners: set[asyncio.Event] = set()

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Blocking work, in a thread: a Store or a session is never used twice at a time."""
        return await in_thread(self._threads, work, *args)

    # opening

    async def adopt(self, key: bytes) -> None:
        """Open the file under a key that another process has found to be right."""
        self._store, self.key = await self.run(Store, self.path, key), key
        self._looked = time.monotonic()

    @property
    def opening(self) -> bool:
        """Whether somebody is opening it now."""
        return self._opening.locked()

    async def open(self) -> None:
        """Make sure that the password is right and the file open. LoginRefused; without the server it does
        for an account that was here before.
        """
        async with self._opening:
            if not self.key:
                await self._first()
            elif isinstance(self.failure, LoginRefused):
                await self._look()
                if isinstance(self.failure, LoginRefused):
                    raise LoginRefused("login")

    async def _first(self) -> None:
        account, ring = self.account, self.settings.ring
        secret = account.username.encode() + b"\0" + (account.lasting or account.password).encode()
        key = await self.run(read_key, self._key_path, ring, account.id, secret)
        failure: ImapError | None = None
        try:
            async with self._locked(time_left(LONGEST)) as seconds:
                drop = await self.run(self._connect, seconds)
                try:
                    # Only now: whoever does not know the password makes no file and seals no key.
                    key = await self.run(open_key, self._key_path, ring, account.id, secret)
                    store = await self.run(Store, self.path, key)
                    await self._reconciled(store, drop)
                except BaseException:
                    drop.close()
                    raise
        except (ConnectionLost, ServerTimeout) as err:
            if key is None:
                raise
            # The password was right the last time: what is here can be read.
            failure = err
            store = await self.run(Store, self.path, key)
        self._store, self.key, self.failure = store, key, failure

    def _connect(self, seconds: float) -> Maildrop:
        return Maildrop(self.settings.endpoint, self.account.username, self.account.password, seconds)

    @contextlib.asynccontextmanager
    async def _locked(self, seconds: float) -> AsyncIterator[float]:
        """The maildrop for us alone; what is left of the time."""
        end = time.monotonic() + seconds
        try:
            async with asyncio.timeout(seconds):
                await self._talking.acquire()
        except TimeoutError:
            raise ServerTimeout("the maildrop is in use") from None
        try:
            descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                while True:
                    try:
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    except BlockingIOError:
                        if time.monotonic() >= end:
                            raise ServerTimeout("the maildrop is in use") from None
                        await asyncio.sleep(0.05)
                yield max(0.001, end - time.monotonic())
            finally:
                os.close(descriptor)
        finally:
            self._talking.release()

    @contextlib.asynccontextmanager
    async def session(self, seconds: float) -> AsyncIterator[tuple[Store, Maildrop, list[Listed]]]:
        """A session with the server, the file brought into line with it. What is doomed goes at its end."""
        assert self._store is not None
        try:
            async with self._locked(seconds) as left:
                drop = await self.run(self._connect, left)
                try:
                    listing = await self.run(drop.listing)
                    changed = await self.run(maildrops.reconcile, self._store, listing)
                    yield self._store, drop, listing
                    changed |= await self.run(maildrops.purge, self._store, drop, listing)
                finally:
                    drop.close()
        except LoginRefused as err:
            self.failure = err
            raise
        self._looked, self.failure = time.monotonic(), None
        self._interval = max(self.settings.interval, drop.login_delay)
        if changed:
            self.tell()

    async def _reconciled(self, store: Store, drop: Maildrop) -> None:
        listing = await self.run(drop.listing)
        await self.run(maildrops.reconcile, store, listing)
        await self.run(maildrops.purge, store, drop, listing)
        self._looked = time.monotonic()

    # keeping it true

    async def fresh(self) -> ImapError | None:
        """Have INBOX looked at where that was long ago, and wait a little for it. The failure of the last
        look where it failed.
        """
        if time.monotonic() - self._looked > self._interval:
            await asyncio.wait([self.look_soon()], timeout=time_left(PATIENCE))
        return type(self.failure)("the last look at the maildrop failed") if self.failure else None

    def look_soon(self) -> asyncio.Task[None]:
        """Look at the maildrop in the background; the task that does."""
        if self._task is None or self._task.done():
            # A context of its own: it outlives the call, whose deadline is not its own.
            self._task = asyncio.get_running_loop().create_task(self._look(), context=contextvars.Context())
        return self._task

    async def _look(self) -> None:
        try:
            async with self.session(LONGEST):
                pass
        except (ImapError, PosternError) as err:
            log.info("pop3.look_failed", account=self.account.id, cause=err)
            plain = (ConnectionLost, ServerTimeout, LoginRefused)
            self.failure = err if isinstance(err, plain) else ConnectionLost(str(err))
            self._looked = time.monotonic() - max(0.0, self._interval - RETRY)

    @property
    def due(self) -> float:
        """Seconds until the next look."""
        return max(0.0, self._looked + self._interval - time.monotonic())

    async def ensure(self, headers: set[int], wholes: set[int]) -> set[int]:
        """Bring in what is not held of these messages of the maildrop. Those that the server does not give.

        LoginRefused, ConnectionLost; ServerTimeout where it takes longer than the call may, and then it goes
        on: a large message over a slow line is there when it is asked for again.
        """
        what = frozenset(headers), frozenset(wholes)
        task = self._bringing.get(what)
        if task is None:
            task = asyncio.create_task(bring_in(self, headers, wholes), context=contextvars.Context())
            self._bringing[what] = task
            task.add_done_callback(lambda done: self._brought(what, done))
        await asyncio.wait([task], timeout=time_left(LONGEST))
        if not task.done():
            raise ServerTimeout("bringing in mail")
        if task.cancelled():
            raise ConnectionLost("the account is closed")
        return task.result()

    def _brought(self, what: tuple[frozenset[int], frozenset[int]], done: asyncio.Task[set[int]]) -> None:
        self._bringing.pop(what, None)
        if not done.cancelled() and done.exception() is not None:
            log.info("pop3.bringing_failed", account=self.account.id, cause=done.exception())

    async def purge(self) -> None:
        """Have the server delete what is doomed, and wait a little for it. Where it takes longer or fails it
        is done at the next look: the mail is gone here, and stays gone.
        """
        self._doomed = True
        if self._purging is None or self._purging.done():
            self._purging = asyncio.create_task(self._purge(), context=contextvars.Context())
        await asyncio.wait([self._purging], timeout=time_left(PATIENCE))

    async def _purge(self) -> None:
        while self._doomed:
            self._doomed = False
            await self._look()

    # who listens

    def tell(self) -> None:
        """Something in the file has changed."""
        for listener in self._listeners:
            listener.set()

    @contextlib.contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """An event that is set when something changes."""
        event = asyncio.Event()
        self._listeners.add(event)
        try:
            yield event
        finally:
            self._listeners.discard(event)

    def close_soon(self, store: Store) -> None:
        """Close a session's store, in a thread."""
        with contextlib.suppress(RuntimeError):  # the process ends
            self._threads.submit(store.close)

    async def close(self) -> None:
        """End what runs, and close the file."""
        tasks = [task for task in (self._task, self._purging, *self._bringing.values()) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._store is not None:
            await self.run(self._store.close)
            self._store = None
        self.key = b""
