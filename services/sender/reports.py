"""Reads delivery reports (RFC 3464) and read receipts (RFC 8098): what became of which message for whom.

A report is somebody else's word, and anybody can write one. It is believed only about a message that this
account sent, named by its envelope id or its Message-ID, and only about a recipient that the message had.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from services.sender.model import Fate
from services.sender.smtp.wire import clean_text

_ENVELOPE_ID = re.compile(r"[0-9a-f]{32}\Z")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
# RFC 3464, 2.3.3. "expanded" tells nothing new: it is on its way, as was known.
_ACTIONS = {
    "failed": Fate.FAILED,
    "delayed": Fate.DELAYED,
    "delivered": Fate.DELIVERED,
    "relayed": Fate.RELAYED,
}


@dataclass(frozen=True)
class Line:
    """What became of it for one recipient; `addresses` are those it is known by, the original one first."""

    addresses: tuple[str, ...]
    fate: Fate
    status: str = ""
    text: str = ""


@dataclass(frozen=True)
class Report:
    """About which message, by envelope id (empty where it names none) or by Message-ID; its recipients."""

    envelope_id: str
    message_id: str
    lines: tuple[Line, ...]


def read(raw: bytes) -> Report | None:
    """The report in a message that may be cut off after its report part; None where it is none."""
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    if message.get_content_type() != "multipart/report" or not message.is_multipart():
        return None
    envelope_id, named, lines = "", "", []
    for part in message.get_payload():
        if not isinstance(part, Message):
            continue
        kind = part.get_content_type()
        if kind in ("message/delivery-status", "message/global-delivery-status"):
            blocks = _blocks(part)
            envelope_id = _envelope_id(next(blocks, None)) or envelope_id
            lines += [line for block in blocks if (line := _delivery(block))]
        elif kind in ("message/disposition-notification", "message/global-disposition-notification"):
            for block in _blocks(part):
                named = named or _message_id(block, "Original-Message-ID")
                lines += [line for line in [_disposition(block)] if line]
        elif kind in ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"):
            for block in _blocks(part):
                named = named or _message_id(block, "Message-ID")
    return Report(envelope_id, named, tuple(lines)) if lines and (envelope_id or named) else None


def _blocks(part: Message) -> Iterator[Message]:
    """The groups of fields in a part, whether the parser has taken them apart or not."""
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (block for block in payload if isinstance(block, Message))
        return
    octets = part.get_payload(decode=True)
    text = octets.decode("utf-8", "replace") if isinstance(octets, bytes) else ""
    for group in re.split(r"\r?\n\r?\n", text.strip()):
        if group:
            yield email.message_from_string(group, policy=email.policy.compat32)


def _field(block: Message, name: str) -> str:
    return " ".join(str(block.get(name, "")).split())


def _envelope_id(block: Message | None) -> str:
    found = _field(block, "Original-Envelope-Id").lower() if block is not None else ""
    return found if _ENVELOPE_ID.match(found) else ""


def _message_id(block: Message, name: str) -> str:
    found = _field(block, name)
    return found if found.startswith("<") and found.endswith(">") and len(found) <= 400 else ""


def _addresses(block: Message) -> tuple[str, ...]:
    """RFC 3464, 2.3.1: "rfc822; address"."""
    typed = (_field(block, name).partition(";") for name in ("Original-Recipient", "Final-Recipient"))
    found = (address.strip().strip("<>") for kind, _, address in typed if kind.strip().lower() in _KINDS)
    return tuple(address for address in found if "@" in address)


_KINDS = ("rfc822", "utf-8")


def _delivery(block: Message) -> Line | None:
    fate = _ACTIONS.get(_field(block, "Action").split(" ")[0].lower())
    addresses = _addresses(block)
    if fate is None or not addresses:
        return None
    status = _STATUS.match(_field(block, "Status"))
    words = _field(block, "Diagnostic-Code")
    kind, _, said = words.partition(";")
    return Line(addresses, fate, status[0] if status else "", clean_text(said if kind.isalnum() else words))


def _disposition(block: Message) -> Line | None:
    """RFC 8098, 3.2.6: only "displayed" says that somebody saw it; "deleted" says nothing sure."""
    kind = _field(block, "Disposition").partition(";")[2].strip().lower()
    addresses = _addresses(block)
    return Line(addresses, Fate.DISPLAYED) if re.match(r"displayed\b", kind) and addresses else None
