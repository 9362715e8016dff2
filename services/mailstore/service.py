"""The composition root: everything that mailstore is made of, from its settings."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import replace

from services.mailstore.accounts import Accounts
from services.mailstore.acting.requests import Locks, Requests
from services.mailstore.decoding.pool import decoders
from services.mailstore.imap.pool import Pool
from services.mailstore.index.service import Index
from services.mailstore.metrics import CONNECTIONS, WATCHED
from services.mailstore.reading.marking import Marking
from services.mailstore.reading.rows import RowCache
from services.mailstore.reading.snippets import Snippets
from services.mailstore.reading.structure import Structures
from services.mailstore.settings import MailstoreSettings
from services.mailstore.threads.cache import ThreadCache
from services.mailstore.watching.watchers import Watchers


class Service:
    """mailstore, ready to be registered with a server. Close it at the end."""

    def __init__(self, settings: MailstoreSettings) -> None:
        self.settings = settings
        self.accounts = Accounts(settings.sealing_key)
        self.pool = Pool(settings.imap, settings.pool)
        self.rows = RowCache()
        self.snippets = Snippets()
        self.structures = Structures()
        self.threads = ThreadCache()
        self.index = self._make_index(settings)
        self.requests = Requests(self.index.acted) if self.index is not None else Requests()
        self.locks = Locks()
        # What watchers hear is little, and each compressed connection takes some 50 KiB.
        self.watchers = Watchers(replace(settings.imap, compress=False), renew=settings.pool.kept_for)
        index = self.index
        self.marking = Marking(
            self.pool,
            stored=index.acted if index is not None else lambda account, mailbox: None,
            failed=self.watchers.read_again,
            **({"behind": index.follow} if index is not None else {}),
        )
        self._house: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to keep house, and show it to the metrics. Call from the event loop."""
        CONNECTIONS.labels("open").set_function(lambda: self.pool.open_connections)
        CONNECTIONS.labels("idle").set_function(lambda: self.pool.idle_connections)
        WATCHED.set_function(lambda: self.watchers.count)
        self._house.append(asyncio.create_task(self.pool.keep_house()))
        self._house.append(asyncio.create_task(self.settings.imap.keep_house()))
        if self.index is not None:
            self._house.append(asyncio.create_task(self.index.keep_house()))

    async def close(self) -> None:
        """Finish what was begun, and log out everywhere."""
        await self.marking.close()
        for task in self._house:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.watchers.close()
        if self.index is not None:
            await self.index.close()
        await self.pool.close()
        await self.settings.imap.close()
        await decoders().close()

    def _make_index(self, settings: MailstoreSettings) -> Index | None:
        if settings.index is None:
            return None
        # The index's secret comes from the sealing key, so that replicas agree and there is no further one
        # to keep.
        pepper = hashlib.sha256(b"postern index pepper v1" + settings.sealing_key.to_text().encode()).digest()
        return Index(settings.index, pepper, settings.imap, self.pool, self.snippets)
