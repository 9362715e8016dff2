"""Octets of parts and sources, a window at a time: never whole in memory, and no connection held while the
reader of a stream takes its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence

from services.common.errors import Reason, error
from services.mailstore.imap.parser import body_item
from services.mailstore.imap.pool import Account, Pool
from services.mailstore.imap.session import Result, Session
from services.mailstore.names import MessageName
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.reading.rows import gather

# Octets of one partial FETCH, and of one message of a stream.
WINDOW = 512 * 1024
CHUNK = 64 * 1024


async def fetch_sections(
    session: Session, name: MessageName, sections: list[tuple[str, int, int]]
) -> list[bytes | None]:
    """Octets of BODY[section]<offset.count> for each (section, offset, count), in one command; None where the
    server has no such section. MESSAGE_GONE."""
    return (await fetch_sections_and(session, name, sections))[0]


async def fetch_sections_and(
    session: Session,
    name: MessageName,
    sections: list[tuple[str, int, int]],
    then: Sequence[Sequence[bytes]] = (),
) -> tuple[list[bytes | None], list[Result]]:
    """As `fetch_sections`, with all answers, also those to `then`, which goes along in the same round trip.
    Dovecot answers both before it ends either, so that nobody can tell which data belongs to which.
    """
    items = b" ".join(
        b"BODY.PEEK[%s]<%d.%d>" % (section.encode("ascii"), offset, count)
        for section, offset, count in sections
    )
    command = [b"UID", b"FETCH", b"%d" % name.uid, b"(UID " + items + b")"]
    result, *others = await session.execute(command, *then)
    found = gather([result])
    if name.uid not in found:
        if result.status != "OK":
            session.require(result, command)
        raise error(Reason.MESSAGE_GONE)
    data = found[name.uid]
    return [body_item(data, section.encode("ascii")) for section, _, _ in sections], [result, *others]


async def windows(
    pool: Pool, account: Account, name: MessageName, section: str, start: int = 0
) -> AsyncIterator[bytes]:
    """BODY[section] from `start` on, in windows; the next is on its way while one is used.

    PART_NOT_FOUND where the server has no such section.
    """

    async def window(offset: int) -> bytes:
        async def work(session: Session) -> bytes:
            await open_mailbox(session, name.mailbox, uid_validity=name.uid_validity, uid=name.uid)
            (data,) = await fetch_sections(session, name, [(section, offset, WINDOW)])
            if data is None:
                raise error(Reason.PART_NOT_FOUND)
            return data

        return await pool.run(account, work, mailbox=name.mailbox)

    position = start
    ahead: asyncio.Task[bytes] = asyncio.create_task(window(position))
    try:
        while True:
            data = await ahead
            position += len(data)
            if len(data) >= WINDOW:
                ahead = asyncio.create_task(window(position))
            if data:
                yield data
            if len(data) < WINDOW:
                return
    finally:
        ahead.cancel()
        await _settled(ahead)


async def _settled(task: Awaitable[object]) -> None:
    try:
        await task
    except (asyncio.CancelledError, Exception):
        pass


def chunks(data: bytes) -> list[bytes]:
    """`data` in pieces of at most CHUNK octets."""
    return [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
