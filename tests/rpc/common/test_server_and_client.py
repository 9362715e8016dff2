"""The server builder and the client builder over a real connection."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.common.endpoint import HostPort
from services.common.errors import PosternError, Reason
from services.common.rpc.access import PUBLIC
from services.common.rpc.client import connect
from services.common.rpc.context import remaining, use_deadline, use_token
from services.common.rpc.server import MAX_MESSAGE_BYTES, ServerSettings, start
from services.common.settings import SettingsError
from tests.rpc.common.echo import SERVICE, call, method, register
from tests.support import rpc

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def echo(request: bytes, context: Any) -> bytes:
    return request


def simple(handler: Any = echo, kind: str = "unary_unary", **options: Any) -> Any:
    return rpc.running("mailstore", register(Do=(kind, handler)), {method("Do"): PUBLIC}, **options)


async def test_a_caller_without_a_certificate_of_our_authority_is_not_let_in() -> None:
    async with simple() as server:
        anonymous = grpc.ssl_channel_credentials(root_certificates=rpc.tls("web").ca.read_bytes())
        options = [("grpc.ssl_target_name_override", "mailstore")]
        async with grpc.aio.secure_channel(server.address, anonymous, options=options) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(method("Do"))(b"", timeout=3)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_server_with_another_services_certificate_is_not_believed() -> None:
    async with simple() as server, connect(server.address, tls=rpc.tls("web"), service="auth") as channel:
        with pytest.raises(PosternError, match="UNAVAILABLE"):
            await call(channel, "unary_unary", "Do", b"", timeout=2)


async def test_beyond_loopback_only_with_tls() -> None:
    with pytest.raises(SettingsError, match="POSTERN_TLS_CERT_FILE"):
        await start("x", ServerSettings(HostPort("0.0.0.0", 0)), lambda server: None, {})


async def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"POSTERN_LISTEN: cannot listen on 127.0.0.1:{port}"):
            await start("x", ServerSettings(HostPort("127.0.0.1", port)), lambda server: None, {})
    async with simple() as server:
        with pytest.raises(SettingsError, match="in use"):
            settings = ServerSettings(HostPort("127.0.0.1", server.running.port))
            await start("x", settings, lambda server: None, {})


async def test_health_reflection_and_metrics() -> None:
    ready = True

    async def is_ready() -> bool:
        return ready

    async with simple(ready=is_ready, settings={"reflection": True}) as server:
        stub = health_pb2_grpc.HealthStub(server.channel())  # type: ignore[no-untyped-call]
        for name in ("", SERVICE):
            reply = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert reply.status == SERVING
        from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

        request = reflection_pb2.ServerReflectionRequest(list_services="")

        async def requests() -> Any:
            yield request

        reflection = reflection_pb2_grpc.ServerReflectionStub(server.channel())  # type: ignore[no-untyped-call]
        names = [
            service.name
            async for reply in reflection.ServerReflectionInfo(requests())
            for service in reply.list_services_response.service
        ]
        assert SERVICE in names

        await call(server.channel(), "unary_unary", "Do", b"")
        status, text = await fetch(server, "/metrics")
        assert status == 200
        wanted = f'postern_rpc_server_calls_total{{code="OK",method="Do",service="{SERVICE}"}}'
        assert wanted in text and "postern_rpc_client_seconds_bucket" in text
        assert [await fetch(server, path) for path in ("/healthz", "/readyz")] == [
            (200, "ok\n"),
            (200, "ready\n"),
        ]
        assert (await fetch(server, "/secret"))[0] == 404
        ready = False
        assert (await fetch(server, "/readyz"))[0] == 503


async def fetch(server: Any, path: str) -> tuple[int, str]:
    def get() -> tuple[int, str]:
        url = f"http://127.0.0.1:{server.running.metrics_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as err:
            return err.code, err.read().decode()

    return await asyncio.to_thread(get)


async def test_without_reflection_the_contract_is_not_listed() -> None:
    async with simple() as server:
        name = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        with pytest.raises(PosternError, match="UNSUPPORTED"):
            async for _ in server.channel().unary_stream(name)(b""):
                pass


async def test_a_message_over_the_limit_is_too_large() -> None:
    async with simple() as server:
        channel = server.channel()
        assert len((await call(channel, "unary_unary", "Do", b"x" * 4_000_000))[0]) == 4_000_000
        with pytest.raises(PosternError, match="TOO_LARGE"):
            await call(channel, "unary_unary", "Do", b"x" * (MAX_MESSAGE_BYTES + 1))


async def test_a_token_with_two_sealed_credentials_fits_in_the_metadata() -> None:
    async def whole(request: bytes, context: Any) -> bytes:
        from services.common.rpc.context import current_identity

        identity = current_identity()
        assert identity.sealed_credential and identity.sealed_filing_credential
        return b"%d" % len(identity.token)

    async with rpc.running(
        "sender", register(Do=("unary_unary", whole)), {method("Do"): "mail.send"}
    ) as server:
        token = server.token(password="p" * 200)
        for _ in range(20):
            assert await call(server.channel(), "unary_unary", "Do", b"", token=token) == [b"%d" % len(token)]
    assert len(token) > 4000


async def test_use_token_and_the_callers_token_goes_no_further() -> None:
    async def relay(request: bytes, context: Any) -> bytes:
        await call(inner.channel("sender"), "unary_unary", "Do", b"")
        return b""

    async with rpc.running(
        "mailstore", register(Do=("unary_unary", echo)), {method("Do"): "mail.read"}
    ) as inner:
        with use_token(inner.token("mail.read")):
            assert await call(inner.channel(), "unary_unary", "Do", b"1") == [b"1"]
        async with rpc.running(
            "sender", register(Do=("unary_unary", relay)), {method("Do"): "mail.send"}
        ) as outer:
            with use_token(outer.token("mail.send")), pytest.raises(PosternError, match="TOKEN_INVALID"):
                await call(outer.channel(), "unary_unary", "Do", b"")


async def test_the_deadline_shrinks_at_each_hop() -> None:
    async def left(request: bytes, context: Any) -> bytes:
        return str(remaining()).encode()

    async def relay(request: bytes, context: Any) -> bytes:
        mine = remaining()
        (theirs,) = await call(inner.channel("sender"), "unary_unary", "Do", b"", timeout=60)
        return f"{mine} {theirs.decode()}".encode()

    async with simple(left) as inner, simple(relay) as outer:
        (answer,) = await call(outer.channel(), "unary_unary", "Do", b"", timeout=3)
        here, there = map(float, answer.decode().split())
        assert 2 < there < here < 3
        with use_deadline(0.5):
            (answer,) = await call(outer.channel(), "unary_unary", "Do", b"")
        assert float(answer.decode().split()[0]) < 0.5
        with use_deadline(0.0), pytest.raises(PosternError, match="DEADLINE_EXCEEDED"):
            await call(outer.channel(), "unary_unary", "Do", b"")


async def test_the_default_timeout_of_a_method() -> None:
    async def slow(request: bytes, context: Any) -> bytes:
        await asyncio.sleep(30)
        return b""

    async with simple(slow) as server:
        begun = time.monotonic()
        with pytest.raises(PosternError, match="DEADLINE_EXCEEDED"):
            await call(server.channel(timeouts={method("Do"): 0.3}), "unary_unary", "Do", b"")
        assert time.monotonic() - begun < 2


async def test_nobody_there_is_unavailable_and_a_restart_is_found() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    channel = connect(f"127.0.0.1:{port}", tls=rpc.tls("web"), service="mailstore")
    with pytest.raises(PosternError) as caught:
        await call(channel, "unary_unary", "Do", b"", timeout=2)
    assert caught.value.reason == Reason.UNAVAILABLE
    settings = ServerSettings(HostPort("127.0.0.1", port), tls=rpc.tls("mailstore"))
    server = await start("mailstore", settings, register(Do=("unary_unary", echo)), {method("Do"): PUBLIC})
    assert await call(channel, "unary_unary", "Do", b"x", timeout=5, wait_for_ready=True) == [b"x"]
    await channel.close()
    await server.stop(0.1)


async def test_too_many_calls_at_once_are_refused_not_queued() -> None:
    async def slow(request: bytes, context: Any) -> bytes:
        await asyncio.sleep(0.5)
        return b""

    async with simple(slow, settings={"max_concurrent_rpcs": 2}) as server:
        channel = server.channel()
        calls = [call(channel, "unary_unary", "Do", b"") for _ in range(6)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, PosternError)]
    assert len(refused) == 4 and {err.reason for err in refused} == {Reason.RATE_LIMITED}


async def test_drain_says_not_serving_ends_watches_and_lets_short_calls_finish() -> None:
    begun = asyncio.Event()

    async def watch(request: bytes, context: Any) -> Any:
        yield b"first"
        await asyncio.sleep(60)

    async def short(request: bytes, context: Any) -> bytes:
        begun.set()
        await asyncio.sleep(0.5)
        return b"finished"

    handlers = register(Watch=("unary_stream", watch), Short=("unary_unary", short))
    rules = {method("Watch"): PUBLIC, method("Short"): PUBLIC}
    async with rpc.running("mailstore", handlers, rules, long_lived=[method("Watch")]) as server:
        channel = server.channel()
        health = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
        seen: list[int] = []

        async def follow() -> None:
            async for reply in health.Watch(health_pb2.HealthCheckRequest(service=SERVICE)):
                seen.append(reply.status)

        watching = channel.unary_stream(method("Watch"))(b"")
        assert await anext(watching) == b"first"
        following = asyncio.create_task(follow())
        running = asyncio.create_task(call(channel, "unary_unary", "Short", b""))
        await begun.wait()
        while not seen:
            await asyncio.sleep(0.01)
        started = time.monotonic()
        stopping = asyncio.create_task(server.running.stop())
        with pytest.raises(PosternError, match="UNAVAILABLE"):
            await anext(watching)
        assert await running == [b"finished"]
        await stopping
        assert time.monotonic() - started < 3
        assert seen == [SERVING, NOT_SERVING]
        await asyncio.gather(following, return_exceptions=True)


MAIN = """
import asyncio
from services.common.main import run
from services.common.rpc.server import ServerSettings, serve
from services.common.settings import Env

async def main():
    settings = ServerSettings.from_env(Env.current(), listen="127.0.0.1:0", metrics="127.0.0.1:0")
    await serve("auth", settings, lambda server: None, {})
    print("cleaned up", flush=True)

run("auth", main)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_process_ends_well_on_a_signal(number: int) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAIN, stdout=-1, stderr=-1, cwd=Path(__file__).parents[3]
    )
    assert process.stderr is not None
    while b"server.listening" not in await asyncio.wait_for(process.stderr.readline(), 20):
        pass
    process.send_signal(number)
    out, err = await asyncio.wait_for(process.communicate(), 15)
    assert (process.returncode, out) == (0, b"cleaned up\n")
    assert b"server.stopped" in err


async def test_a_wrong_setting_ends_the_process_with_one_line() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        MAIN,
        stdout=-1,
        stderr=-1,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "POSTERN_LISTEN": "nonsense"},
    )
    _, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert err.decode().strip() == (
        "postern auth: POSTERN_LISTEN is 'nonsense': expected host:port, such as 127.0.0.1:8081 or [::1]:8081"
    )
