"""Builds the MIME structure: text or alternative, related for inline images, mixed for attachments."""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from services.sender.compose import extra, headers, plain, text
from services.sender.compose.checks import Checked
from services.sender.compose.segments import Encoding, Segment, base64_size, literals
from services.sender.model import Priority

DRAFT_HEADER = "X-Postern-Draft-Id"
DEFAULT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Part:
    """An attachment whose octets are in a blob. `message_size` and `eight_bit` hold for Encoding.MESSAGE."""

    blob_id: str
    size: int
    filename: str
    media_type: str
    content_id: str = ""
    encoding: Encoding = Encoding.BASE64
    eight_bit: bool = False


@dataclass(frozen=True)
class Built:
    """A message ready to be kept. `segments[0]` is the Date field alone, so that it can move with the
    sending."""

    segments: tuple[Segment, ...]
    message_id: str
    eight_bit: bool

    @property
    def wire_size(self) -> int:
        return sum(segment.size for segment in self.segments if not segment.sent_only)

    @property
    def full_size(self) -> int:
        return sum(segment.size for segment in self.segments)


@dataclass
class _Leaf:
    fields: list[bytes]
    body: bytes | Part


@dataclass
class _Multipart:
    subtype: str
    children: list[_Leaf | _Multipart]
    parameters: list[str] = field(default_factory=list)


class _Writer:
    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self._buffer = bytearray()

    def write(self, data: bytes) -> None:
        self._buffer += data

    def end_line(self) -> None:
        if not self._buffer.endswith(b"\r\n"):
            self._buffer += b"\r\n"

    def flush(self, *, sent_only: bool = False) -> None:
        self.segments += literals(bytes(self._buffer), sent_only=sent_only)
        self._buffer.clear()

    def part(self, part: Part) -> None:
        if not part.size:
            return
        self.flush()
        size = base64_size(part.size) if part.encoding is Encoding.BASE64 else part.size
        self.segments.append(Segment(size, blob_id=part.blob_id, encoding=part.encoding))


def new_message_id(domain: str) -> str:
    """A Message-ID (RFC 5322, 3.6.4) of the sender's domain that says nothing of this system."""
    return f"<{secrets.token_hex(16)}@{domain}>"


def date_field(when: datetime) -> bytes:
    """The Date field, in UTC: the writer's own zone is not known here and would tell where they are."""
    return headers.field("Date", [format_datetime(when.astimezone(UTC).replace(microsecond=0))])


def guess_type(filename: str) -> str:
    """The media type that a file name suggests."""
    return mimetypes.guess_type(filename, strict=False)[0] or DEFAULT_TYPE


def build(
    checked: Checked,
    parts: Sequence[Part],
    *,
    message_id: str,
    date: datetime,
    draft_id: str = "",
    automatic: bool = False,
) -> Built:
    """The message. With `draft_id` it is a draft: it carries that id, and its Bcc is an ordinary field.
    `automatic`: nobody wrote it, and no program is to answer it (RFC 3834, 5)."""
    writer = _Writer()
    writer.write(date_field(date))
    writer.flush()
    if checked.bcc:
        writer.write(headers.addresses("Bcc", checked.bcc))
        writer.flush(sent_only=not draft_id)
    for line in _fields(checked, message_id, draft=bool(draft_id)):
        writer.write(line)
    if draft_id:
        writer.write(headers.field(DRAFT_HEADER, [draft_id]))
    if automatic:
        writer.write(headers.field("Auto-Submitted", ["auto-generated"]))
    writer.write(b"MIME-Version: 1.0\r\n")
    _emit(_structure(checked, parts), writer)
    writer.end_line()
    writer.flush()
    return Built(tuple(writer.segments), message_id, any(part.eight_bit for part in parts))


def _fields(checked: Checked, message_id: str, *, draft: bool) -> list[bytes]:
    content = checked.content
    kept = extra.names(content.extra_fields) if draft else frozenset()
    lines = [headers.addresses("From", [(content.sender.name, checked.sender, "")])]
    for name, entries in (("Reply-To", checked.reply_to), ("To", checked.to), ("Cc", checked.cc)):
        if entries:
            lines.append(headers.addresses(name, entries))
    if checked.bcc and not checked.to and not checked.cc:
        lines.append(b"To: undisclosed-recipients:;\r\n")
    lines.append(headers.unstructured("Subject", content.subject))
    lines.append(headers.field("Message-ID", [message_id]))
    if checked.in_reply_to and "in-reply-to" not in kept:
        lines.append(headers.field("In-Reply-To", checked.in_reply_to))
    if checked.references and "references" not in kept:
        lines.append(headers.field("References", checked.references))
    if content.priority is not Priority.NORMAL:
        lines.append(headers.field("Importance", [content.priority.value]))
        lines.append(headers.field("X-Priority", ["1" if content.priority is Priority.HIGH else "5"]))
    if content.request_read_receipt:
        lines.append(headers.addresses("Disposition-Notification-To", [("", checked.sender, "")]))
    lines += extra.written(content.extra_fields, draft=draft)
    return lines


def _structure(checked: Checked, parts: Sequence[Part]) -> _Leaf | _Multipart:
    content = checked.content
    inline = [part for part in parts if part.content_id and content.html]
    attached = [part for part in parts if not (part.content_id and content.html)]
    body: _Leaf | _Multipart
    words = content.text or (plain.text_of(content.html) if content.html else "")
    body = _text_leaf(text.flowed(words), "plain", ["format=flowed"])
    if content.html:
        rich: _Leaf | _Multipart = _text_leaf(plain.document(content.html), "html", [])
        if inline:
            # RFC 2387, 3.1: the type parameter is that of the root part.
            related = [rich, *(_attachment(part, "inline") for part in inline)]
            rich = _Multipart("related", related, ['type="text/html"'])
        body = _Multipart("alternative", [body, rich])
    if attached:
        body = _Multipart("mixed", [body, *(_attachment(part, "attachment") for part in attached)])
    return body


def _text_leaf(words: str, subtype: str, parameters: list[str]) -> _Leaf:
    charset, transfer, body = text.encode(words)
    kind = headers.parametrised("Content-Type", f"text/{subtype}", [f"charset={charset}", *parameters])
    return _Leaf([kind, headers.field("Content-Transfer-Encoding", [transfer])], body)


def _attachment(part: Part, disposition: str) -> _Leaf:
    transfer = "base64"
    if part.encoding is Encoding.MESSAGE:
        transfer = "8bit" if part.eight_bit else "7bit"
    name = headers.parameter("filename", part.filename) if part.filename else []
    fields = [
        headers.parametrised("Content-Type", part.media_type, []),
        headers.field("Content-Transfer-Encoding", [transfer]),
        headers.parametrised("Content-Disposition", disposition, name),
    ]
    if part.content_id:
        fields.append(headers.field("Content-ID", [f"<{part.content_id}>"]))
    return _Leaf(fields, part)


def _emit(node: _Leaf | _Multipart, writer: _Writer) -> None:
    if isinstance(node, _Leaf):
        writer.write(b"".join(node.fields) + b"\r\n")
        if isinstance(node.body, Part):
            writer.part(node.body)
        else:
            writer.write(node.body)
        return
    # "=_" is in no base64 and no quoted-printable text (RFC 2045, 6.7); the rest cannot be guessed.
    boundary = f"=_{secrets.token_hex(16)}"
    kind = f"multipart/{node.subtype}"
    writer.write(headers.parametrised("Content-Type", kind, [*node.parameters, f'boundary="{boundary}"']))
    if _eight_bit(node):
        writer.write(b"Content-Transfer-Encoding: 8bit\r\n")  # RFC 2045, 6.4
    for child in node.children:
        writer.write(f"\r\n--{boundary}\r\n".encode())
        _emit(child, writer)
    writer.write(f"\r\n--{boundary}--".encode())


def _eight_bit(node: _Leaf | _Multipart) -> bool:
    if isinstance(node, _Multipart):
        return any(_eight_bit(child) for child in node.children)
    return isinstance(node.body, Part) and node.body.eight_bit
