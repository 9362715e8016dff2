"""The key set, the exchange, and every RPC against every wrong token."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import Message

from services.auth.servicer import METHOD_SCOPES
from services.common.errors import PosternError
from services.common.gen.postern.auth.v1 import account_service_pb2 as account_pb
from services.common.gen.postern.auth.v1 import factor_service_pb2 as factor_pb
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from services.common.gen.postern.auth.v1 import token_service_pb2 as token_pb
from services.common.gen.postern.auth.v1.account_service_pb2_grpc import AccountServiceStub
from services.common.gen.postern.auth.v1.token_service_pb2_grpc import TokenServiceStub
from services.common.rpc.access import normalise
from services.common.rpc.keyset import key_set_of
from services.common.sealing import open_credential
from tests.rpc.auth.support import running_auth
from tests.support.rpc import mint, sealing_key


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/auth.db"


async def reason_of(awaitable) -> str:
    try:
        await awaitable
    except PosternError as err:
        return err.reason
    return "OK"


async def exchange(auth, token: str, *scopes: str, audience: str = "mailstore", peer: str = "sender"):
    stub = TokenServiceStub(auth.server.channel(peer))
    request = token_pb.ExchangeTokenRequest(subject_token=token, audience=audience, scopes=scopes)
    return await stub.ExchangeToken(request)


async def test_the_published_keys_verify_what_was_minted(url: str) -> None:
    async with running_auth(url) as auth:
        signed = await auth.sign_in()
        for peer in ("mailstore", "sender", "contacts", "web"):
            keys = key_set_of(auth.server.channel(peer))
            identity = await keys.verify(await auth.token(signed.session_secret, "contacts"), "contacts")
            assert identity.account == "alice@example.org"
        answer = await auth.tokens.GetKeySet(token_pb.GetKeySetRequest())
        assert [key.algorithm for key in answer.keys] == ["EdDSA"] and answer.max_age_seconds > 0
        assert not answer.keys[0].HasField("expire_time")


async def test_sender_exchanges_its_token_for_one_that_files(url: str) -> None:
    async with running_auth(url) as auth:
        signed = await auth.sign_in()
        given = await auth.token(signed.session_secret, "sender")
        answer = await exchange(auth, given, "mail.file")
        identity = await auth.service.keys.verify(answer.token, "mailstore")
        assert identity.scopes == {"mail.file"} and identity.account == "alice@example.org"
        assert identity.expires_at == answer.expire_time.seconds <= time.time() + 301
        opened = open_credential(
            sealing_key("mailstore"),
            identity.sealed_credential or b"",
            account="alice@example.org",
            audience="mailstore",
        )
        assert opened.password == "alice"
        # It still works when the person has signed out meanwhile: what was sent is filed.
        await auth.sessions.EndSession(session_pb.EndSessionRequest(session_secret=signed.session_secret))
        assert await reason_of(exchange(auth, given)) == "OK"


async def test_an_old_token_files_and_does_nothing_else(url: str) -> None:
    async with running_auth(url) as auth:
        day = 86_400

        def aged(days: int) -> str:
            issued = int(time.time()) - days * day
            return mint("sender", "mail.send", password="alice", iat=issued, exp=issued + 300)

        for days in (1, 61, 399):
            assert await reason_of(exchange(auth, aged(days), "mail.file")) == "OK"
        assert await reason_of(exchange(auth, aged(401), "mail.file")) == "TOKEN_INVALID"
        assert await reason_of(exchange(auth, aged(1), "mail.read")) == "SCOPE_MISSING"
        fresh = mint("sender", "mail.send", password="alice")
        assert await reason_of(exchange(auth, fresh, "mail.read", "mail.modify")) == "OK"
        assert await reason_of(exchange(auth, fresh, "account.write")) == "SCOPE_MISSING"


async def test_the_exchange_refuses_everything_else(url: str) -> None:
    async with running_auth(url) as auth:
        good = mint("sender", "mail.send", password="alice")
        for peer in ("web", "mailstore", "contacts", "auth"):
            assert await reason_of(exchange(auth, good, peer=peer)) == "PERMISSION_DENIED"
        assert await reason_of(exchange(auth, good, audience="auth")) == "INVALID_ARGUMENT"
        assert await reason_of(exchange(auth, mint("sender"))) == "TOKEN_INVALID"  # carries no credential
        assert await reason_of(exchange(auth, mint("mailstore", password="alice"))) == "TOKEN_INVALID"
        forged = mint("sender", password="alice", key=Ed25519PrivateKey.generate())
        for bad in (forged, "", "x.y.z", good[:-8] + "AAAAAAAA"):
            assert await reason_of(exchange(auth, bad)) == "TOKEN_INVALID"
        filing = (await exchange(auth, good)).token
        assert await reason_of(exchange(auth, filing)) == "TOKEN_INVALID"  # no chain


async def test_sender_reads_identities_with_the_token_it_was_given(url: str) -> None:
    async with running_auth(url) as auth:
        signed = await auth.sign_in()
        request = account_pb.ListIdentitiesRequest()
        given = await auth.token(signed.session_secret, "sender")
        as_sender = AccountServiceStub(auth.server.channel("sender"))
        found = await as_sender.ListIdentities(request, token=given)
        assert [identity.address for identity in found.identities] == ["alice@example.org"]
        assert await reason_of(auth.account.ListIdentities(request, token=given)) == "TOKEN_INVALID"
        expired = mint("sender", iat=int(time.time()) - 900, exp=int(time.time()) - 600)
        assert await reason_of(as_sender.ListIdentities(request, token=expired)) == "TOKEN_INVALID"
        other = account_pb.GetPreferencesRequest()
        assert await reason_of(as_sender.GetPreferences(other, token=given)) == "TOKEN_INVALID"


def _request(method: str) -> tuple[Message, type[Message]]:
    service, name = method.strip("/").rpartition(".")[2].split("/")
    for module in (session_pb, token_pb, account_pb, factor_pb):
        if service in module.DESCRIPTOR.services_by_name:
            described = module.DESCRIPTOR.services_by_name[service].methods_by_name[name]
            return getattr(module, described.input_type.name)(), getattr(module, described.output_type.name)
    raise AssertionError(method)


async def test_every_rpc_against_every_wrong_caller(url: str) -> None:
    """The list comes from METHOD_SCOPES, which the server holds against the contract at its start."""
    cases = passes = 0
    async with running_auth(url) as auth:
        await auth.sign_in()
        now = int(time.time())
        for method, rule in normalise(METHOD_SCOPES).items():
            message, response = _request(method)

            async def call(peer: str, token: str | None, method=method, message=message, response=response):
                rpc = auth.server.channel(peer).unary_unary(
                    method,
                    request_serializer=type(message).SerializeToString,
                    response_deserializer=response.FromString,
                )
                return await reason_of(rpc(message, token=token))

            if rule.peers:
                for peer in {"web", "mailstore", "sender", "contacts"} - rule.peers:
                    cases += 1
                    passes += await call(peer, mint("auth")) != "PERMISSION_DENIED"
            if not rule.needs_token:
                continue
            scopes = " ".join(sorted(rule.scopes))
            wrong = {
                "none": None,
                "garbage": "a.b.c",
                "expired": mint("auth", scopes, iat=now - 900, exp=now - 600),
                "forged": mint("auth", scopes, key=Ed25519PrivateKey.generate()),
                "wrong scope": mint("auth", "mail.read"),
                "no scope": mint("auth", ""),
                "wrong audience": mint("mailstore", scopes),
                "wrong issuer": mint("auth", scopes, iss="another"),
                "too long a life": mint("auth", scopes, lifetime=86_400),
            }
            for token in wrong.values():
                cases += 1
                passes += await call("web", token) not in ("TOKEN_INVALID", "SCOPE_MISSING")
    assert cases > 80 and passes == 0


async def test_another_persons_token_reads_and_changes_nothing_of_mine(url: str) -> None:
    async with running_auth(url) as auth:
        signed = await auth.sign_in()
        mine = await auth.access(signed.session_secret)
        other = mint("auth", account="bob@example.org")
        sessions = await auth.sessions.ListSessions(session_pb.ListSessionsRequest(), token=other)
        assert not sessions.sessions
        assert not (
            await auth.account.ListAuditEvents(account_pb.ListAuditEventsRequest(), token=other)
        ).events
        request = session_pb.RevokeSessionsRequest(session_id=mine.session_id)
        assert (await auth.sessions.RevokeSessions(request, token=other)).revoked_count == 0
        changed = account_pb.UpdateIdentityRequest(identity=mine.identities[0])
        assert await reason_of(auth.account.UpdateIdentity(changed, token=other)) == "NOT_FOUND"
        gone = account_pb.DeleteIdentityRequest(identity_id=mine.identities[0].identity_id)
        await reason_of(auth.account.DeleteIdentity(gone, token=other))
        assert len((await auth.access(signed.session_secret)).identities) == 1
