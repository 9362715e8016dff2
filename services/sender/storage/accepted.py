"""Messages as they enter the outbox: written whole, and accepted with the commit of that transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from services.common.errors import PosternError
from services.sender.compose.segments import Segment
from services.sender.model import Fate, Recipient, State, StoredName, Submission, Work
from services.sender.storage import blobs, links, rows, statements, usage
from services.sender.storage.content import SMALL
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
    # Whether the token is written, too, for whichever replica comes to need it.
    keeps_token: bool = True
    answered: StoredName | None = None
    forwarded: StoredName | None = None
    replaces_draft: StoredName | None = None
    # Stored names of links in its text, and until when they answer.
    link_ids: tuple[str, ...] = ()
    link_until: int = 0
    # Stopped by a burst, for the operator to look at.
    suspended: bool = False
    # The lease under which a worker begins at once; empty where none is free, or it is not due.
    lease_id: str = ""
    lease_until: int = 0

    @property
    def state(self) -> State:
        if self.suspended:
            return State.SUSPENDED
        if self.lease_id:
            return State.SUBMITTING
        return State.HELD if self.send_at > self.accepted_at else State.QUEUED


def insert_new(
    session: Session, many: Sequence[NewSubmission], limits: Limits = Limits()
) -> list[Submission | Exception]:
    """Writes them whole: with the commit of this transaction the messages are accepted. IntegrityError where
    a request id was used before; RATE_LIMITED instead of those that their account may not send now."""
    if not limits:
        statements.insert_all(session, _rows(many))
        return _written(session, many)
    now = max(new.accepted_at for new in many)
    amounts = [(new.account, Amount(1, len(new.recipients), new.size_bytes)) for new in many]
    # Mostly nobody has reached a limit, and all of it is one trip to the database.
    if not any(usage.admit(session, amounts, limits, now, beside=_rows(many))):
        return _written(session, many)
    session.rollback()
    answers = usage.admit(session, amounts, limits, now)
    taken = [
        replace(new, suspended=answer)
        for new, answer in zip(many, answers, strict=True)
        if isinstance(answer, bool)
    ]
    statements.insert_all(session, _rows(taken))
    written = iter(_written(session, taken))
    return [answer if isinstance(answer, PosternError) else next(written) for answer in answers]


def _rows(many: Sequence[NewSubmission]) -> list[statements.Rows]:
    people = [
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
    ]
    octets = [
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
    ]
    return [
        statements.Rows(submissions, [_row(new) for new in many]),
        statements.Rows(recipients, people),
        statements.Rows(segments, octets),
    ]


def _written(session: Session, many: Sequence[NewSubmission]) -> list[Submission | Exception]:
    """What was written, with the uploads and links that it holds."""
    for new in many:
        for segment in new.segments:
            if segment.blob_id:
                blobs.pin(session, new.account, segment.blob_id)
        if new.link_ids:
            links.attach(session, new.account, new.link_ids, new.id, new.link_until)
    return [as_accepted(new) for new in many]


def _row(new: NewSubmission) -> dict[str, Any]:
    begun = new.state is State.SUBMITTING
    due_at = new.lease_until if begun else None if new.suspended else new.send_at
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
        "next_attempt_at": 0 if new.suspended or begun else new.send_at,
        "due_at": due_at,
        "lease_id": new.lease_id if begun else "",
        "dot_sent": False,
        "attempt_count": int(begun),
        "file_attempts": 0,
        "problem": BURST if new.suspended else "",
        "filed_at": 0,
        "updated_at": new.accepted_at,
        "token": new.token if new.keeps_token else None,
        "content": new.content,
        "filing": rows.filing_text(new.answered, new.forwarded, new.replaces_draft),
        "last_write": "",
    }


def as_accepted(new: NewSubmission) -> Submission:
    """What `insert_new` wrote, without reading it back."""
    begun = new.state is State.SUBMITTING
    return Submission(
        id=new.id,
        account=new.account,
        state=new.state,
        message_id=new.message_id,
        subject=new.subject,
        recipients=tuple(Recipient(address) for address in new.recipients),
        accepted_at=new.accepted_at,
        send_at=new.send_at,
        next_attempt_at=0 if new.suspended or begun else new.send_at,
        attempt_count=int(begun),
        problem=BURST if new.suspended else "",
        size_bytes=new.size_bytes,
        filed_at=0,
        scheduled=new.scheduled,
        version=1,
        updated_at=new.accepted_at,
    )


def work_of(new: NewSubmission, submission: Submission) -> Work:
    """What a worker gets that begins at once, without reading it back."""
    return Work(
        submission=submission,
        lease_id=new.lease_id,
        from_address=new.from_address,
        token=new.token,
        segments=new.segments if new.size_bytes <= SMALL else (),
        in_memory=not new.keeps_token,
        needs_smtputf8=new.needs_smtputf8,
        eight_bit=new.eight_bit,
        delivery_report=new.delivery_report,
        answered=new.answered,
        forwarded=new.forwarded,
        replaces_draft=new.replaces_draft,
        deliver_at=new.send_at,
    )
