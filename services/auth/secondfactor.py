"""The second step of a sign-in: the code, against the state that the first step left.

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
from services.auth.policy import FactorPolicy
from services.auth.states import States
from services.auth.throttle import Attempt, Throttle
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


class SecondFactor:
    """Asks for a second factor and checks it."""

    def __init__(
        self, database: Database, factors: Factors, states: States, throttle: Throttle, policy: FactorPolicy
    ) -> None:
        self._database, self._factors, self._states = database, factors, states
        self._throttle, self._policy = throttle, policy

    def challenge(self, session: Session, pending: Pending, client: Client) -> Challenge | None:
        """The question for who has a factor; None where the password is enough."""
        kinds = self._factors.kinds(session, pending.account) if self._policy.offered else ()
        if not kinds:
            return None
        state, expires = self._states.begin(
            session, _PURPOSE, pending.account, pending.to_bytes(), client.user_agent
        )
        return Challenge(state, kinds, expires)

    async def enter(self, state: str, client: Client) -> Attempt:
        """Count the attempt by account and address; SESSION_ENDED where the state has ended."""
        account = await self._database.read(lambda session: self._states.account_of(session, _PURPOSE, state))
        if account is None:
            raise PosternError(Reason.SESSION_ENDED, metadata={"what": "sign_in"})
        return await self._throttle.enter(account, client.address)

    def check(
        self, session: Session, state: str, code: str, client: Client, now: int
    ) -> tuple[Pending, FactorKind] | Reason:
        """What waited and the kind of factor that was shown, which end the state; or why not."""
        opened = self._states.attempt(session, _PURPOSE, state, client.user_agent)
        if opened is None:
            return Reason.SESSION_ENDED
        kind = self._factors.prove(session, opened.account, code)
        if kind is None:
            audit.record_if_known(session, opened.account, audit.FACTOR_REFUSED, client, now)
            return Reason.AUTHENTICATION_FAILED
        self._states.end(session, state)
        return Pending.from_bytes(opened.account, opened.content), kind
