"""auth in the test's own process, over real gRPC with mTLS; the password checker is a fake or a real
server's."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from services.auth.mailcheck import ImapSettings, PasswordChecker
from services.auth.policy import FactorPolicy
from services.auth.service import MIGRATIONS, VERSION_TABLE, Service
from services.auth.servicer import METHOD_SCOPES
from services.auth.sessions import Lifetimes
from services.auth.settings import SCHEMES, AuthSettings
from services.auth.signin import SignInOptions
from services.auth.signing import SigningKeys
from services.auth.throttle import Limits
from services.auth.vault import Vault
from services.auth.ways.file import MailWaySettings, WaysSettings
from services.auth.webauthn import RelyingParty
from services.common.database import migrate
from services.common.endpoint import Endpoint, HostPort
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from services.common.gen.postern.auth.v1.account_service_pb2_grpc import AccountServiceStub
from services.common.gen.postern.auth.v1.factor_service_pb2_grpc import FactorServiceStub
from services.common.gen.postern.auth.v1.session_service_pb2_grpc import SessionServiceStub
from services.common.gen.postern.auth.v1.token_service_pb2_grpc import TokenServiceStub
from services.common.rpc.server import ServerSettings
from tests.support.rpc import TestServer, keys_dir, public_sealing_key, running


@dataclass
class FakeChecker:
    """Knows passwords by user name; counts what it was asked. See test_checker.py for the real one beside
    it."""

    passwords: dict[str, str] = field(default_factory=lambda: {"alice@example.org": "alice"})
    seconds: float = 0.0
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def check(self, username: str, password: str) -> bool:
        self.asked.append(username)
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return self.passwords.get(username) == password


@dataclass
class Auth:
    """A running auth and stubs that call it as web does."""

    server: TestServer
    service: Service
    sessions: Any
    tokens: Any
    account: Any
    factors: Any

    async def sign_in(
        self,
        address: str = "alice@example.org",
        password: str = "alice",
        *,
        client: str = "192.0.2.1",
        secret: str = "",
        agent: str = "Test/1",
    ) -> session_pb.SignedIn:
        return (await self.start(address, password, client=client, secret=secret, agent=agent)).signed_in

    async def start(
        self,
        address: str = "alice@example.org",
        password: str = "alice",
        *,
        client: str = "192.0.2.1",
        secret: str = "",
        agent: str = "Test/1",
    ) -> session_pb.StartSignInResponse:
        request = session_pb.StartSignInRequest(
            password=session_pb.StartSignInRequest.Password(email_address=address, password=password),
            client=session_pb.Client(address=client, user_agent=agent),
            session_secret=secret,
        )
        return await self.sessions.StartSignIn(request, timeout=30)

    async def access(
        self, secret: str, *, client: str = "192.0.2.1"
    ) -> session_pb.CreateAccessTokensResponse:
        request = session_pb.CreateAccessTokensRequest(
            session_secret=secret, client=session_pb.Client(address=client, user_agent="Test/2")
        )
        return await self.sessions.CreateAccessTokens(request)

    async def token(self, secret: str, audience: str = "auth") -> str:
        answer = await self.access(secret)
        return next(item.token for item in answer.tokens if item.audience == audience)


def settings(
    database_url: str,
    *,
    imap_url: str = "imap://127.0.0.1:1",
    imap: dict[str, Any] | None = None,
    options: SignInOptions = SignInOptions(refusal_step=0.0),
    lifetimes: Lifetimes = Lifetimes(),
    vault: Vault | None = None,
    factors: FactorPolicy = FactorPolicy(),
    ways: WaysSettings | None = None,
    passkeys: RelyingParty | None = None,
) -> AuthSettings:
    keys = keys_dir()
    return AuthSettings(
        server=ServerSettings(HostPort("127.0.0.1", 0)),
        database_url=database_url,
        ways=ways
        or WaysSettings.single(
            MailWaySettings(ImapSettings(Endpoint.parse(imap_url, SCHEMES), **(imap or {})))
        ),
        sign_in=options,
        lifetimes=lifetimes,
        vault=vault or Vault.from_text((keys / "session.key").read_text()),
        signing=SigningKeys.load((keys / "signing.pem").read_text()),
        sealing={name: public_sealing_key(name) for name in ("mailstore", "sender")},
        audit_days=365,
        factors=factors,
        otp_issuer="Postern",
        passkeys=passkeys,
    )


@functools.cache
def _schema() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="postern-schema-")


async def _begin(url: str) -> None:
    """A new SQLite file has the schema that the migrations made once (test_schema.py looks at them)."""
    place = make_url(url)
    if place.get_backend_name() != "sqlite" or not place.database or Path(place.database).exists():
        return
    made = Path(_schema().name, "auth.db")
    if not made.exists():
        await migrate(f"sqlite:///{made}", MIGRATIONS, VERSION_TABLE)
    shutil.copyfile(made, place.database)


@contextlib.asynccontextmanager
async def running_auth(
    database_url: str,
    *,
    checker: PasswordChecker | None = None,
    real: bool = False,
    limits: Limits = Limits(),
    **options: Any,
) -> AsyncIterator[Auth]:
    """`real`: ask the IMAP server of the settings rather than the fake."""
    service = Service(
        settings(database_url, **options), checker=None if real else checker or FakeChecker(), limits=limits
    )
    await _begin(database_url)
    await service.migrate()
    try:
        async with running(
            "auth", service.register, METHOD_SCOPES, keys=service.keys, ready=service.database.ping
        ) as server:
            channel = server.channel("web")
            yield Auth(
                server,
                service,
                SessionServiceStub(channel),
                TokenServiceStub(channel),
                AccountServiceStub(channel),
                FactorServiceStub(channel),
            )
    finally:
        await service.close()
