"""auth as real processes: replicas that are killed, a stop that drains, logs that give nothing away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.request
from pathlib import Path

from services.common.errors import PosternError
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from tests.rpc.auth.process import AuthProcess, session_stub
from tests.support.dovecot import Dovecot, MailUser


def start_request(user: MailUser, password: str = "") -> session_pb.StartSignInRequest:
    return session_pb.StartSignInRequest(
        password=session_pb.StartSignInRequest.Password(
            email_address=user.address, password=password or user.password
        ),
        client=session_pb.Client(address="192.0.2.1", user_agent="Test/1"),
    )


async def test_replicas_killed_in_turn_under_load_sign_nobody_out(
    dovecot: Dovecot, mariadb_url: str, tmp_path: Path
) -> None:
    users = [dovecot.add_user() for _ in range(3)]
    with contextlib.ExitStack() as stack:
        replicas = [stack.enter_context(AuthProcess(tmp_path, mariadb_url, dovecot.url)) for _ in range(3)]
        async with contextlib.AsyncExitStack() as channels:
            opened = [await channels.enter_async_context(replica.channel()) for replica in replicas]
            stubs = [session_stub(channel) for channel in opened]
            secrets = [
                (await stub.StartSignIn(start_request(user))).signed_in.session_secret
                for stub, user in zip(stubs, users, strict=True)
            ]
            answered, unavailable, other, stop = 0, 0, [], asyncio.Event()

            async def load(number: int) -> None:
                nonlocal answered, unavailable
                turn = number
                while not stop.is_set():
                    turn += 1
                    request = session_pb.CreateAccessTokensRequest(session_secret=secrets[number % 3])
                    try:
                        answer = await stubs[turn % 3].CreateAccessTokens(request, timeout=2)
                        answered += 1
                        assert answer.account == users[number % 3].address
                    except PosternError as err:
                        if err.reason in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                            unavailable += 1
                        else:
                            other.append(err.reason)
                    await asyncio.sleep(0.01)

            tasks = [asyncio.create_task(load(number)) for number in range(6)]
            for replica in replicas:
                await asyncio.sleep(0.4)
                replica.daemon.kill()
                await asyncio.sleep(0.4)
                await asyncio.to_thread(replica.daemon.start)
            await asyncio.sleep(0.5)
            stop.set()
            await asyncio.gather(*tasks)
            print(f"\nanswered {answered}, went to another replica {unavailable}, signed out {len(other)}")
            assert not other and answered > 50 and unavailable
            for stub, secret in zip(stubs, secrets, strict=True):
                request = session_pb.CreateAccessTokensRequest(session_secret=secret)
                # The channel to a replica that was away tries again every two seconds at most.
                await stub.CreateAccessTokens(request, wait_for_ready=True)


async def test_the_process_answers_stops_and_says_nothing_secret(dovecot: Dovecot, tmp_path: Path) -> None:
    user = dovecot.add_user(password="Zaunkoenig-unmistakable")
    url = f"sqlite:///{tmp_path}/auth.db"
    settings = {"LOG_LEVEL": "DEBUG", "SIGN_IN_REFUSAL_STEP": "10ms"}
    with AuthProcess(tmp_path, url, dovecot.url, **settings) as replica:
        async with replica.channel() as channel:
            stub = session_stub(channel)
            signed = (await stub.StartSignIn(start_request(user))).signed_in
            with contextlib.suppress(PosternError):
                await stub.StartSignIn(start_request(user, password="Rotkehlchen-unmistakable"))
            request = session_pb.CreateAccessTokensRequest(session_secret=signed.session_secret)
            tokens = (await stub.CreateAccessTokens(request)).tokens

            def get(path: str) -> str:
                address = f"http://127.0.0.1:{replica.metrics_port}/{path}"
                with urllib.request.urlopen(address, timeout=5) as answer:
                    return answer.read().decode()

            await asyncio.to_thread(get, "readyz")
            assert "StartSignIn" in await asyncio.to_thread(get, "metrics")
        process = replica.daemon.process
        assert process is not None
        process.terminate()
        assert await asyncio.to_thread(process.wait, 10) == 0
        text = replica.log.read_text()
        for secret in (user.password, "Rotkehlchen-unmistakable", signed.session_secret):
            assert secret not in text
        assert all(item.token not in text for item in tokens)
        events = [json.loads(line)["event"] for line in text.splitlines() if line.startswith("{")]
        assert {"server.listening", "signin.refused", "rpc.finished", "server.stopped"} <= set(events)
