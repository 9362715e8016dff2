"""What workers do to rows. Every change is conditional on the lease that the worker holds."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from services.sender.model import Fate, Recipient, State, Submission, Work
from services.sender.outbox.states import TERMINAL, Next, due_at, resting_state
from services.sender.storage import rows
from services.sender.storage.submissions import release
from services.sender.storage.tables import recipients, submissions


class LeaseLost(Exception):
    """Another worker has the row, or its owner took it back: whatever this worker meant to do is off."""


@dataclass(frozen=True)
class Claimed:
    """What a claim brought: work to do, and rows that a dead worker left, now settled."""

    work: tuple[Work, ...]
    recovered: tuple[Submission, ...]


def claim(session: Session, *, now: int, lease: int, limit: int) -> Claimed:
    """Leases up to `limit` due rows for `lease` milliseconds and moves them on: to SUBMITTING, or ACCEPTED to
    be filed.

    MariaDB skips rows that another worker is just claiming; SQLite has one writer at a time. The update is
    conditional on the version read all the same.
    """
    query = (
        select(submissions)
        .where(submissions.c.due_at <= now)
        .order_by(submissions.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    due = list(session.execute(query))
    if not due:
        return Claimed((), ())
    people = rows.load_recipients(session, [row.id for row in due])
    work: list[Work] = []
    recovered: list[Submission] = []
    for row in due:
        if row.state == State.SUBMITTING:
            recovered.append(_recover(session, row, people[row.id], now))
            continue
        taken = _lease(session, row, people[row.id], now, lease)
        if taken is not None:
            work.append(taken)
    return Claimed(tuple(work), tuple(recovered))


def _lease(
    session: Session, row: Row[Any], people: tuple[Recipient, ...], now: int, lease: int
) -> Work | None:
    pending = any(person.fate is Fate.PENDING for person in people)
    # An ACCEPTED row is filed; where its filing fails and other recipients are due, they have their turn.
    deliver = row.state != State.ACCEPTED or (pending and row.deliver_at <= now < row.next_attempt_at)
    values: dict[str, Any] = {"lease_id": secrets.token_hex(16), "due_at": now + lease}
    if deliver:
        values |= {
            "state": State.SUBMITTING,
            "attempt_count": row.attempt_count + 1,
            "dot_sent": False,
            "next_attempt_at": 0,
            "version": row.version + 1,
            "updated_at": now,
        }
    taken = session.execute(
        update(submissions)
        .where(
            submissions.c.id == row.id,
            submissions.c.version == row.version,
            submissions.c.due_at == row.due_at,
        )
        .values(**values)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        return None
    found = rows.work(row, people)
    shown = {key: value for key, value in values.items() if key in _SHOWN}
    return replace(found, lease_id=values["lease_id"], submission=replace(found.submission, **shown))


def _recover(session: Session, row: Row[Any], people: tuple[Recipient, ...], now: int) -> Submission:
    """A worker died, or lost the database, while it submitted."""
    if row.dot_sent:
        after = [replace(p, fate=Fate.UNKNOWN) if p.fate is Fate.PENDING else p for p in people]
    else:
        after = list(people)
    fates = {person.fate for person in after}
    state = resting_state(fates, filed=bool(row.filed_at))
    # In UNKNOWN the lease id stays, so that a worker that lives after all may still report (see
    # outbox.states).
    lease_id = row.lease_id if state is State.UNKNOWN else ""
    deliver_at = now if Fate.PENDING in fates else 0
    return _put(session, row, now, state, people=after, deliver_at=deliver_at, lease_id=lease_id)


_SHOWN = {field.name for field in fields(Submission)}


def _put(
    session: Session,
    row: Row[Any],
    now: int,
    state: State,
    *,
    deliver_at: int,
    people: Sequence[Recipient],
    problem: str = "",
    lease_id: str = "",
    write_people: bool = True,
    **values: Any,
) -> Submission:
    """Writes the state with the recipients, drops what that state no longer needs; the submission as it is
    now."""
    if write_people:
        change = update(recipients).where(
            recipients.c.submission_id == bindparam("of"), recipients.c.position == bindparam("at")
        )
        session.connection().execute(
            change, [{"of": row.id, "at": number, **vars(person)} for number, person in enumerate(people)]
        )
    due = due_at(state, deliver_at=deliver_at, file_at=now)
    if state in TERMINAL or state is State.REFUSED:
        values |= {"token": None}
    if state in TERMINAL:
        release(session, row.id, now)
        values |= {"content": None}
    values = {
        "state": state,
        "deliver_at": deliver_at,
        "problem": problem,
        "lease_id": lease_id,
        "version": row.version + 1,
        "updated_at": now,
        "due_at": due,
        "next_attempt_at": due or 0,
        **values,
    }
    session.execute(update(submissions).where(submissions.c.id == row.id).values(**values))
    shown = {key: value for key, value in values.items() if key in _SHOWN}
    return replace(rows.view(row, tuple(people)), **shown)


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


def mark_dot(session: Session, id: str, lease_id: str, until: int) -> None:
    """The last transaction before the final dot. LeaseLost: the dot must not be sent."""
    marked = session.execute(
        update(submissions)
        .where(
            submissions.c.id == id,
            submissions.c.lease_id == lease_id,
            submissions.c.state == State.SUBMITTING,
        )
        .values(dot_sent=True, due_at=until, version=submissions.c.version + 1)
    )
    if marked.rowcount != 1:  # type: ignore[attr-defined]
        raise LeaseLost(id)


def settle_attempt(
    session: Session, id: str, lease_id: str, decided: Next, *, now: int, lease: int
) -> Submission:
    """Ends an attempt. It may come late: UNKNOWN is corrected while the lease id stands. In ACCEPTED the
    worker keeps its lease for another `lease` milliseconds, to file the copy at once."""
    row = _held(session, id, lease_id, State.SUBMITTING, State.UNKNOWN)
    keep: dict[str, Any] = {}
    if decided.state is State.ACCEPTED:
        keep = {"lease_id": lease_id, "due_at": now + lease}
    return _put(
        session,
        row,
        now,
        decided.state,
        people=decided.recipients,
        deliver_at=decided.deliver_at,
        problem=decided.problem,
        dot_sent=decided.state is State.UNKNOWN,
        file_attempts=0,
        **keep,
    )


def settle_filed(session: Session, id: str, lease_id: str, now: int) -> Submission:
    """The copy is in Sent: FILED, or back to what the other recipients need."""
    row = _held(session, id, lease_id, State.ACCEPTED)
    people = rows.load_recipients(session, [id])[id]
    state = resting_state({person.fate for person in people}, filed=True)
    problem = "" if state is State.FILED else row.problem
    return _put(
        session,
        row,
        now,
        state,
        people=people,
        write_people=False,
        deliver_at=row.deliver_at,
        problem=problem,
        filed_at=now,
    )


def settle_not_filed(
    session: Session, id: str, lease_id: str, *, problem: str, file_at: int, now: int
) -> Submission:
    """Filing did not work: stays ACCEPTED, says why, and is tried again."""
    row = _held(session, id, lease_id, State.ACCEPTED)
    return _put(
        session,
        row,
        now,
        State.ACCEPTED,
        people=rows.load_recipients(session, [id])[id],
        write_people=False,
        deliver_at=row.deliver_at,
        problem=problem,
        file_attempts=row.file_attempts + 1,
        next_attempt_at=file_at,
        due_at=due_at(State.ACCEPTED, deliver_at=row.deliver_at, file_at=file_at),
    )


def _held(session: Session, id: str, lease_id: str, *states: State) -> Row[Any]:
    query = (
        select(*rows.VIEW)
        .where(submissions.c.id == id, submissions.c.lease_id == lease_id, submissions.c.state.in_(states))
        .with_for_update()
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise LeaseLost(id)
    return row
