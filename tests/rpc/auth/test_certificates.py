"""A client certificate that names accounts signs in to those alone, by every way."""

from __future__ import annotations

import pytest

from services.common.gen.postern.auth.v1 import account_service_pb2 as account_pb
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from tests.rpc.auth.support import FakeChecker, running_auth
from tests.rpc.auth.test_tokens import reason_of


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/auth.db"


def client(*accounts: str) -> session_pb.Client:
    return session_pb.Client(
        address="192.0.2.1",
        user_agent="Test/1",
        certificate_subject="CN=laptop",
        certificate_accounts=accounts,
    )


async def test_a_certificate_for_one_account(url: str) -> None:
    checker = FakeChecker({"alice@example.org": "alice", "bob@example.org": "bob"})
    async with running_auth(url, checker=checker) as auth:

        async def start(address: str, password: str, *accounts: str) -> session_pb.StartSignInResponse:
            proof = session_pb.StartSignInRequest.Password(email_address=address, password=password)
            request = session_pb.StartSignInRequest(password=proof, client=client(*accounts))
            return await auth.sessions.StartSignIn(request)

        signed = (await start("Alice@example.org", "alice", "alice@example.org")).signed_in
        checker.asked.clear()
        refused = start("bob@example.org", "bob", "alice@example.org")
        assert await reason_of(refused) == "AUTHENTICATION_FAILED"
        assert not checker.asked  # so that the answer says nothing of the password
        await start("bob@example.org", "bob")
        # A session is nobody's with another's certificate.
        for accounts, expected in (
            (("alice@example.org",), "OK"),
            ((), "OK"),
            (("bob@example.org",), "SESSION_ENDED"),
        ):
            request = session_pb.CreateAccessTokensRequest(
                session_secret=signed.session_secret, client=client(*accounts)
            )
            assert await reason_of(auth.sessions.CreateAccessTokens(request)) == expected
        token = await auth.token(signed.session_secret)
        events = await auth.account.ListAuditEvents(account_pb.ListAuditEventsRequest(), token=token)
        assert events.events[-1].details["certificate"] == "CN=laptop"
