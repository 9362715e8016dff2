"""A system's secret for an access token (after the manner of RFC 8693), and making and ending app tokens."""

from __future__ import annotations

from collections.abc import Iterable

from services.auth.minting import Minter
from services.auth.policy import FactorPolicy
from services.auth.presence import Presence, Proof
from services.auth.sessions import Sessions
from services.auth.systems import AUDIENCE_SCOPES, CLIENT_PREFIX, refused
from services.auth.systems.apptokens import AppTokenInfo, AppTokens
from services.auth.systems.clients import ApiClients
from services.common.database import Database
from services.common.errors import PosternError, Reason, invalid_argument
from services.common.logging import get_logger

log = get_logger(__name__)


class Systems:
    """What TokenService does for systems and for the people who let them in."""

    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        app_tokens: AppTokens,
        clients: ApiClients,
        minter: Minter,
        presence: Presence,
        policy: FactorPolicy,
    ) -> None:
        self._database, self._sessions, self._app_tokens = database, sessions, app_tokens
        self._clients, self._minter, self._presence, self._policy = clients, minter, presence, policy

    async def access_token(
        self, secret: str, audience: str, scopes: Iterable[str], peers: frozenset[str]
    ) -> tuple[str, int, tuple[str, ...]]:
        """The token, when it ends (seconds since 1970) and its scopes. AUTHENTICATION_FAILED for a secret
        that is none (any more), SCOPE_MISSING where it does not allow what is wanted."""
        if audience not in AUDIENCE_SCOPES:
            raise invalid_argument("audience", "unknown")
        if secret.startswith(CLIENT_PREFIX):
            grant = await self._database.run(lambda session: self._clients.grant(session, secret, peers))
        else:
            grant = await self._database.run(lambda session: self._app_tokens.grant(session, secret))
        if grant is None:
            log.warning("system.refused", peer=",".join(sorted(peers)))
            raise refused("no such secret")
        wanted = frozenset(scopes) or grant.scopes & AUDIENCE_SCOPES[audience]
        if not wanted or not wanted <= grant.scopes & AUDIENCE_SCOPES[audience]:
            raise PosternError(Reason.SCOPE_MISSING, metadata={"scope": " ".join(sorted(wanted)) or "none"})
        token, expires = self._minter.for_system(grant, audience, wanted)
        log.info("system.token", account=grant.account, client=grant.name, audience=audience)
        return token, expires, tuple(sorted(wanted))

    async def create_app_token(
        self, account: str, secret: str, name: str, scopes: Iterable[str], expires_ms: int, proof: Proof
    ) -> tuple[AppTokenInfo, str]:
        """The token and its secret, for the account's own session and after a proof as for a factor. Where
        the operator demands a second factor, only for who has one."""
        opened = await self._database.read(lambda session: self._sessions.open(session, secret))
        if opened is None or opened.account != account:
            raise PosternError(Reason.SESSION_ENDED)
        if not opened.has_factor and self._policy.required_from(""):
            raise PosternError(Reason.PERMISSION_DENIED, metadata={"factor": "missing"})
        await self._presence.prove(account, proof, opened.session_id)
        wanted = frozenset(scopes)
        return await self._database.run(
            lambda session: self._app_tokens.create(session, opened, name, wanted, expires_ms)
        )

    async def app_tokens(
        self, account: str, page_size: int, page_token: str
    ) -> tuple[list[AppTokenInfo], str]:
        return await self._database.read(
            lambda session: self._app_tokens.page(session, account, page_size, page_token)
        )

    async def revoke_app_token(self, account: str, app_token_id: str) -> None:
        await self._database.run(lambda session: self._app_tokens.revoke(session, account, app_token_id))
