"""Header fields of another program's draft that the composer has no place for. They go along unseen, and
sender decides which of them leave with the message."""

from __future__ import annotations

import re

from services.web.model.mail import OpenMessage
from services.web.model.outgoing import DELIVERY_REPORT

# As sender takes them (its compose/extra.py; tests/unit/test_header_fields.py holds the two together).
MOST, MAX_VALUE, MAX_ALL = 200, 16_000, 128 * 1024
DRAFT_HEADER = "x-postern-draft-id"

# What the composer has a place for, or sender writes anew.
_KNOWN = frozenset(
    {
        "date",
        "from",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "subject",
        "message-id",
        "mime-version",
        "importance",
        "priority",
        "x-priority",
        "x-msmail-priority",
        "disposition-notification-to",
        DELIVERY_REPORT[0].lower(),
    }
)
_KNOWN_BEGIN = ("content-", "x-postern-")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,76}\Z")


def wants_report(draft: OpenMessage) -> bool:
    """Whether delivery reports (RFC 3461) are to be asked for: as we write it, or, in a draft that we have
    not saved yet, as Thunderbird does."""
    said = {name.lower(): value for name, value in draft.all_headers}
    if DRAFT_HEADER in said:
        return DELIVERY_REPORT[0].lower() in said
    return bool(re.search(r"\bDSN=1\b", said.get("x-mozilla-draft-info", "")))


def fields(draft: OpenMessage) -> tuple[tuple[str, str], ...]:
    """By name and value, in their order. In-Reply-To and References only where they hold more than ids."""
    ids = {
        "in-reply-to": draft.row.envelope.in_reply_to,
        "references": draft.row.envelope.references,
    }
    found: list[tuple[str, str]] = []
    most, room = MOST - 1, MAX_ALL - sum(map(len, DELIVERY_REPORT))  # which may join them
    for name, raw in draft.all_headers:
        lower, value = name.lower(), " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", raw).split())
        if lower in _KNOWN or lower.startswith(_KNOWN_BEGIN) or not _NAME.match(name):
            continue
        if lower in ids and value.split(" ") == list(ids[lower]):
            continue
        size = len(name) + len(value)
        if value and len(value) <= MAX_VALUE and size <= room and len(found) < most:
            found.append((name, value))
            room -= size
    return tuple(found)
