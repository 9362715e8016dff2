"""Writes down what reports say, where they are about a message of the account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.common.errors import not_found
from services.sender.model import Fate, Recipient, State, Submission
from services.sender.outbox.states import TAKEN, due_at, resting_state
from services.sender.reports import Line, Report
from services.sender.storage import rows
from services.sender.storage.tables import recipients, submissions

_SHOWN = ("state", "problem", "version", "updated_at", "next_attempt_at")
# What a later report may overwrite: it never takes back what an earlier one was surer of.
_SURER = {
    Fate.ACCEPTED: 0,
    Fate.UNKNOWN: 0,
    Fate.DELAYED: 1,
    Fate.RELAYED: 2,
    Fate.DELIVERED: 3,
    Fate.FAILED: 3,
    Fate.DISPLAYED: 4,
}


def record(session: Session, account: str, report: Report, now: int) -> Submission:
    """The submission with what the report says. NOT_FOUND where it is about none of this account, or about no
    recipient of it. A report about an UNKNOWN message shows that the server took it: UNKNOWN → ACCEPTED."""
    query = select(*rows.VIEW).where(submissions.c.account == account).order_by(submissions.c.id.desc())
    if report.envelope_id:
        query = query.where(submissions.c.id == report.envelope_id)
    else:
        query = query.where(submissions.c.message_id == report.message_id)
    row = session.execute(query.limit(1).with_for_update()).one_or_none()
    if row is None:
        raise not_found("submission")
    people = rows.load_recipients(session, [row.id])[row.id]
    matched = [(_position(people, line), line) for line in report.lines]
    if all(at is None for at, _ in matched):
        raise not_found("recipient")
    after = list(people)
    for at, line in matched:
        if at is not None and _SURER.get(line.fate, 0) > _SURER.get(after[at].fate, 9):
            after[at] = replace(
                after[at], fate=line.fate, smtp_code=0, enhanced_status=line.status, server_text=line.text
            )
    if after == list(people):
        return rows.view(row, people)
    values: dict[str, Any] = {}
    if row.state == State.UNKNOWN:
        after = [replace(one, fate=Fate.ACCEPTED) if one.fate is Fate.UNKNOWN else one for one in after]
        values = _taken(after, filed=bool(row.filed_at), now=now)
    _write_people(session, row.id, people, after)
    values |= {"version": row.version + 1, "updated_at": now}
    session.execute(update(submissions).where(submissions.c.id == row.id).values(**values))
    shown = {key: value for key, value in values.items() if key in _SHOWN}
    return replace(rows.view(row, tuple(after)), **shown)


def _taken(after: Sequence[Recipient], *, filed: bool, now: int) -> dict[str, Any]:
    """What an UNKNOWN row becomes once it is known that the server took it."""
    fates = {one.fate for one in after}
    state = resting_state(fates, filed=filed)
    deliver_at = now if Fate.PENDING in fates else 0
    due = due_at(state, deliver_at=deliver_at, file_at=now)
    return {
        "state": state,
        "problem": "",
        "lease_id": "",
        "dot_sent": False,
        "deliver_at": deliver_at,
        "due_at": due,
        "next_attempt_at": due or 0,
    }


def _position(people: Sequence[Recipient], line: Line) -> int | None:
    """Which recipient a line is about. Where there was only one, a report by another name is about it too: it
    was forwarded there."""
    known = {
        one.address.casefold(): at for at, one in enumerate(people) if one.fate in TAKEN | {Fate.UNKNOWN}
    }
    for address in line.addresses:
        if address.casefold() in known:
            return known[address.casefold()]
    return 0 if len(people) == 1 and known else None


def _write_people(session: Session, id: str, before: Sequence[Recipient], after: Sequence[Recipient]) -> None:
    for position, (old, new) in enumerate(zip(before, after, strict=True)):
        if old != new:
            session.execute(
                update(recipients)
                .where(recipients.c.submission_id == id, recipients.c.position == position)
                .values(**vars(new))
            )
