"""Streams of one part, decoded, and of the source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from services.common.errors import Reason, error
from services.mailstore.imap.pool import Account, Pool
from services.mailstore.imap.session import Session
from services.mailstore.mime.model import EmbeddedFile, Part
from services.mailstore.mime.transfer import TransferDecoder, decode_transfer
from services.mailstore.names import MessageName
from services.mailstore.reading import embedded
from services.mailstore.reading.message import MAX_HEADER
from services.mailstore.reading.octets import chunks, fetch_sections, windows
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.reading.rows import gather
from services.mailstore.reading.structure import Structure, Structures, fetch_structure

_IDENTITY = frozenset({"7bit", "8bit", "binary", ""})


@dataclass(frozen=True, slots=True)
class Source:
    """A message's source: octets in all, then the octets."""

    size: int
    data: AsyncIterator[bytes]


async def read_part(
    pool: Pool, account: Account, structures: Structures, name: MessageName, part_id: str, offset: int
) -> tuple[Part, AsyncIterator[bytes]]:
    """What the part is, and its decoded octets from `offset` on. PART_NOT_FOUND, MESSAGE_GONE,
    MAILBOX_CHANGED.
    """
    inner = embedded.parse_id(part_id)
    kept = structures.get(account.id, name)
    if kept is not None and inner is None:
        structure = Structure(kept)
        file = None
    else:
        structure, file = await pool.run(
            account, lambda s: _look(s, name, part_id, inner), mailbox=name.mailbox
        )
    if file is not None:
        part = Part(part_id, file.media_type, size=len(file.data), filename=file.name, encoding="binary")
        return part, _from_memory(file.data[offset:])
    found = structure.root.find(part_id)
    if found is None or found.is_multipart:
        raise error(Reason.PART_NOT_FOUND)
    if structure.parsed is not None:
        data = decode_transfer(structure.parsed.content(part_id) or b"", found.encoding)
        return replace(found, encoding="binary", size=len(data)), _from_memory(data[offset:])
    return found, _decoded(pool, account, name, found, offset)


async def _look(
    session: Session, name: MessageName, part_id: str, inner: embedded.EmbeddedId | None
) -> tuple[Structure, EmbeddedFile | None]:
    await open_mailbox(session, name.mailbox, uid_validity=name.uid_validity, uid=name.uid)
    structure = await fetch_structure(session, name, inner.number if inner else part_id)
    return structure, await embedded.extract(session, name, structure, inner) if inner else None


async def _from_memory(data: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks(data):
        yield chunk


async def _decoded(
    pool: Pool, account: Account, name: MessageName, part: Part, offset: int
) -> AsyncIterator[bytes]:
    # Only where nothing is encoded is the place of an octet known without decoding what is before it.
    skip_at_server = offset if part.encoding in _IDENTITY else 0
    skip = offset - skip_at_server
    decoder = TransferDecoder(part.encoding)
    source = windows(pool, account, name, part.number, skip_at_server)
    try:
        async for window in source:
            for piece in chunks(window):
                data = decoder.feed(piece)
                if skip:
                    skip, data = max(0, skip - len(data)), data[skip:]
                for chunk in chunks(data):
                    yield chunk
        for chunk in chunks(decoder.finish()[skip:]):
            yield chunk
    finally:
        await source.aclose()  # type: ignore[attr-defined]


async def read_source(pool: Pool, account: Account, name: MessageName, *, headers_only: bool) -> Source:
    """The source as the server keeps it. MESSAGE_GONE, MAILBOX_CHANGED."""

    async def size(session: Session) -> int:
        await open_mailbox(session, name.mailbox, uid_validity=name.uid_validity, uid=name.uid)
        command = [b"UID", b"FETCH", b"%d" % name.uid, b"(UID RFC822.SIZE)"]
        (result,) = await session.execute(command)
        data = gather([result]).get(name.uid)
        if data is None or not isinstance(data.get(b"RFC822.SIZE"), int):
            session.require(result, command)
            raise error(Reason.MESSAGE_GONE)
        return int(data[b"RFC822.SIZE"])

    async def header(session: Session) -> bytes:
        await open_mailbox(session, name.mailbox, uid_validity=name.uid_validity, uid=name.uid)
        (data,) = await fetch_sections(session, name, [("HEADER", 0, MAX_HEADER)])
        return data or b""

    if headers_only:
        block = await pool.run(account, header, mailbox=name.mailbox)
        return Source(len(block), _from_memory(block))
    total = await pool.run(account, size, mailbox=name.mailbox)
    return Source(total, _split(windows(pool, account, name, "")))


async def _split(source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for window in source:
            for chunk in chunks(window):
                yield chunk
    finally:
        await source.aclose()  # type: ignore[attr-defined]
