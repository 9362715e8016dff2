"""A scripted SMTP peer: it says what a test tells it to say, stalls, and hangs up. For faults only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

# A reply is text without its line end; None hangs up, a float stalls for so many seconds and then hangs up,
# and a pair is a text that comes after so many seconds.
Reply = str | float | tuple[float, str] | None


@dataclass
class Taken:
    """A message that the peer answered 250."""

    sender: str
    recipients: list[str]
    data: bytes
    user: str = ""


@dataclass
class Peer:
    """What it says. `replies` by verb ("RCPT bob@x" before "RCPT"); "." is the reply to the final dot."""

    ehlo: list[str] = field(default_factory=lambda: ["PIPELINING", "SIZE 50000000", "8BITMIME", "AUTH PLAIN"])
    replies: dict[str, Reply | list[Reply]] = field(default_factory=dict)
    greeting: Reply = "220 peer ESMTP"
    taken: list[Taken] = field(default_factory=list)
    # Complete data sections that came, also those that were not answered 250.
    seen: list[bytes] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    on_dot: Callable[[], None] | None = None

    def reply(self, verb: str, argument: str, default: str) -> Reply:
        for key in (f"{verb} {argument}", verb):
            if key in self.replies:
                said = self.replies[key]
                if isinstance(said, list):
                    return said.pop(0) if said else default
                return said
        return default

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._session(reader, writer)
        finally:
            writer.close()

    async def _say(self, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        if isinstance(reply, float):
            await asyncio.sleep(reply)
            return False
        if isinstance(reply, tuple):
            await asyncio.sleep(reply[0])
            reply = reply[1]
        if reply is None:
            writer.transport.abort()
            return False
        writer.write(reply.encode("utf-8", "surrogateescape") + b"\r\n")
        await writer.drain()
        return True

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._say(writer, self.greeting):
            return
        sender, recipients, user = "", [], ""
        while True:
            line = (await reader.readuntil(b"\r\n")).decode("utf-8", "replace").removesuffix("\r\n")
            self.commands.append(line)
            verb, _, rest = line.partition(" ")
            verb, path = verb.upper(), rest.partition("<")[2].partition(">")[0]
            default = {"EHLO": "", "DATA": "354 go on", "QUIT": "221 bye", "AUTH": "235 in"}.get(
                verb, "250 ok"
            )
            if verb == "EHLO":
                lines = ["peer", *self.ehlo]
                default = "\r\n".join(
                    f"250{'-' if n < len(lines) - 1 else ' '}{t}" for n, t in enumerate(lines)
                )
            reply = self.reply(verb, path, default)
            if not await self._say(writer, reply):
                return
            reply = reply[1] if isinstance(reply, tuple) else reply
            accepted = isinstance(reply, str) and reply[:1] == "2"
            if verb == "AUTH" and accepted:
                user = rest
            elif verb in ("MAIL", "RSET"):
                sender, recipients = path, []
            elif verb == "RCPT" and accepted:
                recipients.append(path)
            elif verb == "QUIT":
                return
            elif verb == "DATA" and isinstance(reply, str) and reply.startswith("354"):
                data = await self._data(reader)
                self.seen.append(data)
                if self.on_dot:
                    self.on_dot()
                reply = self.reply(".", "", "250 2.0.0 taken")
                said = reply[1] if isinstance(reply, tuple) else reply
                if isinstance(said, str) and said[:1] == "2":
                    self.taken.append(Taken(sender, recipients, data, user))
                if not await self._say(writer, reply):
                    return

    async def _data(self, reader: asyncio.StreamReader) -> bytes:
        lines = bytearray()
        while True:
            line = await reader.readuntil(b"\r\n")
            if line == b".\r\n":
                return bytes(lines)
            lines += line.removeprefix(b".") if line.startswith(b".") else line


@contextlib.asynccontextmanager
async def smtp_peer(**settings: object) -> AsyncIterator[Peer]:
    """The peer on a free port."""
    peer = Peer(**settings)  # type: ignore[arg-type]
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, limit=2**26)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
