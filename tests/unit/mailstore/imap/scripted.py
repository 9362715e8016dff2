"""A server that plays a script: for each command that begins as told, the answer, where {tag} is its tag."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from services.mailstore.imap.session import Session
from services.mailstore.imap.transport import ImapTransport


@dataclass
class Scripted:
    """What the server heard, and the session that talks to it."""

    session: Session
    heard: list[bytes] = field(default_factory=list)


async def _line(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(ConnectionError, asyncio.CancelledError):
        return await reader.readline()
    return b""


@contextlib.asynccontextmanager
async def scripted(
    script: Sequence[tuple[bytes, bytes]], *capabilities: str, io_timeout: float = 2.0
) -> AsyncIterator[Scripted]:
    """A session with a server that answers in the order of the script."""
    steps = list(script)
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await _line(reader):
            heard.append(line)
            tag, _, rest = line.partition(b" ")
            if steps and rest.startswith(steps[0][0]):
                writer.write(steps.pop(0)[1].replace(b"{tag}", tag))
            elif steps and line.startswith(steps[0][0]):
                writer.write(steps.pop(0)[1])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        _, transport = await asyncio.get_running_loop().create_connection(ImapTransport, "127.0.0.1", port)
        session = Session(transport, io_timeout)
        session.capabilities = frozenset(capabilities)
        try:
            yield Scripted(session, heard)
        finally:
            session.close()
