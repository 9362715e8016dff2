"""Mailboxes and messages as the pages show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class Use(Enum):
    """What a mailbox is for (RFC 6154)."""

    NONE = ""
    INBOX = "inbox"
    DRAFTS = "drafts"
    SENT = "sent"
    ARCHIVE = "archive"
    JUNK = "junk"
    TRASH = "trash"
    ALL = "all"
    FLAGGED = "flagged"


class Space(Enum):
    """Whose a mailbox is (RFC 2342)."""

    OWN = ""
    OTHERS = "others"
    SHARED = "shared"


# Told how many of how many are done; the answer is whether to go on.
Tell = Callable[[int, int], bool]


@dataclass(frozen=True, slots=True)
class Address:
    """One entry of an address field; `group` names the group it stands in (RFC 5322 section 3.4)."""

    name: str = ""
    address: str = ""
    group: str = ""

    @property
    def shown(self) -> str:
        return self.name or self.address or self.group


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message for good: mailbox, UIDVALIDITY and UID together."""

    mailbox: str
    uid_validity: int
    uid: int

    @property
    def key(self) -> str:
        return f"{self.uid_validity}.{self.uid}"


@dataclass(frozen=True, slots=True)
class MessageRange:
    """Several messages of one mailbox."""

    mailbox: str
    uid_validity: int
    uids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """All messages of a mailbox that a search text matches; all there are where it is empty."""

    mailbox: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """All messages that a search finds; `mailboxes`: where it looks, none for all but Trash and Junk. What it
    is typed as (`text`, `where`, `saved`) is for a page that asks first."""

    text: str
    mailboxes: tuple[str, ...] = ()
    where: str = ""
    saved: str = ""


Messages = MessageRange | Matching


@dataclass(frozen=True, slots=True)
class Moved:
    """Where messages were and where they are; destination uids may be empty (no UIDPLUS)."""

    source: MessageRange
    destination: MessageRange


@dataclass(frozen=True, slots=True)
class Envelope:
    subject: str = ""
    from_: tuple[Address, ...] = ()
    sender: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    date: datetime | None = None
    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flags:
    seen: bool = False
    answered: bool = False
    flagged: bool = False
    draft: bool = False
    forwarded: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One message in a list. Sizes in octets."""

    ref: MessageRef
    envelope: Envelope
    flags: Flags = Flags()
    received: datetime | None = None
    size: int = 0
    has_attachment: bool = False
    snippet: str = ""
    conversation: str = ""

    @property
    def date(self) -> datetime | None:
        return self.received or self.envelope.date


@dataclass(frozen=True, slots=True)
class MailboxView:
    name: str
    display_name: str
    delimiter: str = ""
    parent: str = ""
    use: Use = Use.NONE
    selectable: bool = True
    can_have_children: bool = True
    subscribed: bool = True
    messages: int = 0
    unread: int = 0
    uid_validity: int = 0
    state: str = ""
    space: Space = Space.OWN
    rights: str = ""

    def may(self, letters: str) -> bool:
        """Whether the account has these rights (letters of RFC 4314 section 2.1); so where they are not
        known."""
        return not self.rights or all(letter in self.rights for letter in letters)


@dataclass(frozen=True, slots=True)
class Right:
    """What one identifier may do in a mailbox, as letters."""

    identifier: str
    letters: str


@dataclass(frozen=True, slots=True)
class Rights:
    """Who may do what in a mailbox; `mine` are the account's own letters."""

    entries: tuple[Right, ...] = ()
    mine: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """One bounded resource: "STORAGE" in octets, "MESSAGE" in messages."""

    resource: str
    used: int
    limit: int

    @property
    def percent(self) -> int:
        return min(100, self.used * 100 // self.limit) if self.limit else 0


@dataclass(frozen=True, slots=True)
class MailboxTree:
    """All mailboxes, special ones first; `stale_seconds` is set where the server could not be reached,
    `local` where the mail server has the inbox alone (POP3) and the others are kept by Postern, `shares`
    where it lets mailboxes be shared."""

    mailboxes: tuple[MailboxView, ...] = ()
    stale_seconds: int = 0
    local: bool = False
    shares: bool = True

    def find(self, name: str) -> MailboxView | None:
        for mailbox in self.mailboxes:
            if mailbox.name == name or (mailbox.use is Use.INBOX and name.upper() == "INBOX"):
                return mailbox
        return None

    def special(self, use: Use) -> MailboxView | None:
        return next((mailbox for mailbox in self.mailboxes if mailbox.use is use), None)


@dataclass(frozen=True, slots=True)
class MessagePage:
    """One page of a mailbox. `state` changes whenever the list may have changed."""

    rows: tuple[Row, ...] = ()
    next_token: str = ""
    previous_token: str = ""
    total: int = 0
    unread: int = 0
    position: int = 0
    uid_validity: int = 0
    state: str = ""
    stale_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Conversation:
    newest: Row
    conversation_id: str
    messages: int = 1
    unread: int = 0
    participants: tuple[Address, ...] = ()
    flagged: bool = False
    attachment: bool = False
    refs: tuple[MessageRef, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversationPage:
    conversations: tuple[Conversation, ...] = ()
    next_token: str = ""
    previous_token: str = ""
    total: int = 0
    unread: int = 0
    position: int = 0
    uid_validity: int = 0
    state: str = ""
    stale_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """Order of a list: arrival, date, from, subject, size or to."""

    key: str = "arrival"
    ascending: bool = False


@dataclass(frozen=True, slots=True)
class TextPart:
    part_id: str
    media_type: str
    text: str
    truncated: bool = False
    charset: str = "utf-8"
    alternative: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A part that may be read by itself; `size` in octets, an estimate where `estimated`."""

    part_id: str
    media_type: str
    filename: str = ""
    size: int = 0
    estimated: bool = False
    content_id: str = ""
    inline: bool = False
    envelope: Envelope | None = None


@dataclass(frozen=True, slots=True)
class ReportRecipient:
    address: str
    action: str
    status: str = ""
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class OpenMessage:
    """A message opened for reading. `answers`, `forwards`: which message a draft of ours answers or
    forwards. `all_headers`: every field, not decoded, where it was asked for."""

    row: Row
    texts: tuple[TextPart, ...] = ()
    attachments: tuple[Part, ...] = ()
    inline: tuple[Part, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    report: tuple[ReportRecipient, ...] = ()
    defects: tuple[str, ...] = ()
    newer: MessageRef | None = None
    older: MessageRef | None = None
    answers: MessageRef | None = None
    forwards: MessageRef | None = None
    all_headers: tuple[tuple[str, str], ...] = ()

    @property
    def ref(self) -> MessageRef:
        return self.row.ref

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def part(self, part_id: str) -> Part | None:
        return next((part for part in (*self.attachments, *self.inline) if part.part_id == part_id), None)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an account as it happens. `kind`: "mailbox" (with `mailbox` as it is now), "tree",
    "restarted" (read everything again), "server" (with `lost`) or "beat". `token` resumes after it."""

    kind: str
    token: str = ""
    mailbox: MailboxView | None = None
    added: tuple[Row, ...] = ()
    modified: tuple[Row, ...] = ()
    lost: bool = False


@dataclass(frozen=True, slots=True)
class SearchStep:
    """What a search found since the step before; `searched` of `mailboxes` are done. What is below those is
    said by the last step: how many match, where it goes on, mailboxes that could not be searched."""

    rows: tuple[Row, ...] = ()
    searched: int = 0
    mailboxes: int = 0
    total: int = 0
    next_token: str = ""
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlagChange:
    """Flags to set and to clear, by the names "seen", "flagged", "answered", "forwarded", "junk",
    "notjunk"; and labels."""

    add: Sequence[str] = field(default_factory=tuple)
    remove: Sequence[str] = field(default_factory=tuple)
    add_labels: Sequence[str] = field(default_factory=tuple)
    remove_labels: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What a long action did: counts, and old and new names where something moved."""

    done: int = 0
    gone: int = 0
    moved: tuple[Moved, ...] = ()
    complete: bool = True
    changed: tuple[MessageRange, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did; `refused` names entries of the file that are no messages."""

    imported: int = 0
    skipped: int = 0
    refused: tuple[str, ...] = ()
    messages: tuple[MessageRange, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportStep:
    """Octets of a file, and how many messages of how many are in it."""

    data: bytes
    done: int
    total: int
