"""How rows change, several at a time: every write is of rows that this transaction has locked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy.orm import Session

from services.sender.model import Recipient, State, Submission
from services.sender.outbox.states import TERMINAL, due_at
from services.sender.storage import statements
from services.sender.storage.submissions import release
from services.sender.storage.tables import recipients, submissions

_SHOWN = {field.name for field in fields(Submission)}


class LeaseLost(Exception):
    """Another worker has the row, or its owner took it back: whatever this worker meant to do is off."""


@dataclass(frozen=True)
class Change:
    """A submission as it was, and the columns that change."""

    submission: Submission
    values: dict[str, Any]
    # Whether none of its octets lie in a blob, as far as is known.
    whole: bool = False

    @property
    def shown(self) -> Submission:
        return replace(self.submission, **{k: v for k, v in self.values.items() if k in _SHOWN})


def resting(
    version: int,
    now: int,
    state: State,
    *,
    deliver_at: int,
    problem: str = "",
    lease_id: str = "",
    **values: Any,
) -> dict[str, Any]:
    """What a row of that version holds in that state, once no worker is at it; without what the state no
    longer needs."""
    due = due_at(state, deliver_at=deliver_at, file_at=now)
    if state in TERMINAL or state is State.REFUSED:
        values |= {"token": None}
    if state in TERMINAL:
        values |= {"content": None}
    return {
        "state": state,
        "deliver_at": deliver_at,
        "problem": problem,
        "lease_id": lease_id,
        "version": version + 1,
        "updated_at": now,
        "due_at": due,
        "next_attempt_at": due or 0,
        **values,
    }


def write(session: Session, changes: Sequence[Change], now: int) -> None:
    """Writes the rows, those that become the same in one statement. They are locked, so that what was read of
    them is what they are."""
    alike: dict[tuple[tuple[str, Any], ...], list[str]] = defaultdict(list)
    for change in changes:
        alike[tuple(sorted(change.values.items()))].append(change.submission.id)
    for values, ids in alike.items():
        statements.update(session, submissions, values, id=ids)
    let_go(session, changes, now)


def let_go(session: Session, changes: Sequence[Change], now: int) -> None:
    """Lets the octets of those go that have come to their end."""
    done = [change for change in changes if change.values.get("state") in TERMINAL]
    if done:
        with_blobs = [change.submission.id for change in done if not change.whole]
        release(session, [change.submission.id for change in done], now, with_blobs=with_blobs)


def write_people(session: Session, changed: Sequence[tuple[Submission, tuple[Recipient, ...]]]) -> None:
    """Writes the recipients that are not as they were: what a report said of others meanwhile stays."""
    written = [
        {"submission_id": submission.id, "position": number, **vars(person)}
        for submission, after in changed
        for number, (person, before) in enumerate(zip(after, submission.recipients, strict=True))
        if person != before
    ]
    statements.insert(session, recipients, written, replace=True)
