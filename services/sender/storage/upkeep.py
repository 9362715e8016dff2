"""What is done to rows beside the state machine: better tokens for what waits, removal of what is old."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from services.sender.clock import DAY
from services.sender.model import State
from services.sender.storage import usage, verified
from services.sender.storage.submissions import release
from services.sender.storage.tables import recipients, submissions


def refresh_token(session: Session, account: str, token: str, problems: Sequence[str], now: int) -> int:
    """Gives rows that wait for a better password the token of a person who just signed in; how many."""
    moved = session.execute(
        update(submissions)
        .where(*_waits(account, problems))
        .values(token=token, due_at=now, problem="", next_attempt_at=now, deliver_at=now)
    )
    return int(moved.rowcount)  # type: ignore[attr-defined]


def purge(session: Session, *, now: int, keep: int, limit: int = 100) -> int:
    """Removes settled rows older than `keep` milliseconds, and gives up the content of refused ones; how
    many."""
    old = (
        select(submissions.c.id)
        .where(
            submissions.c.state.in_([State.FILED, State.CANCELLED, State.REFUSED]),
            submissions.c.updated_at < now - max(keep, DAY),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.execute(old).scalars())
    if ids:
        release(session, ids, now - DAY)
        session.execute(delete(recipients).where(recipients.c.submission_id.in_(ids)))
        session.execute(delete(submissions).where(submissions.c.id.in_(ids)))
    usage.purge(session, now)
    verified.purge(session, now)
    return len(ids)


def waits_for_token(session: Session, account: str, problems: Sequence[str]) -> bool:
    """Whether a row of the account waits for a better password."""
    query = select(submissions.c.id).where(*_waits(account, problems))
    return session.execute(query.limit(1)).first() is not None


def _waits(account: str, problems: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    state = submissions.c.state
    return (
        submissions.c.account == account,
        state.in_([State.DEFERRED, State.ACCEPTED]),
        # Sent by a relay that is no more: nobody will look at it by itself.
        submissions.c.problem.in_(problems) | ((state == State.ACCEPTED) & submissions.c.due_at.is_(None)),
        submissions.c.lease_id == "",
    )


def to_file(session: Session, account: str, limit: int = 500) -> Sequence[str]:
    """Messages of the account, oldest first, whose copy is not in Sent, that nobody works on and that have no
    token."""
    query = select(submissions.c.id).where(
        submissions.c.account == account,
        submissions.c.state == State.ACCEPTED,
        submissions.c.lease_id == "",
        submissions.c.token.is_(None),
    )
    return session.execute(query.order_by(submissions.c.id).limit(limit)).scalars().all()
