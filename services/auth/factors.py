"""Second factors of an account; the functions run inside one transaction.

Invariant: a one-time password and a recovery code are each accepted once, whatever comes in parallel: the row
that remembers is locked, or the update that uses it up has the condition in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from services.auth import hotp, totp
from services.auth.model import FactorKind
from services.auth.rows import Clock, now_ms
from services.auth.tables import factors, passkeys, recovery_codes
from services.auth.vault import Sealed, Vault, VaultError, new_id
from services.common.errors import PosternError, Reason, invalid_argument

MAX_FACTORS = 10
MAX_NAME = 200
RECOVERY_ID = "recovery-codes"  # the codes are shown as one factor
_ORDER = (FactorKind.PASSKEY, FactorKind.TOTP, FactorKind.HOTP)


@dataclass(frozen=True)
class FactorInfo:
    """A factor as its owner sees it. `last_used_ms` 0: never."""

    factor_id: str
    kind: FactorKind
    display_name: str
    created_ms: int
    last_used_ms: int
    codes_left: int = 0
    can_sign_in: bool = False


class Factors:
    """The factors in the database."""

    def __init__(self, vault: Vault, clock: Clock = now_ms) -> None:
        self._vault, self._clock = vault, clock

    def kinds(self, session: Session, account: str) -> tuple[FactorKind, ...]:
        """The kinds of proof that the account can give; empty where it has no second factor."""
        query = select(factors.c.kind).where(factors.c.account == account).distinct()
        found = {row.kind for row in session.execute(query)}
        if not found:
            return ()
        codes = (FactorKind.RECOVERY_CODE,) if self._codes_left(session, account) else ()
        return (*(kind for kind in _ORDER if kind.value in found), *codes)

    def infos(self, session: Session, account: str) -> list[FactorInfo]:
        """The factors, oldest first, then the recovery codes."""
        query = select(factors, passkeys.c.can_sign_in).outerjoin(
            passkeys, passkeys.c.factor_id == factors.c.factor_id
        )
        query = query.where(factors.c.account == account).order_by(factors.c.created_ms, factors.c.factor_id)
        found = [
            FactorInfo(
                row.factor_id,
                FactorKind(row.kind),
                row.display_name,
                row.created_ms,
                row.last_used_ms,
                can_sign_in=bool(row.can_sign_in),
            )
            for row in session.execute(query)
        ]
        columns = func.min(recovery_codes.c.created_ms), func.max(recovery_codes.c.used_ms)
        created, used = session.execute(select(*columns).where(recovery_codes.c.account == account)).one()
        if created is not None:
            left = self._codes_left(session, account)
            found.append(FactorInfo(RECOVERY_ID, FactorKind.RECOVERY_CODE, "", created, used or 0, left))
        return found

    def prove(self, session: Session, account: str, code: str) -> FactorKind | None:
        """Use up a one-time password or a recovery code; the kind that it was, None where it is no good.
        Where a card ran ahead, that is remembered, so the transaction is to be kept also then."""
        now = self._clock()
        coded = factors.c.kind.in_((FactorKind.TOTP.value, FactorKind.HOTP.value))
        query = select(factors).where(factors.c.account == account, coded).order_by(factors.c.factor_id)
        for row in session.execute(query.with_for_update()).all():
            try:
                secret = self._open(row.factor_id, account, Sealed(row.server_key_id, row.sealed_secret))
            except VaultError:
                continue  # the operator has withdrawn the server key: recovery codes still work
            this_row = update(factors).where(factors.c.factor_id == row.factor_id)
            if row.kind == FactorKind.TOTP.value:
                step = totp.matching_step(secret, code, now / 1000, row.used_step)
            else:
                verdict = hotp.judge(secret[1:], secret[0], code, row.used_step, row.resync_step)
                step = verdict.used
                if verdict.resync != row.resync_step:
                    session.execute(this_row.values(resync_step=verdict.resync))
            if step is not None:
                session.execute(this_row.values(used_step=step, last_used_ms=now))
                return FactorKind(row.kind)
        mine = (recovery_codes.c.account == account) & recovery_codes.c.used_ms.is_(None)
        this = recovery_codes.c.code_hash == totp.recovery_hash(account, code)
        spent = session.execute(update(recovery_codes).where(mine, this).values(used_ms=now))
        return FactorKind.RECOVERY_CODE if spent.rowcount else None  # type: ignore[attr-defined]

    def add(
        self,
        session: Session,
        account: str,
        kind: FactorKind,
        name: str,
        secret: bytes,
        used_step: int,
        *,
        can_sign_in: bool = False,
    ) -> FactorInfo:
        """Keep a factor that its owner has shown a first proof of. `secret`: of a TOTP the key, of a card the
        number of digits and the key, of a passkey nothing (its public half lies beside it)."""
        if self._count(session, account) >= MAX_FACTORS:
            raise PosternError(Reason.QUOTA_EXCEEDED, metadata={"limit": str(MAX_FACTORS)})
        now, factor_id = self._clock(), new_id()
        sealed = self._vault.seal_own(secret, _context(factor_id, account))
        row = {
            "factor_id": factor_id,
            "account": account,
            "kind": kind.value,
            "display_name": check_name(name),
            "created_ms": now,
            "last_used_ms": now,
            "used_step": used_step,
            "resync_step": -1,
            "server_key_id": sealed.key_id,
            "sealed_secret": sealed.data,
        }
        session.execute(insert(factors), [row])
        return FactorInfo(factor_id, kind, name, now, now, can_sign_in=can_sign_in)

    def name_of(self, session: Session, account: str, factor_id: str) -> str:
        which = (factors.c.account == account) & (factors.c.factor_id == factor_id)
        return session.execute(select(factors.c.display_name).where(which)).scalar() or ""

    def remove(self, session: Session, account: str, factor_id: str) -> bool:
        """Remove a factor; whether it was there. With the last one the recovery codes go."""
        if factor_id == RECOVERY_ID:
            mine = delete(recovery_codes).where(recovery_codes.c.account == account)
            return bool(session.execute(mine).rowcount)  # type: ignore[attr-defined]
        which = (factors.c.account == account) & (factors.c.factor_id == factor_id)
        gone = bool(session.execute(delete(factors).where(which)).rowcount)  # type: ignore[attr-defined]
        beside = (passkeys.c.account == account) & (passkeys.c.factor_id == factor_id)
        session.execute(delete(passkeys).where(beside))
        if gone and not self._count(session, account):
            session.execute(delete(recovery_codes).where(recovery_codes.c.account == account))
        return gone

    def new_codes(self, session: Session, account: str) -> Sequence[str]:
        """New recovery codes in place of the old ones; told once."""
        session.execute(delete(recovery_codes).where(recovery_codes.c.account == account))
        codes = [totp.new_recovery_code() for _ in range(totp.RECOVERY_CODES)]
        now = self._clock()
        rows = [
            {
                "code_hash": totp.recovery_hash(account, code),
                "account": account,
                "created_ms": now,
                "used_ms": None,
            }
            for code in codes
        ]
        session.execute(insert(recovery_codes), rows)
        return codes

    def _open(self, factor_id: str, account: str, sealed: Sealed) -> bytes:
        return self._vault.open_own(sealed, _context(factor_id, account))

    def _count(self, session: Session, account: str) -> int:
        query = select(func.count()).select_from(factors).where(factors.c.account == account)
        return session.execute(query).scalar_one()

    def _codes_left(self, session: Session, account: str) -> int:
        mine = (recovery_codes.c.account == account) & recovery_codes.c.used_ms.is_(None)
        return session.execute(select(func.count()).select_from(recovery_codes).where(mine)).scalar_one()


def check_name(name: str) -> str:
    """A factor's name, if it may be one."""
    if len(name) > MAX_NAME:
        raise invalid_argument("display_name", "too_long")
    return name


def _context(factor_id: str, account: str) -> str:
    return f"factor|{factor_id}|{account}"
