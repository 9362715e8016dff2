"""auth: how long the check of a session takes, and how many throttled sign-ins a core refuses."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, benchmark, full, summary
from services.common.errors import PosternError
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from services.common.gen.postern.auth.v1 import token_service_pb2 as token_pb
from tests.rpc.auth.process import AuthProcess, session_stub, token_stub
from tests.support.dovecot import Dovecot, MailUser, dovecot
from tests.support.mariadb import mariadb


@benchmark("auth.session_check")
def session_check() -> Iterator[Figure]:
    """CreateAccessTokens over mTLS, one at a time, on MariaDB; against an RPC that only answers."""
    with _servers() as (auth, mail):
        taken, bare = asyncio.run(_check(auth, mail.add_user(), 2000 if full() else 400))
    yield summary("auth.session_check", taken, "ms", against="bare RPC", reference=bare)


@benchmark("auth.throttled_rejections")
def throttled_rejections() -> Iterator[Figure]:
    """Sign-ins refused per second of auth's processor time, and whether the mail server saw any of them."""
    count = 5000 if full() else 1000
    with _servers() as (auth, mail):
        seconds, checked = asyncio.run(_flood(auth, mail.add_user().address, count))
        seen = mail.log.read_text(errors="replace").count("auth failed")
    if seen > checked:
        raise AssertionError(f"the mail server saw {seen - checked} of the throttled sign-ins")
    yield Figure("auth.throttled_rejections", count / seconds, "per second and core", n=count)


@contextlib.contextmanager
def _servers() -> Iterator[tuple[AuthProcess, Dovecot]]:
    settings = {"LOG_LEVEL": "WARNING", "SIGN_IN_REFUSAL_STEP": "0"}
    with (
        tempfile.TemporaryDirectory() as name,
        dovecot() as mail,
        mariadb() as database,
        AuthProcess(Path(name), database.create_database(), mail.url, **settings) as auth,
    ):
        yield auth, mail


async def _check(auth: AuthProcess, user: MailUser, count: int) -> tuple[list[float], list[float]]:
    async with auth.channel() as channel:
        sessions, tokens = session_stub(channel), token_stub(channel)
        start = session_pb.StartSignInRequest(
            password=session_pb.StartSignInRequest.Password(
                email_address=user.address, password=user.password
            )
        )
        secret = (await sessions.StartSignIn(start)).signed_in.session_secret
        request = session_pb.CreateAccessTokensRequest(session_secret=secret)

        async def timed(call) -> float:
            begun = time.perf_counter()
            await call()
            return (time.perf_counter() - begun) * 1000

        taken, bare = [], []
        for number in range(count + 20):
            one = await timed(lambda: sessions.CreateAccessTokens(request))
            other = await timed(lambda: tokens.GetKeySet(token_pb.GetKeySetRequest()))
            if number >= 20:  # the first ones connect and fill caches
                taken.append(one)
                bare.append(other)
        return taken, bare


async def _flood(auth: AuthProcess, address: str, count: int) -> tuple[float, int]:
    """Processor seconds for `count` refusals, and how many sign-ins were let through to the mail server."""
    async with auth.channel() as channel:
        sessions = session_stub(channel)
        proof = session_pb.StartSignInRequest.Password(email_address=address, password="wrong")
        request = session_pb.StartSignInRequest(
            password=proof, client=session_pb.Client(address="198.51.100.7")
        )

        checked = 0

        async def refused() -> str:
            nonlocal checked
            try:
                await sessions.StartSignIn(request, timeout=30)
            except PosternError as err:
                checked += err.reason == "AUTHENTICATION_FAILED"
                return err.reason
            return "OK"

        while await refused() != "THROTTLED":
            pass
        left = count

        async def worker() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                reason = await refused()
                if reason not in ("THROTTLED", "AUTHENTICATION_FAILED"):
                    raise AssertionError(reason)

        begun = auth.cpu_seconds()
        await asyncio.gather(*(worker() for _ in range(16)))
        return auth.cpu_seconds() - begun, checked
