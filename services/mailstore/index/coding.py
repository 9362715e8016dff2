"""Envelopes as they lie in the file, and the hash by which message ids and subjects are found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from hashlib import blake2b

from services.mailstore.index.model import TextPart
from services.mailstore.mime.model import Address, Envelope

# A list shows a handful of recipients; opening the message reads all of them from the server.
MOST_ADDRESSES = 100
MOST_REFERENCES = 100

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def _pack(addresses: tuple[Address, ...]) -> list[list[str]]:
    return [[a.name, a.addr, a.group] if a.group else [a.name, a.addr] for a in addresses[:MOST_ADDRESSES]]


def _unpack(rows: Sequence[Sequence[str]]) -> tuple[Address, ...]:
    return tuple([Address(*row) for row in rows])


def encode_envelope(e: Envelope) -> str:
    """The envelope as text; long lists are cut."""
    date = None
    if e.date is not None:
        offset = e.date.utcoffset()
        date = [int(e.date.timestamp()), int(offset.total_seconds() // 60) if offset else 0]
    row = [
        e.subject,
        _pack(e.from_),
        _pack(e.to),
        date,
        e.message_id,
        e.in_reply_to[:MOST_REFERENCES],
        # The root and the latest: what threading and answering need.
        e.references
        if len(e.references) <= MOST_REFERENCES
        else (e.references[0], *e.references[1 - MOST_REFERENCES :]),
    ]
    if e.cc or e.bcc or e.reply_to or e.sender:
        row += [_pack(e.cc), _pack(e.bcc), _pack(e.reply_to), _pack(e.sender)]
    return _encode(row)


def decode_envelope(text: str) -> Envelope:
    """What `encode_envelope` was given."""
    row = json.loads(text)
    subject, from_, to, date, message_id, in_reply_to, references = row[:7]
    cc, bcc, reply_to, sender = row[7:] if len(row) > 7 else ((), (), (), ())
    moment = None
    if date is not None:
        zone = timezone(timedelta(minutes=date[1])) if date[1] else UTC
        moment = datetime.fromtimestamp(date[0], zone)
    return Envelope(
        subject=subject,
        from_=_unpack(from_),
        sender=_unpack(sender),
        reply_to=_unpack(reply_to),
        to=_unpack(to),
        cc=_unpack(cc),
        bcc=_unpack(bcc),
        date=moment,
        message_id=message_id,
        in_reply_to=tuple(in_reply_to),
        references=tuple(references),
    )


def encode_part(part: TextPart) -> str:
    """A text part in one line."""
    return f"{part.number} {part.media_type} {part.encoding or '7bit'} {part.charset}"


def decode_part(text: str) -> TextPart:
    """What `encode_part` was given."""
    number, media_type, encoding, charset = text.split(" ", 3)
    return TextPart(number, media_type, encoding, charset)


def hash64(text: str, salt: bytes) -> int:
    """A signed 64-bit number for `text`. Salted by the file, so that nobody can write a message whose id
    collides with another's and is shown in its conversation.
    """
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=salt).digest()
    return int.from_bytes(digest, "little", signed=True)
