"""Reads a message back from its segments, chunk by chunk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.common.database import Database
from services.common.errors import Reason, error
from services.sender.compose.segments import Base64Lines, Encoding, MessageLines, Segment
from services.sender.storage import blobs
from services.sender.storage.tables import segments

SMALL = 1024 * 1024


def load_segments(session: Session, submission_id: str, *, after: int = -1) -> list[Segment]:
    """The segments after position `after`, up to about 1 MiB of literal octets at a time."""
    found: list[Segment] = []
    total = 0
    query = (
        select(segments)
        .where(segments.c.submission_id == submission_id, segments.c.position > after)
        .order_by(segments.c.position)
        .limit(8)
    )
    for row in session.execute(query):
        encoding = Encoding(row.encoding) if row.encoding else None
        found.append(Segment(row.size, row.data, row.blob_id or "", encoding, row.sent_only))
        total += len(row.data)
        if total >= SMALL:
            break
    return found


async def stored_message(db: Database, submission_id: str, *, with_sent_only: bool) -> AsyncIterator[bytes]:
    """The octets of a kept message: for the wire, or with what only the copy in Sent holds."""
    position = -1

    def following(session: Session) -> list[Segment]:
        return load_segments(session, submission_id, after=position)

    while batch := await db.read(following):
        position += len(batch)
        async for data in octets(db, batch, with_sent_only=with_sent_only):
            yield data


async def octets(db: Database, parts: Sequence[Segment], *, with_sent_only: bool) -> AsyncIterator[bytes]:
    """The octets of these segments, in chunks of at most about 700 KiB."""
    for segment in parts:
        if segment.sent_only and not with_sent_only:
            continue
        if not segment.blob_id:
            yield segment.data
            continue
        sent = 0
        async for data in _encoded(db, segment):
            sent += len(data)
            yield data
        if sent != segment.size:
            raise error(Reason.INTERNAL, f"attachment of {segment.size} octets came to {sent}")


async def _encoded(db: Database, segment: Segment) -> AsyncIterator[bytes]:
    encoder = Base64Lines() if segment.encoding is Encoding.BASE64 else MessageLines()
    async for chunk in blob_chunks(db, segment.blob_id):
        data = encoder.feed(chunk)
        if data:
            yield data
    data = encoder.finish()
    if data:
        yield data


async def blob_chunks(db: Database, blob_id: str) -> AsyncIterator[bytes]:
    """The raw octets of a blob."""
    position = 0

    def following(session: Session) -> bytes:
        return blobs.read(session, blob_id, position)

    while chunk := await db.read(following):
        yield chunk
        position += len(chunk)


def sized(chunks_of: bytes, size: int) -> list[bytes]:
    """The octets in pieces of at most `size`."""
    return [chunks_of[start : start + size] for start in range(0, len(chunks_of), size)]


def sent_size(session: Session, submission_id: str) -> int:
    """Octets of the copy in Sent."""
    query = select(func.sum(segments.c.size)).where(segments.c.submission_id == submission_id)
    return int(session.execute(query).scalar_one() or 0)
