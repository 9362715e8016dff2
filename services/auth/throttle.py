"""Growing delays for sign-ins, shared by all replicas through the database.

How it works:
* An attempt is counted before the password is checked and given back when it was right or could not be
  checked. So many at once, over several replicas, get no more tries than one after the other.
* Somebody from an address or a device that this account has signed in from before is counted alone (account
  and address together) and never waits longer than a minute: a stranger's guesses do not lock the owner out.
* Everybody else is counted by account and by address. Which accounts exist plays no part.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from services.auth.rows import Clock, insert_or_keep, now_ms
from services.auth.tables import throttle
from services.common.database import Database
from services.common.errors import PosternError, Reason

FORGET_MS = 3_600_000  # an hour without an attempt clears the count
KNOWN_MS = 90 * 86_400_000  # an address stays known for 90 days after the last sign-in from it


@dataclass(frozen=True)
class Limit:
    """`free` attempts cost nothing; then each doubles the wait, from `first` up to `longest` seconds."""

    free: int
    first: float
    longest: float

    def delay_ms(self, attempts: int) -> int:
        """How long to wait after so many attempts."""
        over = attempts - self.free
        return 0 if over < 0 else int(1000 * min(self.longest, self.first * 2 ** min(over, 30)))


@dataclass(frozen=True)
class Limits:
    """`address` is generous, for many people share one."""

    account: Limit = Limit(5, 2.0, 900.0)
    address: Limit = Limit(20, 2.0, 900.0)
    pair: Limit = Limit(5, 1.0, 60.0)
    proof: Limit = Limit(5, 2.0, 900.0)


@dataclass(frozen=True)
class Attempt:
    """An attempt that was let in and counted in `buckets`, a kind to a digest."""

    account: str
    network: str
    buckets: tuple[tuple[str, str], ...]


def network(address: str) -> str:
    """What is counted of a client's address: IPv4 whole, of IPv6 the /64 that one subscriber has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    mapped = getattr(parsed, "ipv4_mapped", None)
    if isinstance(parsed, ipaddress.IPv6Address) and mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(mapped or parsed)


class Throttle:
    """Lets attempts in, or says how long to wait."""

    def __init__(self, database: Database, limits: Limits = Limits(), clock: Clock = now_ms) -> None:
        self._database, self._limits, self._clock = database, limits, clock

    async def enter(self, account: str, address: str, *, known_device: bool = False) -> Attempt:
        """Count an attempt; THROTTLED with metadata retry_seconds (whole, rounded up) where it comes too
        soon."""
        where = network(address)
        # Looked at first without a lock: a flood of refused attempts writes nothing.
        known, wait = await self._database.read(
            lambda session: self._look(session, account, where, known_device)
        )
        if not wait:
            buckets = _buckets(account, where, known)
            # Who tries passwords does not cut the power, and whoever signs in need not wait for the disk.
            wait = await self._database.run(lambda session: self._count(session, buckets), lasting=False)
        if wait:
            raise _throttled(wait)
        return Attempt(account, where, tuple(buckets))

    async def enter_address(self, address: str) -> Attempt:
        """Count an attempt that names no account, by its address alone."""
        where = network(address)
        buckets = [("address", _digest("address", where))]
        _, wait = await self._database.read(lambda session: self._look(session, "", where, False))
        if not wait:
            wait = await self._database.run(lambda session: self._count(session, buckets))
        if wait:
            raise _throttled(wait)
        return Attempt("", where, tuple(buckets))

    async def enter_proof(self, account: str) -> Attempt:
        """Count an attempt to prove presence within a session. Only who has a session can make the owner
        wait."""
        buckets = [("proof", _digest("proof", account))]
        wait = await self._database.run(lambda session: self._count(session, buckets))
        if wait:
            raise _throttled(wait)
        return Attempt(account, "", tuple(buckets))

    def succeeded(self, session: Session, attempt: Attempt) -> None:
        """The password was right: forget the account's count, give back the address's, know the address."""
        for kind, bucket in attempt.buckets:
            if kind == "address":
                self._give_back(session, bucket)
            else:
                session.execute(delete(throttle).where(throttle.c.bucket == bucket))
        now, bucket = self._clock(), _digest("known", attempt.account, attempt.network)
        row = {"bucket": bucket, "kind": "known", "attempts": 0, "last_ms": now, "until_ms": 0}
        insert_or_keep(session, throttle, row)
        session.execute(update(throttle).where(throttle.c.bucket == bucket).values(last_ms=now))

    async def forget(self, attempt: Attempt) -> None:
        """The proof was right: what was counted is forgotten."""
        names = [bucket for _, bucket in attempt.buckets]
        await self._database.run(
            lambda session: session.execute(delete(throttle).where(throttle.c.bucket.in_(names)))
        )

    async def withdraw(self, attempt: Attempt) -> None:
        """The password could not be checked: the attempt does not count."""

        await self._database.run(lambda session: self.give_back(session, attempt))

    def give_back(self, session: Session, attempt: Attempt) -> None:
        """As `withdraw`, within a transaction."""
        for _, bucket in attempt.buckets:
            self._give_back(session, bucket)

    def sweep(self, session: Session) -> int:
        """Delete what is forgotten; the number of rows."""
        now, known = self._clock(), throttle.c.kind == "known"
        old = session.execute(delete(throttle).where(known, throttle.c.last_ms < now - KNOWN_MS))
        gone = session.execute(delete(throttle).where(~known, throttle.c.last_ms < now - FORGET_MS))
        return old.rowcount + gone.rowcount  # type: ignore[attr-defined]

    def _look(self, session: Session, account: str, where: str, known_device: bool) -> tuple[bool, int]:
        """Whether the client is known to the account, and the milliseconds that it must wait."""
        now, known_bucket = self._clock(), _digest("known", account, where)
        wanted = {bucket for known in (True, False) for _, bucket in _buckets(account, where, known)}
        query = select(throttle.c.bucket, throttle.c.last_ms, throttle.c.until_ms)
        rows = {
            row.bucket: row
            for row in session.execute(query.where(throttle.c.bucket.in_([*wanted, known_bucket])))
        }
        known_row = rows.get(known_bucket)
        known = known_device or (known_row is not None and known_row.last_ms > now - KNOWN_MS)
        until = [rows[bucket].until_ms for _, bucket in _buckets(account, where, known) if bucket in rows]
        return known, max(0, max(until, default=0) - now)

    def _count(self, session: Session, buckets: Sequence[tuple[str, str]]) -> int:
        """Count an attempt in all of `buckets`, or in none and give the milliseconds to wait."""
        for kind, bucket in buckets:
            new = {"bucket": bucket, "kind": kind, "attempts": 0, "last_ms": self._clock(), "until_ms": 0}
            insert_or_keep(session, throttle, new)
        names = [bucket for _, bucket in buckets]
        query = select(throttle).where(throttle.c.bucket.in_(names)).order_by(throttle.c.bucket)
        rows = session.execute(query.with_for_update()).all()
        now = self._clock()  # now that the rows are locked: whoever was first has written an earlier time
        wait = max((row.until_ms - now for row in rows), default=0)
        if wait > 0:
            return wait
        for row in rows:
            attempts = 1 if row.last_ms < now - FORGET_MS else row.attempts + 1
            until = self._until(row.kind, attempts, now)
            session.execute(
                update(throttle)
                .where(throttle.c.bucket == row.bucket)
                .values(attempts=attempts, last_ms=now, until_ms=until)
            )
        return 0

    def _give_back(self, session: Session, bucket: str) -> None:
        row = session.execute(select(throttle).where(throttle.c.bucket == bucket).with_for_update()).first()
        if row is not None:
            attempts = max(0, row.attempts - 1)
            until = self._until(row.kind, attempts, row.last_ms)
            session.execute(
                update(throttle).where(throttle.c.bucket == bucket).values(attempts=attempts, until_ms=until)
            )

    def _until(self, kind: str, attempts: int, last_ms: int) -> int:
        """Until when nobody is let in; 0 where attempts are free (replicas' clocks differ)."""
        limit: Limit = getattr(self._limits, kind)
        delay = limit.delay_ms(attempts)
        return last_ms + delay if delay else 0


def _buckets(account: str, where: str, known: bool) -> list[tuple[str, str]]:
    """The buckets of an attempt by digest, the order in which rows are locked."""
    if known:
        return [("pair", _digest("pair", account, where))]
    found = [("account", _digest("account", account)), ("address", _digest("address", where))]
    return sorted(found, key=lambda item: item[1])


def _throttled(wait_ms: int) -> PosternError:
    seconds = str(math.ceil(wait_ms / 1000))
    return PosternError(Reason.THROTTLED, metadata={"retry_seconds": seconds})


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
