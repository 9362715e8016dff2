"""The index as the rest of mailstore uses it: every question may be answered with None, and is then the
server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import apsw

from services.common.errors import PosternError
from services.common.logging import get_logger
from services.mailstore.imap.connect import ImapServer
from services.mailstore.imap.pool import Account, Pool
from services.mailstore.imap.session import Session
from services.mailstore.index.account import AccountIndex
from services.mailstore.index.build import BuildProgress
from services.mailstore.index.builder import Builder
from services.mailstore.index.finding import ServerSearch, find, is_index_token
from services.mailstore.index.keys import Keys
from services.mailstore.index.opening import open_conversation
from services.mailstore.index.serving import Lists
from services.mailstore.index.shelf import IndexSettings, Shelf
from services.mailstore.index.store import IndexBroken, NotNow, Store
from services.mailstore.index.worker import Job
from services.mailstore.metrics import INDEX_ANSWERS, INDEX_BUILDS
from services.mailstore.reading.page import Page, PageRequest
from services.mailstore.reading.served import Served
from services.mailstore.reading.snippets import Snippets
from services.mailstore.searching.run import SearchRequest, SearchStep
from services.mailstore.threads.listing import ConversationPage, ConversationRequest
from services.mailstore.threads.one import OneRequest, OpenedConversation

log = get_logger(__name__)
# Accounts whose files are open; the least recently used are closed first. Fewer than are at work at a time
# would be worse than none: each file would be opened anew, and all mailboxes looked at, for each page.
MOST_OPEN = 64
# Octets that SQLite may use for all of them together; beyond, each cache lives on what it has.
MOST_MEMORY = 512 * 1024**2
# Seconds: how old what is known of the mailboxes may be when an account is used.
REFRESH_AFTER = 3.0
# Seconds between two looks at all mailboxes that searches ask for: one follows each search, and people search
# letter by letter.
SETTLE_AFTER = 1.0
# Seconds that a search waits until what its asker has just done is in the index.
CATCH_UP = 1.0
# Mailboxes that are looked at one by one for it; of more, all are listed with their counts.
MOST_ACTED = 2
# Seconds before mailboxes that could not be brought in are tried again.
STUCK_FOR = 300.0
_THREADS = 8
# Seconds: after which an unused file is closed, and how often the files are counted.
IDLE_FOR, SWEEP_EVERY = 300.0, 60.0
T = TypeVar("T")


class Index:
    """Indices of all accounts that are in use."""

    def __init__(
        self, settings: IndexSettings, pepper: bytes, imap: ImapServer, pool: Pool, snippets: Snippets
    ) -> None:
        self.settings = settings
        self._imap = imap
        self._pool = pool
        self._keys = Keys(pepper)
        self._shelf = Shelf(settings, pepper)
        self._threads = ThreadPoolExecutor(_THREADS, "index")
        apsw.soft_heap_limit(MOST_MEMORY)
        self._open: OrderedDict[bytes, AccountIndex] = OrderedDict()
        self._tasks: dict[tuple[bytes, str], asyncio.Task[None]] = {}
        self._lists = Lists(pool, snippets)
        self._builder = Builder(settings.workers)

    # questions

    async def page(self, account: Account, request: PageRequest) -> Served[Page] | None:
        """A page of messages, None where the server is to be asked."""
        index = self._use(account)
        return _told("list", await self._lists.page(index, request) if index is not None else None)

    async def conversations(
        self, account: Account, request: ConversationRequest
    ) -> Served[ConversationPage] | None:
        """A page of conversations, None where the server is to be asked."""
        index = self._use(account)
        served = await self._lists.conversations(index, request) if index is not None else None
        return _told("conversations", served)

    async def conversation(self, account: Account, request: OneRequest) -> OpenedConversation | None:
        """One conversation, None where the server is to be asked."""
        index = self._use(account)
        opened = await open_conversation(self._pool, index, request) if index is not None else None
        return _told("conversation", opened)

    async def search(
        self, account: Account, request: SearchRequest, server: ServerSearch
    ) -> AsyncIterator[SearchStep] | None:
        """A search, None where it is the server's alone."""
        index = self._use(account)
        if index is None and is_index_token(request.token):
            # The page before came out of the index: it is there in a moment.
            await asyncio.wait(
                [task for (key, _), task in self._tasks.items() if key == account.key] or [_nothing()],
                timeout=5,
            )
            index = self._use(account)
        if index is None:
            return _told("search", None)
        await self._catch_up(index)
        return _told(
            "search", await find(index, request, server, lambda: self._refresh_soon(index, SETTLE_AFTER))
        )

    def acted(self, account_id: str, mailbox: str = "") -> None:
        """Somebody changed mail through here, in this mailbox alone where it is named: whoever searches next
        finds it so."""
        for index in self._open.values():
            if index.account.id == account_id:
                index.acted[mailbox] = time.monotonic()

    async def follow(self, session: Session, account: Account, mailbox: str) -> None:
        """Bring in what changed in a mailbox, on a connection that has it open, before anybody asks."""
        index = self._open.get(account.key)
        if index is not None and index.complete(mailbox) is not None:
            with contextlib.suppress(NotNow, IndexBroken, apsw.Error):
                await index.verify(session, mailbox)

    def progress(self, account: Account, mailbox: str) -> BuildProgress | None:
        """How far building a mailbox is; None where that is not under way."""
        index = self._open.get(account.key)
        return index.progress.get(mailbox) if index is not None else None

    # what goes on behind

    def _use(self, account: Account) -> AccountIndex | None:
        """The account's index where it is open; it is being opened otherwise, while the server answers."""
        index = self._open.get(account.key)
        if index is not None and index.broken:
            self._forget(account.key)
            index = None
        if index is None:
            self._spawn(account.key, "open", lambda: self._prepare(account))
            return None
        self._open.move_to_end(account.key)
        index.used = time.monotonic()
        # Where looking at all mailboxes is dear, it is done seldom.
        if time.monotonic() - index.refreshed > max(REFRESH_AFTER, 6 * index.cost):
            self._refresh_soon(index)
        return index

    def _spawn(self, key: bytes, what: str, work) -> None:
        if (key, what) in self._tasks:
            return

        async def run() -> None:
            try:
                await work()
            except PosternError as err:
                log.info("index.background", what=what, reason=err.reason)
            except (NotNow, apsw.BusyError) as err:
                # It is done another time.
                log.info("index.background", what=what, cause=type(err).__name__)
            except (IndexBroken, apsw.Error) as err:
                log.warning("index.background", what=what, cause=type(err).__name__)
                self._forget(key)
            finally:
                del self._tasks[key, what]

        self._tasks[key, what] = asyncio.create_task(run())

    async def _prepare(self, account: Account) -> None:
        loop = asyncio.get_running_loop()
        secret = account.username.encode("utf-8") + b"\0" + (account.lasting or account.password).encode()
        path = self._shelf.path(account.id)
        # Nobody makes a file that has not been let in by the server: a wrong password would throw away the
        # right one's.
        await self._pool.run(account, _present)
        key = await loop.run_in_executor(self._threads, self._keys.key, account.id, secret)

        def make() -> None:
            store = Store(path, key)
            store.touch()
            store.close()

        await loop.run_in_executor(self._threads, make)
        index = AccountIndex(account, path, key, self._threads)
        await index.reload()
        await self._pool.run(account, index.refresh, mailbox="INBOX")
        self._open[account.key] = index
        self._want(index)
        while len(self._open) > MOST_OPEN:
            self._forget(next(iter(self._open)))

    async def keep_house(self) -> None:
        """Close what was not used for long, with its credential, and keep the files within their bound; runs
        until cancelled.
        """
        loop = asyncio.get_running_loop()
        swept = 0.0
        while True:
            now = time.monotonic()
            for key, index in list(self._open.items()):
                if now - index.used > IDLE_FOR and index.idle and not self._builder.busy(index.account.id):
                    self._forget(key)
            if now - swept > SWEEP_EVERY:
                swept = now
                in_use = frozenset(each.path for each in self._open.values())
                gone = await loop.run_in_executor(self._threads, self._shelf.sweep, in_use)
                if gone:
                    log.info("index.evicted", files=len(gone))
            await asyncio.sleep(10.0)

    def _refresh_soon(self, index: AccountIndex, apart: float = 0.0) -> None:
        """Look at all mailboxes in the background; `apart` seconds after the last look at the earliest."""

        async def work() -> None:
            if (early := index.refreshed + apart - time.monotonic()) > 0:
                await asyncio.sleep(early)
            await self._pool.run(index.account, index.refresh, mailbox="INBOX")
            self._want(index)

        self._spawn(index.account.key, "refresh", work)

    async def _catch_up(self, index: AccountIndex) -> None:
        """Look now at the mailboxes where something was done that nobody has looked at since: a list looks at
        the mailbox that it shows. Where the server takes long for it, the search does without.
        """

        async def work() -> None:
            if not await self._look_where_acted(index):
                await self._pool.run(index.account, index.refresh, mailbox="INBOX")
            self._want(index)

        deadline = time.monotonic() + CATCH_UP
        for _ in range(2):  # the first may have begun before
            if not index.acted or (left := deadline - time.monotonic()) <= 0:
                return
            self._spawn(index.account.key, "catch-up", work)
            await asyncio.wait([self._tasks[index.account.key, "catch-up"]], timeout=left)

    async def _look_where_acted(self, index: AccountIndex) -> bool:
        """Bring in the mailboxes where something was done. False where they are many or not known, or one has
        changed in more than is brought in while somebody waits: then all are to be looked at.
        """
        mailboxes = list(index.acted)
        held = [index.complete(name) for name in mailboxes]
        # Without MODSEQ, changed flags do not show in the counts.
        if len(held) > MOST_ACTED or not all(state is not None and state.modseq for state in held):
            return False
        try:
            for mailbox in mailboxes:

                async def verify(session: Session, mailbox: str = mailbox) -> None:
                    await index.verify(session, mailbox)

                await self._pool.run(index.account, verify, mailbox=mailbox)
        except (NotNow, PosternError):
            return False
        return True

    def _want(self, index: AccountIndex) -> None:
        """Have a worker do what is to be done."""
        account = index.account
        if not index.wanting or not self._builder.wants(account.id):
            return
        missing = index.missing()
        if missing and missing <= index.stuck and time.monotonic() - index.stuck_since < STUCK_FOR:
            return
        job = Job(
            account=account.id,
            username=account.username,
            password=account.password,
            kind=account.kind,
            path=str(index.path),
            key=index.key.hex(),
            host=self._imap.host,
            port=self._imap.port,
            tls=str(self._imap.tls),
            ca_file=str(self.settings.ca_file or ""),
            most_bytes=self.settings.account_bytes,
            compress=self._imap.compress,
            local=self._imap.local(account),
        )
        seen: set[str] = set()

        def report(progress: BuildProgress) -> None:
            index.progress[progress.mailbox] = progress
            if progress.done >= progress.total and progress.mailbox not in seen:
                seen.add(progress.mailbox)
                self._spawn(account.key, "reload", index.reload)

        async def settle() -> None:
            await index.reload()
            index.stuck, index.stuck_since = index.missing(), time.monotonic()

        def done(well: bool) -> None:
            INDEX_BUILDS.labels("ok" if well else "failed").inc()
            index.progress.clear()
            self._spawn(account.key, "settle", settle)

        self._builder.start(job, report, done)

    def _forget(self, key: bytes) -> None:
        index = self._open.pop(key, None)
        if index is not None:
            self._threads.submit(index.close)

    async def close(self) -> None:
        """End the workers and close the files."""
        await self._builder.close()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for index in self._open.values():
            with contextlib.suppress(apsw.Error):
                index.close()
        self._threads.shutdown(wait=True)


def _told(what: str, answer: T) -> T:
    INDEX_ANSWERS.labels(what, "server" if answer is None else "index").inc()
    return answer


def _nothing() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


async def _present(session: object) -> None:
    """The connection is there: the credential is good."""


__all__ = ["Index", "IndexSettings"]
