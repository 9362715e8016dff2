"""The passkeys of an account; the functions run inside one transaction.

Invariants:
* A passkey is a factor (a row of auth_factors, whose used_step is the signature counter) with a row of its
  own beside it. The factor's row is locked while an answer is judged, so that one counter is accepted once.
* The mail credential lies sealed under HKDF(the passkey's PRF output, server key): neither the database nor
  the server keys nor both together open it, only the passkey in its owner's hand does.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from services.auth.factors import FactorInfo
from services.auth.rows import Clock, now_ms
from services.auth.tables import factors, passkeys
from services.auth.vault import Sealed, Vault, VaultError
from services.auth.webauthn import (
    Assertion,
    NewPasskey,
    RelyingParty,
    WebauthnError,
    credential_id_of,
    encode,
)
from services.common.errors import PosternError, Reason


class CounterWentBack(Exception):
    """The signature counter did not grow: there may be a copy of the passkey (WebAuthn, 6.1.1)."""


@dataclass(frozen=True)
class Found:
    """A passkey and whose it is."""

    factor_id: str
    account: str
    name: str
    can_sign_in: bool
    credential_data: bytes
    user_handle: bytes
    sealed: Sealed | None


class Passkeys:
    """The passkeys in the database. `party` None: the public address does not allow any."""

    def __init__(self, vault: Vault, party: RelyingParty | None, clock: Clock = now_ms) -> None:
        self._vault, self.party, self._clock = vault, party, clock

    @property
    def available(self) -> bool:
        return self.party is not None

    def needed_party(self) -> RelyingParty:
        if self.party is None:
            raise PosternError(Reason.UNSUPPORTED, metadata={"what": "passkey"})
        return self.party

    def request_options(self, session: Session, account: str, challenge: bytes) -> str:
        """Options that ask for one of the account's passkeys; "" where it has none or none can be used."""
        if self.party is None:
            return ""
        rows = session.execute(select(passkeys).where(passkeys.c.account == account)).all()
        return self.party.request_options(challenge, [_allowed(row) for row in rows]) if rows else ""

    def user_handle(self, session: Session, account: str) -> bytes:
        """The account's handle: random and without meaning (WebAuthn, 14.6.1), the same for all its passkeys,
        so that a device shows it once."""
        query = select(passkeys.c.user_handle).where(passkeys.c.account == account).limit(1)
        row = session.execute(query).first()
        return bytes(row.user_handle) if row else secrets.token_bytes(32)

    def creation_options(self, session: Session, account: str, challenge: bytes, user_handle: bytes) -> str:
        """Options that make a passkey, on a device that has none of this account's."""
        query = select(passkeys.c.credential_id).where(passkeys.c.account == account)
        present = [bytes(row.credential_id) for row in session.execute(query)]
        return self.needed_party().creation_options(challenge, account, user_handle, present)

    def add(
        self, session: Session, account: str, factor: FactorInfo, made: NewPasskey, user_handle: bytes
    ) -> Found:
        """Keep what belongs to the factor's row. CONFLICT where the credential is enrolled already."""
        digest = _digest(made.credential_id)
        if session.execute(select(passkeys.c.account).where(passkeys.c.credential_hash == digest)).first():
            raise PosternError(Reason.CONFLICT, metadata={"what": "passkey"})
        row = {
            "credential_hash": digest,
            "factor_id": factor.factor_id,
            "account": account,
            "credential_id": made.credential_id,
            "credential_data": made.credential_data,
            "user_handle": user_handle,
            "transports": made.transports,
            "can_sign_in": made.can_sign_in,
            "server_key_id": "",
            "sealed_credential": None,
        }
        session.execute(insert(passkeys), [row])
        found = self.by_factor(session, account, factor.factor_id)
        assert found is not None
        return found

    def find(self, session: Session, response_json: str) -> Found:
        """The passkey that an answer says it is from. WebauthnError where there is none."""
        digest = _digest(credential_id_of(response_json))
        row = session.execute(_WITH_NAME.where(passkeys.c.credential_hash == digest)).first()
        if row is None:
            raise WebauthnError("unknown credential")
        return _found(row)

    def by_factor(self, session: Session, account: str, factor_id: str) -> Found | None:
        mine = (passkeys.c.account == account) & (passkeys.c.factor_id == factor_id)
        row = session.execute(_WITH_NAME.where(mine)).first()
        return None if row is None else _found(row)

    def judge(
        self, session: Session, found: Found, response_json: str, challenge: bytes, *, verify: bool
    ) -> Assertion:
        """A good answer, its counter noted. WebauthnError where it is none, CounterWentBack where the
        counter did not grow."""
        given = self.needed_party().check_assertion(
            response_json, challenge, found.credential_data, verify=verify
        )
        if given.user_handle and given.user_handle != found.user_handle:  # WebAuthn, 7.2, step 6
            raise WebauthnError("another user's handle")
        which = factors.c.factor_id == found.factor_id
        row = session.execute(select(factors.c.used_step).where(which).with_for_update()).first()
        if row is None:
            raise WebauthnError("removed meanwhile")
        if (given.sign_count or row.used_step) and given.sign_count <= row.used_step:
            raise CounterWentBack
        values = {"used_step": given.sign_count, "last_used_ms": self._clock()}
        session.execute(update(factors).where(which).values(**values))
        return given

    def keep_credential(self, session: Session, found: Found, prf: bytes, credential: bytes) -> bool:
        """Seal the mail credential for the passkey's PRF; False where it has none or may not sign in."""
        if not prf or not found.can_sign_in:
            return False
        sealed = self._vault.seal(encode(prf), credential, _context(found))
        values: dict[str, Any] = {"server_key_id": sealed.key_id, "sealed_credential": sealed.data}
        session.execute(update(passkeys).where(passkeys.c.factor_id == found.factor_id).values(**values))
        return True

    def forget_credential(self, session: Session, found: Found) -> None:
        """The mail server does not take the password any more."""
        gone = update(passkeys).where(passkeys.c.factor_id == found.factor_id)
        session.execute(gone.values(server_key_id="", sealed_credential=None))

    def open_credential(self, found: Found, prf: bytes) -> bytes | None:
        """The mail credential; None where the passkey carries none."""
        if found.sealed is None or not prf:
            return None
        try:
            return self._vault.open(encode(prf), found.sealed, _context(found))
        except VaultError:
            return None  # the operator has withdrawn the server key

    def seals_anew(self, found: Found) -> bool:
        """Whether what is sealed lies under a server key that is not the first any more."""
        return found.sealed is not None and found.sealed.key_id != self._vault.current_key_id


_WITH_NAME = select(passkeys, factors.c.display_name).join(
    factors, factors.c.factor_id == passkeys.c.factor_id
)


def _found(row: Any) -> Found:
    return Found(
        row.factor_id,
        row.account,
        row.display_name,
        bool(row.can_sign_in),
        bytes(row.credential_data),
        bytes(row.user_handle),
        Sealed(row.server_key_id, row.sealed_credential) if row.sealed_credential else None,
    )


def _allowed(row: Any) -> tuple[bytes, str]:
    return bytes(row.credential_id), row.transports


def _digest(credential_id: bytes) -> str:
    return hashlib.sha256(credential_id).hexdigest()


def _context(found: Found) -> str:
    return f"passkey|{found.factor_id}|{found.account}"
