"""Proof that it is the person who asks, within a session: a present factor again, or the password where there
is none yet. Where the account has no password here, since its domain signs in by OpenID, a sign-in of the
last minutes is the proof: the provider was asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from services.auth.factors import Factors
from services.auth.model import Client, FactorKind
from services.auth.passkeys import CounterWentBack, Passkeys
from services.auth.rows import Clock, now_ms
from services.auth.secondfactor import counter_went_back
from services.auth.sessions import Sessions
from services.auth.states import States
from services.auth.throttle import Throttle
from services.auth.ways import Ways
from services.auth.webauthn import WebauthnError, challenge_of
from services.common.database import Database
from services.common.errors import PosternError, Reason, invalid_argument
from services.common.logging import get_logger

log = get_logger(__name__)
_PURPOSE = "proof"
FRESH_MS = 600_000  # how long a sign-in by the provider stands for a proof


@dataclass(frozen=True)
class Proof:
    """What somebody shows to prove that they are there: a code, a passkey's answer with the state that asked
    for it, or the password."""

    code: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    webauthn: str = field(default="", repr=False)
    state: str = field(default="", repr=False)


@dataclass(frozen=True)
class Question:
    """What asks for a passkey; all empty where there is none to ask for."""

    state: str = field(default="", repr=False)
    options: str = ""
    expires_ms: int = 0


class Presence:
    """Asks for proofs and judges them."""

    def __init__(
        self,
        database: Database,
        factors: Factors,
        passkeys: Passkeys,
        states: States,
        throttle: Throttle,
        ways: Ways,
        sessions: Sessions,
        clock: Clock = now_ms,
    ) -> None:
        self._database, self._factors, self._passkeys = database, factors, passkeys
        self._sessions = sessions
        self._states, self._throttle, self._ways = states, throttle, ways
        self._clock = clock

    async def ask(self, account: str) -> Question:
        """A challenge for the account's passkeys."""

        def work(session: Session) -> Question:
            if FactorKind.PASSKEY not in self._factors.kinds(session, account):
                return Question()
            state, expires = self._states.begin(session, _PURPOSE, account, b"")
            options = self._passkeys.request_options(session, account, challenge_of(state))
            return Question(state, options, expires) if options else Question()

        return await self._database.run(work)

    def by_password(self, account: str) -> bool:
        """Whether the password is the proof of an account without factors; else a sign-in just now is."""
        return self._ways.of(account).password is not None

    async def prove(self, account: str, proof: Proof, session_id: str = "") -> None:
        """AUTHENTICATION_FAILED (metadata problem says what was expected) where the proof is no good;
        problem "sign_in_again" where the session is to be opened anew."""
        attempt = await self._throttle.enter_proof(account)
        kinds = await self._database.read(lambda session: self._factors.kinds(session, account))
        if kinds and not (proof.code or proof.webauthn):
            await self._throttle.withdraw(attempt)
            raise invalid_argument("proof", "code_expected")
        if not kinds and not self.by_password(account):
            await self._throttle.withdraw(attempt)
            started = await self._database.read(
                lambda session: self._sessions.signed_in_ms(session, account, session_id)
            )
            if not 0 <= self._clock() - started <= FRESH_MS:
                raise PosternError(Reason.AUTHENTICATION_FAILED, metadata={"problem": "sign_in_again"})
            return
        if not kinds and not proof.password:
            await self._throttle.withdraw(attempt)
            raise invalid_argument("proof", "password_expected")
        if kinds:
            good = await self._database.run(lambda session: self._factor(session, account, proof))
        else:
            try:
                good = await self._ways.check(account, proof.password) is not None
            except PosternError:
                await self._throttle.withdraw(attempt)
                raise
        if not good:
            raise PosternError(Reason.AUTHENTICATION_FAILED, metadata={"problem": "proof"})
        await self._throttle.forget(attempt)

    def _factor(self, session: Session, account: str, proof: Proof) -> bool:
        if not proof.webauthn:
            return self._factors.prove(session, account, proof.code) is not None
        opened = self._states.attempt(session, _PURPOSE, proof.state)
        if opened is None or opened.account != account:
            return False
        try:
            found = self._passkeys.find(session, proof.webauthn)
            if found.account != account:
                raise WebauthnError("another account's passkey")
            self._passkeys.judge(session, found, proof.webauthn, challenge_of(proof.state), verify=False)
        except WebauthnError as err:
            log.info("passkey.refused", account=account, why=str(err))
            return False
        except CounterWentBack:
            counter_went_back(session, account, found.name, Client(), self._clock())
            return False
        self._states.end(session, proof.state)
        return True
