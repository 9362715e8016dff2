"""Header fields of another program's draft that the composer has no place for. They go along unseen, and
sender decides which of them leave with the message."""

from __future__ import annotations

import re

from services.web.model.mail import OpenMessage

MOST, MAX_VALUE = 200, 16_000

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
    }
)
_KNOWN_BEGIN = ("content-", "x-postern-")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,76}\Z")


def fields(draft: OpenMessage) -> tuple[tuple[str, str], ...]:
    """By name and value, in their order. In-Reply-To and References only where they hold more than ids."""
    ids = {
        "in-reply-to": draft.row.envelope.in_reply_to,
        "references": draft.row.envelope.references,
    }
    found = []
    for name, raw in draft.all_headers:
        lower, value = name.lower(), " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", raw).split())
        if lower in _KNOWN or lower.startswith(_KNOWN_BEGIN) or not _NAME.match(name):
            continue
        if lower in ids and value.split(" ") == list(ids[lower]):
            continue
        if value and len(value) <= MAX_VALUE:
            found.append((name, value))
    return tuple(found[:MOST])
