"""The demo mailboxes: a few dozen messages such as people get, with dates relative to now.

`build(now)` makes them all with email.message; nothing is read from disk. Each goes to the mailboxes where it
would be found: the sender's Sent and every demo recipient's INBOX, unless the message says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from deploy.local.demo import conversations, lists, oddities, rich, world
from deploy.local.demo.compose import DOMAIN, USERS, Filed, Letter

__all__ = ["DOMAIN", "MAILBOXES", "USERS", "Filed", "build"]

# Beside INBOX. Drafts, Sent, Trash and the like are found by name: the embedded server has no SPECIAL-USE.
MAILBOXES = (
    "Archive",
    "Drafts",
    "Entwürfe & Ideen",
    "Junk",
    "Projects",
    "Projects/Castle",
    "Projects/Castle/Invoices",
    "Receipts",
    "Sent",
    "Trash",
)


def build(now: datetime) -> dict[str, list[Filed]]:
    """For each demo address what is in its mailboxes, oldest first."""
    boxes: dict[str, list[Filed]] = {address: [] for address in USERS}
    for letter in _letters(now):
        for address, filed in letter.filed():
            boxes[address].append(filed)
    for messages in boxes.values():
        messages.sort(key=lambda filed: filed.when)
    return boxes


def _letters(now: datetime) -> Iterator[Letter]:
    for module in (conversations, rich, lists, world, oddities):
        yield from module.letters(now)
