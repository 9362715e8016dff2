"""Rows to values and back."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from services.sender.compose.segments import Segment
from services.sender.model import Fate, Recipient, State, StoredName, Submission, Work
from services.sender.storage.tables import recipients, submissions

# What a list needs: not the token, and not the content.
VIEW = [column for column in submissions.c if column.name not in ("token", "content")]


def request_key(account: str, request_id: str) -> str:
    return hashlib.sha256(f"{account}\x00{request_id}".encode()).hexdigest()


def filing_text(
    answered: StoredName | None, forwarded: StoredName | None, replaces_draft: StoredName | None
) -> str:
    names = {"answered": answered, "forwarded": forwarded, "replaces_draft": replaces_draft}
    return json.dumps({key: list(vars(name).values()) for key, name in names.items() if name})


def _filing(text: str, key: str) -> StoredName | None:
    fields = json.loads(text).get(key)
    return StoredName(*fields) if fields else None


def load_recipients(session: Session, ids: list[str]) -> dict[str, tuple[Recipient, ...]]:
    """The recipients of each of these submissions, in order."""
    found: dict[str, list[Recipient]] = {key: [] for key in ids}
    wanted = (
        select(recipients)
        .where(recipients.c.submission_id.in_(ids))
        .order_by(recipients.c.submission_id, recipients.c.position)
    )
    for row in session.execute(wanted):
        found[row.submission_id].append(
            Recipient(row.address, Fate(row.fate), row.smtp_code, row.enhanced_status, row.server_text)
        )
    return {key: tuple(value) for key, value in found.items()}


def views(session: Session, rows: list[Row[Any]]) -> list[Submission]:
    """The submissions of these rows, with one query for all their recipients."""
    if not rows:
        return []
    people = load_recipients(session, [row.id for row in rows])
    return [view(row, people[row.id]) for row in rows]


def load_fates(session: Session, ids: list[str]) -> dict[str, set[Fate]]:
    """The fates that the recipients of each of these submissions have."""
    found: dict[str, set[Fate]] = {key: set() for key in ids}
    wanted = select(recipients.c.submission_id, recipients.c.fate).where(recipients.c.submission_id.in_(ids))
    for row in session.execute(wanted):
        found[row.submission_id].add(Fate(row.fate))
    return found


def view(row: Row[Any], people: tuple[Recipient, ...]) -> Submission:
    return Submission(
        id=row.id,
        account=row.account,
        state=State(row.state),
        message_id=row.message_id,
        subject=row.subject,
        recipients=people,
        accepted_at=row.accepted_at,
        send_at=row.send_at,
        next_attempt_at=row.next_attempt_at,
        attempt_count=row.attempt_count,
        problem=row.problem,
        size_bytes=row.size_bytes,
        filed_at=row.filed_at,
        scheduled=row.scheduled,
        version=row.version,
        updated_at=row.updated_at,
    )


def work(row: Row[Any], submission: Submission, lease_id: str, octets: tuple[Segment, ...]) -> Work:
    """What a worker gets: the submission as it is under its lease, and the octets of a small message."""
    return Work(
        submission=submission,
        lease_id=lease_id,
        segments=octets,
        from_address=row.from_address,
        token=row.token or "",
        needs_smtputf8=row.needs_smtputf8,
        eight_bit=row.eight_bit,
        delivery_report=row.delivery_report,
        answered=_filing(row.filing, "answered"),
        forwarded=_filing(row.filing, "forwarded"),
        replaces_draft=_filing(row.filing, "replaces_draft"),
        deliver_at=row.deliver_at,
        file_attempts=row.file_attempts,
    )
