"""The composition root: everything that auth is made of, from its settings."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
from sqlalchemy import delete
from sqlalchemy.orm import Session

from services.auth.enrolment import Enrolment
from services.auth.factors import Factors
from services.auth.mailcheck import PasswordChecker
from services.auth.minting import Minter
from services.auth.passkeys import Passkeys
from services.auth.passkeysignin import PasskeySignIn
from services.auth.presence import Presence
from services.auth.rows import now_ms
from services.auth.secondfactor import SecondFactor
from services.auth.servicer import AccountServicer, FactorServicer, SessionServicer, TokenServicer
from services.auth.sessions import Sessions
from services.auth.settings import AuthSettings
from services.auth.signin import SignIn
from services.auth.states import States
from services.auth.systems.apptokens import AppTokens
from services.auth.systems.clients import ApiClients
from services.auth.systems.exchange import Systems
from services.auth.tables import audit
from services.auth.throttle import Limits, Throttle
from services.auth.ways import DomainWays, MailServerWay, Ways
from services.auth.ways.flow import OpenIdSignIn
from services.common.database import Database, migrate
from services.common.gen.postern.auth.v1 import account_service_pb2_grpc as account_grpc
from services.common.gen.postern.auth.v1 import factor_service_pb2_grpc as factor_grpc
from services.common.gen.postern.auth.v1 import session_service_pb2_grpc as session_grpc
from services.common.gen.postern.auth.v1 import token_service_pb2_grpc as token_grpc
from services.common.logging import get_logger
from services.common.tokens import KeySet

log = get_logger(__name__)
MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "auth_alembic_version"
SWEEP_SECONDS = 600.0


class Service:
    """auth, ready to be registered with a server. Close it at the end."""

    def __init__(
        self, settings: AuthSettings, *, checker: PasswordChecker | None = None, limits: Limits = Limits()
    ) -> None:
        self.settings = settings
        self.database = Database(settings.database_url)
        self._ways = Ways(DomainWays(MailServerWay(checker))) if checker else settings.ways.build()
        self._sessions = Sessions(settings.vault, settings.lifetimes)
        self._throttle = Throttle(self.database, limits)
        self._minter = Minter(settings.signing, settings.sealing)
        factors, self._states = Factors(settings.vault), States(settings.vault)
        passkeys = Passkeys(settings.vault, settings.passkeys)
        second = SecondFactor(
            self.database, factors, passkeys, self._states, self._throttle, settings.factors
        )
        self._sign_in = SignIn(
            self.database,
            self._sessions,
            self._throttle,
            self._ways,
            self._minter,
            second,
            settings.factors,
            settings.sign_in,
        )
        self._openid = OpenIdSignIn(
            self.database, self._ways, self._states, second, self._sign_in, self._throttle
        )
        self._passkey_sign_in = PasskeySignIn(
            self.database,
            passkeys,
            self._states,
            self._throttle,
            self._ways,
            self._sign_in,
            settings.factors,
        )
        self._presence = Presence(
            self.database,
            factors,
            passkeys,
            self._states,
            self._throttle,
            self._ways,
            self._sessions,
        )
        self._enrolment = Enrolment(
            self.database,
            factors,
            passkeys,
            self._states,
            self._sessions,
            self._presence,
            settings.factors,
            settings.otp_issuer,
        )
        self._app_tokens = AppTokens(settings.vault)
        self._systems = Systems(
            self.database,
            self._sessions,
            self._app_tokens,
            ApiClients(),
            self._minter,
            self._presence,
            settings.factors,
        )
        # auth needs no call to itself to know its keys.
        self.keys = KeySet.fixed(*(published.key for published in settings.signing.published))

    def register(self, server: grpc.aio.Server) -> None:
        sessions = SessionServicer(
            self.database, self._sign_in, self._passkey_sign_in, self._openid, self._ways, self._sessions
        )
        session_grpc.add_SessionServiceServicer_to_server(sessions, server)
        token_grpc.add_TokenServiceServicer_to_server(TokenServicer(self._minter, self._systems), server)
        factors = FactorServicer(self._enrolment, self._presence)
        factor_grpc.add_FactorServiceServicer_to_server(factors, server)
        account_grpc.add_AccountServiceServicer_to_server(AccountServicer(self.database), server)

    async def migrate(self) -> None:
        """Bring the database to the newest schema."""
        await migrate(self.settings.database_url, MIGRATIONS, VERSION_TABLE)

    async def sweep_forever(self) -> None:
        """Delete what has ended, now and then. Every replica does, and none has to."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                counts = await self.database.run(self.sweep)
                log.info("sweep.done", **counts)
            except Exception as err:
                log.exception("sweep.failed", err)  # the next turn may do better

    def sweep(self, session: Session) -> dict[str, int]:
        """Delete ended sessions, forgotten attempts and old events; how many of each."""
        oldest = now_ms() - self.settings.audit_days * 86_400_000
        events = session.execute(delete(audit).where(audit.c.event_ms < oldest))
        return {
            "session_count": self._sessions.sweep(session),
            "state_count": self._states.sweep(session),
            "app_token_count": self._app_tokens.sweep(session),
            "throttle_count": self._throttle.sweep(session),
            "event_count": events.rowcount,  # type: ignore[attr-defined]
        }

    async def close(self) -> None:
        await self._ways.close()
        await self.database.close()
