"""Rows of addresses beyond the account's own: the code that is open for each, and whether one came back.

One row for an account and an address, so that a second code takes the place of the first. It outlives its
removal for as long as it counts towards what may be mailed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Row, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from services.common.errors import PosternError, Reason, error
from services.sender.storage import usage
from services.sender.storage.tables import verified
from services.sender.storage.usage import Amount, Limits

HOUR = 3_600_000
# Codes for one address of one account, of one account, and for one address whoever asks: the last two within
# an hour. Nobody's mailbox is to be filled with codes.
BETWEEN = 60_000
ACCOUNT_CODES, ADDRESS_CODES = 10, 5
# Wrong codes that may be typed for each.
TRIES = 5
MOST_ADDRESSES = 50


@dataclass(frozen=True)
class Standing:
    """`verified_at`, `code_expires_at`: milliseconds; 0 is never."""

    address: str
    verified_at: int
    code_expires_at: int


def row_id(account: str, address: str) -> str:
    return hashlib.sha256(f"{account}\x00{address}".encode()).hexdigest()


def standings(session: Session, account: str, addresses: Sequence[str], now: int) -> dict[str, Standing]:
    """Those of these addresses that have a row."""
    ids = [row_id(account, address) for address in addresses]
    found = {}
    for row in session.execute(select(verified).where(verified.c.id.in_(ids))):
        open_until = row.code_expires_at if _open(row, now) else 0
        found[row.address] = Standing(row.address, row.verified_at, open_until)
    return found


def is_verified(session: Session, account: str, address: str) -> bool:
    query = select(verified.c.verified_at).where(verified.c.id == row_id(account, address))
    return bool(session.execute(query).scalar_one_or_none())


def open_code(
    session: Session,
    account: str,
    address: str,
    *,
    code_hash: str,
    now: int,
    expires_at: int,
    limits: Limits,
    size: int,
) -> None:
    """A new code is open for the address. RATE_LIMITED with `retry_seconds` where too many were asked for, or
    where the account may send nothing now: a code is a message like any other there."""
    if limits:
        # This locks the account's row, so that two who ask at once are counted one after the other.
        (answer,) = usage.admit(session, [(account, Amount(1, 1, size))], limits, now)
        if isinstance(answer, PosternError):
            raise answer
        if answer:
            raise error(Reason.RATE_LIMITED, limit="burst", retry_seconds=str(usage.STEP // 1000))
    id = row_id(account, address)
    row = session.execute(select(verified).where(verified.c.id == id).with_for_update()).one_or_none()
    if row is not None and row.code_sent_at > now - BETWEEN:
        raise _too_many(row.code_sent_at + BETWEEN - now)
    for condition, most in (
        (verified.c.account == account, ACCOUNT_CODES),
        (verified.c.address == address, ADDRESS_CODES),
    ):
        _bounded(session, condition, most, now)
    if row is None:
        kept = select(func.count()).where(verified.c.account == account, verified.c.verified_at > 0)
        if session.execute(kept).scalar_one() >= MOST_ADDRESSES:
            raise error(Reason.QUOTA_EXCEEDED, what="addresses", limit=str(MOST_ADDRESSES))
        values = {"id": id, "account": account, "address": address, "verified_at": 0}
        begun = {"codes": 0, "codes_since": now, "code_hash": "", "code_tries": 0}
        times = {"code_sent_at": 0, "code_expires_at": 0}
        session.execute(insert(verified).values(**values, **begun, **times))
    anew = row is None or row.codes_since <= now - HOUR
    session.execute(
        update(verified)
        .where(verified.c.id == id)
        .values(
            code_hash=code_hash,
            code_tries=0,
            code_sent_at=now,
            code_expires_at=expires_at,
            codes=1 if anew else verified.c.codes + 1,
            codes_since=now if anew else verified.c.codes_since,
        )
    )


def _bounded(session: Session, condition: ColumnElement[bool], most: int, now: int) -> None:
    query = select(func.sum(verified.c.codes), func.min(verified.c.codes_since))
    sent, since = session.execute(query.where(condition, verified.c.codes_since > now - HOUR)).one()
    if sent is not None and int(sent) >= most:
        raise _too_many(int(since) + HOUR - now)


def _too_many(wait: int) -> PosternError:
    return error(Reason.RATE_LIMITED, limit="codes", retry_seconds=str(max(1, -(-wait // 1000))))


def take_try(session: Session, account: str, address: str, now: int) -> tuple[str, int]:
    """The hash to compare with and how many tries are left after this one, which counts from now on; ("", 0)
    where no code is open."""
    query = select(verified).where(verified.c.id == row_id(account, address)).with_for_update()
    row = session.execute(query).one_or_none()
    if row is None or not _open(row, now):
        return "", 0
    tries = verified.c.code_tries + 1
    session.execute(update(verified).where(verified.c.id == row.id).values(code_tries=tries))
    return row.code_hash, TRIES - row.code_tries - 1


def confirm(session: Session, account: str, address: str, code_hash: str, now: int) -> bool:
    """The code of that hash came back; False where another took its place meanwhile. It opens once."""
    moved = session.execute(
        update(verified)
        .where(
            verified.c.id == row_id(account, address),
            verified.c.code_hash == code_hash,
            verified.c.code_expires_at > now,
        )
        .values(verified_at=now, code_hash="", code_tries=0, code_expires_at=0)
    )
    return bool(moved.rowcount)  # type: ignore[attr-defined]


def close_code(session: Session, account: str, address: str, code_hash: str) -> None:
    """That code did not go out: it opens nothing."""
    session.execute(
        update(verified)
        .where(verified.c.id == row_id(account, address), verified.c.code_hash == code_hash)
        .values(code_hash="", code_expires_at=0)
    )


def remove(session: Session, account: str, address: str) -> None:
    session.execute(
        update(verified)
        .where(verified.c.id == row_id(account, address))
        .values(verified_at=0, code_hash="", code_expires_at=0)
    )


def purge(session: Session, now: int) -> None:
    """Rows that say nothing any more."""
    session.execute(
        delete(verified).where(
            verified.c.verified_at == 0,
            verified.c.codes_since <= now - HOUR,
            or_(verified.c.code_hash == "", verified.c.code_expires_at <= now),
        )
    )


def _open(row: Row, now: int) -> bool:
    return bool(row.code_hash) and row.code_expires_at > now and row.code_tries < TRIES
