"""Prometheus metrics, and the small HTTP server with /metrics, /healthz and /readyz.

Label sets are bounded: service and method come from the contract and code from gRPC's list, never from a
caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from services.common.endpoint import HostPort
from services.common.logging import get_logger

log = get_logger(__name__)
Ready = Callable[[], Awaitable[bool]]

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LABELS = ("service", "method")

SERVER_SECONDS = Histogram("postern_rpc_server_seconds", "Time to answer a call.", _LABELS, buckets=_BUCKETS)
SERVER_CALLS = Counter("postern_rpc_server_calls", "Calls answered.", (*_LABELS, "code"))
SERVER_RUNNING = Gauge("postern_rpc_server_running", "Calls being answered now.", _LABELS)
CLIENT_SECONDS = Histogram(
    "postern_rpc_client_seconds", "Time until a called service answered.", _LABELS, buckets=_BUCKETS
)
CLIENT_CALLS = Counter("postern_rpc_client_calls", "Calls made to other services.", (*_LABELS, "code"))

_MAX_CONNECTIONS = 32
_HEAD_BYTES = 8192
_PATIENCE_SECONDS = 5.0


def split_method(full_method: str) -> tuple[str, str]:
    """The labels of "/package.Service/Method"."""
    service, _, method = full_method.lstrip("/").rpartition("/")
    return service, method


async def always_ready() -> bool:
    return True


class MetricsServer:
    """Answers GET /metrics, /healthz (the process runs) and /readyz (`ready()` is true; else 503)."""

    def __init__(self, ready: Ready = always_ready, registry: CollectorRegistry = REGISTRY) -> None:
        self._ready, self._registry = ready, registry
        self._server: asyncio.Server | None = None
        self._connections = 0
        self.draining = False

    async def start(self, listen: HostPort) -> int:
        """Listen; the port, which is a free one where `listen` names 0."""
        self._server = await asyncio.start_server(
            self._connected, listen.host or None, listen.port, limit=_HEAD_BYTES
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= _MAX_CONNECTIONS:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(await self._answer(head.split(b"\r\n", 1)[0]))
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._connections -= 1
            writer.close()

    async def _answer(self, request_line: bytes) -> bytes:
        words = request_line.split(b" ")
        if len(words) != 3 or words[0] not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed", b"")
        path = words[1].split(b"?", 1)[0]
        status, content_type, body = "404 Not Found", "text/plain; charset=utf-8", b"not found\n"
        if path == b"/metrics":
            status, content_type, body = "200 OK", CONTENT_TYPE_LATEST, generate_latest(self._registry)
        elif path == b"/healthz":
            status, body = "200 OK", b"ok\n"
        elif path == b"/readyz":
            good = await self.is_ready()
            status, body = ("200 OK", b"ready\n") if good else ("503 Service Unavailable", b"not ready\n")
        return _response(status, b"" if words[0] == b"HEAD" else body, content_type)

    async def is_ready(self) -> bool:
        """What /readyz answers: false while draining, and when `ready` fails or takes longer than 2 s."""
        if self.draining:
            return False
        try:
            async with asyncio.timeout(2.0):
                return await self._ready()
        except Exception as err:
            log.exception("readiness.failed", err)
            return False


def _response(status: str, body: bytes, content_type: str = "text/plain") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
