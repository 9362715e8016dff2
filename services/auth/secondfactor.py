"""The second step of a sign-in: a code or a passkey, against the state that the first step left.

The credential waits in the state, sealed under what the browser keeps (and its User-Agent), never under keys
of auth alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from services.auth import audit
from services.auth.factors import Factors
from services.auth.model import Challenge, Client, FactorKind
from services.auth.passkeys import CounterWentBack, Passkeys
from services.auth.policy import FactorPolicy
from services.auth.states import States
from services.auth.throttle import Attempt, Throttle
from services.auth.webauthn import WebauthnError, challenge_of
from services.common.database import Database
from services.common.errors import PosternError, Reason
from services.common.logging import get_logger
from services.common.sealing import Credential

log = get_logger(__name__)
_PURPOSE = "sign-in"


@dataclass(frozen=True)
class Pending:
    """A sign-in whose password was right. `present_secret` is the session that it renews."""

    account: str
    credential: Credential = field(repr=False)
    present_secret: str = field(repr=False)

    def to_bytes(self) -> bytes:
        content = {"credential": self.credential.to_json().decode(), "present": self.present_secret}
        return json.dumps(content).encode()

    @classmethod
    def from_bytes(cls, account: str, data: bytes) -> Pending:
        content = json.loads(data)
        return cls(account, Credential.from_json(content["credential"].encode()), content["present"])


@dataclass(frozen=True)
class Shown:
    """What somebody shows: a code as typed, or a passkey's answer as JSON."""

    code: str = field(default="", repr=False)
    webauthn: str = field(default="", repr=False)


class SecondFactor:
    """Asks for a second factor and checks it."""

    def __init__(
        self,
        database: Database,
        factors: Factors,
        passkeys: Passkeys,
        states: States,
        throttle: Throttle,
        policy: FactorPolicy,
    ) -> None:
        self._database, self._factors, self._passkeys = database, factors, passkeys
        self._states, self._throttle, self._policy = states, throttle, policy

    def challenge(self, session: Session, pending: Pending, client: Client) -> Challenge | None:
        """The question for who has a factor; None where the password is enough."""
        kinds = self._factors.kinds(session, pending.account) if self._policy.offered else ()
        if not kinds:
            return None
        state, expires = self._states.begin(
            session, _PURPOSE, pending.account, pending.to_bytes(), client.user_agent
        )
        options = ""
        if FactorKind.PASSKEY in kinds:
            options = self._passkeys.request_options(session, pending.account, challenge_of(state))
        return Challenge(state, kinds, expires, options)

    async def enter(self, state: str, client: Client) -> Attempt:
        """Count the attempt by account and address; SESSION_ENDED where the state has ended."""
        account = await self._database.read(lambda session: self._states.account_of(session, _PURPOSE, state))
        if account is None:
            raise PosternError(Reason.SESSION_ENDED, metadata={"what": "sign_in"})
        return await self._throttle.enter(account, client.address)

    def check(
        self, session: Session, state: str, shown: Shown, client: Client, now: int
    ) -> tuple[Pending, FactorKind] | Reason:
        """What waited and the kind of factor that was shown, which end the state; or why not."""
        opened = self._states.attempt(session, _PURPOSE, state, client.user_agent)
        if opened is None:
            return Reason.SESSION_ENDED
        pending = Pending.from_bytes(opened.account, opened.content)
        if shown.webauthn:
            kind = self._by_passkey(session, pending, state, shown.webauthn, client, now)
        else:
            kind = self._factors.prove(session, opened.account, shown.code)
        if kind is None:
            audit.record_if_known(session, opened.account, audit.FACTOR_REFUSED, client, now)
            return Reason.AUTHENTICATION_FAILED
        self._states.end(session, state)
        return pending, kind

    def _by_passkey(
        self, session: Session, pending: Pending, state: str, answer: str, client: Client, now: int
    ) -> FactorKind | None:
        try:
            found = self._passkeys.find(session, answer)
            if found.account != pending.account:
                raise WebauthnError("another account's passkey")
            given = self._passkeys.judge(session, found, answer, challenge_of(state), verify=False)
        except WebauthnError as err:
            log.info("passkey.refused", account=pending.account, why=str(err))
            return None
        except CounterWentBack:
            counter_went_back(session, pending.account, found.name, client, now)
            return None
        if pending.credential.kind != "password":
            return FactorKind.PASSKEY  # a provider's tokens are the session's alone
        # The password is at hand: with it the passkey signs in alone the next time.
        self._passkeys.keep_credential(session, found, given.prf, pending.credential.to_json())
        return FactorKind.PASSKEY


def counter_went_back(session: Session, account: str, name: str, client: Client, now: int) -> None:
    """There may be a copy of the passkey: its owner reads of it, and the operator."""
    log.warning("passkey.counter_went_back", account=account)
    audit.record(session, account, audit.PASSKEY_COUNTER, client, now, {"factor": name})
