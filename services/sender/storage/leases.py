"""Who works on what: rows that are due are leased to a worker of this process."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from services.sender.model import Fate, Recipient, State, Submission, Work
from services.sender.outbox.states import TERMINAL, resting_state
from services.sender.storage import content, rows
from services.sender.storage.changes import Change, LeaseLost, resting, write, write_people
from services.sender.storage.tables import submissions

_TO_WORK = [column for column in submissions.c if column.name != "content"]
_NOT_TO_FILE = {*TERMINAL, State.REFUSED}


@dataclass(frozen=True)
class Claimed:
    """What a claim brought: work to do, and rows that a dead worker left, now settled."""

    work: tuple[Work, ...]
    recovered: tuple[Submission, ...]


def claim(session: Session, *, now: int, lease: int, limit: int) -> Claimed:
    """Leases up to `limit` due rows for `lease` milliseconds and moves them on: to SUBMITTING, or ACCEPTED to
    be filed. Small messages come with their octets.

    MariaDB skips rows that another worker is just claiming; SQLite has one writer at a time.
    """
    query = (
        select(*_TO_WORK)
        .where(submissions.c.due_at <= now)
        .order_by(submissions.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return _lease(session, list(session.execute(query)), now, lease)


def claim_to_file(session: Session, ids: Sequence[str], *, now: int, lease: int) -> tuple[Claimed, set[str]]:
    """Leases those among these rows that are ACCEPTED and nobody's, due or not, to be filed; and the ids for
    which nothing is to be filed any more."""
    query = select(*_TO_WORK).where(submissions.c.id.in_(ids)).order_by(submissions.c.id).with_for_update()
    found = list(session.execute(query))
    over = set(ids) - {row.id for row in found if row.state not in _NOT_TO_FILE and not row.filed_at}
    ready = [row for row in found if row.state == State.ACCEPTED and not row.lease_id and row.id not in over]
    return _lease(session, ready, now, lease, file=True), over


def _lease(session: Session, due: Sequence[Row[Any]], now: int, lease: int, *, file: bool = False) -> Claimed:
    if not due:
        return Claimed((), ())
    people = rows.load_recipients(session, [row.id for row in due])
    left = [row for row in due if row.state == State.SUBMITTING]
    recovered = [_recover(row, people[row.id], now) for row in left]
    # One lease id for all: it names this claim, and no later one of any of the rows has it.
    lease_id = secrets.token_hex(16)
    rest = [row for row in due if row.state != State.SUBMITTING]
    taken = [
        Change(rows.view(row, people[row.id]), _leased(row, people[row.id], lease_id, now, lease, file))
        for row in rest
    ]
    before = [rows.view(row, people[row.id]) for row in left]
    after = [change.submission.recipients for change in recovered]
    write_people(session, list(zip(before, after, strict=True)))
    write(session, [*recovered, *taken], now)
    octets = content.load_small(session, [(row.id, row.size_bytes) for row in rest])
    return Claimed(
        tuple(
            rows.work(row, change.shown, lease_id, octets.get(row.id, ()))
            for row, change in zip(rest, taken, strict=True)
        ),
        tuple(change.shown for change in recovered),
    )


def _leased(
    row: Row[Any], people: tuple[Recipient, ...], lease_id: str, now: int, lease: int, file: bool
) -> dict[str, Any]:
    pending = any(person.fate is Fate.PENDING for person in people)
    values: dict[str, Any] = {"lease_id": lease_id, "due_at": now + lease}
    # An ACCEPTED row is filed; where its filing fails, or waits for its writer, and other recipients are due,
    # they have their turn.
    waits = not row.next_attempt_at or row.next_attempt_at > now
    if not file and (row.state != State.ACCEPTED or (pending and row.deliver_at <= now and waits)):
        values |= {
            "state": State.SUBMITTING,
            "attempt_count": row.attempt_count + 1,
            "dot_sent": False,
            "next_attempt_at": 0,
            "version": row.version + 1,
            "updated_at": now,
        }
    return values


def _recover(row: Row[Any], people: tuple[Recipient, ...], now: int) -> Change:
    """A worker died, or lost the database, while it submitted."""
    after = people
    if row.dot_sent:
        after = tuple(replace(p, fate=Fate.UNKNOWN) if p.fate is Fate.PENDING else p for p in people)
    fates = {person.fate for person in after}
    state = resting_state(fates, filed=bool(row.filed_at))
    # In UNKNOWN the lease id stays, so that a worker that lives after all may still report (see
    # outbox.states).
    lease_id = row.lease_id if state is State.UNKNOWN else ""
    deliver_at = now if Fate.PENDING in fates else 0
    values = resting(row.version, now, state, deliver_at=deliver_at, lease_id=lease_id)
    return Change(rows.view(row, after), values)


def renew(session: Session, id: str, lease_id: str, until: int) -> None:
    """Moves the lease's end; LeaseLost where it is not this worker's any more."""
    held = session.execute(
        update(submissions)
        .where(
            submissions.c.id == id,
            submissions.c.lease_id == lease_id,
            submissions.c.state.in_([State.SUBMITTING, State.ACCEPTED]),
        )
        .values(due_at=until)
    )
    if held.rowcount != 1:  # type: ignore[attr-defined]
        raise LeaseLost(id)
