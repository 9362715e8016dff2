"""The outermost layer: trace id, headers, bounds, time limit, metrics, and a last answer for what nobody
caught."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from functools import lru_cache

from prometheus_client import Counter, Histogram
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common import tracing
from services.common.errors import PosternError, Reason, too_large
from services.common.logging import get_logger
from services.web.gate import Gate
from services.web.middleware.client import allowed_origin
from services.web.middleware.headers import HeaderSend
from services.web.settings import WebSettings

log = get_logger(__name__)
REQUESTS = Counter("postern_web_requests", "Requests answered.", ("route", "method", "status"))
SECONDS = Histogram(
    "postern_web_request_seconds",
    "Time until a request was answered.",
    ("route",),
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
_METHODS = {"GET", "HEAD", "POST"}
# Pictures within a message come from a frame without an origin, files of the bundle from anywhere in the
# page.
_OPEN_PREFIXES = ("/static/", "/inline/", "/image/")
OnError = Callable[[Request, BaseException], Awaitable[Response]]


class Shell:
    """`on_error` draws the page for what a handler raised; `outside`: paths that are open before the gate."""

    def __init__(
        self,
        app: ASGIApp,
        settings: WebSettings,
        on_error: OnError,
        gate: Gate | None = None,
        outside: Collection[str] = (),
    ) -> None:
        self._app, self._settings, self._on_error = app, settings, on_error
        self._gate, self._outside = gate, frozenset(outside)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        # A trace that a browser or a proxy sends is not believed: it would let them choose what the log says.
        tracing.start(None)
        out = HeaderSend(send, self._settings.secure)
        request = Request(scope, receive)
        try:
            if self._gate is not None and scope["path"] not in self._outside:
                self._gate.admit(request)
            refusal = self._refuse(request)
            if refusal is not None:
                raise refusal
            await self._app(scope, self._bounded(request, receive), out)
        except Exception as err:
            if (
                out.status
            ):  # the answer has begun: all that is left is to break it off, so that it is not taken as whole
                log.exception("request.broken_off", err, route=_route(scope))
                raise _BrokenOff from None
            response = await self._on_error(request, err)
            await response(scope, receive, out)
        finally:
            route = _route(scope)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            seconds = time.perf_counter() - started
            _counted(route, method, out.status).inc()
            _timed(route).observe(seconds)
            if not route.startswith("/static"):
                log.info(
                    "request.answered",
                    route=route,
                    method=method,
                    status=out.status,
                    duration_ms=round(seconds * 1000, 1),
                )

    def _refuse(self, request: Request) -> PosternError | None:
        if request.method not in _METHODS:
            return PosternError(Reason.UNSUPPORTED)
        # As routes see it; request.url is worked out from the head anew and costs more than all of this.
        if not request.scope["path"].startswith(_OPEN_PREFIXES) and not allowed_origin(
            request, self._settings.public_url
        ):
            return PosternError(Reason.PERMISSION_DENIED, cause="the request came from another site's page")
        return None

    def _bounded(self, request: Request, receive: Receive) -> Receive:
        """No body beyond what any page takes; pages with forms of text alone have tighter bounds of their
        own."""
        hard = self._settings.max_upload_bytes * 4 + self._settings.max_form_bytes
        if request.scope["path"].endswith("/import"):
            hard = max(hard, self._settings.max_import_bytes + self._settings.max_form_bytes)
        total = 0

        async def bounded() -> Message:
            nonlocal total
            message = await receive()
            if message["type"] == "http.request":
                total += len(message.get("body", b""))
                if total > hard:
                    raise too_large(self._settings.max_upload_bytes)
            return message

        return bounded


# A metric is looked up once, and not with each request.
@lru_cache(maxsize=4096)
def _counted(route: str, method: str, status: int) -> Counter:
    return REQUESTS.labels(route, method, str(status))


@lru_cache(maxsize=512)
def _timed(route: str) -> Histogram:
    return SECONDS.labels(route)


class _BrokenOff(Exception):
    """Ends a connection in the midst of an answer."""


def _route(scope: Scope) -> str:
    """The route's pattern, never the path: paths name mailboxes."""
    return getattr(scope.get("endpoint"), "route", "none")
