"""What is kept of a message beside its octets: where its parts lie, and what an IMAP server would tell."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services.mailstore.mime.headers import Headers, parse_date, parse_headers
from services.mailstore.mime.model import Part
from services.mailstore.mime.parse import parse_message
from services.mailstore.pop3.structure import bodystructure

# What makes a message the one it is. Fields that servers add as they like (Status, X-UIDL) are not here.
_IDENTITY = ("message-id", "date", "from", "to", "subject", "received")
_OPAQUE = b'("application" "octet-stream" ("name" "message.eml") NIL NIL "binary" %d NIL NIL NIL NIL)'


@dataclass(frozen=True, slots=True)
class Described:
    """`sections`: where the octets of each section that FETCH may name lie, JSON."""

    header: bytes
    structure: bytes
    sections: str


def describe(raw: bytes) -> Described:
    """The message taken apart."""
    parsed = parse_message(raw)
    sections: dict[str, tuple[int, int]] = {"": (0, len(raw))}
    for part in parsed.root.walk():
        span, head = parsed.spans.get(part.number), parsed.heads.get(part.number)
        if span is None or head is None or part.number in parsed.decoded:
            continue
        sections[part.number] = span
        # A whole message's body (root, or the child of a message/rfc822) is numbered below it.
        sections[part.header_section] = head
    for prefix, root in _messages(parsed.root):
        span, head = parsed.spans.get(root), parsed.heads.get(root)
        if span is not None and head is not None and root not in parsed.decoded:
            sections[prefix + "HEADER"], sections[prefix + "TEXT"] = head, span
    start, end = sections.get("HEADER", (0, len(raw)))
    return Described(raw[start:end], bodystructure(parsed.root), json.dumps(sections))


def _messages(root: Part) -> Iterator[tuple[str, str]]:
    """(prefix, number of its body) of the message and of those in it."""
    yield "", root.number
    for part in root.walk():
        if part.envelope is not None and part.children:
            yield part.number + ".", part.children[0].number


def opaque(raw: bytes) -> Described:
    """A message that no decoder came to an end with: its source can be had, nothing else."""
    header = header_of(raw)
    sections = {
        "": (0, len(raw)),
        "HEADER": (0, len(header)),
        "TEXT": (len(header), len(raw)),
        "1": (0, len(raw)),
    }
    return Described(header, _OPAQUE % len(raw), json.dumps(sections))


def digest(header: bytes) -> bytes:
    """What tells this message from another with the same UIDL."""
    headers = parse_headers(header)
    found = hashlib.sha256()
    for name in _IDENTITY:
        for value in headers.get_all(name):
            found.update(name.encode("ascii") + b"\0" + b" ".join(value.split()) + b"\0")
    return found.digest()


def received(header: bytes) -> int:
    """When it came, in seconds since 1970: as the last server's Received tells, else its Date, else now."""
    headers = parse_headers(header)
    moment = _received(headers) or parse_date(headers.get("date"))
    now = int(time.time())
    if moment is None:
        return now
    return max(0, min(int(moment.timestamp()), now))


def _received(headers: Headers) -> datetime | None:
    return parse_date(headers.get("received").rpartition(b";")[2])


def header_of(raw: bytes) -> bytes:
    """The header of a message, with the empty line after it where there is one."""
    if raw.startswith((b"\r\n", b"\n")):
        return raw[: raw.index(b"\n") + 1]
    ends = [at + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if (at := raw.find(mark)) >= 0]
    return raw[: min(ends)] if ends else raw
