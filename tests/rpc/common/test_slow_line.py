"""A client connects over a line on which the TLS handshake takes its time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from services.common.rpc.access import PUBLIC
from services.common.rpc.client import connect
from tests.rpc.common.echo import call, method, register
from tests.support import rpc


async def echo(request: bytes, context: Any) -> bytes:
    return request


async def test_a_handshake_of_half_a_second_succeeds() -> None:
    async with rpc.running("mailstore", register(Do=("unary_unary", echo)), {method("Do"): PUBLIC}) as server:
        lines: set[asyncio.Task[None]] = set()

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    await asyncio.sleep(seconds)
                    writer.write(data)
            writer.close()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", server.running.port)
            lines.add(asyncio.create_task(carry(reader, up_writer, 0)))
            lines.add(asyncio.create_task(carry(up_reader, writer, 0.2)))

        proxy = await asyncio.start_server(accept, "127.0.0.1", 0)
        target = f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        async with connect(target, tls=rpc.tls("web"), service="mailstore") as channel:
            assert await call(channel, "unary_unary", "Do", b"x") == [b"x"]
        proxy.close()
        for line in lines:
            line.cancel()
