"""Writes that may be sent twice: a request id that was seen answers what it made the first time.

The id is written in the same transaction as what it made, so either both are there or neither. Ids are kept
for a day: a browser or a queue that repeats itself does so within minutes.
"""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.common.errors import invalid_argument
from services.contacts.clock import now
from services.contacts.schema import requests

KEPT = timedelta(days=1)


def made_before(session: Session, account: str, request_id: str) -> str | None:
    """Id of what this request made when it was seen before; None for a new request or one without an id."""
    if not request_id:
        return None
    if len(request_id) > 128:
        raise invalid_argument("request_id", "too_long")
    return session.scalar(
        sa.select(requests.c.subject).where(
            requests.c.account == account, requests.c.request_id == request_id
        )
    )


def remember(session: Session, account: str, request_id: str, subject: str) -> None:
    """Note what a request made. Of two at once, one fails on the primary key and is run again by the
    database layer, which then finds what the other made."""
    if request_id:
        session.execute(
            sa.insert(requests).values(account=account, request_id=request_id, subject=subject, created=now())
        )


def forget_old(session: Session) -> int:
    """Remove ids older than a day; returns how many."""
    result = session.execute(sa.delete(requests).where(requests.c.created < now() - KEPT))
    return result.rowcount  # type: ignore[attr-defined]
