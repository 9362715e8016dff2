"""Fresh access tokens of the provider for sessions that began with one.

Invariants:
* The refresh token lies in the session's sealed credential and goes to no service.
* One refresh at a time for one session, over all replicas: a provider that hands out a new refresh token with
  each would take the second for theft and end them all (RFC 9700, 4.14.2).
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field, replace

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from services.auth import audit
from services.auth.model import Client, OpenSession
from services.auth.rows import Clock, insert_or_keep, now_ms
from services.auth.sessions import Sessions
from services.auth.tables import refreshes
from services.auth.ways import Ways
from services.auth.ways.openid import OpenIdProvider
from services.common.database import Database
from services.common.errors import PosternError, Reason
from services.common.logging import get_logger
from services.common.sealing import Credential

log = get_logger(__name__)
KIND = "openid"  # of the credential in a session; what goes to the services is of kind "oauth"
MARGIN_SECONDS = 360  # an access token of ours lives five minutes, and so must what it carries
LEASE_MS = 15_000
_WAIT_SECONDS, _LOOK_SECONDS = 8.0, 0.2


@dataclass(frozen=True)
class Stored:
    """What a session keeps. `expires`: of the access token, seconds since 1970."""

    issuer: str
    username: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires: int

    def credential(self) -> Credential:
        content = {
            "issuer": self.issuer,
            "access": self.access,
            "refresh": self.refresh,
            "expires": self.expires,
        }
        return Credential(KIND, self.username, json.dumps(content))

    @classmethod
    def of(cls, credential: Credential) -> Stored:
        content = json.loads(credential.password)
        return cls(
            content["issuer"],
            credential.username,
            content["access"],
            content["refresh"],
            content["expires"],
        )


class Fresh:
    """Turns what a session keeps into what mail servers take."""

    def __init__(self, database: Database, sessions: Sessions, ways: Ways, clock: Clock = now_ms) -> None:
        self._database, self._sessions, self._ways, self._clock = database, sessions, ways, clock

    async def session(self, secret: str, opened: OpenSession) -> OpenSession:
        """The session with a credential for the services. SESSION_ENDED where the provider has ended it."""
        credential = Credential.from_json(opened.credential)
        if credential.kind != KIND:
            return opened
        stored = Stored.of(credential)
        if stored.expires - time.time() < MARGIN_SECONDS:
            stored = await self._refreshed(secret, opened, stored)
        lasting = self._sessions.vault.lasting(opened.account)
        sent = Credential("oauth", stored.username, stored.access, lasting)
        return replace(opened, credential=sent.to_json())

    async def _refreshed(self, secret: str, opened: OpenSession, stored: Stored) -> Stored:
        until = time.monotonic() + _WAIT_SECONDS
        while not await self._database.run(lambda session: self._lease(session, opened.session_id)):
            if stored.expires - time.time() > 30:
                return stored  # somebody is at it; this one still does
            if time.monotonic() > until:
                raise PosternError(Reason.UNAVAILABLE, metadata={"service": "openid"})
            await asyncio.sleep(_LOOK_SECONDS)
            stored = await self._look(secret)
            if stored.expires - time.time() >= MARGIN_SECONDS:
                return stored
        try:
            stored = await self._look(secret)  # another replica may just have been here
            if stored.expires - time.time() >= MARGIN_SECONDS:
                return stored
            return await self._ask(secret, opened, stored)
        finally:
            await self._database.run(lambda session: self._release(session, opened.session_id))

    async def _ask(self, secret: str, opened: OpenSession, stored: Stored) -> Stored:
        provider = self._provider(opened.account, stored)
        alive = stored.expires - time.time() > 30
        if provider is None or not stored.refresh:
            if alive:
                return stored
            await self._end(secret, opened)
            raise PosternError(Reason.SESSION_ENDED, cause="OpenID: no refresh token")
        try:
            tokens = await provider.refresh(stored.refresh)
        except PosternError as err:
            if err.reason == Reason.SESSION_ENDED:
                await self._end(secret, opened)
            elif alive:
                log.warning("openid.refresh_failed", session_id=opened.session_id, reason=err.reason)
                return stored
            raise
        fresh = replace(stored, access=tokens.access, refresh=tokens.refresh, expires=tokens.expires)
        kept = await self._database.run(
            lambda session: self._sessions.replace_credential(
                session, secret, opened, fresh.credential().to_json()
            )
        )
        if not kept:
            log.warning("openid.session_moved", session_id=opened.session_id)
        return fresh

    def _provider(self, account: str, stored: Stored) -> OpenIdProvider | None:
        provider = self._ways.of(account).openid
        return provider if provider is not None and provider.settings.issuer == stored.issuer else None

    async def _look(self, secret: str) -> Stored:
        opened = await self._database.read(lambda session: self._sessions.open(session, secret))
        if opened is None:
            raise PosternError(Reason.SESSION_ENDED)
        return Stored.of(Credential.from_json(opened.credential))

    async def _end(self, secret: str, opened: OpenSession) -> None:
        def work(session: Session) -> None:
            if self._sessions.end(session, secret) is not None:
                details = {"session": opened.session_id, "by": "openid"}
                audit.record(session, opened.account, audit.SIGN_OUT, Client(), self._clock(), details)

        await self._database.run(work)

    def _lease(self, session: Session, session_id: str) -> bool:
        now = self._clock()
        insert_or_keep(session, refreshes, {"session_id": session_id, "until_ms": 0})
        taken = session.execute(
            update(refreshes)
            .where(refreshes.c.session_id == session_id, refreshes.c.until_ms <= now)
            .values(until_ms=now + LEASE_MS)
        )
        return bool(taken.rowcount)  # type: ignore[attr-defined]

    def _release(self, session: Session, session_id: str) -> None:
        session.execute(delete(refreshes).where(refreshes.c.session_id == session_id))
