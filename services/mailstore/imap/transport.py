"""A socket to whole responses.

Invariants: `receive` gives responses in the order of the wire, each complete with its literals; what is
buffered is bounded (reading stops at HIGH_WATER octets of responses not yet taken); after `abort` nothing
is read or sent.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Iterable

from services.mailstore.imap.deflate import Deflate
from services.mailstore.imap.failure import ConnectionLost, ProtocolError, ServerTimeout
from services.mailstore.imap.parser import Response, parse_lazily

_LITERAL = re.compile(rb"\{(\d+)\+?\}\Z")
HIGH_WATER = 4 * 1024 * 1024
LOW_WATER = 1024 * 1024
# One response: the UIDs of a mailbox of several million messages, or the largest literal that we ever ask
# for.
MAX_RESPONSE = 64 * 1024 * 1024


class ImapTransport(asyncio.Protocol):
    """One connection. Use from one event loop, by one task at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._parts_size = 0
        self._literal = -1
        self._searched = 0
        self._ready: deque[tuple[Response, int]] = deque()
        self._ready_size = 0
        self._paused = False
        self._reader: asyncio.Future[bool] | None = None
        self._writer: asyncio.Future[bool] | None = None
        self._write_paused = False
        self._failure: Exception | None = None
        self._deflate: Deflate | None = None
        self.bytes_read = 0

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(
            ConnectionLost(f"connection lost: {type(exc).__name__ if exc else 'closed by the server'}")
        )

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        if self._writer and not self._writer.done():
            self._writer.set_result(True)

    def data_received(self, data: bytes) -> None:
        self.bytes_read += len(data)
        if self._deflate is None:
            self._take((data,))
        else:
            self._deflate.receive(data)
            self._take(self._deflate.pieces())

    def _take(self, pieces: Iterable[bytes]) -> None:
        try:
            for piece in pieces:
                self._buffer += piece
                self._scan()
                if self._ready_size > HIGH_WATER and self._deflate is not None:
                    # The rest stays packed until there is room.
                    break
        except ValueError as err:
            self._fail(ProtocolError(str(err)))
            self.abort()
            return
        if self._ready and self._reader and not self._reader.done():
            self._reader.set_result(True)
        if self._ready_size > HIGH_WATER and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()

    def _scan(self) -> None:
        buffer = self._buffer
        position = 0
        while True:
            if self._literal >= 0:
                if len(buffer) - position < self._literal:
                    break
                self._parts.append(bytes(memoryview(buffer)[position : position + self._literal]))
                position += self._literal
                self._searched = position
                self._literal = -1
            end = buffer.find(b"\n", max(position, self._searched))
            if end < 0:
                self._searched = len(buffer)
                break
            stop = end - 1 if end > position and buffer[end - 1] == 0x0D else end
            line = bytes(memoryview(buffer)[position:stop])
            position = self._searched = end + 1
            self._parts.append(line)
            self._parts_size += len(line)
            mark = _LITERAL.search(line) if line.endswith(b"}") else None
            if mark:
                self._literal = int(mark[1])
                self._parts_size += self._literal
                if self._parts_size > MAX_RESPONSE:
                    raise ValueError("response too large")
                continue
            self._ready.append((parse_lazily(self._parts), self._parts_size))
            self._ready_size += self._parts_size
            self._parts = []
            self._parts_size = 0
        if position:
            del buffer[:position]
            self._searched = max(0, self._searched - position)
        if len(buffer) > MAX_RESPONSE:
            raise ValueError("response too large")

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure
        for waiter in (self._reader, self._writer):
            if waiter and not waiter.done():
                waiter.set_result(True)

    # for the session

    @property
    def lost(self) -> bool:
        """Whether nothing more can be sent."""
        return self._failure is not None or self._transport is None or self._transport.is_closing()

    @property
    def has_response(self) -> bool:
        """Whether `receive` would answer at once."""
        return bool(self._ready)

    async def receive(self, seconds: float) -> Response:
        """The next response. ServerTimeout after `seconds` of silence, ConnectionLost at the end."""
        while (response := self.take()) is None:
            if self._failure is not None:
                raise self._failure
            self._reader = self._loop.create_future()
            try:
                if not await self._within(self._reader, seconds):
                    raise ServerTimeout("no answer")
            finally:
                self._reader = None
        return response

    def take(self) -> Response | None:
        """The next response, where it is here already."""
        if not self._ready:
            return None
        response, size = self._ready.popleft()
        self._ready_size -= size
        if self._paused and self._ready_size < LOW_WATER and self._transport:
            if self._deflate is not None:
                self._take(self._deflate.pieces())
            if self._ready_size <= HIGH_WATER:
                self._paused = False
                self._transport.resume_reading()
        return response

    def write(self, data: bytes) -> None:
        """Queue octets to send. ConnectionLost where there is no connection any more."""
        if self.lost:
            raise self._failure or ConnectionLost("not connected")
        assert self._transport is not None
        self._transport.write(data if self._deflate is None else self._deflate.pack(data))

    async def drain(self, seconds: float) -> None:
        """Wait until most of what was written is sent."""
        while self._write_paused:
            if self._failure is not None:
                raise self._failure
            self._writer = self._loop.create_future()
            try:
                if not await self._within(self._writer, seconds):
                    raise ServerTimeout("server does not read")
            finally:
                self._writer = None

    async def _within(self, woken: asyncio.Future[bool], seconds: float) -> bool:
        """Whether somebody else sets `woken` (to true) before `seconds` are over. A timer and no
        asyncio.timeout, which costs several times as much and would be paid for each answer of a server.
        """
        timer = self._loop.call_later(seconds, _expire, woken)
        try:
            return await woken
        finally:
            timer.cancel()

    async def start_tls(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Encrypt from here on. Nothing that came before may be left, or it could have been put there by
        another (the injection of CVE-2011-0411).
        """
        if self._buffer or self._ready or self._parts or self._transport is None:
            raise ProtocolError("data before TLS")
        self._transport = await self._loop.start_tls(
            self._transport, self, context, server_hostname=host, ssl_handshake_timeout=seconds
        )

    def start_deflate(self) -> None:
        """Compress from here on, and take what comes as compressed."""
        self._deflate = Deflate()
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        if rest:
            self._deflate.receive(rest)
            self._take(self._deflate.pieces())

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._failure is None:
            self._failure = ConnectionLost("dropped")
        if self._transport is not None:
            self._transport.abort()


def _expire(woken: asyncio.Future[bool]) -> None:
    if not woken.done():
        woken.set_result(False)
