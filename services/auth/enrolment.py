"""Enrolling and removing second factors. Each change asks for a present factor again, or for the password
where there is none yet, and gives the session that makes it a new secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from services.auth import audit, hotp, totp
from services.auth.factors import FactorInfo, Factors, check_name
from services.auth.model import Client, FactorKind
from services.auth.passkeys import Passkeys
from services.auth.policy import FactorPolicy
from services.auth.presence import Presence, Proof
from services.auth.rows import Clock, now_ms
from services.auth.sessions import Sessions
from services.auth.states import States
from services.auth.webauthn import WebauthnError, challenge_of
from services.common.database import Database
from services.common.errors import PosternError, Reason, invalid_argument, not_found
from services.common.logging import get_logger
from services.common.sealing import Credential

log = get_logger(__name__)
_PURPOSE = "enrolment"


@dataclass(frozen=True)
class Caller:
    """Who changes factors: the account and session of the token, and the session's secret, where web brings
    it so that it is changed."""

    account: str
    session_id: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Begun:
    """An enrolment that waits for its first proof."""

    state: str = field(repr=False)
    otpauth_uri: str = field(default="", repr=False)
    webauthn_options: str = ""


@dataclass(frozen=True)
class Changed:
    """What a change brings: recovery codes where some were made, the session's new secret."""

    factor: FactorInfo | None = None
    codes: Sequence[str] = field(default=(), repr=False)
    session_secret: str = field(default="", repr=False)


class Enrolment:
    """Changes to an account's factors."""

    def __init__(
        self,
        database: Database,
        factors: Factors,
        passkeys: Passkeys,
        states: States,
        sessions: Sessions,
        presence: Presence,
        policy: FactorPolicy,
        issuer: str = "Postern",
        clock: Clock = now_ms,
    ) -> None:
        self._database, self._factors, self._passkeys = database, factors, passkeys
        self._states, self._sessions, self._presence = states, sessions, presence
        self._policy, self._issuer, self._clock = policy, issuer, clock

    def by_password(self, account: str) -> bool:
        """Whether who has no factor proves with the password."""
        return self._presence.by_password(account)

    async def list(self, account: str) -> tuple[Sequence[FactorInfo], bool, Sequence[FactorKind]]:
        """The factors, whether the operator demands one, and the kinds that may be enrolled."""
        found = await self._database.read(lambda session: self._factors.infos(session, account))
        return found, self._policy.required_from(""), self.offered

    @property
    def offered(self) -> tuple[FactorKind, ...]:
        if not self._policy.offered:
            return ()
        passkey = (FactorKind.PASSKEY,) if self._passkeys.available else ()
        return (*passkey, FactorKind.TOTP, FactorKind.HOTP)

    async def begin(
        self, caller: Caller, kind: FactorKind, name: str, proof: Proof, secret: str = ""
    ) -> Begun:
        """Begin once the proof is good. `secret`: a card's own, as its maker wrote it; "" makes one."""
        if kind not in self.offered:
            raise PosternError(Reason.UNSUPPORTED, metadata={"what": "second_factor"})
        check_name(name)
        key = totp.new_secret()
        if secret:
            own = hotp.read_secret(secret) if kind is FactorKind.HOTP else None
            if own is None:
                raise invalid_argument("otp_secret", "malformed")
            key = own
        await self._presence.prove(caller.account, proof, caller.session_id)
        account = caller.account

        def work(session: Session) -> Begun:
            content = {"kind": kind.value, "name": name, "secret": base64.b64encode(key).decode()}
            if kind is not FactorKind.PASSKEY:
                state, _ = self._states.begin(session, _PURPOSE, account, json.dumps(content).encode())
                make_uri = totp.provisioning_uri if kind is FactorKind.TOTP else hotp.provisioning_uri
                return Begun(state, otpauth_uri=make_uri(key, account, self._issuer))
            handle = self._passkeys.user_handle(session, account)
            content["secret"] = base64.b64encode(handle).decode()
            state, _ = self._states.begin(session, _PURPOSE, account, json.dumps(content).encode())
            options = self._passkeys.creation_options(session, account, challenge_of(state), handle)
            return Begun(state, webauthn_options=options)

        return await self._database.run(work)

    async def finish(self, caller: Caller, state: str, code: str, webauthn: str = "") -> Changed:
        """The factor, once its first proof was right; with the first one come recovery codes. A card shows
        two codes in a row, with a space between."""

        def work(session: Session) -> Changed | Reason:
            opened = self._states.attempt(session, _PURPOSE, state)
            if opened is None or opened.account != caller.account:
                return Reason.SESSION_ENDED
            content = json.loads(opened.content)
            first = not self._factors.kinds(session, caller.account)
            factor = self._first_proof(session, caller, content, state, code, webauthn)
            if factor is None:
                return Reason.AUTHENTICATION_FAILED  # not raised: the attempt must stay counted
            self._states.end(session, state)
            details = {"factor": factor.display_name, "kind": factor.kind.value}
            self._record(session, caller, audit.FACTOR_ENROLLED, details)
            codes = self._factors.new_codes(session, caller.account) if first else ()
            return Changed(factor, codes, self._rotated(session, caller))

        result = await self._database.run(work)
        if isinstance(result, Reason):
            raise PosternError(result)
        return result

    def _first_proof(
        self,
        session: Session,
        caller: Caller,
        content: dict[str, Any],
        state: str,
        code: str,
        webauthn: str,
    ) -> FactorInfo | None:
        kind, name, key = FactorKind(content["kind"]), content["name"], base64.b64decode(content["secret"])
        account = caller.account
        if kind is FactorKind.TOTP:
            step = totp.matching_step(key, code, self._clock() / 1000, used_step=-1)
            return None if step is None else self._factors.add(session, account, kind, name, key, step)
        if kind is FactorKind.HOTP:
            pair = hotp.first_pair(key, *code.split()) if len(code.split()) == 2 else None
            if pair is None:
                return None
            digits, counter = pair
            return self._factors.add(session, account, kind, name, bytes([digits]) + key, counter)
        try:
            made = self._passkeys.needed_party().check_creation(webauthn, challenge_of(state))
        except WebauthnError as err:
            log.info("passkey.refused", account=account, why=str(err))
            return None
        factor = self._factors.add(
            session, account, kind, name, b"", made.sign_count, can_sign_in=made.can_sign_in
        )
        found = self._passkeys.add(session, account, factor, made, key)
        credential = self._sessions.credential_of(session, account, caller.secret) if made.prf else None
        if credential is not None and Credential.from_json(credential).kind == "password":
            self._passkeys.keep_credential(session, found, made.prf, credential)
        return factor

    async def remove(self, caller: Caller, factor_id: str, proof: Proof) -> Changed:
        """Remove a factor; NOT_FOUND where the account has no such one."""
        await self._presence.prove(caller.account, proof, caller.session_id)

        def work(session: Session) -> Changed:
            name = self._factors.name_of(session, caller.account, factor_id)
            if not self._factors.remove(session, caller.account, factor_id):
                raise not_found("factor")
            self._record(session, caller, audit.FACTOR_REMOVED, {"factor_id": factor_id, "factor": name})
            return Changed(session_secret=self._rotated(session, caller))

        return await self._database.run(work)

    async def new_codes(self, caller: Caller, proof: Proof) -> Changed:
        """New recovery codes in place of the old ones, for who has a factor that they stand in for."""
        await self._presence.prove(caller.account, proof, caller.session_id)

        def work(session: Session) -> Changed:
            if not self._factors.kinds(session, caller.account):
                raise not_found("factor")
            self._record(session, caller, audit.RECOVERY_CODES_CREATED)
            codes = self._factors.new_codes(session, caller.account)
            return Changed(codes=codes, session_secret=self._rotated(session, caller))

        return await self._database.run(work)

    def _rotated(self, session: Session, caller: Caller) -> str:
        return self._sessions.rotate(session, caller.account, caller.secret) if caller.secret else ""

    def _record(
        self, session: Session, caller: Caller, action: str, details: dict[str, str] | None = None
    ) -> None:
        client = (
            self._sessions.client_of(session, caller.account, caller.session_id)
            if caller.session_id
            else Client()
        )
        audit.record(session, caller.account, action, client, self._clock(), details)
