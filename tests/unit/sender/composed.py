"""Composes without a database: attachments are given as octets."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage

from services.sender.compose import checks
from services.sender.compose.build import Built, Part, build, new_message_id
from services.sender.compose.segments import Base64Lines, Encoding, MessageLines
from services.sender.model import Content

WHEN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@dataclass
class Attached:
    data: bytes
    filename: str = ""
    media_type: str = "application/octet-stream"
    content_id: str = ""


def compose(content: Content, *attached: Attached, draft_id: str = "") -> tuple[bytes, bytes, Built]:
    """(what goes on the wire, what goes to Sent, the segments)."""
    blobs, parts = {}, []
    for number, item in enumerate(attached):
        encoding = Encoding.MESSAGE if item.media_type.startswith("message/") else Encoding.BASE64
        lines = MessageLines()
        whole = lines.feed(item.data) + lines.finish()
        size = len(whole) if encoding is Encoding.MESSAGE else len(item.data)
        blobs[str(number)] = item.data
        parts.append(
            Part(
                str(number), size, item.filename, item.media_type, item.content_id, encoding, lines.eight_bit
            )
        )
    checked = checks.check(content, draft=bool(draft_id))
    built = build(
        checked, parts, message_id=new_message_id(checked.sender.domain), date=WHEN, draft_id=draft_id
    )
    wire, full = b"", b""
    for segment in built.segments:
        data = segment.data
        if segment.blob_id:
            encoder = Base64Lines() if segment.encoding is Encoding.BASE64 else MessageLines()
            raw = blobs[segment.blob_id]
            data = b"".join(encoder.feed(raw[at : at + 1000]) for at in range(0, len(raw), 1000))
            data += encoder.finish()
        assert len(data) == segment.size
        full += data
        wire += b"" if segment.sent_only else data
    assert (len(wire), len(full)) == (built.wire_size, built.full_size)
    return wire, full, built


def parse(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def utf8_of(text: str) -> str:
    """Raw UTF-8 of a header (RFC 6532), which the parser gives as surrogates."""
    return text.encode("ascii", "surrogateescape").decode()
