"""Signing in: throttle, password against the mail server, second factor, session.

A refused password is answered at whole steps of time after the request came, so that how long the mail server
took for an unknown name and for a wrong password does not show.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass

from sqlalchemy.orm import Session

from services.auth import audit
from services.auth.accounts import MalformedAddress, normalise
from services.auth.minting import Minted, Minter
from services.auth.model import Challenge, Client, OpenSession, SignedIn
from services.auth.policy import FactorPolicy
from services.auth.preferences import ensure_account
from services.auth.rows import Clock, now_ms
from services.auth.secondfactor import Pending, SecondFactor, Shown
from services.auth.sessions import Sessions
from services.auth.throttle import Attempt, Throttle
from services.auth.ways import Ways
from services.auth.ways.fresh import Fresh
from services.common.database import Database
from services.common.errors import PosternError, Reason, invalid_argument
from services.common.logging import get_logger

log = get_logger(__name__)
MAX_PASSWORD = 1024


@dataclass(frozen=True)
class SignInOptions:
    """`refusal_step`: seconds. `undo_send_seconds`, `conversations`: what new accounts begin with."""

    default_domain: str | None = None
    refusal_step: float = 1.0
    undo_send_seconds: int = 0
    conversations: bool = False


class SignIn:
    """The ways into a session and out of it."""

    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        throttle: Throttle,
        ways: Ways,
        minter: Minter,
        second: SecondFactor,
        policy: FactorPolicy = FactorPolicy(),
        options: SignInOptions = SignInOptions(),
        clock: Clock = now_ms,
        fresh: Fresh | None = None,
    ) -> None:
        self._fresh = fresh or Fresh(database, sessions, ways, clock)
        self._database, self._sessions, self._throttle = database, sessions, throttle
        self._ways, self._minter, self._second, self._policy = ways, minter, second, policy
        self._options, self._clock = options, clock

    async def with_password(
        self, address: str, password: str, client: Client, present_secret: str = ""
    ) -> SignedIn | Challenge:
        """A session for the right password; AUTHENTICATION_FAILED, THROTTLED or MAIL_SERVER_* otherwise."""
        started = time.monotonic()
        try:
            account = normalise(address, self._options.default_domain)
        except MalformedAddress as err:
            raise invalid_argument("email_address", "malformed", err) from None
        if len(password) > MAX_PASSWORD:
            raise invalid_argument("password", "too_long")
        attempt = await self._enter(account, client, present_secret)
        if not client.may_be(account):
            raise await self.refuse(account, client, started, "certificate")
        try:
            credential = await self._ways.check(account, password)
        except PosternError:
            await self._throttle.withdraw(attempt)
            raise
        # Not for a caller that goes away: who hung up on every slow answer could guess without being counted.
        if credential is None:
            raise await self.refuse(account, client, started)
        pending = Pending(account, credential, present_secret)

        def work(session: Session) -> SignedIn | Challenge:
            challenge = self._second.challenge(session, pending, client)
            if challenge is None:
                return self.begin(session, pending, client, attempt)
            # The count of this account starts anew only when the second factor was right as well.
            self._throttle.give_back(session, attempt)
            return challenge

        return await self._database.run(work)

    async def with_factor(self, state: str, shown: Shown, client: Client) -> SignedIn:
        """The session, where the state's second factor is right. SESSION_ENDED where the sign-in has to begin
        anew."""
        try:
            attempt = await self._second.enter(state, client)
        except PosternError as err:
            if err.reason == Reason.THROTTLED:
                log_refusal(client, "throttled", "")
            raise

        def work(session: Session) -> SignedIn | Reason:
            outcome = self._second.check(session, state, shown, client, self._clock())
            if isinstance(outcome, Reason):
                return outcome  # not raised: the attempt must stay counted
            pending, kind = outcome
            return self.begin(session, pending, client, attempt, (kind.value,))

        outcome = await self._database.run(work)
        if isinstance(outcome, Reason):
            log_refusal(client, "wrong_passkey" if shown.webauthn else "wrong_code", attempt.account)
            what = "code" if outcome is Reason.AUTHENTICATION_FAILED else "sign_in"
            raise PosternError(outcome, metadata={"what": what})
        return outcome

    async def access_tokens(self, secret: str, client: Client) -> tuple[OpenSession, Minted, bool]:
        """Tokens for the session of `secret`, and whether a factor must be enrolled first. SESSION_ENDED
        where there is no such session. One read of the database."""
        opened = await self._database.read(lambda session: self._sessions.open(session, secret))
        if opened is None or not client.may_be(opened.account):
            raise PosternError(Reason.SESSION_ENDED)
        if self._sessions.needs_touch(opened):
            try:
                await self._database.run(
                    lambda session: self._sessions.touch(session, secret, opened, client)
                )
            except PosternError as err:
                # A database that only reads still lets people read their mail.
                log.warning("session.touch_failed", session_id=opened.session_id, reason=err.reason)
        must_enrol = not opened.has_factor and self._policy.required_from(client.address)
        usable = await self._fresh.session(secret, opened)
        return opened, self._minter.for_session(usable, enrol_only=must_enrol), must_enrol

    async def end(self, secret: str) -> None:
        """End the session of `secret`, where there is one."""

        def work(session: Session) -> str | None:
            ended = self._sessions.end(session, secret)
            if ended is None:
                return None
            account, client = ended
            audit.record(session, account, audit.SIGN_OUT, client, self._clock())
            return account

        account = await self._database.run(work)
        if account:
            log.info("session.ended", account=account)

    async def revoke(self, account: str, current: str, only: str = "") -> int:
        """End the session `only` of the account, or all but `current`; how many ended."""

        def work(session: Session) -> int:
            count = self._sessions.revoke(session, account, only=only, all_but=current)
            if count:
                details = {"count": str(count)} | ({"session": only} if only else {})
                client = self._sessions.client_of(session, account, current)
                audit.record(session, account, audit.SESSIONS_REVOKED, client, self._clock(), details)
            return count

        return await self._database.run(work)

    async def _enter(self, account: str, client: Client, present_secret: str) -> Attempt:
        known = False
        if present_secret:
            known = account == await self._database.read(
                lambda session: self._sessions.account_of(session, present_secret)
            )
        try:
            return await self._throttle.enter(account, client.address, known_device=known)
        except PosternError as err:
            if err.reason == Reason.THROTTLED:
                log_refusal(client, "throttled", account)
            raise

    async def refuse(
        self, account: str, client: Client, started: float, why: str = "wrong_password"
    ) -> PosternError:
        """What answers a wrong password, logged, recorded, and at a whole step after `started`."""
        log_refusal(client, why, account)
        await self._database.run(
            lambda session: audit.record_if_known(
                session, account, audit.SIGN_IN_REFUSED, client, self._clock()
            )
        )
        step, passed = self._options.refusal_step, time.monotonic() - started
        if step > 0:
            await asyncio.sleep(math.ceil(passed / step) * step - passed)
        return PosternError(Reason.AUTHENTICATION_FAILED)

    def begin(
        self,
        session: Session,
        pending: Pending,
        client: Client,
        attempt: Attempt,
        factor_kinds: tuple[str, ...] = (),
    ) -> SignedIn:
        """The session of a sign-in that is through, within a transaction."""
        now, account = self._clock(), pending.account
        if not client.may_be(account):
            log_refusal(client, "certificate", account)
            raise PosternError(Reason.AUTHENTICATION_FAILED, metadata={"problem": "certificate"})
        begin_with = self._options
        ensure_account(session, account, now, begin_with.undo_send_seconds, begin_with.conversations)
        self._throttle.succeeded(session, attempt)
        begun = self._sessions.begin(
            session,
            account,
            pending.credential.to_json(),
            client,
            present_secret=pending.present_secret,
            factor_kinds=factor_kinds,
        )
        details = {"session": begun.session_id} | ({"factor": factor_kinds[0]} if factor_kinds else {})
        if client.certificate_subject:
            details["certificate"] = client.certificate_subject
        audit.record(session, account, audit.SIGN_IN, client, now, details)
        idle = self._sessions.lifetimes.idle // 1000
        must_enrol = not factor_kinds and self._policy.required_from(client.address)
        return SignedIn(begun.secret, begun.session_id, account, begun.expires_ms, idle, must_enrol)


def log_refusal(client: Client, why: str, account: str) -> None:
    """One line for each refusal, for fail2ban."""
    # The address stands before anything that somebody typed, so that fail2ban's expression cannot be misled.
    log.warning("signin.refused", client_address=client.address, why=why, account=account)
