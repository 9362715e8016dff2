"""Making one message and saying where it is filed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

DOMAIN = "example.org"
USERS = {f"alice@{DOMAIN}": "alice", f"bob@{DOMAIN}": "bob"}

ALICE = Address("Alice Ashford", addr_spec=f"alice@{DOMAIN}")
BOB = Address("Bob Brandt", addr_spec=f"bob@{DOMAIN}")
CAROL = Address("Carol Castellan", addr_spec="carol@castle.example")
DAVE = Address("Dave Okonkwo", addr_spec="dave@masons.example")
ERIN = Address("Erin Ní Bhriain", addr_spec="erin@example.net")


@dataclass(frozen=True)
class Filed:
    """A message in a mailbox: RAW bytes as on the wire, WHEN it came, IMAP FLAGS like r"\\Seen"."""

    mailbox: str
    raw: bytes
    when: datetime
    flags: frozenset[str]


@dataclass
class Letter:
    """A message, when it was sent, and how it lies in the demo mailboxes.

    places: mailbox by address, where INBOX (or Sent for the sender) is not meant.
    unread_by, flagged_by, answered_by: demo addresses. A message in Sent is always read.
    raw: bytes that email.message would not write, instead of the message.
    """

    message: EmailMessage
    when: datetime
    recipients: tuple[str, ...]
    sender: str
    places: dict[str, str] = field(default_factory=dict)
    unread_by: tuple[str, ...] = ()
    flagged_by: tuple[str, ...] = ()
    answered_by: tuple[str, ...] = ()
    raw: bytes | None = None

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    def filed(self) -> Iterator[tuple[str, Filed]]:
        raw = self.raw if self.raw is not None else self.message.as_bytes(policy=SMTP)
        for address in USERS:
            mailbox = self.places.get(address)
            if mailbox is None and address in self.recipients:
                mailbox = "INBOX"
            if mailbox is not None:
                yield address, Filed(mailbox, raw, self.when, self._flags(address, mailbox))
            if address == self.sender and mailbox != "Drafts":
                yield address, Filed("Sent", raw, self.when, frozenset({r"\Seen"}))

    def _flags(self, address: str, mailbox: str) -> frozenset[str]:
        flags = set() if address in self.unread_by else {r"\Seen"}
        if address in self.flagged_by:
            flags.add(r"\Flagged")
        if address in self.answered_by:
            flags.add(r"\Answered")
        if mailbox == "Drafts":
            flags.add(r"\Draft")
        return frozenset(flags)


def letter(
    slug: str,
    when: datetime,
    sender: Address,
    to: Address | tuple[Address, ...],
    subject: str,
    text: str,
    *,
    cc: tuple[Address, ...] = (),
    html: str | None = None,
    answers: Letter | None = None,
    headers: dict[str, str] | None = None,
    **placing: object,
) -> Letter:
    """A message with a text and perhaps an HTML form; SLUG makes its Message-ID, ANSWERS its place in a thread."""
    message = EmailMessage(policy=SMTP)
    to = to if isinstance(to, tuple) else (to,)
    message["Date"] = format_datetime(when)
    message["From"] = sender
    message["To"] = to
    if cc:
        message["Cc"] = cc
    message["Subject"] = subject
    message["Message-ID"] = f"<{slug}@{sender.domain}>"
    if answers is not None:
        message["In-Reply-To"] = answers.message_id
        before = answers.message.get("References", "")
        message["References"] = f"{before} {answers.message_id}".strip()
    for name, value in (headers or {}).items():
        message[name] = value
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    recipients = tuple(address.addr_spec for address in (*to, *cc))
    return Letter(message, when, recipients, sender.addr_spec, **placing)  # type: ignore[arg-type]
