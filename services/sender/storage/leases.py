"""What workers do to rows, several at a time. Every change is conditional on the lease that the worker holds.

The functions that take many items change each row as if it were alone: a row whose lease is gone is answered
with LeaseLost, and the others are written all the same.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Row, select, text, update
from sqlalchemy.orm import Session

from services.sender.model import Fate, Recipient, State, Submission, Work
from services.sender.outbox.states import TERMINAL, Next, due_at, resting_state
from services.sender.storage import content, rows
from services.sender.storage.submissions import release
from services.sender.storage.tables import submissions

_SHOWN = {field.name for field in fields(Submission)}
_TO_WORK = [column for column in submissions.c if column.name != "content"]
_TO_CHECK = [
    submissions.c[name]
    for name in ("id", "lease_id", "state", "version", "deliver_at", "file_attempts", "problem")
]
# Both SQLite and MySQL know REPLACE; with many rows PyMySQL makes it one statement.
_REPLACE_RECIPIENTS = text(
    "REPLACE INTO sender_recipients"
    " (submission_id, position, address, fate, smtp_code, enhanced_status, server_text) VALUES"
    " (:submission_id, :position, :address, :fate, :smtp_code, :enhanced_status, :server_text)"
)


class LeaseLost(Exception):
    """Another worker has the row, or its owner took it back: whatever this worker meant to do is off."""


@dataclass(frozen=True)
class Claimed:
    """What a claim brought: work to do, and rows that a dead worker left, now settled."""

    work: tuple[Work, ...]
    recovered: tuple[Submission, ...]


@dataclass(frozen=True)
class Attempted:
    """What came of an attempt."""

    work: Work
    decided: Next


@dataclass(frozen=True)
class Filed:
    """What came of filing; `problem` is empty where the copy is in Sent, else it is tried again at
    `file_at`."""

    work: Work
    problem: str = ""
    file_at: int = 0


@dataclass(frozen=True)
class _Change:
    """A submission as it was, and the columns that change."""

    submission: Submission
    values: dict[str, Any]
    # Whether none of its octets lie in a blob, as far as is known.
    whole: bool = False

    @property
    def shown(self) -> Submission:
        return replace(self.submission, **{k: v for k, v in self.values.items() if k in _SHOWN})


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
    due = list(session.execute(query))
    if not due:
        return Claimed((), ())
    people = rows.load_recipients(session, [row.id for row in due])
    left = [row for row in due if row.state == State.SUBMITTING]
    recovered = [_recover(row, people[row.id], now) for row in left]
    # One lease id for all: it names this claim, and no later one of any of the rows has it.
    lease_id = secrets.token_hex(16)
    rest = [row for row in due if row.state != State.SUBMITTING]
    taken = [
        _Change(rows.view(row, people[row.id]), _leased(row, people[row.id], lease_id, now, lease))
        for row in rest
    ]
    before = [rows.view(row, people[row.id]) for row in left]
    after = [change.submission.recipients for change in recovered]
    _write_people(session, list(zip(before, after, strict=True)))
    _write(session, [*recovered, *taken], now)
    octets = content.load_small(session, [(row.id, row.size_bytes) for row in rest])
    return Claimed(
        tuple(
            rows.work(row, change.shown, lease_id, octets.get(row.id, ()))
            for row, change in zip(rest, taken, strict=True)
        ),
        tuple(change.shown for change in recovered),
    )


def _leased(
    row: Row[Any], people: tuple[Recipient, ...], lease_id: str, now: int, lease: int
) -> dict[str, Any]:
    pending = any(person.fate is Fate.PENDING for person in people)
    values: dict[str, Any] = {"lease_id": lease_id, "due_at": now + lease}
    # An ACCEPTED row is filed; where its filing fails and other recipients are due, they have their turn.
    if row.state != State.ACCEPTED or (pending and row.deliver_at <= now < row.next_attempt_at):
        values |= {
            "state": State.SUBMITTING,
            "attempt_count": row.attempt_count + 1,
            "dot_sent": False,
            "next_attempt_at": 0,
            "version": row.version + 1,
            "updated_at": now,
        }
    return values


def _recover(row: Row[Any], people: tuple[Recipient, ...], now: int) -> _Change:
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
    values = _resting(row, now, state, deliver_at=deliver_at, lease_id=lease_id)
    return _Change(rows.view(row, after), values)


def _resting(
    row: Row[Any],
    now: int,
    state: State,
    *,
    deliver_at: int,
    problem: str = "",
    lease_id: str = "",
    **values: Any,
) -> dict[str, Any]:
    """What a row holds in that state, once no worker is at it; without what the state no longer needs."""
    due = due_at(state, deliver_at=deliver_at, file_at=now)
    if state in TERMINAL or state is State.REFUSED:
        values |= {"token": None}
    if state in TERMINAL:
        values |= {"content": None}
    return {
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


def _write(session: Session, changes: Sequence[_Change], now: int) -> None:
    """Writes the rows, those that become the same in one statement. They are locked, so that what was read of
    them is what they are."""
    alike: dict[tuple[tuple[str, Any], ...], list[str]] = defaultdict(list)
    done: list[_Change] = []
    for change in changes:
        alike[tuple(sorted(change.values.items()))].append(change.submission.id)
        if change.values.get("state") in TERMINAL:
            done.append(change)
    for values, ids in alike.items():
        session.execute(update(submissions).where(submissions.c.id.in_(ids)).values(dict(values)))
    if done:
        with_blobs = [change.submission.id for change in done if not change.whole]
        release(session, [change.submission.id for change in done], now, with_blobs=with_blobs)


def _write_people(session: Session, changed: Sequence[tuple[Submission, tuple[Recipient, ...]]]) -> None:
    """Writes the recipients that are not as they were: what a report said of others meanwhile stays."""
    written = [
        {"submission_id": submission.id, "position": number, **vars(person)}
        for submission, after in changed
        for number, (person, before) in enumerate(zip(after, submission.recipients, strict=True))
        if person != before
    ]
    if written:
        session.connection().execute(_REPLACE_RECIPIENTS, written)


def _held(session: Session, works: Sequence[Work], *states: State) -> list[Row[Any] | None]:
    """The locked row of each, None where its lease is gone."""
    query = (
        select(*_TO_CHECK)
        .where(submissions.c.id.in_(sorted({work.submission.id for work in works})))
        .order_by(submissions.c.id)
        .with_for_update()
    )
    found = {row.id: row for row in session.execute(query)}
    held: list[Row[Any] | None] = []
    for work in works:
        # Only the first of two for one row: the second must see what the first wrote.
        row = found.pop(work.submission.id, None)
        mine = row is not None and row.lease_id == work.lease_id and row.state in states
        held.append(row if mine else None)
    return held


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


def mark_dots(session: Session, works: Sequence[Work], until: int) -> list[Exception | None]:
    """The last transaction before the final dot. LeaseLost: the dot must not be sent."""
    held = _held(session, works, State.SUBMITTING)
    ids = [row.id for row in held if row is not None]
    if ids:
        session.execute(
            update(submissions)
            .where(submissions.c.id.in_(ids))
            .values(dot_sent=True, due_at=until, version=submissions.c.version + 1)
        )
    return [
        None if row is not None else LeaseLost(work.submission.id)
        for work, row in zip(works, held, strict=True)
    ]


def settle_attempts(
    session: Session, items: Sequence[Attempted], *, now: int, lease: int
) -> list[Submission | Exception]:
    """Ends attempts. One may come late: UNKNOWN is corrected while the lease id stands. In ACCEPTED the
    worker keeps its lease for another `lease` milliseconds, to file the copy at once."""
    changes: list[_Change | None] = []
    held = _held(session, [item.work for item in items], State.SUBMITTING, State.UNKNOWN)
    for item, row in zip(items, held, strict=True):
        if row is None:
            changes.append(None)
            continue
        decided = item.decided
        keep: dict[str, Any] = {}
        if decided.state is State.ACCEPTED:
            keep = {"lease_id": item.work.lease_id, "due_at": now + lease}
        values = _resting(
            row,
            now,
            decided.state,
            deliver_at=decided.deliver_at,
            problem=decided.problem,
            dot_sent=decided.state is State.UNKNOWN,
            file_attempts=0,
            **keep,
        )
        changes.append(_Change(replace(item.work.submission, recipients=decided.recipients), values))
    written = [
        (item.work.submission, item.decided.recipients)
        for item, row in zip(items, held, strict=True)
        if row is not None
    ]
    _write_people(session, written)
    return _settle(session, [item.work for item in items], changes, now)


def settle_files(session: Session, items: Sequence[Filed], *, now: int) -> list[Submission | Exception]:
    """The copy is in Sent: FILED, or back to what the other recipients need. Or it could not be put there:
    stays ACCEPTED, says why, and is tried again."""
    works = [item.work for item in items]
    held = _held(session, works, State.ACCEPTED)
    fates = rows.load_fates(session, [row.id for row in held if row is not None])
    changes: list[_Change | None] = []
    for item, row in zip(items, held, strict=True):
        if row is None:
            changes.append(None)
            continue
        if item.problem:
            values = _resting(
                row,
                now,
                State.ACCEPTED,
                deliver_at=row.deliver_at,
                problem=item.problem,
                file_attempts=row.file_attempts + 1,
                next_attempt_at=item.file_at,
                due_at=due_at(State.ACCEPTED, deliver_at=row.deliver_at, file_at=item.file_at),
            )
        else:
            state = resting_state(fates[row.id], filed=True)
            problem = "" if state is State.FILED else row.problem
            values = _resting(row, now, state, deliver_at=row.deliver_at, problem=problem, filed_at=now)
        parts = item.work.segments
        whole = bool(parts) and not any(part.blob_id for part in parts)
        changes.append(_Change(item.work.submission, values, whole))
    return _settle(session, works, changes, now)


def _settle(
    session: Session, works: Sequence[Work], changes: Sequence[_Change | None], now: int
) -> list[Submission | Exception]:
    """Writes the changes; the submissions as they are then, LeaseLost where there is no change."""
    _write(session, [change for change in changes if change is not None], now)
    return [
        change.shown if change is not None else LeaseLost(work.submission.id)
        for work, change in zip(works, changes, strict=True)
    ]
