"""Reads a message back from its segments, chunk by chunk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from services.common.database import Database
from services.common.errors import Reason, error
from services.sender.compose.segments import Base64Lines, Encoding, MessageLines, Segment
from services.sender.storage import blobs
from services.sender.storage.tables import segments

BATCH = 8
BATCH_BYTES = 1024 * 1024
SMALL = 256 * 1024
SMALL_IN_ALL = 4 * 1024 * 1024


@dataclass(frozen=True)
class Batch:
    """Consecutive segments of a kept message, and whether they are its last."""

    segments: tuple[Segment, ...]
    last: bool


def load_segments(session: Session, submission_id: str, after: int = -1) -> Batch:
    """The segments after position `after`, with up to about 1 MiB of literal octets at a time."""
    found: list[Segment] = []
    total = 0
    query = (
        select(segments)
        .where(segments.c.submission_id == submission_id, segments.c.position > after)
        .order_by(segments.c.position)
        .limit(BATCH)
    )
    for row in session.execute(query):
        if total >= BATCH_BYTES:
            return Batch(tuple(found), False)
        found.append(_segment(row))
        total += len(row.data)
    return Batch(tuple(found), len(found) < BATCH)


def load_small(session: Session, sized: Sequence[tuple[str, int]]) -> dict[str, tuple[Segment, ...]]:
    """The segments of those messages that are small, by id, as (id, size): some MiB in all at most."""
    wanted: list[str] = []
    room = SMALL_IN_ALL
    for id, size in sized:
        if size <= SMALL and size <= room:
            wanted.append(id)
            room -= size
    if not wanted:
        return {}
    found: dict[str, list[Segment]] = {}
    query = (
        select(segments)
        .where(segments.c.submission_id.in_(wanted))
        .order_by(segments.c.submission_id, segments.c.position)
    )
    for row in session.execute(query):
        found.setdefault(row.submission_id, []).append(_segment(row))
    return {id: tuple(parts) for id, parts in found.items()}


def _segment(row: Row[Any]) -> Segment:
    encoding = Encoding(row.encoding) if row.encoding else None
    return Segment(row.size, row.data, row.blob_id or "", encoding, row.sent_only)


async def stored_message(
    db: Database, submission_id: str, *, with_sent_only: bool, first: Batch | None = None
) -> AsyncIterator[bytes]:
    """The octets of a kept message: for the wire, or with what only the copy in Sent holds."""
    position = -1

    def following(session: Session) -> Batch:
        return load_segments(session, submission_id, position)

    batch = first if first is not None else await db.read(following)
    while True:
        async for data in octets(db, batch.segments, with_sent_only=with_sent_only):
            yield data
        if batch.last:
            return
        position += len(batch.segments)
        batch = await db.read(following)


def open_copy(session: Session, submission_id: str) -> tuple[int, Batch]:
    """Octets of the copy in Sent, and how it begins."""
    batch = load_segments(session, submission_id)
    if batch.last:
        return sum(segment.size for segment in batch.segments), batch
    query = select(func.sum(segments.c.size)).where(segments.c.submission_id == submission_id)
    return int(session.execute(query).scalar_one()), batch


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
