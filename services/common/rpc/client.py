"""One way to call another service: mTLS, a deadline on every call, token and trace, PosternError back.

`connect` gives a grpc.aio.Channel for the generated stubs. grpc.aio's client interceptors see only the start
of a streaming call, so this wraps the channel's four kinds of callable instead.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import Any

import grpc

from services.common import metrics, tracing
from services.common.errors import PosternError, Reason
from services.common.rpc import context, status
from services.common.rpc.tls import TlsSettings

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
UNARY_SECONDS = 10.0
STREAM_SECONDS = 300.0
SHAVE_SECONDS = 0.01


def connect(
    target: str,
    *,
    tls: TlsSettings | None,
    service: str,
    timeouts: Mapping[str, float] | None = None,
    options: list[tuple[str, Any]] | None = None,
) -> Channel:
    """A channel to `service` at `target`, whose certificate must be for that service.

    `timeouts`: seconds by full method ("/postern.x.v1.Y/Z"); else 10 s for unary calls, 300 s for streams.
    It connects when first used and again by itself; close it with `await channel.close()`.
    """
    settings: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.absolute_max_metadata_size", 32 * 1024),
        # A service that was restarted is found again soon.
        ("grpc.initial_reconnect_backoff_ms", 100),
        # Despite its name: how long an attempt to connect may take, TCP and TLS together.
        ("grpc.min_reconnect_backoff_ms", 5000),
        ("grpc.max_reconnect_backoff_ms", 2000),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.enable_http_proxy", 0),
        ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
        *(options or []),
    ]
    if tls is None:
        inner = grpc.aio.insecure_channel(target, options=settings)
    else:
        settings.append(("grpc.ssl_target_name_override", service))
        inner = grpc.aio.secure_channel(target, tls.channel_credentials(), options=settings)
    return Channel(inner, dict(timeouts or {}))


class Channel(grpc.aio.Channel):
    """Wraps a channel; what its callables return is awaited or iterated, as the stubs' users do."""

    def __init__(self, inner: grpc.aio.Channel, timeouts: dict[str, float]) -> None:
        self._inner, self._timeouts = inner, timeouts

    async def __aenter__(self) -> Channel:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._inner.channel_ready()

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return _Single(method, self._inner.unary_unary(method, *args, **kwargs), self._seconds(method))

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        inner = self._inner.stream_unary(method, *args, **kwargs)
        return _Single(method, inner, self._timeouts.get(method, STREAM_SECONDS))

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        inner = self._inner.unary_stream(method, *args, **kwargs)
        return _Streaming(method, inner, self._timeouts.get(method, STREAM_SECONDS))

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        inner = self._inner.stream_stream(method, *args, **kwargs)
        return _Streaming(method, inner, self._timeouts.get(method, STREAM_SECONDS))

    def _seconds(self, method: str) -> float:
        return self._timeouts.get(method, UNARY_SECONDS)


class _Callable:
    def __init__(self, method: str, inner: Any, seconds: float) -> None:
        self._method, self._inner, self._seconds = method, inner, seconds

    def _options(
        self, timeout: float | None, metadata: Any, token: str | None, wait_for_ready: bool | None
    ) -> dict[str, Any]:
        seconds, left = timeout if timeout is not None else self._seconds, context.remaining()
        if left is not None:
            seconds = min(seconds, left - SHAVE_SECONDS)
        if seconds <= 0:
            raise PosternError(Reason.DEADLINE_EXCEEDED, cause=f"nothing left for {self._method}")
        trace = tracing.current() or tracing.new_trace()
        items = [*(metadata or ()), (tracing.HEADER, trace.header())]
        token = token if token is not None else context.outgoing_token()
        if token is not None:
            items.append(("authorization", f"Bearer {token}"))
        if address := context.outgoing_client_address():
            items.append((context.CLIENT_ADDRESS, address))
        # As grpc.aio wants it in the end: what a tuple is, it works out with each call.
        metadata = grpc.aio.Metadata(*items)
        return {"timeout": seconds, "metadata": metadata, "wait_for_ready": wait_for_ready}


# A metric is looked up once, and not with each call.
_labels = lru_cache(maxsize=1024)(metrics.split_method)


@lru_cache(maxsize=4096)
def _seconds(labels: tuple[str, str]) -> Any:
    return metrics.CLIENT_SECONDS.labels(*labels)


@lru_cache(maxsize=4096)
def _calls(labels: tuple[str, str], code: str) -> Any:
    return metrics.CLIENT_CALLS.labels(*labels, code)


class _Measure:
    """Counts one call when it ends, once."""

    def __init__(self, method: str) -> None:
        self._labels, self._started = _labels(method), time.monotonic()
        self.done = False

    def end(self, code: grpc.StatusCode) -> None:
        if not self.done:
            self.done = True
            _seconds(self._labels).observe(time.monotonic() - self._started)
            _calls(self._labels, code.name).inc()


class _Single(_Callable):
    """One answer: `await stub.Method(request)`; `request` is a message or an async iterator of them."""

    async def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 gRPC's own name for the deadline
        metadata: Any = None,
        token: str | None = None,
        wait_for_ready: bool | None = None,
    ) -> Any:
        measure = _Measure(self._method)
        code = grpc.StatusCode.CANCELLED
        try:
            answer = await self._inner(request, **self._options(timeout, metadata, token, wait_for_ready))
            code = grpc.StatusCode.OK
            return answer
        except grpc.aio.AioRpcError as err:
            code = err.code()
            raise status.decode(err) from err
        except PosternError as err:
            code = err.code
            raise
        finally:
            measure.end(code)


class _Streaming(_Callable):
    """Many answers: `async for answer in stub.Method(request)`."""

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        token: str | None = None,
        wait_for_ready: bool | None = None,
    ) -> ResponseStream:
        options = self._options(timeout, metadata, token, wait_for_ready)
        return ResponseStream(self._inner(request, **options), _Measure(self._method))


class ResponseStream(AsyncIterator[Any]):
    """A streaming answer. Leaving it early: `cancel()`, or `async with contextlib.aclosing(stream)`."""

    def __init__(self, call: Any, measure: _Measure) -> None:
        self._call, self._measure = call, measure
        self._iterator = call.__aiter__()

    def __aiter__(self) -> ResponseStream:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._iterator.__anext__()
        except StopAsyncIteration:
            self._measure.end(grpc.StatusCode.OK)
            raise
        except grpc.aio.AioRpcError as err:
            self._measure.end(err.code())
            raise status.decode(err) from err

    def cancel(self) -> None:
        self._measure.end(grpc.StatusCode.CANCELLED)
        self._call.cancel()

    async def aclose(self) -> None:
        self.cancel()

    def __del__(self) -> None:
        # grpc's own call is part of a reference cycle: left by `break`, it would run on until a collection.
        if not self._measure.done:
            self.cancel()
