"""A service of four kinds of method without generated code: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

SERVICE = "postern.test.v1.EchoService"
KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


def method(name: str) -> str:
    return f"/{SERVICE}/{name}"


def register(**handlers: tuple[str, Callable[..., Any]]) -> Callable[[Any], None]:
    """Name=(kind, handler) for each method."""
    table = {
        name: getattr(grpc, f"{kind}_rpc_method_handler")(handler)
        for name, (kind, handler) in handlers.items()
    }

    def add(server: Any) -> None:
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, table),))
        server.add_registered_method_handlers(SERVICE, table)

    return add


async def once(*messages: bytes) -> Any:
    for message in messages:
        yield message


async def call(channel: Any, kind: str, name: str, *messages: bytes, **options: Any) -> list[bytes]:
    """All answers of one call of any kind."""
    stub = getattr(channel, kind)(method(name))
    request = once(*messages) if kind.startswith("stream") else messages[0]
    if kind.endswith("unary"):
        return [await stub(request, **options)]
    return [answer async for answer in stub(request, **options)]
