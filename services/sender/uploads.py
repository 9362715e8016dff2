"""Takes attachments: from a browser as a stream that may be taken up again, or from a stored message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.common.database import Database
from services.common.errors import Reason, error, invalid_argument, too_large
from services.sender import clock
from services.sender.compose.build import DEFAULT_TYPE, guess_type
from services.sender.compose.checks import media_type, no_breaks
from services.sender.model import Attachment, StoredName
from services.sender.ports import Mailstore, PartStream
from services.sender.storage import blobs
from services.sender.storage.blobs import CHUNK, Blob

MAX_FILENAME = 500


@dataclass(frozen=True)
class Start:
    """How an upload begins, or goes on: then with the id that it was given and the octets already there."""

    upload_id: str = ""
    offset: int = 0
    filename: str = ""
    media_type: str = ""
    total_bytes: int = 0


class Uploads:
    """Uploads are kept for a day after their last octet, unless a message needs them for longer."""

    def __init__(
        self, db: Database, *, max_bytes: int, keep: int = clock.DAY, now: clock.Clock = clock.now
    ) -> None:
        self._db, self._max, self._keep, self._now = db, max_bytes, keep, now

    async def take(self, account: str, start: Start, octets: AsyncIterator[bytes]) -> Blob:
        """Takes the octets of one stream. What has arrived stays when the stream breaks off, in steps of 512
        KiB.

        Without a total the end of the stream is the end of the upload; with one it is whole when that much is
        there.
        """
        blob = await self._open(account, start)
        received = await self._store(blob.id, start.offset, blob.total_bytes, octets)
        if not blob.total_bytes or received == blob.total_bytes:
            await self._finish(blob.id, received)
        return await self.get(account, blob.id)

    async def _open(self, account: str, start: Start) -> Blob:
        if start.total_bytes > self._max:
            raise too_large(self._max)
        if start.upload_id:
            blob = await self.get(account, start.upload_id)
            if blob.complete or blob.received_bytes != start.offset:
                raise error(Reason.CONFLICT, what="upload", offset=str(blob.received_bytes))
            return blob
        if start.offset:
            raise invalid_argument("start.offset_bytes", "nothing_there_yet")
        filename = no_breaks(start.filename, "start.filename")
        if len(filename) > MAX_FILENAME:
            raise invalid_argument("start.filename", "too_long")
        kind = media_type(start.media_type, "start.media_type") if start.media_type else guess_type(filename)
        return await self._create(account, filename, kind, start.total_bytes)

    async def _create(self, account: str, filename: str, kind: str, total: int) -> Blob:
        now = self._now()
        blob = Blob(clock.new_id(now), filename, kind, total, 0, False, now + self._keep)
        await self._db.run(lambda s: blobs.create(s, account, blob))
        return blob

    async def _store(
        self, id: str, offset: int, total: int, octets: AsyncIterator[bytes], *, copy: bool = False
    ) -> int:
        held = bytearray()
        async for data in octets:
            held += data
            if offset + len(held) > self._max:
                raise too_large(self._max)
            if total and offset + len(held) > total and not copy:
                raise invalid_argument("data", "more_than_total")
            while len(held) >= CHUNK:
                offset = await self._append(id, offset, bytes(held[:CHUNK]))
                del held[:CHUNK]
        return await self._append(id, offset, bytes(held))

    async def _append(self, id: str, offset: int, data: bytes) -> int:
        expires_at = self._now() + self._keep
        if data:
            await self._db.run(lambda s: blobs.append(s, id, offset, data, expires_at))
        return offset + len(data)

    async def _finish(self, id: str, received: int, key: str | None = None) -> None:
        expires_at = self._now() + self._keep
        await self._db.run(lambda s: blobs.finish(s, id, received, expires_at, key))

    async def get(self, account: str, upload_id: str) -> Blob:
        """The upload; NOT_FOUND where there is none of this account."""
        now = self._now()
        return await self._db.read(lambda s: blobs.get(s, account, upload_id, now))

    async def delete(self, account: str, upload_id: str) -> None:
        """Removes the upload; where it is not there, nothing happens."""
        await self._db.run(lambda s: blobs.remove(s, account, upload_id))

    async def copied(
        self, account: str, item: Attachment, message: StoredName, mailstore: Mailstore, token: str
    ) -> Blob:
        """The stored part or message, copied from server to server; once, however often a draft of it is
        saved."""
        key = blobs.source_key(account, message, item.part_id)
        expires_at = self._now() + self._keep

        def known(session: Session) -> Blob | None:
            return blobs.by_source(session, key, expires_at)

        found = await self._db.run(known)
        if found is not None:
            return found
        if item.part_id:
            stream = await mailstore.read_part(token, message, item.part_id)
        else:
            stream = await mailstore.read_source(token, message)
        return await self._copy(account, stream, key)

    async def _copy(self, account: str, stream: PartStream, key: str) -> Blob:
        head = stream.head
        filename = head.filename.translate(dict.fromkeys(range(32), " "))[:MAX_FILENAME]
        try:
            kind = media_type(head.media_type, "media_type")
        except Exception:
            kind = DEFAULT_TYPE
        blob = await self._create(account, filename, kind, 0)
        received = await self._store(blob.id, 0, 0, stream.octets, copy=True)
        try:
            await self._finish(blob.id, received, key)
        except IntegrityError:
            # Another call copied the same part meanwhile; both copies are good.
            await self._finish(blob.id, received)
        return await self.get(account, blob.id)
