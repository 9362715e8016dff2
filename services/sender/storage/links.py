"""Rows of links: whose, how much of the file is there, which message brought it, until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.orm import Session

from services.common.errors import Reason, error, not_found
from services.sender.clock import DAY
from services.sender.model import State
from services.sender.storage.tables import links, submissions

# The row that is locked to count what all have; it is nobody's link.
_COUNTER = ""
_NOT_GONE = (State.HELD, State.QUEUED, State.SUSPENDED, State.REFUSED, State.CANCELLED)


@dataclass(frozen=True)
class LinkRow:
    """Times in milliseconds. `submission_id` is empty until a message with the link was accepted."""

    id: str
    account: str
    head: bytes = field(repr=False)
    total_bytes: int
    received_bytes: int
    submission_id: str
    expires_at: int

    @property
    def complete(self) -> bool:
        return self.received_bytes == self.total_bytes


def create(session: Session, row: LinkRow, *, account_bytes: int, all_bytes: int) -> None:
    """QUOTA_EXCEEDED, with whose in `of`, where that would be more than the account, or all, may keep."""
    session.execute(select(links.c.id).where(links.c.id == _COUNTER).with_for_update())
    kept = func.coalesce(func.sum(links.c.total_bytes), 0)
    for condition, limit, whose in (
        (links.c.account == row.account, account_bytes, "account"),
        (links.c.id != _COUNTER, all_bytes, "all"),
    ):
        have = int(session.execute(select(kept).where(condition)).scalar_one())
        if have + row.total_bytes > limit:
            raise error(Reason.QUOTA_EXCEEDED, what="links", of=whose, limit=str(limit))
    session.execute(insert(links).values(**vars(row)))


def get(session: Session, id: str, now: int, account: str | None = None) -> LinkRow:
    """The row; NOT_FOUND where there is none, it has expired, or it is not that account's."""
    row = session.execute(select(links).where(links.c.id == id, links.c.expires_at > now)).one_or_none()
    if row is None or not row.id or (account is not None and row.account != account):
        raise not_found("link")
    return _row(row)


def answering(session: Session, id: str, now: int) -> LinkRow:
    """The row of a link that answers: its message is on its way, or arrived. NOT_FOUND else."""
    row = get(session, id, now)
    state = session.execute(
        select(submissions.c.state).where(submissions.c.id == row.submission_id)
    ).scalar_one_or_none()
    # A message of long ago is not listed any more, its link may still answer.
    if not row.submission_id or not row.complete or state in _NOT_GONE:
        raise not_found("link")
    return row


def _row(row: Row) -> LinkRow:
    return LinkRow(*(getattr(row, name) for name in LinkRow.__dataclass_fields__))


def grow(session: Session, id: str, offset: int, octets: int, expires_at: int) -> None:
    """More of the file is there; CONFLICT where another stream was quicker."""
    moved = session.execute(
        update(links)
        .where(links.c.id == id, links.c.received_bytes == offset, links.c.submission_id == "")
        .values(received_bytes=offset + octets, expires_at=expires_at)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise error(Reason.CONFLICT, what="link", field="offset_bytes")


def remove(session: Session, account: str, id: str) -> bool:
    """Whether it was there."""
    gone = session.execute(delete(links).where(links.c.id == id, links.c.account == account))
    return bool(gone.rowcount)  # type: ignore[attr-defined]


def attach(session: Session, account: str, ids: Sequence[str], submission_id: str, expires_at: int) -> None:
    """The account's links that stand in a message which is being accepted answer from now on, until then.
    CONFLICT where the file of one is not whole. Links of others, quoted, are no matter of this message's."""
    mine = links.c.id.in_(ids) & (links.c.account == account)
    rows = session.execute(select(links).where(mine).with_for_update()).all()
    if any(row.received_bytes != row.total_bytes for row in rows):
        raise error(Reason.CONFLICT, what="link", problem="incomplete", field="content.text")
    for row in rows:
        # The first message keeps it: to cancel another that quotes it must not take it from who has it.
        session.execute(
            update(links)
            .where(links.c.id == row.id)
            .values(
                submission_id=row.submission_id or submission_id,
                expires_at=max(row.expires_at, expires_at),
            )
        )


def keep(session: Session, account: str, ids: Sequence[str], expires_at: int) -> None:
    """A draft that holds them was saved: they wait for it."""
    session.execute(
        update(links)
        .where(links.c.id.in_(ids), links.c.account == account, links.c.expires_at < expires_at)
        .values(expires_at=expires_at)
    )


def detach(session: Session, submission_id: str, now: int) -> None:
    """The message was cancelled: its links answer nobody. They are removed within a day, unless the message
    is edited and goes out after all."""
    session.execute(
        update(links)
        .where(links.c.submission_id == submission_id)
        .values(submission_id="", expires_at=now + DAY)
    )


def move(session: Session, submission_id: str, by: int) -> None:
    """The message goes out so many milliseconds later, or earlier."""
    session.execute(
        update(links).where(links.c.submission_id == submission_id).values(expires_at=links.c.expires_at + by)
    )


def drop_expired(session: Session, now: int, limit: int = 50) -> list[str]:
    """Removes rows whose time is over; which, so that their files go too."""
    old = select(links.c.id).where(links.c.expires_at <= now, links.c.id != _COUNTER).limit(limit)
    ids = list(session.execute(old.with_for_update(skip_locked=True)).scalars())
    if ids:
        session.execute(delete(links).where(links.c.id.in_(ids)))
    return ids


def known(session: Session, ids: Sequence[str]) -> set[str]:
    """Those of these that have a row."""
    return set(session.execute(select(links.c.id).where(links.c.id.in_(ids))).scalars())
