"""What goes into an index and what comes out of it: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from services.mailstore.mime.model import Envelope


@dataclass(slots=True)
class Entry:
    """One message as the server tells it. Times are seconds since 1970, UTC; `size` counts octets.

    `flags` holds the bits of schema.SEEN and so on, `keywords` the rest, sorted, in one string, None where
    there are none. `text_part` says which part is to be read for search and snippet, None where nothing is
    to be read.
    """

    uid: int
    flags: int
    keywords: str | None
    received: int
    size: int
    envelope: Envelope
    attachment: bool = False
    text_part: TextPart | None = None
    files: str = ""


@dataclass(frozen=True, slots=True)
class TextPart:
    """The part that carries a message's words: its section number, what it is, and how it is encoded."""

    number: str
    media_type: str
    encoding: str
    charset: str


@dataclass(frozen=True, slots=True)
class MailboxState:
    """What the index holds of a mailbox.

    Everything from UID `built` up to `uid_next` is here (1: the whole mailbox), its text from `texted` on.
    `modseq` is the HIGHESTMODSEQ that the rows are true as of, 0 where the server has none. `changes` grows
    with every change, `shape` with every one of which messages are here or which conversations.
    """

    id: int
    name: str
    object_id: str
    uid_validity: int
    uid_next: int
    modseq: int
    total: int
    unread: int
    built: int
    texted: int
    hidden: bool
    changes: int
    synced: float
    shape: int

    @property
    def complete(self) -> bool:
        return self.built <= 1

    @property
    def searchable(self) -> bool:
        return self.built <= 1 and self.texted <= 1


@dataclass(slots=True)
class Row:
    """One message of a list; not changed once it is made. `encoded` is what index.convert made of it;
    `text_part` is where its first words are, while `snippet` is not known yet. `told` is for rows.to_row.
    """

    id: int
    mailbox: str
    uid_validity: int
    uid: int
    flags: int
    keywords: str | None
    attachment: bool
    received: int
    size: int
    thread: int
    encoded: bytes
    snippet: str | None
    text_part: TextPart | None
    told: Any = field(default=None, init=False, compare=False, repr=False)
