"""What the owner of a message does to it: hand it over, look at it, take it back, settle it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.orm import Session

from services.common.errors import Reason, error, not_found
from services.sender.clock import DAY
from services.sender.model import Fate, State, Submission
from services.sender.outbox.states import CANCELLABLE, TAKEN, TERMINAL, due_at, resting_state
from services.sender.storage import blobs, links, rows, statements
from services.sender.storage.tables import recipients, segments, submissions


def _one(session: Session, query: Select[Any]) -> Submission | None:
    found = session.execute(query.limit(1)).one_or_none()
    return rows.views(session, [found])[0] if found else None


def by_request(session: Session, account: str, request_id: str) -> Submission | None:
    """The submission that this request id made."""
    key = rows.request_key(account, request_id)
    return _one(session, select(*rows.VIEW).where(submissions.c.request_key == key))


def get(session: Session, account: str, *, id: str = "", message_id: str = "") -> Submission:
    """By id or by Message-ID (the newest with it); NOT_FOUND where it is not there or another account's."""
    query = select(*rows.VIEW).where(submissions.c.account == account).order_by(submissions.c.id.desc())
    wanted = submissions.c.id == id if id else submissions.c.message_id == message_id
    found = _one(session, query.where(wanted))
    if found is None:
        raise not_found("submission")
    return found


def page(
    session: Session, account: str, *, states: Sequence[State], open_only: bool, before: str, limit: int
) -> tuple[list[Submission], int]:
    """Submissions with an id below `before`, newest first, and how many there are in all."""
    conditions = [submissions.c.account == account]
    if states:
        conditions.append(submissions.c.state.in_(states))
    if open_only:
        conditions.append(submissions.c.state.not_in(TERMINAL))
    total = session.execute(select(func.count()).select_from(submissions).where(*conditions)).scalar_one()
    if before:
        conditions.append(submissions.c.id < before)
    query = select(*rows.VIEW).where(*conditions).order_by(submissions.c.id.desc()).limit(limit)
    return rows.views(session, list(session.execute(query))), total


def changed_since(session: Session, account: str, since: int, limit: int = 200) -> list[Submission]:
    """Submissions that changed at or after `since`, oldest change first."""
    query = (
        select(*rows.VIEW)
        .where(submissions.c.account == account, submissions.c.updated_at >= since)
        .order_by(submissions.c.updated_at, submissions.c.id)
        .limit(limit)
    )
    return rows.views(session, list(session.execute(query)))


def _locked(session: Session, account: str, id: str) -> Row[Any]:
    query = (
        select(submissions).where(submissions.c.id == id, submissions.c.account == account).with_for_update()
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise not_found("submission")
    return row


def _write(session: Session, row: Row[Any], now: int, **values: Any) -> None:
    session.execute(
        update(submissions)
        .where(submissions.c.id == row.id)
        .values(version=row.version + 1, updated_at=now, **values)
    )


def cancel(session: Session, account: str, id: str, now: int) -> tuple[Submission, bytes]:
    """HELD, QUEUED, DEFERRED, REFUSED → CANCELLED, and the content to edit again. CONFLICT where it is on its
    way, or where somebody has it already. Twice is once."""
    row = _locked(session, account, id)
    if row.state != State.CANCELLED:
        people = rows.load_recipients(session, [id])[id]
        gone = any(person.fate in TAKEN or person.fate is Fate.UNKNOWN for person in people)
        if row.state not in CANCELLABLE or gone:
            raise error(Reason.CONFLICT, what="submission", state=row.state)
        release(session, [id], now)
        links.detach(session, id, now)
        values = {"due_at": None, "next_attempt_at": 0, "token": None, "problem": "", "lease_id": ""}
        _write(session, row, now, state=State.CANCELLED, **values)
    return get(session, account, id=id), row.content or b""


def reschedule(
    session: Session, account: str, id: str, *, send_at: int, date_field: bytes, now: int
) -> Submission:
    """Another time for a HELD message; `send_at` up to now sends at once, also one that is DEFERRED. CONFLICT
    otherwise. `date_field` is the Date that fits."""
    row = _locked(session, account, id)
    at_once = send_at <= now
    if row.state not in (State.HELD, *([State.DEFERRED, State.QUEUED] if at_once else [])):
        raise error(Reason.CONFLICT, what="submission", state=row.state)
    if row.state == State.HELD:
        links.move(session, id, max(send_at, now) - row.send_at)
        session.execute(
            update(segments)
            .where(segments.c.submission_id == id, segments.c.position == 0)
            .values(data=date_field, size=len(date_field))
        )
        state = State.QUEUED if at_once else State.HELD
        times = {"send_at": max(send_at, now), "scheduled": not at_once, "state": state}
    else:
        times = {}
    moment = max(send_at, now)
    _write(session, row, now, deliver_at=moment, next_attempt_at=moment, due_at=moment, **times)
    return get(session, account, id=id)


def resolve(session: Session, account: str, id: str, *, fate: Fate, write_key: str, now: int) -> Submission:
    """Settles UNKNOWN: its unknown recipients become ACCEPTED, PENDING (send again) or REFUSED (give up)."""
    row = _locked(session, account, id)
    if row.last_write == write_key:
        return get(session, account, id=id)
    if row.state != State.UNKNOWN:
        raise error(Reason.CONFLICT, what="submission", state=row.state)
    session.execute(
        update(recipients)
        .where(recipients.c.submission_id == id, recipients.c.fate == Fate.UNKNOWN)
        .values(fate=fate)
    )
    fates = {person.fate for person in rows.load_recipients(session, [id])[id]}
    state = resting_state(fates, filed=bool(row.filed_at))
    if fate is Fate.PENDING and state is State.DEFERRED:
        state = State.QUEUED
    if state is State.REFUSED:
        state = State.CANCELLED
    deliver_at = now if Fate.PENDING in fates else 0
    done = state in TERMINAL
    if done:
        release(session, [id], now)
    _write(
        session,
        row,
        now,
        state=state,
        deliver_at=deliver_at,
        next_attempt_at=0 if done else now,
        due_at=due_at(state, deliver_at=deliver_at, file_at=now),
        problem="",
        last_write=write_key,
        lease_id="",
        dot_sent=False,
        **({"token": None} if done else {}),
    )
    return get(session, account, id=id)


def release(
    session: Session, ids: Sequence[str], now: int, *, with_blobs: Sequence[str] | None = None
) -> None:
    """Lets the messages' octets go. Their uploads stay another day, to be edited again. `with_blobs`: those
    among them that may have uploads; all where it is not known."""
    asked = ids if with_blobs is None else with_blobs
    if asked:
        query = select(segments.c.blob_id).where(
            segments.c.submission_id.in_(asked), segments.c.blob_id.is_not(None)
        )
        for blob_id in session.execute(query).scalars().all():
            blobs.unpin(session, blob_id, now + DAY)
    statements.delete(session, segments, submission_id=ids)
