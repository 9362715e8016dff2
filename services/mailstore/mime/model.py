"""What a message looks like once read: pure data, no I/O, no protobuf.

Invariants: every string is valid Unicode without NUL and without lone surrogates; media types, parameter
names, encodings and dispositions are lower case; message ids and content ids stand without angle brackets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class Address(NamedTuple):
    """One mailbox of an address list (RFC 5322 3.4).

    `addr` is `local@domain` as far as it could be read, never with the brackets, and may be junk or empty:
    whoever sends to it checks it. `group` is the display name of the group the mailbox stands in. An empty
    group (`undisclosed-recipients:;`) is one Address with `group` alone.
    """

    name: str = ""
    addr: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The header fields that lists and pages show, decoded. Absent ones are empty, `date` None.

    `date` is aware (a missing or `-0000` zone counts as UTC). `references` is oldest first.
    """

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
class Part:
    """One node of a message's MIME tree.

    `number` is the section to put into `BODY.PEEK[...]` for the node's body (RFC 3501 6.4.5): `1`, `2.3`; the
    multipart body of a whole message is `TEXT`, that of a nested one `2.TEXT`.
    `size` counts the octets as transferred, before the transfer encoding is undone. `filename` is the sane
    name from disposition or type, empty where the sender gave none. The children of a multipart are its
    parts; a message/rfc822 has one child, the nested message's body, and the nested `envelope`.
    """

    number: str
    media_type: str = "text/plain"
    params: Mapping[str, str] = field(default_factory=dict)
    content_id: str = ""
    location: str = ""
    description: str = ""
    encoding: str = "7bit"
    size: int = 0
    disposition: str = ""
    disposition_params: Mapping[str, str] = field(default_factory=dict)
    filename: str = ""
    language: tuple[str, ...] = ()
    children: tuple[Part, ...] = ()
    envelope: Envelope | None = None

    @property
    def main_type(self) -> str:
        return self.media_type.partition("/")[0]

    @property
    def is_multipart(self) -> bool:
        return self.media_type.startswith("multipart/")

    @property
    def header_section(self) -> str:
        """The section with this node's MIME header (`1.MIME`); for a whole message's body its header."""
        if self.number == "TEXT":
            return "HEADER"
        if self.number.endswith(".TEXT"):
            return self.number[:-4] + "HEADER"
        return self.number + ".MIME"

    def walk(self) -> Iterator[Part]:
        """This node and all below it, in order, nested messages included."""
        stack = [self]
        while stack:
            part = stack.pop()
            yield part
            stack.extend(reversed(part.children))

    def find(self, number: str) -> Part | None:
        """The node with this section number, or None."""
        return next((part for part in self.walk() if part.number == number), None)


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something to offer for download.

    `name` is never empty and always safe as a file name. `size` is an estimate of the decoded octets.
    `kind`: `file`, `message` (nested mail), `calendar`, `contact`, `tnef` (winmail.dat), `signature`, `key`,
    `encrypted`, `report` (a delivery report's machine-readable part).
    `inline`: HTML may show it by its content id or place; a page that does so need not list it.
    """

    number: str
    name: str
    media_type: str
    size: int
    content_id: str = ""
    kind: str = "file"
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a message is shown, in order, and what is offered for download (RFC 8621 4.1.4).

    `plain` and `html` are the same message in two renderings: a text outside multipart/alternative is in
    both, so either may hold text/plain and text/html parts. Use `shown()` to choose.
    `inline` are the parts that HTML may name (`cid:`), by content id; `by_location` by Content-Location.
    `report` is the machine-readable part of a multipart/report, `calendar` the first text/calendar part.
    `security` is `signed`, `encrypted` or empty.
    """

    plain: tuple[Part, ...] = ()
    html: tuple[Part, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    inline: Mapping[str, Part] = field(default_factory=dict)
    by_location: Mapping[str, Part] = field(default_factory=dict)
    report: Part | None = None
    calendar: Part | None = None
    security: str = ""

    def shown(self, prefer_html: bool) -> tuple[Part, ...]:
        """The parts to fetch and show one below the other; the other one when the preferred is empty."""
        first, second = (self.html, self.plain) if prefer_html else (self.plain, self.html)
        return first if any(part.size for part in first) else second

    @property
    def has_html(self) -> bool:
        """Whether choosing HTML makes a difference."""
        return any(part.media_type == "text/html" for part in self.html)

    @property
    def has_plain(self) -> bool:
        """Whether the sender gave a plain form of the whole message."""
        return any(part.size for part in self.plain) and all(p.media_type != "text/html" for p in self.plain)

    @property
    def has_attachments(self) -> bool:
        """For the paper clip in a list: not for signatures, inline pictures and reports."""
        return any(not a.inline and a.kind not in ("signature", "report") for a in self.attachments)


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file carried inside a part's content: a uuencoded block or an attachment of winmail.dat."""

    name: str
    media_type: str
    data: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class TextBody:
    """A text part made readable: Unicode, lines ended by LF, no NUL and no control characters but TAB and LF.

    `flowed`: it was format=flowed and is unfolded: each line is a paragraph, quote marks (`> `) kept.
    `damaged`: something could not be decoded and was replaced.
    `files`: uuencoded blocks, taken out of `text`.
    """

    text: str
    is_html: bool = False
    charset: str = "utf-8"
    flowed: bool = False
    damaged: bool = False
    files: tuple[EmbeddedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """The fate of one recipient (RFC 3464 2.3). Addresses without their type (`rfc822;`)."""

    final_recipient: str = ""
    original_recipient: str = ""
    action: str = ""
    status: str = ""
    diagnostic: str = ""
    remote_mta: str = ""
    last_attempt: datetime | None = None
    will_retry_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A delivery status (RFC 3464) or, with `disposition` set, a read receipt (RFC 8098)."""

    reporting_mta: str = ""
    original_envelope_id: str = ""
    arrival: datetime | None = None
    recipients: tuple[RecipientStatus, ...] = ()
    disposition: str = ""
    original_message_id: str = ""
