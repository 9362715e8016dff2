"""The server's guard: everything that stands between the wire and a handler, for all four kinds of method.

In this order: trace id, deadline, peer and token against the method's rule, the handler under its deadline,
then errors turned into statuses, metrics and one access line. It is one interceptor that wraps the handler,
because a context variable that is to be seen in the handler has to be set in the task that runs it.

Invariants (a security boundary: grpc.aio would send an uncaught exception's text to the caller):
* Only a PosternError's reason, code and metadata reach a caller; anything else is INTERNAL without a word.
* A method without a rule is refused.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

import grpc

from services.common import metrics, tracing
from services.common.errors import PosternError, Reason
from services.common.logging import describe_exception, get_logger
from services.common.rpc import access, context, status
from services.common.tokens import KeySet

log = get_logger(__name__)
_BUILT_IN = ("/grpc.health.v1.Health/", "/grpc.reflection.")
SHAVE_SECONDS = 0.02
MINIMUM_SECONDS = 0.01

Behaviour = Callable[[Any, grpc.aio.ServicerContext], Awaitable[Any]]


@dataclass(frozen=True)
class Deadlines:
    """Seconds a call may take whose caller sets no deadline."""

    unary: float = 30.0
    stream: float = 300.0


@dataclass
class _Call:
    method: str
    started: float
    code: grpc.StatusCode = grpc.StatusCode.OK
    reason: str = ""
    account: str = ""
    peers: frozenset[str] = frozenset()
    deadline: float = field(default=float("inf"))
    draining: bool = False


class Guard(grpc.aio.ServerInterceptor):
    """Enforces `rules` for the service whose tokens have `audience`; see the module's head."""

    def __init__(
        self,
        rules: access.Rules,
        *,
        audience: str,
        keys: KeySet | None = None,
        deadlines: Deadlines = Deadlines(),
        long_lived: frozenset[str] = frozenset(),
    ) -> None:
        self._rules = access.normalise(rules)
        self._audience, self._keys = audience, keys
        self._deadlines, self._long_lived = deadlines, long_lived
        self._open_ended: dict[asyncio.Task[Any], _Call] = {}
        self._wrapped: dict[str, Any] = {}
        if keys is None and any(rule.needs_token for rule in self._rules.values()):
            raise ValueError("some methods need a token but no key set is given")

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        method = handler_call_details.method
        known = self._wrapped.get(method)
        if known is not None:
            return known
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            return handler  # gRPC answers UNIMPLEMENTED
        name = f"{'stream' if handler.request_streaming else 'unary'}_" + (
            "stream" if handler.response_streaming else "unary"
        )
        run = getattr(handler, name)
        if handler.response_streaming and (
            inspect.isasyncgenfunction(run) or not inspect.iscoroutinefunction(run)
        ):
            run = _written(run)
        wrapped = self._wrap(method, run, handler.response_streaming)
        factory = getattr(grpc, f"{name}_rpc_method_handler")
        found = factory(wrapped, handler.request_deserializer, handler.response_serializer)
        # What is registered stays so; there are as many as the contract has methods.
        self._wrapped[method] = found
        return found

    def drain(self) -> None:
        """End the long-lived calls with UNAVAILABLE, so that their callers go elsewhere at once."""
        for task, call in list(self._open_ended.items()):
            call.draining = True
            task.cancel()

    def _wrap(self, method: str, run: Behaviour, streaming: bool) -> Behaviour:
        labels = metrics.split_method(method) if self._known(method) else ("unknown", "unknown")
        # Looked up once: it is done with each call.
        running = metrics.SERVER_RUNNING.labels(*labels)
        seconds = metrics.SERVER_SECONDS.labels(*labels)
        long_lived = method in self._long_lived

        async def guarded(request: Any, servicer_context: grpc.aio.ServicerContext) -> Any:
            call = _Call(method, time.monotonic())
            running.inc()
            task = asyncio.current_task()
            if task is not None and long_lived:
                self._open_ended[task] = call
            try:
                return await self._answer(call, run, request, servicer_context, streaming)
            except BaseException as err:
                await self._fail(call, err, servicer_context)
            finally:
                if long_lived:
                    self._open_ended.pop(task, None)  # type: ignore[arg-type]
                running.dec()
                seconds.observe(time.monotonic() - call.started)
                self._finish(call, labels)

        return guarded

    async def _answer(
        self,
        call: _Call,
        run: Behaviour,
        request: Any,
        servicer_context: grpc.aio.ServicerContext,
        streaming: bool,
    ) -> Any:
        metadata: Any = servicer_context.invocation_metadata() or ()
        tracing.start(next((value for key, value in metadata if key == tracing.HEADER), None))
        call.peers = access.peer_names(access.auth_context_of(servicer_context))
        seconds = self._seconds(servicer_context.time_remaining(), streaming)
        call.deadline = call.started + seconds
        client = access.client_address(metadata) if "web" in call.peers else ""
        context.enter_call(deadline=call.deadline, peer=call.peers, client=client)
        try:
            async with asyncio.timeout(seconds) as limit:
                await self._admit(call, metadata)
                return await run(request, servicer_context)
        except TimeoutError as err:
            if not limit.expired():
                raise
            raise PosternError(Reason.DEADLINE_EXCEEDED, cause=err) from None

    def _seconds(self, left: float | None, streaming: bool) -> float:
        if left is None:
            return self._deadlines.stream if streaming else self._deadlines.unary
        if left - SHAVE_SECONDS < MINIMUM_SECONDS:
            raise PosternError(Reason.DEADLINE_TOO_SHORT, cause=f"{left * 1000:.0f} ms left on arrival")
        return left - SHAVE_SECONDS

    def _known(self, method: str) -> bool:
        return method in self._rules or method.startswith(_BUILT_IN)

    async def _admit(self, call: _Call, metadata: Any) -> None:
        rule = self._rules.get(call.method)
        if rule is None:
            if call.method.startswith(_BUILT_IN):
                return
            raise PosternError(Reason.PERMISSION_DENIED, cause="the method has no access rule")
        access.check_peer(rule, call.peers)
        if not rule.needs_token:
            return
        token = access.bearer_token(metadata)
        if token is None or self._keys is None:
            raise PosternError(Reason.TOKEN_INVALID, cause="no bearer token")
        identity = await self._keys.verify(token, access.audience_of(rule, call.peers, self._audience))
        call.account = identity.account
        access.check_scope(rule, identity)
        access.check_method(call.method, identity)
        context.set_identity(identity)

    async def _fail(self, call: _Call, err: BaseException, servicer_context: Any) -> NoReturn:
        if isinstance(err, grpc.aio.AbortError):
            call.code = _code(servicer_context.code())
            raise err
        if isinstance(err, asyncio.CancelledError) and call.draining:
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            err = PosternError(Reason.UNAVAILABLE, metadata={"problem": "draining"})
        if type(err).__name__ == "ExecuteBatchError":
            # grpc's private name for reading or writing after the caller has gone, just before it cancels us.
            err = asyncio.CancelledError()
        if not isinstance(err, Exception):  # cancelled by the caller or its deadline, or the process ends
            late = time.monotonic() >= call.deadline
            call.code = grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
            raise err
        known = _posterror(err)
        if known is None:
            log.exception("rpc.failed", err, method=call.method)  # noqa: LOG004 called while handling
            known = PosternError(Reason.INTERNAL)
        elif known.cause is not None or known.__cause__ is not None:
            cause = known.cause if known.cause is not None else known.__cause__
            text = describe_exception(cause) if isinstance(cause, BaseException) else str(cause)
            log.info("rpc.refused", method=call.method, reason=known.reason, cause=text)
        call.code, call.reason = known.code, known.reason
        await servicer_context.abort_with_status(status.encode(known))
        raise AssertionError("abort_with_status returned")

    def _finish(self, call: _Call, labels: tuple[str, str]) -> None:
        _counted(labels, call.code.name).inc()
        level = logging.DEBUG if call.method.startswith(_BUILT_IN) else logging.INFO
        if not log.writes(level):
            return
        seconds = time.monotonic() - call.started
        write = log.debug if level == logging.DEBUG else log.info
        fields: dict[str, Any] = {
            "method": call.method,
            "code": call.code.name,
            "ms": round(seconds * 1000, 1),
        }
        if call.reason:
            fields["reason"] = call.reason
        if call.account:
            fields["account"] = call.account
        if call.peers:
            fields["peer"] = ",".join(sorted(call.peers))
        write("rpc.finished", **fields)


@lru_cache(maxsize=4096)
def _counted(labels: tuple[str, str], code: str) -> Any:
    return metrics.SERVER_CALLS.labels(*labels, code)


def _written(generator: Callable[..., AsyncIterator[Any]]) -> Behaviour:
    """An async-generator handler as one that writes: cancelled while writing, it is closed then and there."""

    async def write_all(request: Any, servicer_context: grpc.aio.ServicerContext) -> None:
        async with aclosing(generator(request, servicer_context)) as responses:  # type: ignore[type-var]
            async for response in responses:
                await servicer_context.write(response)

    return write_all


def _posterror(err: BaseException) -> PosternError | None:
    """The PosternError in `err`, also as the one failure in a TaskGroup's exception group."""
    if isinstance(err, PosternError):
        return err
    if isinstance(err, NotImplementedError):
        # What a generated servicer's base raises for a method of the contract that is not served yet.
        return PosternError(Reason.UNSUPPORTED)
    if isinstance(err, BaseExceptionGroup):
        return next((found for inner in err.exceptions if (found := _posterror(inner))), None)
    return None


def _code(value: Any) -> grpc.StatusCode:
    """A status code from what grpc.aio's context holds: the enum, or its number."""
    if isinstance(value, grpc.StatusCode):
        return value
    return next((code for code in grpc.StatusCode if code.value[0] == value), grpc.StatusCode.UNKNOWN)
