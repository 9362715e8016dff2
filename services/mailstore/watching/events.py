"""What is told to those who watch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.mailstore.mailboxes.model import Mailbox
from services.mailstore.reading.rows import Row

MOST_ADDED, MOST_MODIFIED, MOST_REMOVED = 50, 200, 10_000


@dataclass(frozen=True, slots=True)
class MailboxChange:
    """Something in a mailbox. `removed` are UIDs; `incomplete`: more changed than is listed."""

    mailbox: Mailbox
    added: tuple[Row, ...] = ()
    modified: tuple[Row, ...] = ()
    removed: tuple[int, ...] = ()
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One change; exactly one of the fields but the token is set. `token` resumes after it."""

    change: MailboxChange | None = None
    tree_changed: bool = False
    heartbeat: bool = False
    restarted: bool = False
    server_lost: bool | None = None
    token: str = ""

    def with_token(self, token: str) -> Event:
        return replace(self, token=token)


Snapshot = dict[str, Mailbox]


def _shape(tree: Snapshot) -> dict[str, tuple[object, ...]]:
    return {name: (box.use, box.selectable, box.subscribed, box.my_rights) for name, box in tree.items()}


def compare(before: Snapshot, after: Snapshot) -> list[Event]:
    """What is different between two looks at the tree."""
    events: list[Event] = []
    if _shape(before) != _shape(after):
        events.append(Event(tree_changed=True))
    for name, box in after.items():
        old = before.get(name)
        if old is not None and old.state != box.state:
            events.append(Event(change=MailboxChange(box, incomplete=True)))
    return events
