"""What a message is to its writer, and what becomes of it: plain values, no protobuf, no database."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from services.sender.compose.segments import Segment


@dataclass(frozen=True)
class StoredName:
    """A message in the account's mailboxes, as the mailstore names it."""

    mailbox: str
    uid_validity: int
    uid: int


@dataclass(frozen=True)
class EmailAddress:
    """One entry of an address field; `group` is empty outside groups (RFC 5322, 3.4)."""

    name: str = ""
    address: str = ""
    group: str = ""


@dataclass(frozen=True)
class Attachment:
    """Where an attachment's octets come from: exactly one of `upload_id`, `message` with or without
    `part_id`."""

    upload_id: str = ""
    message: StoredName | None = None
    part_id: str = ""
    filename: str = ""
    media_type: str = ""
    content_id: str = ""


class Priority(StrEnum):
    NORMAL = "normal"
    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True)
class Content:
    """A message as its writer thinks of it."""

    sender: EmailAddress
    to: tuple[EmailAddress, ...] = ()
    cc: tuple[EmailAddress, ...] = ()
    bcc: tuple[EmailAddress, ...] = ()
    reply_to: tuple[EmailAddress, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    answered: StoredName | None = None
    forwarded: StoredName | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    priority: Priority = Priority.NORMAL
    request_read_receipt: bool = False
    draft_id: str = ""
    identity_id: str = ""
    # (name, value) of header fields that another program's draft has.
    extra_fields: tuple[tuple[str, str], ...] = ()


class State(StrEnum):
    """Where a submission stands; the diagram is in services/sender/outbox/states.py."""

    HELD = "held"
    QUEUED = "queued"
    SUBMITTING = "submitting"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    FILED = "filed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    SUSPENDED = "suspended"


class Fate(StrEnum):
    """One recipient's state."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    # Told by reports that came back.
    DELIVERED = "delivered"
    FAILED = "failed"
    DISPLAYED = "displayed"
    DELAYED = "delayed"
    RELAYED = "relayed"


@dataclass(frozen=True)
class Recipient:
    """One recipient and what the SMTP server last said about it."""

    address: str
    fate: Fate = Fate.PENDING
    smtp_code: int = 0
    enhanced_status: str = ""
    server_text: str = ""


@dataclass(frozen=True)
class Submission:
    """One message on its way, as the outbox shows it. Times are milliseconds since 1970, UTC; 0 is never."""

    id: str
    account: str
    state: State
    message_id: str
    subject: str
    recipients: tuple[Recipient, ...]
    accepted_at: int
    send_at: int
    next_attempt_at: int
    attempt_count: int
    problem: str
    size_bytes: int
    filed_at: int
    scheduled: bool
    version: int
    updated_at: int


@dataclass(frozen=True)
class Work:
    """A leased submission with what a worker needs to deliver or to file it. `segments` are there where the
    message is small; else they are read when they are needed."""

    submission: Submission
    lease_id: str
    from_address: str
    token: str = field(repr=False)
    segments: tuple[Segment, ...] = field(default=(), repr=False)
    # Whether the token is this replica's alone: the row has none.
    in_memory: bool = False
    needs_smtputf8: bool = False
    eight_bit: bool = False
    delivery_report: bool = False
    answered: StoredName | None = None
    forwarded: StoredName | None = None
    replaces_draft: StoredName | None = None
    deliver_at: int = 0
    file_attempts: int = 0
