"""What came of the work on leased rows, several at a time: the last word before the final dot, an attempt,
filing. All that workers have to write at one moment is one transaction.

Each row is changed as if it were alone, on the condition of the lease that its worker holds: where that is
gone it is answered with LeaseLost, and the others are written all the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.sender.model import Fate, State, Submission, Work
from services.sender.outbox.states import Next, due_at, resting_state
from services.sender.storage import rows, statements
from services.sender.storage.changes import Change, LeaseLost, let_go, resting, write, write_people
from services.sender.storage.tables import submissions

_TO_CHECK = [
    submissions.c[name]
    for name in ("id", "lease_id", "state", "version", "deliver_at", "file_attempts", "problem")
]


@dataclass(frozen=True)
class Marked:
    """All but the final dot has been written. LeaseLost: the dot must not be sent."""

    work: Work


@dataclass(frozen=True)
class Attempted:
    """What came of an attempt. One may come late: UNKNOWN is corrected while the lease id stands."""

    work: Work
    decided: Next


@dataclass(frozen=True)
class Filed:
    """What came of filing; `problem` is empty where the copy is in Sent, else it is tried again at
    `file_at`, or when somebody comes to it who has a token (0)."""

    work: Work
    problem: str = ""
    file_at: int = 0


@dataclass(frozen=True)
class Known:
    """What the next state needs to know of a row."""

    version: int
    deliver_at: int
    problem: str
    file_attempts: int


class Contested(Exception):
    """A lease among several is gone: nothing was written, and it is not known here which one."""


Outcome = Marked | Attempted | Filed
_FROM = {
    Marked: (State.SUBMITTING,),
    Attempted: (State.SUBMITTING, State.UNKNOWN),
    Filed: (State.ACCEPTED,),
}


def write_outcomes(
    session: Session, items: Sequence[Outcome], *, now: int, lease: int
) -> list[Submission | Exception]:
    """The submissions as they are then; LeaseLost for those that changed hands.

    Several items that are all as they mostly are need no look at their rows: the update says whether it met
    every one under its lease. Where it did not, Contested undoes the transaction, and its caller tries each
    item by itself.
    """
    if len(items) > 1 and all(map(_plain, items)):
        return _write_plain(session, items, now=now, lease=lease)
    held = _held(session, items)
    # Fates that a report may have changed since.
    asked = [
        item.work.submission.id
        for item, known in zip(items, held, strict=True)
        if known is not None and isinstance(item, Filed) and not item.problem
    ]
    fates = rows.load_fates(session, asked) if asked else {}
    changes = [
        _change(item, known, fates.get(item.work.submission.id, set()), now, lease) if known else None
        for item, known in zip(items, held, strict=True)
    ]
    _write_recipients(session, [item for item, known in zip(items, held, strict=True) if known])
    write(session, [change for change in changes if change is not None], now)
    return [
        change.shown if change is not None else LeaseLost(item.work.submission.id)
        for item, change in zip(items, changes, strict=True)
    ]


def _plain(item: Outcome) -> bool:
    """Whether what is to be written follows from the item alone."""
    if not isinstance(item, Filed):
        return True
    return not item.problem and not _fates(item) & {Fate.PENDING, Fate.UNKNOWN}


def _write_plain(
    session: Session, items: Sequence[Outcome], *, now: int, lease: int
) -> list[Submission | Exception]:
    changes = [_change(item, _remembered(item), _fates(item), now, lease) for item in items]
    alike: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for item, change in zip(items, changes, strict=True):
        values = tuple(sorted((name, value) for name, value in change.values.items() if name != "version"))
        alike[type(item), item.work.lease_id, values].append(item.work.submission.id)
    for (kind, lease_id, values), ids in alike.items():
        # Its version is counted there: a report may have written to the row meanwhile.
        found = statements.update(
            session, submissions, values, counted="version", id=ids, lease_id=[lease_id], state=_FROM[kind]
        )
        if found != len(ids):
            raise Contested
    _write_recipients(session, items)
    let_go(session, changes, now)
    return [change.shown for change in changes]


def _remembered(item: Outcome) -> Known:
    """The row as its worker has it in memory, where nobody is PENDING any more."""
    return Known(item.work.submission.version, 0, "", 0)


def _fates(item: Outcome) -> set[Fate]:
    return {person.fate for person in item.work.submission.recipients}


def _write_recipients(session: Session, items: Sequence[Outcome]) -> None:
    changed = [
        (item.work.submission, item.decided.recipients) for item in items if isinstance(item, Attempted)
    ]
    write_people(session, changed)


def _held(session: Session, items: Sequence[Outcome]) -> list[Known | None]:
    """The locked row of each, None where its lease is gone."""
    query = (
        select(*_TO_CHECK)
        .where(submissions.c.id.in_(sorted({item.work.submission.id for item in items})))
        .order_by(submissions.c.id)
        .with_for_update()
    )
    found = {row.id: row for row in session.execute(query)}
    held: list[Known | None] = []
    for item in items:
        # Only the first of two for one row: the second must see what the first wrote.
        row = found.pop(item.work.submission.id, None)
        if row is None or row.lease_id != item.work.lease_id or row.state not in _FROM[type(item)]:
            held.append(None)
        else:
            held.append(Known(row.version, row.deliver_at, row.problem, row.file_attempts))
    return held


def _change(item: Outcome, known: Known, fates: set[Fate], now: int, lease: int) -> Change:
    if isinstance(item, Marked):
        values = {"dot_sent": True, "due_at": now + lease, "version": known.version + 1}
        return Change(item.work.submission, values)
    if isinstance(item, Attempted):
        return _attempted(item, known, now, lease)
    return _filed(item, known, fates, now)


def _attempted(item: Attempted, known: Known, now: int, lease: int) -> Change:
    decided = item.decided
    keep: dict[str, Any] = {}
    if decided.state is State.ACCEPTED:
        # The worker keeps its lease, to file the copy at once.
        keep = {"lease_id": item.work.lease_id, "due_at": now + lease}
    values = resting(
        known.version,
        now,
        decided.state,
        deliver_at=decided.deliver_at,
        problem=decided.problem,
        dot_sent=decided.state is State.UNKNOWN,
        file_attempts=0,
        **keep,
    )
    return Change(replace(item.work.submission, recipients=decided.recipients), values)


def _filed(item: Filed, known: Known, fates: set[Fate], now: int) -> Change:
    """FILED, or back to what the other recipients need. Or it could not be put there: stays ACCEPTED, says
    why, and is tried again."""
    deliver_at = known.deliver_at
    if item.problem:
        values = resting(
            known.version,
            now,
            State.ACCEPTED,
            deliver_at=deliver_at,
            problem=item.problem,
            file_attempts=known.file_attempts + 1,
            next_attempt_at=item.file_at,
            due_at=due_at(State.ACCEPTED, deliver_at=deliver_at, file_at=item.file_at),
        )
    else:
        state = resting_state(fates, filed=True)
        problem = "" if state is State.FILED else known.problem
        values = resting(known.version, now, state, deliver_at=deliver_at, problem=problem, filed_at=now)
    parts = item.work.segments
    whole = bool(parts) and not any(part.blob_id for part in parts)
    return Change(item.work.submission, values, whole)
