"""Signing in by a real OpenID provider, and the mail server behind it: a Dovecot that asks the provider."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from services.auth.policy import FactorMode, FactorPolicy
from services.auth.ways.file import WaysSettings
from services.auth.ways.openid import OpenIdSettings
from services.common.endpoint import Endpoint, Scheme, TlsMode
from services.common.errors import PosternError
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from services.common.sealing import Credential, open_credential
from services.common.settings import Secret
from services.common.tokens import verify
from services.mailstore.imap.connect import Account, ImapServer, connect
from services.mailstore.imap.failure import LoginRefused
from services.sender.smtp.attempt import AUTH_FAILED, Envelope
from services.sender.smtp.connections import Connections
from tests.rpc.auth.support import Auth, running_auth
from tests.rpc.auth.test_tokens import reason_of
from tests.support.dovecot import Dovecot, DovecotOptions
from tests.support.openid import REDIRECT, OpenIdServer, follow, openid_provider
from tests.support.postfix import postfix
from tests.support.rpc import sealing_key, signing_key

CLIENT = session_pb.Client(address="192.0.2.1", user_agent="Test/1")


@pytest.fixture(scope="module")
def provider(machine: None) -> Iterator[OpenIdServer]:
    with openid_provider() as server:
        yield server


@pytest.fixture(scope="module")
def hasty(machine: None) -> Iterator[OpenIdServer]:
    """Its access tokens live for a minute: less than Postern wants, so that each look asks for fresh ones."""
    with openid_provider(60) as server:
        yield server


@pytest.fixture(scope="module")
def mail(provider: OpenIdServer, dovecot_with, tmp_path_factory) -> Dovecot:
    return dovecot_with(DovecotOptions(extra=provider.dovecot(tmp_path_factory.mktemp("oauth2"))))


def ways(provider: OpenIdServer, **changes: object) -> WaysSettings:
    settings: dict[str, object] = {
        "name": "Example account",
        "issuer": provider.issuer,
        "client_id": "postern",
        "client_secret": Secret("postern-secret"),
        "prompt": "consent",  # OpenID Connect Core 1.0, 11: offline access needs it
        **changes,
    }
    return WaysSettings({"id": OpenIdSettings(**settings)}, {"example.org": ("id",)})  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def auth_with(provider: OpenIdServer, tmp_path, **options) -> AsyncIterator[Auth]:
    changes = options.pop("changes", {})
    url = f"sqlite:///{tmp_path}/auth.db"
    async with running_auth(url, real=True, ways=ways(provider, **changes), **options) as auth:
        yield auth


async def begin(auth: Auth, address: str, *, client: session_pb.Client = CLIENT) -> session_pb.Challenge:
    proof = session_pb.StartSignInRequest.OpenId(email_address=address, redirect_uri=REDIRECT)
    answer = await auth.sessions.StartSignIn(session_pb.StartSignInRequest(openid=proof, client=client))
    return answer.challenge


async def end(
    auth: Auth, state: str, query: str, *, client: session_pb.Client = CLIENT
) -> session_pb.ContinueSignInResponse:
    request = session_pb.ContinueSignInRequest(sign_in_state=state, openid_query=query, client=client)
    return await auth.sessions.ContinueSignIn(request)


async def sign_in(auth: Auth, address: str) -> session_pb.SignedIn:
    challenge = await begin(auth, address)
    return (await end(auth, challenge.sign_in_state, await follow(challenge.redirect_uri))).signed_in


async def credential(auth: Auth, secret: str, audience: str = "mailstore") -> Credential:
    token = await auth.token(secret, audience)
    identity = verify(token, signing_key().public_key(), audience)
    assert identity.sealed_credential is not None
    return open_credential(
        sealing_key(audience), identity.sealed_credential, account=identity.account, audience=audience
    )


async def test_from_the_provider_to_the_mailbox(provider: OpenIdServer, mail: Dovecot, tmp_path) -> None:
    user = mail.add_user()
    async with auth_with(provider, tmp_path) as auth:
        methods = await auth.sessions.ListSignInMethods(session_pb.ListSignInMethodsRequest())
        assert list(methods.methods) == [session_pb.SIGN_IN_METHOD_OPENID]
        assert methods.openid_provider_name == "Example account"
        signed = await sign_in(auth, user.address)
        assert signed.account == user.address
        given = await credential(auth, signed.session_secret)
        assert (given.kind, given.username) == ("oauth", user.address)
        again = await sign_in(auth, user.address)
        other = await credential(auth, again.session_secret)
        assert other.password != given.password and other.lasting == given.lasting
        assert (await reason_of(auth.sign_in(user.address, user.password))) == "AUTHENTICATION_FAILED"

    def account(kind: str = "oauth", password: str = given.password) -> Account:
        return Account(user.address, user.address, password, kind, given.lasting)

    for url, plain in ((mail.url, True), (mail.tls_url, False)):
        endpoint = Endpoint.parse(
            url, {"imap": Scheme(143, TlsMode.PLAIN), "imaps": Scheme(993, TlsMode.IMPLICIT)}
        )
        import ssl

        context = None if plain else ssl.create_default_context(cafile=str(mail.ca_file))
        server = ImapServer(endpoint.host, endpoint.port, endpoint.tls, context)
        session = await connect(server, account())
        await session.command(b"SELECT", b"INBOX")
        await session.logout()
        with pytest.raises(LoginRefused):
            await connect(server, account(password="wrong"))
    elsewhere = mail.add_user()
    with pytest.raises(LoginRefused):  # a token opens its own account alone
        await connect(server, Account(elsewhere.address, elsewhere.address, given.password, "oauth"))


async def test_xoauth2_where_that_is_all(provider: OpenIdServer, dovecot_with, tmp_path) -> None:
    lines = provider.dovecot(tmp_path).replace("plain login oauthbearer xoauth2", "plain xoauth2")
    server = dovecot_with(DovecotOptions(extra=lines))
    user = server.add_user()
    async with auth_with(provider, tmp_path) as auth:
        given = await credential(auth, (await sign_in(auth, user.address)).session_secret)
    imap = ImapServer("127.0.0.1", server.imap_port, TlsMode.PLAIN, None)
    session = await connect(imap, Account(user.address, user.address, given.password, "oauth"))
    await session.logout()
    with pytest.raises(LoginRefused):
        await connect(imap, Account(user.address, user.address, "wrong", "oauth"))


async def test_an_answer_belongs_to_one_beginning(provider: OpenIdServer, tmp_path) -> None:
    async with auth_with(provider, tmp_path) as auth:
        first, second = [await begin(auth, "alice@example.org") for _ in range(2)]
        queries = [await follow(challenge.redirect_uri) for challenge in (first, second)]
        # Another beginning's answer, which is how somebody is signed in as somebody else.
        crossed = end(auth, first.sign_in_state, queries[1])
        assert await reason_of(crossed) == "AUTHENTICATION_FAILED"
        # … and that used the state up.
        assert await reason_of(end(auth, first.sign_in_state, queries[0])) == "SESSION_ENDED"
        # Another browser.
        stranger = session_pb.Client(address="192.0.2.1", user_agent="Other/1")
        stolen = end(auth, second.sign_in_state, queries[1], client=stranger)
        assert await reason_of(stolen) == "SESSION_ENDED"
        assert (await end(auth, second.sign_in_state, queries[1])).signed_in.account == "alice@example.org"
        for change in (
            lambda query: query.replace("iss=", "was="),
            lambda query: query.replace("127.0.0.1", "127.0.0.2"),
            lambda query: query + "&code=x",
            lambda query: query.replace("code=", "code=x"),
            lambda query: "error=server_error&" + query,
            lambda query: "",
        ):
            challenge = await begin(auth, "alice@example.org")
            query = change(await follow(challenge.redirect_uri))
            assert await reason_of(end(auth, challenge.sign_in_state, query)) == "AUTHENTICATION_FAILED"


async def test_who_the_provider_may_vouch_for(provider: OpenIdServer, tmp_path) -> None:
    async with auth_with(provider, tmp_path) as auth:
        for address, problem in (
            ("deny@example.org", "denied"),
            ("unverified@example.org", "address_unverified"),
        ):
            with pytest.raises(PosternError) as caught:
                await sign_in(auth, address)
            assert caught.value.metadata["problem"] == problem
        # The domain of the address typed has the provider; the person who signed in there is of another.
        challenge = await begin(auth, "alice@example.org")
        query = await follow(challenge.redirect_uri.replace("alice%40example.org", "eve%40example.net"))
        assert await reason_of(end(auth, challenge.sign_in_state, query)) == "AUTHENTICATION_FAILED"
        assert await reason_of(begin(auth, "alice@example.net")) == "UNSUPPORTED"


async def test_a_second_factor_is_asked_for_as_well(provider: OpenIdServer, tmp_path) -> None:
    async with auth_with(provider, tmp_path, factors=FactorPolicy(FactorMode.REQUIRED)) as auth:
        signed = await sign_in(auth, "alice@example.org")
        assert signed.must_enrol_factor


async def test_access_tokens_are_refreshed_and_once_for_all(hasty: OpenIdServer, tmp_path) -> None:
    """The provider hands out a new refresh token each time and ends them all when an old one comes again, so
    that two refreshes at once would end the session."""
    async with auth_with(hasty, tmp_path) as auth:
        secret = (await sign_in(auth, "alice@example.org")).session_secret
        seen = {(await credential(auth, secret)).password}
        for _ in range(3):
            found = await asyncio.gather(*(credential(auth, secret) for _ in range(5)))
            seen |= {one.password for one in found}
        assert len(seen) >= 4
        async with httpx.AsyncClient() as client:
            await client.post(f"{hasty.issuer}/test/end-everything")
        assert await reason_of(auth.access(secret)) == "SESSION_ENDED"
        assert await reason_of(auth.access(secret)) == "SESSION_ENDED"


async def test_a_provider_that_is_away(tmp_path) -> None:
    with openid_provider() as server:
        async with auth_with(server, tmp_path, changes={"seconds": 2.0}) as auth:
            signed = await sign_in(auth, "alice@example.org")
            challenge = await begin(auth, "alice@example.org")
            query = await follow(challenge.redirect_uri)
            server.daemon.kill()
            started = time.monotonic()
            assert await reason_of(end(auth, challenge.sign_in_state, query)) == "UNAVAILABLE"
            assert time.monotonic() - started < 5
            # Who is signed in stays so.
            assert await auth.token(signed.session_secret, "mailstore")


async def test_the_submission_server_takes_the_token(provider: OpenIdServer, mail: Dovecot, tmp_path) -> None:
    user, other = mail.add_user(), mail.add_user()
    async with auth_with(provider, tmp_path) as auth:
        given = await credential(auth, (await sign_in(auth, user.address)).session_secret, "sender")
    text = f"From: {user.address}\r\nTo: {other.address}\r\nSubject: by token\r\n\r\nhello\r\n".encode()

    async def octets():
        yield text

    async def dot() -> None:
        pass

    with postfix(mail) as server:
        connections = Connections(
            Endpoint("smtp", "localhost", server.submission_port, TlsMode.STARTTLS), ca_file=server.ca_file
        )
        try:
            envelope = Envelope("1", user.address, (other.address,), len(text))
            outcome = await connections.submit(given, envelope, octets, dot)
            assert not outcome.problem and len(outcome.results) == 1, outcome
            wrong = Credential("oauth", user.address, "wrong")
            assert (await connections.submit(wrong, envelope, octets, dot)).problem == AUTH_FAILED
        finally:
            await connections.close()
