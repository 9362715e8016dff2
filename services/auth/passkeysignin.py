"""Signing in with a passkey alone: it is the first and the second factor in one, since it checks who holds
it.

The mail password comes out of the passkey's row, opened by the passkey's PRF; where it has none, or the mail
server does not take that password any more, it is asked for, once for the session.

Nothing is written and no account is named before an answer is good: anybody may ask for a challenge.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Awaitable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from services.auth.model import Challenge, Client, FactorKind, SignedIn
from services.auth.passkeys import CounterWentBack, Found, Passkeys
from services.auth.policy import FactorPolicy
from services.auth.rows import Clock, now_ms
from services.auth.secondfactor import Pending, counter_went_back
from services.auth.signin import MAX_PASSWORD, SignIn, log_refusal
from services.auth.states import States
from services.auth.throttle import Attempt, Throttle
from services.auth.ways import Ways
from services.auth.webauthn import Assertion, WebauthnError, challenge_of
from services.common.database import Database
from services.common.errors import PosternError, Reason, invalid_argument
from services.common.logging import get_logger
from services.common.sealing import Credential

log = get_logger(__name__)
_PURPOSE, _PASSWORD = "passkey", "passkey-mail"
_KINDS = (FactorKind.PASSKEY.value,)


@dataclass(frozen=True)
class _Right:
    """A passkey whose answer was good, and the credential that it carries."""

    found: Found
    given: Assertion
    credential: Credential | None


class PasskeySignIn:
    """From a challenge to the session."""

    def __init__(
        self,
        database: Database,
        passkeys: Passkeys,
        states: States,
        throttle: Throttle,
        ways: Ways,
        sign_in: SignIn,
        policy: FactorPolicy,
        clock: Clock = now_ms,
    ) -> None:
        self._database, self._passkeys, self._states = database, passkeys, states
        self._throttle, self._ways, self._sign_in = throttle, ways, sign_in
        self._policy, self._clock = policy, clock

    @property
    def offered(self) -> bool:
        return self._policy.offered and self._passkeys.available

    def start(self, client: Client) -> Challenge:
        """A challenge that any enrolled passkey may answer, the same for everybody."""
        if not self.offered:
            raise PosternError(Reason.UNSUPPORTED, metadata={"what": "passkey"})
        token, expires = self._states.issue_token(_PURPOSE, client.user_agent)
        options = self._passkeys.needed_party().request_options(challenge_of(token), verify=True)
        return Challenge(token, (FactorKind.PASSKEY,), expires, options)

    def is_mine(self, token: str, client: Client) -> bool:
        """Whether a state is one that `start` gave to this browser."""
        return self._states.open_token(_PURPOSE, token, client.user_agent)

    async def answer(self, token: str, answer: str, client: Client) -> SignedIn | Challenge:
        """The session, or the question for the mail password. SESSION_ENDED where the challenge has ended or
        was used, AUTHENTICATION_FAILED where the answer is no good."""
        if not self.offered or not self.is_mine(token, client):
            raise PosternError(Reason.SESSION_ENDED, metadata={"what": "sign_in"})
        counted = await self._throttled(self._throttle.enter_address(client.address), client)
        right = await self._database.run(lambda session: self._judge(session, token, answer, client))
        if isinstance(right, Reason):
            log_refusal(client, "wrong_passkey", "")
            raise PosternError(right, metadata={"what": "passkey"})
        await self._throttle.withdraw(counted)
        credential = await self._still_right(right)
        if credential is not None:
            attempt = await self._throttled(
                self._throttle.enter(right.found.account, client.address, known_device=True), client
            )
            pending = Pending(right.found.account, credential, "")

            def begin(session: Session) -> SignedIn:
                if self._passkeys.seals_anew(right.found):
                    self._passkeys.keep_credential(
                        session, right.found, right.given.prf, credential.to_json()
                    )
                return self._sign_in.begin(session, pending, client, attempt, _KINDS)

            return await self._database.run(begin)
        return await self._database.run(lambda session: self._ask_password(session, right, client))

    async def with_password(self, state: str, password: str, client: Client) -> SignedIn:
        """The session, once the mail password was right; with a PRF it is kept for the next time."""
        started = time.monotonic()
        if not password or len(password) > MAX_PASSWORD:
            raise invalid_argument("password", "too_long" if password else "missing")
        opened = await self._database.run(
            lambda session: self._states.attempt(session, _PASSWORD, state, client.user_agent)
        )
        if opened is None:
            raise PosternError(Reason.SESSION_ENDED, metadata={"what": "sign_in"})
        account, content = opened.account, json.loads(opened.content)
        attempt = await self._throttled(
            self._throttle.enter(account, client.address, known_device=True), client, account
        )
        try:
            credential = await self._ways.check(account, password)
        except PosternError:
            await self._throttle.withdraw(attempt)
            raise
        if credential is None:
            raise await self._sign_in.refuse(account, client, started)

        def work(session: Session) -> SignedIn:
            self._states.end(session, state)
            prf = base64.b64decode(content["prf"])
            found = self._passkeys.by_factor(session, account, content["factor_id"])
            if found is None:
                raise PosternError(Reason.SESSION_ENDED, metadata={"what": "sign_in"})
            self._passkeys.keep_credential(session, found, prf, credential.to_json())
            return self._sign_in.begin(session, Pending(account, credential, ""), client, attempt, _KINDS)

        return await self._database.run(work)

    def is_password_state(self, session: Session, state: str) -> bool:
        return self._states.account_of(session, _PASSWORD, state) is not None

    def _judge(self, session: Session, token: str, answer: str, client: Client) -> _Right | Reason:
        try:
            found = self._passkeys.find(session, answer)
            if not found.can_sign_in:
                raise WebauthnError("enrolled as a second factor only")
            if not self._states.spend_token(session, token, found.account):
                return Reason.SESSION_ENDED
            given = self._passkeys.judge(session, found, answer, challenge_of(token), verify=True)
            if not given.user_handle:  # WebAuthn, 7.2, step 6: nobody was named before
                raise WebauthnError("no user handle")
        except WebauthnError as err:
            log.info("passkey.refused", why=str(err))
            return Reason.AUTHENTICATION_FAILED
        except CounterWentBack:
            counter_went_back(session, found.account, found.name, client, self._clock())
            return Reason.AUTHENTICATION_FAILED
        opened = self._passkeys.open_credential(found, given.prf)
        return _Right(found, given, None if opened is None else Credential.from_json(opened))

    async def _still_right(self, right: _Right) -> Credential | None:
        """The credential, where there is one and the mail server takes it; what cannot be told is raised, as
        for a typed password."""
        if right.credential is None:
            return None
        return await self._ways.check(right.found.account, right.credential.password)

    def _ask_password(self, session: Session, right: _Right, client: Client) -> Challenge:
        if right.credential is not None:
            self._passkeys.forget_credential(session, right.found)
        content = {
            "factor_id": right.found.factor_id,
            "prf": base64.b64encode(right.given.prf).decode(),
        }
        state, expires = self._states.begin(
            session, _PASSWORD, right.found.account, json.dumps(content).encode(), client.user_agent
        )
        return Challenge(state, (), expires, password_needed=True)

    async def _throttled(self, entering: Awaitable[Attempt], client: Client, account: str = "") -> Attempt:
        try:
            return await entering
        except PosternError as err:
            if err.reason == Reason.THROTTLED:
                log_refusal(client, "throttled", account)
            raise
