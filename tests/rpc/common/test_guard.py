"""The guard over a real connection, for all four kinds of method."""

from __future__ import annotations

import asyncio
import io
import json
import logging as std_logging
from typing import Any

import grpc
import pytest

from services.common import logging, tracing
from services.common.errors import PosternError, Reason, error
from services.common.rpc.access import PEER, PUBLIC, SCOPE, SIGNED_IN, Rule
from services.common.rpc.context import current_identity, current_peer, remaining
from services.common.rpc.guard import Deadlines
from tests.rpc.common.echo import KINDS, call, method, register
from tests.support import rpc

SECRET = "hunter2-in-an-exception"


def of_kind(kind: str, work: Any) -> Any:
    """`work(message) -> bytes` as a handler of `kind`."""

    async def messages(request: Any) -> bytes:
        if not kind.startswith("stream"):
            return request
        return b"+".join([message async for message in request])

    async def single(request: Any, context: Any) -> bytes:
        return await work(await messages(request))

    async def many(request: Any, context: Any) -> Any:
        for _ in range(2):
            yield await work(await messages(request))

    return many if kind.endswith("stream") else single


def serving(kind: str, work: Any, rule: Rule | str = PUBLIC, **options: Any) -> Any:
    return rpc.running("mailstore", register(Do=(kind, of_kind(kind, work))), {method("Do"): rule}, **options)


@pytest.fixture
def log_lines() -> Any:
    stream = io.StringIO()
    root = std_logging.getLogger()
    before, level = root.handlers[:], root.level
    logging.configure("mailstore", "DEBUG", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize("kind", KINDS)
async def test_identity_peer_deadline_and_trace_are_seen_in_the_handler(kind: str) -> None:
    async def work(message: bytes) -> bytes:
        trace, left = tracing.current(), remaining()
        assert trace is not None and left is not None
        return "|".join(
            [current_identity().account, ",".join(current_peer()), trace.trace_id, str(0 < left < 5)]
        ).encode()

    async with serving(kind, work, "mail.read") as server:
        caller = tracing.new_trace()
        answers = await call(
            server.channel(),
            kind,
            "Do",
            b"x",
            token=server.token("mail.read"),
            timeout=5,
            metadata=[("traceparent", caller.header())],
        )
    assert answers[0].decode().split("|")[:2] == [rpc.ACCOUNT, "web"]
    assert answers[0].decode().endswith("|True")


async def test_the_trace_continues_the_callers() -> None:
    async def work(message: bytes) -> bytes:
        trace = tracing.current()
        return trace.trace_id.encode() if trace else b""

    async with serving("unary_unary", work) as server:
        mine = tracing.start(None)
        assert await call(server.channel(), "unary_unary", "Do", b"") == [mine.trace_id.encode()]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_exception_tells_the_caller_nothing(kind: str, log_lines: Any) -> None:
    async def work(message: bytes) -> bytes:
        raise RuntimeError(SECRET)

    async with serving(kind, work) as server:
        with pytest.raises(PosternError) as caught:
            await call(server.channel(), kind, "Do", b"x")
    assert (caught.value.reason, caught.value.code) == (Reason.INTERNAL, grpc.StatusCode.INTERNAL)
    wire = caught.value.__cause__
    assert isinstance(wire, grpc.aio.AioRpcError)
    assert "hunter2" not in f"{wire.details()} {wire.trailing_metadata()} {wire.debug_error_string()}"
    failed = [line for line in log_lines() if line["event"] == "rpc.failed"]
    assert len(failed) == 1 and "RuntimeError" in failed[0]["exception"] and len(failed[0]["trace"]) == 32
    assert "hunter2" not in json.dumps(log_lines())


@pytest.mark.parametrize("kind", KINDS)
async def test_a_typed_error_crosses_with_reason_code_and_metadata(kind: str, log_lines: Any) -> None:
    async def work(message: bytes) -> bytes:
        raise error(Reason.SPECIAL_MAILBOX_MISSING, "the log's business", use="trash")

    async with serving(kind, work) as server:
        with pytest.raises(PosternError) as caught:
            await call(server.channel(), kind, "Do", b"x")
    assert caught.value.reason == Reason.SPECIAL_MAILBOX_MISSING
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.metadata == {"use": "trash"}
    assert "log's business" not in repr(caught.value.__cause__)
    assert any(line.get("cause") == "the log's business" for line in log_lines())


async def test_an_error_after_the_first_answer_and_one_in_a_task_group() -> None:
    async def stream(request: Any, context: Any) -> Any:
        yield b"one"
        raise error(Reason.MESSAGE_GONE)

    async def grouped(request: Any, context: Any) -> bytes:
        async with asyncio.TaskGroup() as group:
            group.create_task(failing())
        return b""

    async def failing() -> None:
        raise error(Reason.MAILBOX_CHANGED)

    handlers = register(Stream=("unary_stream", stream), Group=("unary_unary", grouped))
    rules = {method("Stream"): PUBLIC, method("Group"): PUBLIC}
    async with rpc.running("mailstore", handlers, rules) as server:
        seen = []
        with pytest.raises(PosternError, match="MESSAGE_GONE"):
            async for answer in server.channel().unary_stream(method("Stream"))(b""):
                seen.append(answer)
        assert seen == [b"one"]
        with pytest.raises(PosternError, match="MAILBOX_CHANGED"):
            await call(server.channel(), "unary_unary", "Group", b"")


async def answer(message: bytes) -> bytes:
    return b"done"


@pytest.mark.parametrize("kind", KINDS)
async def test_scopes(kind: str) -> None:
    async with serving(kind, answer, "mail.modify") as server:
        channel = server.channel()
        assert (await call(channel, kind, "Do", b"x", token=server.token("mail.read mail.modify")))[
            0
        ] == b"done"
        with pytest.raises(PosternError, match="SCOPE_MISSING") as caught:
            await call(channel, kind, "Do", b"x", token=server.token("mail.read"))
        assert caught.value.metadata == {"scope": "mail.modify"}
        for bad in (None, "rubbish", rpc.mint("sender"), server.token(lifetime=-60)):
            with pytest.raises(PosternError, match="TOKEN_INVALID"):
                await call(channel, kind, "Do", b"x", token=bad)


async def test_signed_in_needs_a_token_of_any_scope() -> None:
    async with serving("unary_unary", answer, SIGNED_IN) as server:
        channel = server.channel()
        assert await call(channel, "unary_unary", "Do", b"", token=server.token("")) == [b"done"]
        with pytest.raises(PosternError, match="TOKEN_INVALID"):
            await call(channel, "unary_unary", "Do", b"")


async def test_peer_rules_go_by_the_certificate() -> None:
    async with serving("unary_unary", answer, PEER("sender")) as server:
        assert await call(server.channel("sender"), "unary_unary", "Do", b"") == [b"done"]
        with pytest.raises(PosternError, match="PERMISSION_DENIED"):
            await call(server.channel("web"), "unary_unary", "Do", b"")
    async with serving("unary_unary", answer, PEER("web", scope="mail.send")) as server:
        with pytest.raises(PosternError, match="TOKEN_INVALID"):
            await call(server.channel("web"), "unary_unary", "Do", b"")
        with pytest.raises(PosternError, match="PERMISSION_DENIED"):
            await call(server.channel("sender"), "unary_unary", "Do", b"", token=server.token("mail.send"))
        assert await call(server.channel("web"), "unary_unary", "Do", b"", token=server.token("mail.send"))


async def test_a_delegate_shows_the_token_given_to_itself_and_nobody_else_may() -> None:
    rule = SCOPE("mail.read", delegates=("sender",))
    async with serving("unary_unary", answer, rule) as server:
        given, own = rpc.mint("sender", "mail.send"), server.token("mail.read")
        assert await call(server.channel("sender"), "unary_unary", "Do", b"", token=given) == [b"done"]
        assert await call(server.channel("web"), "unary_unary", "Do", b"", token=own) == [b"done"]
        for peer, token in (("web", given), ("contacts", given), ("sender", rpc.mint("contacts"))):
            with pytest.raises(PosternError, match="TOKEN_INVALID"):
                await call(server.channel(peer), "unary_unary", "Do", b"", token=token)
        with pytest.raises(PosternError, match="SCOPE_MISSING"):
            await call(server.channel("web"), "unary_unary", "Do", b"", token=server.token("mail.send"))


async def test_a_method_not_served_yet_is_unsupported() -> None:
    async def work(message: bytes) -> bytes:
        raise NotImplementedError

    async with serving("unary_unary", work) as server:
        with pytest.raises(PosternError, match="UNSUPPORTED"):
            await call(server.channel(), "unary_unary", "Do", b"")


async def test_without_tls_nobody_is_a_peer() -> None:
    async with serving("unary_unary", answer, PEER("web"), secure=False) as server:
        with pytest.raises(PosternError, match="PERMISSION_DENIED"):
            await call(server.channel(None), "unary_unary", "Do", b"")


async def test_a_method_without_a_rule_stops_the_start_and_an_unknown_one_is_refused() -> None:
    with pytest.raises(ValueError, match="without an access rule"):
        async with rpc.running("mailstore", register(Do=("unary_unary", answer)), {}):
            pass
    async with serving("unary_unary", answer) as server:
        with pytest.raises(PosternError, match="UNSUPPORTED"):
            await call(server.channel(), "unary_unary", "Other", b"")


async def test_a_handler_added_behind_the_tables_back_is_refused() -> None:
    def sneaky(server: Any) -> None:
        register(Do=("unary_unary", of_kind("unary_unary", answer)))(server)
        handler = grpc.unary_unary_rpc_method_handler(of_kind("unary_unary", answer))
        generic = grpc.method_handlers_generic_handler("postern.test.v1.Hidden", {"Do": handler})
        server.add_generic_rpc_handlers((generic,))

    async with rpc.running("mailstore", sneaky, {method("Do"): PUBLIC}) as server:
        with pytest.raises(PosternError, match="PERMISSION_DENIED"):
            await server.channel().unary_unary("/postern.test.v1.Hidden/Do")(b"")


async def test_a_unary_call_ends_before_its_deadline_with_a_status_of_its_own() -> None:
    stopped = asyncio.Event()

    async def slow(message: bytes) -> bytes:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            stopped.set()
            raise
        return b""

    async with serving("unary_unary", slow) as server:
        with pytest.raises(PosternError, match="DEADLINE_EXCEEDED") as caught:
            await call(server.channel(), "unary_unary", "Do", b"", timeout=0.4)
        # Details came from the server: it had kept a moment to report.
        assert caught.value.__cause__.details() == "DEADLINE_EXCEEDED"  # type: ignore[union-attr]
        await asyncio.wait_for(stopped.wait(), 2)


async def test_a_handlers_own_timeout_is_no_deadline() -> None:
    async def work(message: bytes) -> bytes:
        raise TimeoutError

    async with serving("unary_unary", work) as server:
        with pytest.raises(PosternError, match="INTERNAL"):
            await call(server.channel(), "unary_unary", "Do", b"", timeout=5)


async def test_a_deadline_too_short_is_refused_before_the_handler_runs() -> None:
    ran = []

    async def work(message: bytes) -> bytes:
        ran.append(message)
        return b""

    async with serving("unary_unary", work) as server:
        channel = server.channel()
        await call(channel, "unary_unary", "Do", b"warm", timeout=5)
        for _ in range(5):
            with pytest.raises(PosternError) as caught:
                await call(channel, "unary_unary", "Do", b"late", timeout=0.02)
            assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert ran == [b"warm"]


async def test_a_call_without_a_deadline_gets_one() -> None:
    async def work(message: bytes) -> bytes:
        await asyncio.sleep(30)
        return b""

    async with serving("unary_unary", work, deadlines=Deadlines(unary=0.2)) as server:
        raw = grpc.aio.secure_channel(
            server.address,
            rpc.tls("web").channel_credentials(),
            options=[("grpc.ssl_target_name_override", "mailstore")],
        )
        async with raw:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await asyncio.wait_for(raw.unary_unary(method("Do"))(b""), 5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("leave", ["break", "cancel", "task"])
async def test_a_stream_that_is_left_closes_its_handler_at_once(leave: str, log_lines: Any) -> None:
    closed, same_task = asyncio.Event(), []

    async def stream(request: Any, context: Any) -> Any:
        task = asyncio.current_task()
        try:
            while True:
                yield b"x" * 60_000  # fills the window, so that the handler hangs in a write
        finally:
            # Not left to the garbage collector, which would run this in some other task.
            same_task.append(asyncio.current_task() is task)
            closed.set()

    async with rpc.running(
        "mailstore", register(Do=("unary_stream", stream)), {method("Do"): PUBLIC}
    ) as server:
        channel = server.channel()

        async def read() -> None:
            answers = channel.unary_stream(method("Do"))(b"")
            async for _ in answers:
                if leave == "break":
                    break
                if leave == "cancel":
                    answers.cancel()
                    break
                await asyncio.sleep(30)

        task = asyncio.create_task(read())
        if leave == "task":
            await asyncio.sleep(0.3)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        del task
        await asyncio.wait_for(closed.wait(), 3)
        await asyncio.sleep(0.05)
    codes = [line["code"] for line in log_lines() if line["event"] == "rpc.finished"]
    assert codes == ["CANCELLED"] and same_task == [True]
    assert not [line for line in log_lines() if line["level"] == "error"]


async def test_abort_passes_as_the_handler_meant_it(log_lines: Any) -> None:
    async def aborting(request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.NOT_FOUND, "mine")
        return b""

    async with rpc.running(
        "mailstore", register(Do=("unary_unary", aborting)), {method("Do"): PUBLIC}
    ) as server:
        with pytest.raises(PosternError, match="NOT_FOUND"):
            await call(server.channel(), "unary_unary", "Do", b"")
    assert [line["code"] for line in log_lines() if line["event"] == "rpc.finished"] == ["NOT_FOUND"]


async def test_the_access_line_names_method_peer_account_and_no_token(log_lines: Any) -> None:
    async with serving("unary_unary", answer, "mail.read") as server:
        token = server.token("mail.read", password="the-mail-password")
        await call(server.channel(), "unary_unary", "Do", b"", token=token)
    line = next(line for line in log_lines() if line["event"] == "rpc.finished")
    assert (line["method"], line["code"], line["peer"], line["account"]) == (
        method("Do"),
        "OK",
        "web",
        rpc.ACCOUNT,
    )
    assert token not in json.dumps(log_lines()) and "the-mail-password" not in json.dumps(log_lines())
