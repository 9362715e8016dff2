"""A session with the SMTP server, once it is open, encrypted and signed in: commands out, replies in order.

aiosmtplib opens the session (greeting, EHLO, STARTTLS, AUTH) and hands its transport over. From there on this
is the transport's protocol: aiosmtplib waits for one reply at a time and drops what comes while it waits for
none, so that it cannot have several commands on their way (RFC 2920). See docs/adr/0027-smtp-pipelining.md.

Invariants:
* A reply belongs to the oldest command that has none yet. What comes beyond that, or is no reply at all, ends
  the session: nothing more is sent on it, and so nothing can be taken for the reply to a final dot that is
  not.
* No control character is in a command.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from typing import cast

from services.sender.smtp.wire import END, BadReply, Replies, Reply

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


class SessionLost(Exception):
    """The connection is gone, or the server said what no server should: nothing more can be had of it."""


class SessionTimeout(Exception):
    """No reply came, or nothing more could be written, in time."""


class Session(asyncio.Protocol):
    """`extensions`: what EHLO said, by lower-case keyword. For one message at a time."""

    def __init__(self, transport: asyncio.Transport, extensions: Mapping[str, str]) -> None:
        self.extensions = extensions
        self._transport = transport
        self._parser = Replies()
        self._replies: deque[Reply] = deque()
        # Commands whose reply has not come.
        self._awaited = 0
        self._waiter: asyncio.Future[None] | None = None
        self._over: SessionLost | None = None
        self._room = asyncio.Event()
        self._room.set()
        transport.set_protocol(self)

    @property
    def is_good(self) -> bool:
        """Whether another command may be sent: connected, and every reply was one to a command."""
        return self._over is None and not self._transport.is_closing()

    def offers(self, extension: str) -> bool:
        return extension in self.extensions

    def send(self, *commands: bytes) -> None:
        """Sends commands in one write; each has a `reply`. More than one only where PIPELINING is
        offered."""
        for command in commands:
            if _CONTROL.search(command):
                raise ValueError("a control character in a command")
        self._send(b"".join(command + b"\r\n" for command in commands), len(commands))

    def end(self) -> None:
        """Sends the final dot, which has a `reply`."""
        self._send(END, 1)

    def _send(self, data: bytes, count: int) -> None:
        self._check()
        self._awaited += count
        self._transport.write(data)

    def _check(self) -> None:
        if self._over is not None:
            raise self._over
        if self._transport.is_closing():
            raise SessionLost("closing")

    async def reply(self, seconds: float) -> Reply:
        """The reply to the oldest command that has not been given one."""
        if not self._replies:
            self._check()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(seconds):
                    await self._waiter
            except TimeoutError as err:
                raise SessionTimeout("no reply") from err
            finally:
                self._waiter = None
        return self._replies.popleft()

    async def write(self, data: bytes, seconds: float) -> None:
        """Writes a piece of a message, and waits until there is room for more."""
        self._check()
        self._transport.write(data)
        if self._room.is_set():
            return
        try:
            async with asyncio.timeout(seconds):
                await self._room.wait()
        except TimeoutError as err:
            raise SessionTimeout("no room to write") from err
        self._check()

    def close(self) -> None:
        """Closes at once; what is not written yet is not sent."""
        self._end("closed here")
        self._transport.abort()

    def leave(self) -> None:
        """Takes leave (RFC 5321, 4.1.1.10) of a server that waits for a command; its reply is not waited
        for."""
        if self.is_good and not self._awaited:
            self._transport.write(b"QUIT\r\n")
            self._end("closed here")
            self._transport.close()
        else:
            self.close()

    def _end(self, why: str) -> None:
        if self._over is None:
            self._over = SessionLost(why)
        self._room.set()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._over)

    # What the transport calls.

    def data_received(self, data: bytes) -> None:
        if self._over is not None:
            return
        try:
            for reply in self._parser.feed(data):
                if not self._awaited:
                    self._end("out of step")
                    return
                self._awaited -= 1
                self._replies.append(reply)
                if self._waiter is not None and not self._waiter.done():
                    self._waiter.set_result(None)
        except BadReply:
            self._end("not a reply")

    def eof_received(self) -> bool:
        self._end("the server ended it")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("connection lost")

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()


def take_over(transport: asyncio.BaseTransport | None, extensions: Mapping[str, str]) -> Session:
    """The session on a transport that somebody else has opened; SessionLost where it is gone already."""
    if transport is None or transport.is_closing():
        raise SessionLost("gone before it was used")
    return Session(cast(asyncio.Transport, transport), dict(extensions))
