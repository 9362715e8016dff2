"""What of a conversation stands around the message that is open."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.web import listing, urls
from services.web.model.mail import MailboxTree, OpenMessage, Row

_RE = re.compile(r"(?:\s*(?:re|aw|antw|sv|vs|ré|odp|res|rif)(?:\[\d+\]|\^\d+)?\s*[:：])+\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Folded:
    """Another message of the conversation, on one line."""

    href: str
    name: str
    snippet: str
    row: Row
    place: str = ""  # the mailbox that it lies in, where that is another one

    @property
    def unread(self) -> bool:
        return not self.row.flags.seen


def folded(
    message: OpenMessage, thread: Sequence[Row], places: MailboxTree, query: Mapping[str, object]
) -> tuple[list[Folded], list[Folded]]:
    """What came before the opened message in its conversation, and what after. `query`: where in its mailbox
    the list beside them stands."""
    at = next((n for n, row in enumerate(thread) if row.ref == message.ref), None)
    if at is None and message.row.envelope.message_id:
        # The same message may lie in two mailboxes; the conversation names one of them.
        own = message.row.envelope.message_id
        at = next((n for n, row in enumerate(thread) if row.envelope.message_id == own), None)
    here = message.ref.mailbox
    lines = [
        Folded(
            urls.message(row.ref, **(query if row.ref.mailbox == here else {})),
            next((one.shown for one in row.envelope.from_), ""),
            row.snippet,
            row,
            "" if row.ref.mailbox == here else _place(places, row.ref.mailbox),
        )
        for row in thread
    ]
    return (lines[:at], lines[at + 1 :]) if at is not None else ([], lines)


def _place(places: MailboxTree, name: str) -> str:
    found = places.find(name)
    return listing.mailbox_label(found) if found else name


def bare_subject(subject: str) -> str:
    """A subject without the "Re:" before it, in any language that writes it so."""
    return (_RE.sub("", subject, count=1) if _RE.match(subject) else subject).strip()


def search_for(message: OpenMessage) -> str:
    """The address of a search for the messages of its conversation, as far as their subjects tell."""
    words = bare_subject(message.row.envelope.subject).replace('"', " ").strip()
    return urls.with_query("/search", q=f'subject:"{words}"' if words else "")


def together(message: OpenMessage, thread: Sequence[Row]) -> str:
    """The names of the conversation's messages that lie in the opened one's mailbox, as its line in the list
    has them: what is done to a conversation is done to all of these. "" where the message is alone."""
    keys = [row.ref.key for row in thread if row.ref.mailbox == message.ref.mailbox]
    return " ".join(keys) if len(keys) > 1 and message.ref.key in keys else ""
