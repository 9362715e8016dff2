"""Files that are too large for a message: taken, kept encrypted, handed out to who has the link, removed."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from services.common.database import Database
from services.common.errors import PosternError, Reason, error, invalid_argument, not_found, too_large
from services.common.logging import get_logger
from services.sender import clock
from services.sender.compose.build import guess_type
from services.sender.compose.checks import media_type, no_breaks
from services.sender.links.token import LinkKey, ids_in, new_token, parse
from services.sender.links.vault import BLOCK, Damaged, Head, Vault, open_head, seal_head
from services.sender.model import Content
from services.sender.storage import links as stored
from services.sender.storage.links import LinkRow
from services.sender.uploads import MAX_FILENAME

log = get_logger(__name__)
T = TypeVar("T")

# What is written at once, and counted as arrived.
STEP = 16 * BLOCK
THREADS = 4
ORPHAN_SECONDS = 2 * 86400.0


@dataclass(frozen=True)
class LinkSettings:
    """`directory`: None, and there are no links. Octets and milliseconds."""

    directory: Path | None = None
    over: int = 0
    max_bytes: int = 2 * 1024**3
    account_bytes: int = 4 * 1024**3
    all_bytes: int = 50 * 1024**3
    keep: int = 14 * clock.DAY


@dataclass(frozen=True)
class Link:
    """A link as its maker sees it."""

    token: str
    head: Head
    received: int
    expires_at: int


class Links:
    """Every call but `terms` is UNSUPPORTED where there is no directory."""

    def __init__(
        self,
        db: Database,
        settings: LinkSettings,
        *,
        limit: Callable[[], int] = lambda: 0,
        now: clock.Clock = clock.now,
    ) -> None:
        """`limit`: the largest message that the SMTP server takes, 0 where that is not known."""
        self._db, self.settings, self._limit, self._now = db, settings, limit, now
        self._vault = Vault(settings.directory) if settings.directory else None
        # Of their own, so that a slow disk holds up nothing else.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="links")

    @property
    def offered(self) -> bool:
        return self._vault is not None

    @property
    def over(self) -> int:
        """From how many octets of attachments a link is the better way."""
        limit = self._limit()
        return min(self.settings.over, limit * 7 // 10) if limit else self.settings.over

    async def _disk(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except OSError as err:
            raise error(Reason.UNAVAILABLE, err) from err

    def _on(self) -> Vault:
        if self._vault is None:
            raise error(Reason.UNSUPPORTED, what="links")
        return self._vault

    def _key(self, token: str) -> LinkKey:
        self._on()
        key = parse(token)
        if key is None:
            raise not_found("link")
        return key

    async def create(self, account: str, filename: str, kind: str, total: int) -> Link:
        self._on()
        if total <= 0:
            raise invalid_argument("total_bytes", "missing")
        if total > self.settings.max_bytes:
            raise too_large(self.settings.max_bytes)
        name = no_breaks(filename, "filename")
        if len(name) > MAX_FILENAME:
            raise invalid_argument("filename", "too_long")
        head = Head(name, media_type(kind, "media_type") if kind else guess_type(name), total)
        token = new_token()
        key = self._key(token)
        row = LinkRow(key.id, account, seal_head(key, head), total, 0, "", self._now() + clock.DAY)
        bounds = self.settings
        await self._db.run(
            lambda s: stored.create(s, row, account_bytes=bounds.account_bytes, all_bytes=bounds.all_bytes)
        )
        log.info("link.created", account=account, total_bytes=total)
        return Link(token, head, 0, row.expires_at)

    async def get(self, account: str, token: str) -> Link:
        key = self._key(token)
        row = await self._row(account, key)
        return Link(token, _head(key, row), row.received_bytes, row.expires_at)

    async def _row(self, account: str, key: LinkKey) -> LinkRow:
        now = self._now()
        return await self._db.read(lambda s: stored.get(s, key.id, now, account))

    async def take(self, account: str, token: str, offset: int, octets: AsyncIterator[bytes]) -> Link:
        """More of the file. What has arrived in whole steps stays when the stream breaks off."""
        key = self._key(token)
        row = await self._row(account, key)
        if row.complete or row.submission_id or offset != row.received_bytes:
            raise error(Reason.CONFLICT, what="link", offset=str(row.received_bytes))
        held = bytearray()
        async for data in octets:
            held += data
            if offset + len(held) > row.total_bytes:
                raise invalid_argument("data", "more_than_total")
            while len(held) >= STEP:
                offset = await self._step(key, row, offset, bytes(held[:STEP]))
                del held[:STEP]
        # Blocks are whole but for the last of all.
        end = len(held) if offset + len(held) == row.total_bytes else len(held) - len(held) % BLOCK
        if end:
            await self._step(key, row, offset, bytes(held[:end]))
        return await self.get(account, token)

    async def _step(self, key: LinkKey, row: LinkRow, offset: int, data: bytes) -> int:
        vault, end = self._on(), offset + len(data)
        last = end == row.total_bytes
        await self._disk(functools.partial(vault.write, key, offset, data, last=last))
        expires_at = self._now() + clock.DAY
        await self._db.run(lambda s: stored.grow(s, key.id, offset, len(data), expires_at))
        return end

    async def delete(self, account: str, token: str) -> None:
        vault, key = self._on(), self._key(token)
        if await self._db.run(lambda s: stored.remove(s, account, key.id)):
            await self._disk(lambda: vault.remove(key.id))

    async def read(self, token: str, offset: int) -> tuple[Link, AsyncIterator[bytes]]:
        """The file from `offset`, for who has the link; NOT_FOUND alike where there is none, it is not sent
        yet, or its time is over."""
        key = self._key(token)
        now = self._now()
        row = await self._db.read(lambda s: stored.answering(s, key.id, now))
        head = _head(key, row)
        if offset >= head.total:
            raise invalid_argument("offset_bytes", "out_of_range")
        return Link("", head, row.received_bytes, row.expires_at), self._octets(key, head, offset)

    async def _octets(self, key: LinkKey, head: Head, offset: int) -> AsyncIterator[bytes]:
        vault = self._on()
        while offset < head.total:
            try:
                data = await self._disk(functools.partial(vault.read, key, offset, head.total))
            except Damaged as err:
                raise error(Reason.INTERNAL, f"link {key.id[:8]}: {err}") from err
            yield data
            offset += len(data)

    def ids_in(self, content: Content) -> tuple[str, ...]:
        """The stored names of the links in a message's text."""
        return ids_in(content.text, content.html) if self.offered else ()

    async def draft_saved(self, account: str, content: Content) -> None:
        """Its links wait for it."""
        if ids := self.ids_in(content):
            expires_at = self._now() + self.settings.keep
            await self._db.run(lambda s: stored.keep(s, account, ids, expires_at))

    async def clean(self) -> int:
        """Removes what has expired, and files that no row knows; how many."""
        vault, count = self._vault, 0
        if vault is None:
            return 0
        now = self._now()
        while ids := await self._db.run(lambda s: stored.drop_expired(s, now)):
            for id in ids:
                await self._disk(functools.partial(vault.remove, id))
            count += len(ids)
        old = await self._disk(lambda: list(vault.older_than(ORPHAN_SECONDS)))
        for at in range(0, len(old), 200):
            some = old[at : at + 200]
            rows = await self._db.read(functools.partial(stored.known, ids=some))
            for id in set(some) - rows:
                await self._disk(functools.partial(vault.remove, id))
                count += 1
        return count

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _head(key: LinkKey, row: LinkRow) -> Head:
    """NOT_FOUND where the key is not this file's: whoever guesses learns nothing."""
    try:
        return open_head(key, row.head)
    except Damaged as err:
        raise PosternError(Reason.NOT_FOUND, metadata={"what": "link"}, cause=err) from err
