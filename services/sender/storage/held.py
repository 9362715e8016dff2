"""What an operator does to messages that a burst has stopped: look, let go, refuse."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, select, update
from sqlalchemy.orm import Session

from services.sender.model import Fate, State, Submission
from services.sender.storage import rows, usage
from services.sender.storage.tables import recipients, submissions

BURST = "SENDING_BURST"
REFUSED_BY_OPERATOR = "REFUSED_BY_OPERATOR"


def suspended(session: Session, which: str = "", limit: int = 500) -> list[Submission]:
    """Messages in SUSPENDED, oldest first; of one account, or the one with that id, where `which` says."""
    query = select(*rows.VIEW).where(submissions.c.state == State.SUSPENDED)
    if which:
        query = query.where((submissions.c.account == which) | (submissions.c.id == which))
    return rows.views(session, list(session.execute(query.order_by(submissions.c.id).limit(limit))))


def release(session: Session, which: str, now: int) -> int:
    """SUSPENDED → HELD or QUEUED, for one message or all of an account; how many. The account's count begins
    anew, so that its next message is not stopped at once."""
    locked = list(session.execute(_locked(which)))
    for row in locked:
        state = State.HELD if row.send_at > now else State.QUEUED
        at = max(row.send_at, now)
        values = {"deliver_at": at, "next_attempt_at": at, "due_at": at, "problem": "", "lease_id": ""}
        _put(session, row, now, state=state, **values)
    for account in {row.account for row in locked}:
        usage.forgive(session, account)
    return len(locked)


def refuse(session: Session, which: str, now: int) -> int:
    """SUSPENDED → REFUSED, for one message or all of an account; how many. Their writers may edit
    them again."""
    locked = list(session.execute(_locked(which)))
    for row in locked:
        values = {"due_at": None, "next_attempt_at": 0, "problem": REFUSED_BY_OPERATOR, "token": None}
        _put(session, row, now, state=State.REFUSED, **values)
        session.execute(
            update(recipients)
            .where(recipients.c.submission_id == row.id, recipients.c.fate == Fate.PENDING)
            .values(fate=Fate.REFUSED)
        )
    return len(locked)


def _locked(which: str) -> Select[Any]:
    return (
        select(*rows.VIEW)
        .where(
            submissions.c.state == State.SUSPENDED,
            (submissions.c.account == which) | (submissions.c.id == which),
        )
        .order_by(submissions.c.id)
        .limit(500)
        .with_for_update()
    )


def _put(session: Session, row: Row[Any], now: int, **values: object) -> None:
    session.execute(
        update(submissions)
        .where(submissions.c.id == row.id)
        .values(version=row.version + 1, updated_at=now, **values)
    )
