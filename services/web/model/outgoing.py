"""Messages being written and on their way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.web.model.mail import Address, MessageRef


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment of a message being written: an upload, a stored part or a stored message."""

    filename: str
    media_type: str = ""
    size: int = 0
    upload_id: str = ""
    message: MessageRef | None = None
    part_id: str = ""
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way: octets that have arrived, and whether it is whole."""

    upload_id: str
    filename: str
    media_type: str
    received: int
    complete: bool


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """Whether files that are too large for a message go by link, from which size, and up to which."""

    offered: bool = False
    over: int = 0
    largest: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the account may write as an address: "granted", "verified", "code_sent" or "refused"; nothing
    where that is not known. `until`: as long as the code holds."""

    state: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standings:
    """Addresses and how they stand; `offered`: a code may be mailed to one."""

    offered: bool = False
    addresses: Mapping[str, Standing] = field(default_factory=dict)

    def of(self, address: str) -> Standing:
        return self.addresses.get(address, Standing())


@dataclass(frozen=True, slots=True)
class Link:
    """A file that is fetched by its link; whoever knows `token` can fetch it. Sizes in octets."""

    token: str
    filename: str
    media_type: str
    total: int
    received: int


# What a draft says of its writer's wish for delivery reports (RFC 3461), which no header field is for. Sender
# leaves fields of this beginning out of what is sent.
DELIVERY_REPORT = ("X-Draft-Delivery-Report", "yes")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as its writer thinks of it. `priority`: "high", "low" or nothing; `receipt`: ask for one
    (RFC 8098); `extra_fields`: header fields of another program's draft, by name and value."""

    sender: Address
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    answered: MessageRef | None = None
    forwarded: MessageRef | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    draft_id: str = ""
    identity_id: str = ""
    priority: str = ""
    receipt: bool = False
    extra_fields: tuple[tuple[str, str], ...] = ()

    @property
    def delivery_report(self) -> bool:
        """Whether delivery reports are asked for (RFC 3461)."""
        return DELIVERY_REPORT in self.extra_fields


@dataclass(frozen=True, slots=True)
class Template:
    """What messages are begun with; its content is asked for by itself."""

    template_id: str
    name: str
    saved: datetime | None = None


@dataclass(frozen=True, slots=True)
class SavedDraft:
    ref: MessageRef | None
    draft_id: str
    replaced_missing: bool = False
    saved: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecipientFate:
    address: str
    state: str
    code: int = 0
    server_text: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """One message on its way. `state` is the lower-case name of the contract's SubmissionState."""

    submission_id: str
    state: str
    recipients: tuple[RecipientFate, ...] = ()
    message_id: str = ""
    subject: str = ""
    accepted: datetime | None = None
    send_at: datetime | None = None
    next_attempt: datetime | None = None
    attempts: int = 0
    problem: str = ""
    size: int = 0
    scheduled: bool = False
