"""Attachments: taken in chunks, kept as rows of at most 128 KiB, read by any replica."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.orm import Session

from services.common.errors import Reason, error, not_found
from services.sender.model import StoredName
from services.sender.storage.tables import blobs, chunks

# Small enough that a few of them at once are nothing, large enough that a large file is not many rows.
CHUNK = 128 * 1024


@dataclass(frozen=True)
class Blob:
    """An attachment, or what has arrived of one."""

    id: str
    filename: str
    media_type: str
    total_bytes: int
    received_bytes: int
    complete: bool
    expires_at: int


def source_key(account: str, message: StoredName, part_id: str) -> str:
    """The digest that names a part of a stored message (the whole where `part_id` is empty)."""
    fields = [account, message.mailbox, str(message.uid_validity), str(message.uid), part_id]
    return hashlib.sha256("\x00".join(fields).encode()).hexdigest()


def create(session: Session, account: str, blob: Blob) -> None:
    values = {**vars(blob), "account": account, "pins": 0, "source_key": None}
    session.execute(insert(blobs).values(values))


def _blob(row: Row) -> Blob:
    return Blob(
        row.id,
        row.filename,
        row.media_type,
        row.total_bytes,
        row.received_bytes,
        row.complete,
        row.expires_at,
    )


def get(session: Session, account: str, blob_id: str, now: int) -> Blob:
    """The blob; NOT_FOUND where it is another account's, or has expired."""
    found = select(blobs).where(blobs.c.id == blob_id, blobs.c.account == account)
    row = session.execute(found).one_or_none()
    if row is None or (row.expires_at <= now and not row.pins):
        raise not_found("upload")
    return _blob(row)


def by_source(session: Session, key: str, expires_at: int) -> Blob | None:
    """The finished copy of a stored part, kept from now until `expires_at` at least."""
    row = session.execute(select(blobs).where(blobs.c.source_key == key).with_for_update()).one_or_none()
    if row is None or not row.complete:
        return None
    session.execute(update(blobs).where(blobs.c.id == row.id).values(expires_at=expires_at))
    return _blob(row)


def append(session: Session, blob_id: str, offset: int, data: bytes, expires_at: int) -> None:
    """Adds octets at `offset`; CONFLICT where that is not where the blob ends (another stream writes to
    it)."""
    moved = session.execute(
        update(blobs)
        .where(blobs.c.id == blob_id, blobs.c.received_bytes == offset, blobs.c.complete.is_(False))
        .values(received_bytes=offset + len(data), expires_at=expires_at)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise error(Reason.CONFLICT, what="upload", field="offset_bytes")
    session.execute(insert(chunks).values(blob_id=blob_id, position=offset, data=data))


def finish(session: Session, blob_id: str, received: int, expires_at: int, key: str | None = None) -> None:
    """Makes it whole, and unchangeable. IntegrityError where there is another copy with that source key."""
    session.execute(
        update(blobs)
        .where(blobs.c.id == blob_id, blobs.c.received_bytes == received)
        .values(complete=True, total_bytes=received, expires_at=expires_at, source_key=key)
    )


def read(session: Session, blob_id: str, position: int) -> bytes:
    """The chunk that begins at `position`; empty at the end."""
    wanted = select(chunks.c.data).where(chunks.c.blob_id == blob_id, chunks.c.position == position)
    return session.execute(wanted).scalar_one_or_none() or b""


def pin(session: Session, account: str, blob_id: str) -> None:
    """Ties a complete blob to a submission, so that it does not expire; NOT_FOUND where it is gone."""
    held = session.execute(
        update(blobs)
        .where(blobs.c.id == blob_id, blobs.c.account == account, blobs.c.complete.is_(True))
        .values(pins=blobs.c.pins + 1)
    )
    if held.rowcount != 1:  # type: ignore[attr-defined]
        raise not_found("upload")


def unpin(session: Session, blob_id: str, expires_at: int) -> None:
    session.execute(
        update(blobs)
        .where(blobs.c.id == blob_id, blobs.c.pins > 0)
        .values(pins=blobs.c.pins - 1, expires_at=expires_at)
    )


def remove(session: Session, account: str, blob_id: str) -> None:
    """Removes an upload. One that a submission needs stays, and goes with it."""
    row = session.execute(
        select(blobs.c.pins).where(blobs.c.id == blob_id, blobs.c.account == account).with_for_update()
    ).one_or_none()
    if row is None:
        return
    if row.pins:
        session.execute(update(blobs).where(blobs.c.id == blob_id).values(expires_at=0))
        return
    _drop(session, [blob_id])


def drop_expired(session: Session, now: int, limit: int = 50) -> int:
    """Removes blobs that nothing needs any more; how many."""
    old = (
        select(blobs.c.id)
        .where(blobs.c.pins == 0, blobs.c.expires_at <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.execute(old).scalars())
    _drop(session, ids)
    return len(ids)


def _drop(session: Session, ids: list[str]) -> None:
    if ids:
        session.execute(delete(chunks).where(chunks.c.blob_id.in_(ids)))
        session.execute(delete(blobs).where(blobs.c.id.in_(ids)))
