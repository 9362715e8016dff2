"""Enrolling and removing second factors. Each change asks for a present factor again, or for the password
where there is none yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from services.auth import audit, totp
from services.auth.factors import FactorInfo, Factors, check_name
from services.auth.model import Client, FactorKind
from services.auth.policy import FactorPolicy
from services.auth.rows import Clock, now_ms
from services.auth.states import States
from services.auth.throttle import Throttle
from services.auth.ways import Ways
from services.common.database import Database
from services.common.errors import PosternError, Reason, invalid_argument, not_found

_PURPOSE = "enrolment"


@dataclass(frozen=True)
class Proof:
    """What somebody shows to prove that they are there: a code, or the password."""

    code: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class EnrolmentOptions:
    """`issuer`: the name that authenticators show."""

    issuer: str = "Postern"


class Enrolment:
    """Changes to an account's factors."""

    def __init__(
        self,
        database: Database,
        factors: Factors,
        states: States,
        throttle: Throttle,
        ways: Ways,
        policy: FactorPolicy,
        options: EnrolmentOptions = EnrolmentOptions(),
        clock: Clock = now_ms,
    ) -> None:
        self._database, self._factors, self._states, self._throttle = database, factors, states, throttle
        self._ways, self._policy, self._options, self._clock = ways, policy, options, clock

    async def list(self, account: str) -> tuple[Sequence[FactorInfo], bool]:
        """The factors, and whether the operator demands one."""
        found = await self._database.read(lambda session: self._factors.infos(session, account))
        return found, self._policy.required_from("")

    async def begin_totp(self, account: str, name: str, proof: Proof) -> tuple[str, str]:
        """The state of the enrolment and the otpauth:// address of a new secret."""
        if not self._policy.offered:
            raise PosternError(Reason.UNSUPPORTED, metadata={"what": "second_factor"})
        check_name(name)
        await self._prove(account, proof)
        secret = totp.new_secret()
        content = secret + name.encode()
        state, _ = await self._database.run(
            lambda session: self._states.begin(session, _PURPOSE, account, content)
        )
        return state, totp.provisioning_uri(secret, account, self._options.issuer)

    async def finish_totp(self, account: str, state: str, code: str) -> tuple[FactorInfo, Sequence[str]]:
        """The factor, once its first code was right; with the first one come recovery codes."""

        def work(session: Session) -> tuple[FactorInfo, Sequence[str]] | Reason:
            opened = self._states.attempt(session, _PURPOSE, state)
            if opened is None or opened.account != account:
                return Reason.SESSION_ENDED
            secret, name = opened.content[: totp.SECRET_BYTES], opened.content[totp.SECRET_BYTES :].decode()
            step = totp.matching_step(secret, code, self._clock() / 1000, used_step=-1)
            if step is None:
                return Reason.AUTHENTICATION_FAILED  # not raised: the attempt must stay counted
            self._states.end(session, state)
            first = not self._factors.kinds(session, account)
            factor = self._factors.add_totp(session, account, name, secret, step)
            details = {"factor": name, "kind": FactorKind.TOTP.value}
            audit.record(session, account, audit.FACTOR_ENROLLED, Client(), self._clock(), details)
            return factor, self._factors.new_codes(session, account) if first else ()

        return _or_raise(await self._database.run(work))

    async def remove(self, account: str, factor_id: str, proof: Proof) -> None:
        """Remove a factor; NOT_FOUND where the account has no such one."""
        await self._prove(account, proof)

        def work(session: Session) -> None:
            if not self._factors.remove(session, account, factor_id):
                raise not_found("factor")
            audit.record(
                session, account, audit.FACTOR_REMOVED, Client(), self._clock(), {"factor_id": factor_id}
            )

        await self._database.run(work)

    async def new_codes(self, account: str, proof: Proof) -> Sequence[str]:
        """New recovery codes in place of the old ones, for who has a factor that they stand in for."""
        await self._prove(account, proof)

        def work(session: Session) -> Sequence[str]:
            if not self._factors.kinds(session, account):
                raise not_found("factor")
            audit.record(session, account, audit.RECOVERY_CODES_CREATED, Client(), self._clock())
            return self._factors.new_codes(session, account)

        return await self._database.run(work)

    async def _prove(self, account: str, proof: Proof) -> None:
        """AUTHENTICATION_FAILED (metadata problem says what was expected) where the proof is no good."""
        attempt = await self._throttle.enter_proof(account)
        kinds = await self._database.read(lambda session: self._factors.kinds(session, account))
        if kinds and not proof.code:
            await self._throttle.withdraw(attempt)
            raise invalid_argument("proof", "code_expected")
        if not kinds and not proof.password:
            await self._throttle.withdraw(attempt)
            raise invalid_argument("proof", "password_expected")
        if kinds:
            used = await self._database.run(lambda session: self._factors.prove(session, account, proof.code))
            good = used is not None
        else:
            try:
                good = await self._ways.check(account, proof.password) is not None
            except PosternError:
                await self._throttle.withdraw(attempt)
                raise
        if not good:
            raise PosternError(Reason.AUTHENTICATION_FAILED, metadata={"problem": "proof"})
        await self._throttle.forget(attempt)


def _or_raise(result: tuple[FactorInfo, Sequence[str]] | Reason) -> tuple[FactorInfo, Sequence[str]]:
    if isinstance(result, Reason):
        raise PosternError(result)
    return result
