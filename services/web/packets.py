"""An answer's head and body in one packet. uvicorn writes them one after the other, and each write is a
packet, which wakes the other side: it would read a head, and wait again."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Octets that are held back for what comes next, and a piece that is not copied for it.
_SMALL, _LARGE = 2_048, 65_536


class OnePacket(HttpToolsProtocol):
    """uvicorn's own protocol, writing through `Joined`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Joined(transport, self.loop))  # type: ignore[arg-type]


class Joined:
    """A transport that sends a small piece together with the next, or alone where none follows in this turn
    of the loop. It holds one piece at most, so that a slow reader is noticed as ever."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._held:
            held, self._held = self._held, b""
            if len(data) > _LARGE:
                self._transport.write(held)
            else:
                data = held + data
            self._transport.write(data)
        elif 0 < len(data) <= _SMALL:
            self._held = data
            self._loop.call_soon(self._send)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Closes, once all is sent."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)
