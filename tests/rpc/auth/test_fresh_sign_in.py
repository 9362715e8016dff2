"""Who has neither a factor nor a password here proves with a sign-in of the last minutes."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from services.auth.presence import FRESH_MS
from services.auth.tables import sessions
from services.auth.ways import DomainWays
from services.common.errors import PosternError
from services.common.gen.postern.auth.v1 import factor_service_pb2 as factor_pb
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from tests.rpc.auth.support import Auth, running_auth

BEGIN = factor_pb.BeginFactorEnrolmentRequest(kind=session_pb.FACTOR_KIND_TOTP, display_name="Phone")


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/auth.db"


async def problem(auth: Auth, token: str) -> str:
    try:
        await auth.factors.BeginFactorEnrolment(BEGIN, token=token)
    except PosternError as err:
        return f"{err.reason} {err.metadata.get('problem', '')}"
    return "OK"


async def age(auth: Auth, milliseconds: int) -> None:
    older = update(sessions).values(expires_ms=sessions.c.expires_ms - milliseconds)
    await auth.service.database.run(lambda session: session.execute(older))


async def test_a_recent_sign_in_stands_for_a_proof_where_there_is_no_password(url: str) -> None:
    async with running_auth(url) as auth:
        secret = (await auth.sign_in()).session_secret
        token = await auth.token(secret)
        listed = await auth.factors.ListFactors(factor_pb.ListFactorsRequest(), token=token)
        assert not listed.proves_by_sign_in
        assert (await problem(auth, token)).startswith("INVALID_ARGUMENT")
        # The domain takes no passwords any more, as where a provider signs in.
        auth.service._ways._default = DomainWays()
        listed = await auth.factors.ListFactors(factor_pb.ListFactorsRequest(), token=token)
        assert listed.proves_by_sign_in
        assert await problem(auth, token) == "OK"
        await age(auth, FRESH_MS - 60_000)
        assert await problem(auth, token) == "OK"
        await age(auth, 120_000)
        assert await problem(auth, token) == "AUTHENTICATION_FAILED sign_in_again"


async def test_an_ended_session_proves_nothing(url: str) -> None:
    async with running_auth(url) as auth:
        secret = (await auth.sign_in()).session_secret
        token = await auth.token(secret)
        auth.service._ways._default = DomainWays()
        await auth.sessions.EndSession(session_pb.EndSessionRequest(session_secret=secret))
        assert await problem(auth, token) == "AUTHENTICATION_FAILED sign_in_again"
