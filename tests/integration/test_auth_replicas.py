"""Any replica of auth serves any session: three of them on one MariaDB, killed in turn under load."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.common.errors import PosternError
from services.common.gen.postern.auth.v1 import account_service_pb2 as account_pb
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from services.common.gen.postern.auth.v1.account_service_pb2_grpc import AccountServiceStub
from services.common.gen.postern.auth.v1.session_service_pb2_grpc import SessionServiceStub
from services.common.rpc.client import connect
from services.web.clients.auth import AuthClient
from services.web.model.account import Client, SignedIn
from services.web.session import Sessions
from tests.rpc.auth.process import AuthProcess
from tests.support.dovecot import Dovecot
from tests.support.mariadb import MariaDB
from tests.support.process import HOST, answers
from tests.support.rpc import tls

SESSIONS, WORKERS = 6, 6


@pytest.fixture
def replicas(tmp_path: Path, mariadb: MariaDB, dovecot: Dovecot) -> Iterator[list[AuthProcess]]:
    database = mariadb.create_database("replicas")
    settings = {"MAIL_CA_FILE": str(dovecot.ca_file), "LOG_LEVEL": "WARNING"}
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(AuthProcess(tmp_path, database, dovecot.tls_url, **settings))
            for _ in range(3)
        ]
    mariadb.drop_database(database)


async def test_three_replicas_killed_in_turn_under_load_sign_nobody_out(
    replicas: list[AuthProcess], dovecot: Dovecot
) -> None:
    target = "ipv4:" + ",".join(f"{HOST}:{one.port}" for one in replicas)
    async with connect(target, tls=tls("web"), service="auth") as channel:
        auth, client = AuthClient(channel), Client("192.0.2.1", "Test/1")
        users = [dovecot.add_user() for _ in range(SESSIONS)]
        secrets = []
        for user in users:
            signed = await auth.sign_in(user.address, user.password, client)
            assert isinstance(signed, SignedIn)
            secrets.append(signed.secret)

        served, signed_out, broken, stop = 0, 0, 0, False

        async def ask(number: int) -> None:
            """As web does when its cache is empty: each time anew, from whichever replica answers."""
            nonlocal served, signed_out, broken
            while not stop:
                secret = secrets[number % SESSIONS]
                try:
                    me = await Sessions(auth, 1).open(secret, client)
                    assert me.account == users[number % SESSIONS].address
                    served += 1
                except PosternError as err:
                    # A replica that dies in the midst of a call is told apart from a session that is gone.
                    signed_out += err.reason == "SESSION_ENDED"
                    broken += err.reason != "SESSION_ENDED"
                    await asyncio.sleep(0.05)

        workers = [asyncio.create_task(ask(number)) for number in range(WORKERS)]
        for one in replicas:
            before = served
            await asyncio.sleep(0.5)
            await asyncio.to_thread(one.daemon.kill)  # SIGKILL
            await asyncio.sleep(1.0)
            assert served > before, "nobody was served while one replica was down"
            await asyncio.to_thread(one.daemon.start)
            assert await asyncio.to_thread(answers, one.port)
        stop = True
        await asyncio.gather(*workers)
        assert signed_out == 0 and served > 50
        # Each replica knows each session, also those that it never saw before.
        for one in replicas:
            async with one.channel() as alone:
                for secret, user in zip(secrets, users, strict=True):
                    assert (await AuthClient(alone).grant(secret, client)).account == user.address
        print(f"\n{served} served, {broken} calls broken off by the kills, {signed_out} signed out")


async def test_parallel_requests_of_one_session_lose_no_write(
    replicas: list[AuthProcess], dovecot: Dovecot
) -> None:
    """Preferences and uses of one session, over all replicas at once: every write is there afterwards."""
    user = dovecot.add_user()
    async with contextlib.AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(one.channel()) for one in replicas]
        signed = await AuthClient(channels[0]).sign_in(user.address, user.password, Client())
        assert isinstance(signed, SignedIn)
        tokens = await AuthClient(channels[0]).grant(signed.secret, Client())
        token = tokens.tokens["auth"]

        async def write(number: int) -> None:
            request = account_pb.UpdatePreferencesRequest()
            request.preferences.extra[f"draft.{number}"] = f"text {number}"
            request.update_mask.paths.append(f"extra.draft.{number}")
            accounts = AccountServiceStub(channels[number % 3])
            sessions = SessionServiceStub(channels[(number + 1) % 3])
            opening = sessions.CreateAccessTokens(
                session_pb.CreateAccessTokensRequest(session_secret=signed.secret)
            )
            await asyncio.gather(accounts.UpdatePreferences(request, token=token), opening)

        begun = time.monotonic()
        await asyncio.gather(*(write(number) for number in range(60)))
        assert time.monotonic() - begun < 20
        found = await AccountServiceStub(channels[1]).GetPreferences(
            account_pb.GetPreferencesRequest(), token=token
        )
        extra = dict(found.preferences.extra)
        assert extra == {f"draft.{number}": f"text {number}" for number in range(60)}
