"""What the owner of a message does to it: hand it over, look at it, take it back, settle it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.orm import Session

from services.common.errors import PosternError, Reason, error, not_found
from services.sender.clock import DAY
from services.sender.compose.segments import Segment
from services.sender.model import Fate, Recipient, State, StoredName, Submission
from services.sender.outbox.states import CANCELLABLE, TAKEN, TERMINAL, due_at, resting_state
from services.sender.storage import blobs, rows, usage
from services.sender.storage.held import BURST
from services.sender.storage.tables import recipients, segments, submissions
from services.sender.storage.usage import Amount, Limits


@dataclass(frozen=True)
class NewSubmission:
    """A message as it enters the outbox."""

    id: str
    account: str
    request_id: str
    message_id: str
    from_address: str
    subject: str
    size_bytes: int
    needs_smtputf8: bool
    eight_bit: bool
    delivery_report: bool
    scheduled: bool
    accepted_at: int
    send_at: int
    recipients: tuple[str, ...]
    segments: tuple[Segment, ...] = field(repr=False)
    token: str = field(repr=False)
    content: bytes = field(repr=False)
    answered: StoredName | None = None
    forwarded: StoredName | None = None
    replaces_draft: StoredName | None = None
    # Stopped by a burst, for the operator to look at.
    suspended: bool = False

    @property
    def state(self) -> State:
        if self.suspended:
            return State.SUSPENDED
        return State.HELD if self.send_at > self.accepted_at else State.QUEUED


def insert_new(
    session: Session, many: Sequence[NewSubmission], limits: Limits = Limits()
) -> list[Submission | Exception]:
    """Writes them whole: with the commit of this transaction the messages are accepted. IntegrityError where
    a request id was used before; RATE_LIMITED instead of those that their account may not send now."""
    answers: Sequence[bool | PosternError] = [False] * len(many)
    if limits:
        now = max(new.accepted_at for new in many)
        amounts = [(new.account, Amount(1, len(new.recipients), new.size_bytes)) for new in many]
        answers = usage.admit(session, amounts, limits, now)
    taken = [
        replace(new, suspended=answer)
        for new, answer in zip(many, answers, strict=True)
        if isinstance(answer, bool)
    ]
    if taken:
        _insert(session, taken)
    written = {new.id: as_accepted(new) for new in taken}
    return [
        answer if isinstance(answer, PosternError) else written[new.id]
        for new, answer in zip(many, answers, strict=True)
    ]


def _insert(session: Session, many: Sequence[NewSubmission]) -> None:
    session.execute(insert(submissions), [_row(new) for new in many])
    session.execute(
        insert(recipients),
        [
            {
                "submission_id": new.id,
                "position": position,
                "address": address,
                "fate": Fate.PENDING,
                "smtp_code": 0,
                "enhanced_status": "",
                "server_text": "",
            }
            for new in many
            for position, address in enumerate(new.recipients)
        ],
    )
    session.execute(
        insert(segments),
        [
            {
                "submission_id": new.id,
                "position": position,
                "size": segment.size,
                "data": segment.data,
                "blob_id": segment.blob_id or None,
                "encoding": segment.encoding or "",
                "sent_only": segment.sent_only,
            }
            for new in many
            for position, segment in enumerate(new.segments)
        ],
    )
    for new in many:
        for segment in new.segments:
            if segment.blob_id:
                blobs.pin(session, new.account, segment.blob_id)


def _row(new: NewSubmission) -> dict[str, Any]:
    return {
        "id": new.id,
        "account": new.account,
        "request_key": rows.request_key(new.account, new.request_id),
        "state": new.state,
        "version": 1,
        "message_id": new.message_id,
        "from_address": new.from_address,
        "subject": new.subject,
        "size_bytes": new.size_bytes,
        "needs_smtputf8": new.needs_smtputf8,
        "eight_bit": new.eight_bit,
        "delivery_report": new.delivery_report,
        "scheduled": new.scheduled,
        "accepted_at": new.accepted_at,
        "send_at": new.send_at,
        "deliver_at": new.send_at,
        "next_attempt_at": 0 if new.suspended else new.send_at,
        "due_at": None if new.suspended else new.send_at,
        "lease_id": "",
        "dot_sent": False,
        "attempt_count": 0,
        "file_attempts": 0,
        "problem": BURST if new.suspended else "",
        "filed_at": 0,
        "updated_at": new.accepted_at,
        "token": new.token,
        "content": new.content,
        "filing": rows.filing_text(new.answered, new.forwarded, new.replaces_draft),
        "last_write": "",
    }


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
    session.execute(delete(segments).where(segments.c.submission_id.in_(ids)))


def as_accepted(new: NewSubmission) -> Submission:
    """What `insert_new` wrote, without reading it back."""
    return Submission(
        id=new.id,
        account=new.account,
        state=new.state,
        message_id=new.message_id,
        subject=new.subject,
        recipients=tuple(Recipient(address) for address in new.recipients),
        accepted_at=new.accepted_at,
        send_at=new.send_at,
        next_attempt_at=0 if new.suspended else new.send_at,
        attempt_count=0,
        problem=BURST if new.suspended else "",
        size_bytes=new.size_bytes,
        filed_at=0,
        scheduled=new.scheduled,
        version=1,
        updated_at=new.accepted_at,
    )
