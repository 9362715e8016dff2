"""App tokens and API clients: what they open, what they do not, and that revoking them is at once."""

from __future__ import annotations

import time

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.auth import cli
from services.auth.policy import FactorMode, FactorPolicy
from services.auth.rows import now_ms
from services.auth.systems import AUDIENCE_SCOPES, GRANTABLE
from services.common.errors import PosternError
from services.common.gen.postern.auth.v1 import account_service_pb2 as account_pb
from services.common.gen.postern.auth.v1 import factor_service_pb2 as factor_pb
from services.common.gen.postern.auth.v1 import token_service_pb2 as token_pb
from services.common.gen.postern.auth.v1.token_service_pb2_grpc import TokenServiceStub
from services.common.sealing import open_credential
from services.common.tokens import SCOPES, Identity
from tests.rpc.auth.support import Auth, FakeChecker, running_auth
from tests.rpc.auth.test_tokens import reason_of
from tests.support.rpc import key_set, sealing_key


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/auth.db"


async def make(
    auth: Auth, secret: str, *scopes: str, name: str = "Backup", days: float = 30, password: str = "alice"
) -> token_pb.CreateAppTokenResponse:
    request = token_pb.CreateAppTokenRequest(
        display_name=name,
        scopes=scopes,
        expire_time=Timestamp(seconds=int(time.time() + days * 86_400)),
        session_secret=secret,
        proof=factor_pb.FactorProof(password=password),
    )
    return await auth.tokens.CreateAppToken(request, token=await auth.token(secret))


async def swap(auth: Auth, secret: str, audience: str, *scopes: str, peer: str = "mailstore") -> Identity:
    stub = TokenServiceStub(auth.server.channel(peer))
    request = token_pb.CreateSystemTokenRequest(secret=secret, audience=audience, scopes=scopes)
    answer = await stub.CreateSystemToken(request)
    identity = await key_set().verify(answer.token, audience)
    assert set(answer.scopes) <= identity.scopes and answer.expire_time.seconds <= time.time() + 301
    return identity


def test_every_scope_has_one_audience() -> None:
    # Two are for a person who has signed in alone: no program changes the account or who one writes as.
    assert set(SCOPES) - {"account.write", "mail.identities"} == GRANTABLE
    assert sum(len(scopes) for scopes in AUDIENCE_SCOPES.values()) == len(GRANTABLE)


async def test_a_person_lets_a_program_in_and_out(url: str) -> None:
    async with running_auth(url) as auth:
        signed = await auth.sign_in()
        made = await make(auth, signed.session_secret, "mail.read", "mail.send")
        assert made.secret.startswith("postern-app-")
        reader = await swap(auth, made.secret, "mailstore")
        assert reader.account == "alice@example.org" and reader.scopes == {"mail.read"}
        assert reader.sealed_credential is not None
        opened = open_credential(
            sealing_key("mailstore"), reader.sealed_credential, account=reader.account, audience="mailstore"
        )
        assert opened.password == "alice"
        # The session may end: the token stands by itself.
        token = await auth.token(signed.session_secret)
        listed = await auth.tokens.ListAppTokens(token_pb.ListAppTokensRequest(), token=token)
        assert [one.display_name for one in listed.app_tokens] == ["Backup"]
        assert listed.app_tokens[0].last_used_time.seconds > 0
        request = token_pb.RevokeAppTokenRequest(app_token_id=made.app_token.app_token_id)
        await auth.tokens.RevokeAppToken(request, token=token)
        assert await reason_of(swap(auth, made.secret, "mailstore")) == "AUTHENTICATION_FAILED"
        assert await reason_of(auth.tokens.RevokeAppToken(request, token=token)) == "NOT_FOUND"
        events = await auth.account.ListAuditEvents(account_pb.ListAuditEventsRequest(), token=token)
        assert [event.action for event in events.events][:2] == ["app-token-revoked", "app-token-created"]


async def test_a_token_does_no_more_than_it_was_made_for(url: str) -> None:
    async with running_auth(url) as auth:
        secret = (await auth.sign_in()).session_secret
        made = await make(auth, secret, "mail.send", "contacts.read")
        for audience, scopes in (
            ("mailstore", ()),
            ("mailstore", ("mail.read",)),
            ("contacts", ("contacts.write",)),
            ("contacts", ("contacts.read", "mail.send")),
            ("auth", ("account.write",)),
        ):
            assert await reason_of(swap(auth, made.secret, audience, *scopes)) == "SCOPE_MISSING", audience
        assert await reason_of(swap(auth, made.secret, "web")) == "INVALID_ARGUMENT"
        assert (await swap(auth, made.secret, "contacts")).sealed_credential is None
        # By way of sender it files what it sent, and reads nothing.
        stub = TokenServiceStub(auth.server.channel("sender"))
        sender = await swap(auth, made.secret, "sender")
        for scope, expected in (("mail.file", "OK"), ("mail.read", "SCOPE_MISSING")):
            request = token_pb.ExchangeTokenRequest(
                subject_token=sender.token, audience="mailstore", scopes=[scope]
            )
            assert await reason_of(stub.ExchangeToken(request)) == expected


async def test_who_may_make_one(url: str) -> None:
    async with running_auth(url) as auth:
        secret = (await auth.sign_in()).session_secret
        for scopes, days, password, expected in (
            (("account.write",), 30, "alice", "SCOPE_MISSING"),
            (("mail.everything",), 30, "alice", "SCOPE_MISSING"),
            ((), 30, "alice", "SCOPE_MISSING"),
            (("mail.read",), 400, "alice", "INVALID_ARGUMENT"),
            (("mail.read",), -1, "alice", "INVALID_ARGUMENT"),
            (("mail.read",), 30, "wrong", "AUTHENTICATION_FAILED"),
            (("mail.read",), 30, "", "INVALID_ARGUMENT"),
        ):
            made = make(auth, secret, *scopes, days=days, password=password)
            assert await reason_of(made) == expected, (scopes, days, password)
        assert await reason_of(make(auth, secret, "mail.read", name=" ")) == "INVALID_ARGUMENT"
    async with running_auth(url, factors=FactorPolicy(FactorMode.REQUIRED)) as auth:
        secret = (await auth.sign_in()).session_secret
        assert await reason_of(make(auth, secret, "mail.read")) == "PERMISSION_DENIED"


async def test_anothers_session_and_anothers_token(url: str) -> None:
    from tests.rpc.auth.support import FakeChecker

    checker = FakeChecker({"alice@example.org": "alice", "bob@example.org": "bob"})
    async with running_auth(url, checker=checker) as auth:
        alice = (await auth.sign_in()).session_secret
        bob = (await auth.sign_in("bob@example.org", "bob")).session_secret
        made = await make(auth, alice, "mail.read")
        token = await auth.token(bob)
        request = token_pb.RevokeAppTokenRequest(app_token_id=made.app_token.app_token_id)
        assert await reason_of(auth.tokens.RevokeAppToken(request, token=token)) == "NOT_FOUND"
        listed = await auth.tokens.ListAppTokens(token_pb.ListAppTokensRequest(), token=token)
        assert not listed.app_tokens
        request = token_pb.CreateAppTokenRequest(
            display_name="x",
            scopes=["mail.read"],
            expire_time=Timestamp(seconds=int(time.time() + 1000)),
            session_secret=alice,
            proof=factor_pb.FactorProof(password="bob"),
        )
        assert await reason_of(auth.tokens.CreateAppToken(request, token=token)) == "SESSION_ENDED"
        for wrong in ("", "postern-app-", made.secret[:-1] + "A", made.secret.removeprefix("postern-app-")):
            if wrong != made.secret:
                assert await reason_of(swap(auth, wrong, "mailstore")) == "AUTHENTICATION_FAILED"


async def test_a_token_ends_by_itself_and_never_outlives_its_end(url: str) -> None:
    async with running_auth(url) as auth:
        secret = (await auth.sign_in()).session_secret
        made = await make(auth, secret, "contacts.read", days=60 / 86_400)
        identity = await swap(auth, made.secret, "contacts")
        assert identity.expires_at <= made.app_token.expire_time.seconds
        auth.service._app_tokens._clock = lambda: now_ms() + 60_000  # a minute passes
        assert await reason_of(swap(auth, made.secret, "contacts")) == "AUTHENTICATION_FAILED"


async def test_an_operators_client(url: str, monkeypatch, capsys) -> None:
    monkeypatch.setenv("POSTERN_DATABASE_URL", url)
    method = "/postern.auth.v1.AccountService/GetPreferences"
    import asyncio

    def command(*words: str) -> tuple[int, str]:
        status = cli.main(["api-clients", *words])
        return status, capsys.readouterr().out.strip()

    status, secret = await asyncio.to_thread(
        command, "create", "crm", "--account", "CRM@example.org", "--scope", "account.read",
        "--scope", "mail.send", "--method", method, "--peer", "contacts",
    )  # fmt: skip
    assert status == 0 and secret.startswith("postern-api-")
    twice = await asyncio.to_thread(
        command, "create", "crm", "--account", "a@example.org", "--scope", "mail.send"
    )
    assert twice[0] == 1
    async with running_auth(url) as auth:
        assert await reason_of(swap(auth, secret, "auth", peer="mailstore")) == "AUTHENTICATION_FAILED"
        identity = await swap(auth, secret, "auth", peer="contacts")
        assert identity.account == "crm@example.org" and identity.sealed_credential is None
        assert identity.methods == {method}
        await auth.account.GetPreferences(account_pb.GetPreferencesRequest(), token=identity.token)
        other = auth.account.ListAuditEvents(account_pb.ListAuditEventsRequest(), token=identity.token)
        assert await reason_of(other) == "SCOPE_MISSING"
        assert "crm\tcrm@example.org\taccount.read,mail.send" in (await asyncio.to_thread(command, "list"))[1]
        assert (await asyncio.to_thread(command, "revoke", "crm"))[0] == 0
        assert await reason_of(swap(auth, secret, "auth", peer="contacts")) == "AUTHENTICATION_FAILED"
        assert (await asyncio.to_thread(command, "revoke", "crm"))[0] == 1


async def test_the_database_keeps_no_secret(url: str, tmp_path) -> None:
    async with running_auth(url) as auth:
        secret = (await auth.sign_in()).session_secret
        made = await make(auth, secret, "mail.read")
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Backup" in content
    assert made.secret.removeprefix("postern-app-").encode() not in content
    assert b'"password"' not in content


async def test_an_unknown_method_claim_is_refused(url: str) -> None:
    from tests.support.rpc import mint

    for claim in ("x", [], [1]):
        with pytest.raises(PosternError):
            await key_set().verify(mint("auth", mth=claim), "auth")


async def test_the_operator_helps_a_person(url: str, monkeypatch, capsys) -> None:
    monkeypatch.setenv("POSTERN_DATABASE_URL", url)
    import asyncio

    async def command(*words: str) -> tuple[int, str]:
        status = await asyncio.to_thread(cli.main, ["accounts", *words])
        return status, capsys.readouterr().out.strip()

    checker = FakeChecker({"alice@example.org": "alice", "bob@example.org": "bob"})
    async with running_auth(url, checker=checker) as auth:
        first = (await auth.sign_in(agent="Phone")).session_secret
        second = (await auth.sign_in()).session_secret
        other = (await auth.sign_in("bob@example.org", "bob")).session_secret
        made = await make(auth, first, "mail.read")
        status, shown = await command("show", "Alice@example.org")
        assert status == 0 and shown.count("session\t") == 2 and "Phone" in shown and "app-token\t" in shown
        assert await command("sign-out", "alice@example.org", "--app-tokens") == (0, "3 ended")
        for secret in (first, second):
            assert await reason_of(auth.access(secret)) == "SESSION_ENDED"
        assert await reason_of(swap(auth, made.secret, "mailstore")) == "AUTHENTICATION_FAILED"
        assert (await auth.access(other)).account == "bob@example.org"
        _, trail = await command("trail", "alice@example.org")
        assert "sessions-revoked\t\tby=operator count=2" in trail and "app-token-revoked" in trail
        assert (await command("sign-out", "nobody@example.org"))[0] == 1
        assert (await command("sign-out", "no address"))[0] == 1
