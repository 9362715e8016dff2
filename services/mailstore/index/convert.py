"""Messages as they lie in the file: what the contract tells of one and never changes, encoded once.

A page of a list is then read and handed on without a word of it being taken apart. What changes (flags, the
name, which a move changes) and the first words, which come later, are kept beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from services.common.gen.postern.mailstore.v1 import types_pb2 as pb
from services.mailstore.index.model import Entry
from services.mailstore.mime.model import Address, Envelope
from services.mailstore.names import MessageName
from services.mailstore.threads import ids

# A list shows a handful of recipients; opening the message reads all of them from the server.
MOST_ADDRESSES = 100
MOST_REFERENCES = 100


def encode(entry: Entry) -> bytes:
    """A MessageSummary without name, flags and snippet; long lists are cut."""
    return encode_parts(entry.envelope, entry.received, entry.size, entry.attachment)


def encode_parts(envelope: Envelope, received: int, size: int, attachment: bool) -> bytes:
    """As `encode`. `received` is in seconds since 1970, 0 where it is not known."""
    summary = pb.MessageSummary(size_bytes=size, has_attachment=attachment)
    if received:
        summary.received_time.seconds = received
    told = summary.envelope
    told.subject = envelope.subject
    # Messages put together are one with the fields of both.
    told.MergeFromString(
        _people("from", envelope.from_)
        + _people("to", envelope.to)
        + b"".join([_people(name, getattr(envelope, name)) for name in _OTHERS if getattr(envelope, name)])
    )
    if envelope.date is not None:
        told.date.seconds = int(envelope.date.timestamp())
    if envelope.message_id:
        told.message_id = f"<{envelope.message_id}>"
    told.in_reply_to.extend([f"<{each}>" for each in envelope.in_reply_to[:MOST_REFERENCES]])
    references = envelope.references
    if len(references) > MOST_REFERENCES:
        # The root and the latest: what threading and answering need.
        references = (references[0], *references[1 - MOST_REFERENCES :])
    told.references.extend([f"<{each}>" for each in references])
    root = ids.root_id(envelope)
    if ids.is_root(root):
        summary.conversation_id = ids.from_root(root, _NAMELESS)
    return summary.SerializeToString()


def decode_envelope(encoded: bytes) -> Envelope:
    """The envelope that was encoded; its date in UTC."""
    told = pb.MessageSummary.FromString(encoded).envelope
    return Envelope(
        subject=told.subject,
        from_=_addresses(getattr(told, "from")),
        sender=_addresses(told.sender),
        reply_to=_addresses(told.reply_to),
        to=_addresses(told.to),
        cc=_addresses(told.cc),
        bcc=_addresses(told.bcc),
        date=datetime.fromtimestamp(told.date.seconds, UTC) if told.HasField("date") else None,
        message_id=told.message_id[1:-1],
        in_reply_to=tuple([each[1:-1] for each in told.in_reply_to]),
        references=tuple([each[1:-1] for each in told.references]),
    )


def author(encoded: bytes) -> Address | None:
    """Whom the message is from, the first where there are several."""
    for address in getattr(pb.MessageSummary.FromString(encoded).envelope, "from"):
        return Address(address.name, address.address, address.group)
    return None


def conversation_id(encoded: bytes, name: MessageName) -> str:
    """The id of the message's conversation, as far as it knows itself."""
    return pb.MessageSummary.FromString(encoded).conversation_id or ids.from_root("", name)


_NAMELESS = MessageName("", 0, 0)


def _people(field: str, addresses: tuple[Address, ...]) -> bytes:
    """An Envelope with that one field, encoded."""
    return _few(field, addresses) if len(addresses) < 5 else _encoded(field, addresses)


def _encoded(field: str, addresses: tuple[Address, ...]) -> bytes:
    told = pb.Envelope()
    into = getattr(told, field)
    for each in addresses[:MOST_ADDRESSES]:
        into.add(name=each.name, address=each.addr, group=each.group)
    return told.SerializeToString()


# The same people write again and again.
_few = lru_cache(maxsize=10_000)(_encoded)
_OTHERS = ("sender", "reply_to", "cc", "bcc")


def _addresses(found: Iterable[Any]) -> tuple[Address, ...]:
    return tuple([Address(each.name, each.address, each.group) for each in found])
