"""Header fields of another program's draft: kept while it is written on, sent where they are its writer's.

A field can only ever be one field: names are of a few characters, a value with a line end or NUL is refused,
other control characters become spaces, and what is not ASCII is written as encoded words. None of those that
sender writes itself is taken from here, so nothing here says who wrote a message, to whom it goes or what is
in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from services.common.errors import invalid_argument
from services.sender.compose import headers

MOST, MAX_VALUE, MAX_ALL = 200, 16_000, 128 * 1024

# RFC 5322, 3.6.8: any printable character but a colon; these are those that programs use.
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,76}\Z")
_BREAKS = re.compile(r"[\r\n\x00]")

# What sender writes itself (build.py), and what would contradict it.
_OURS = frozenset(
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
_OURS_BEGIN = ("content-", "x-postern-")
# Ours too; a draft keeps what they hold beside Message-IDs.
THREAD = frozenset({"in-reply-to", "references"})

# Who sent a message and how it went: said by those who carry it, not by its writer.
_TRACE = frozenset(
    {
        "sender",
        "received",
        "received-spf",
        "return-path",
        "delivered-to",
        "envelope-to",
        "x-original-to",
        "original-recipient",
        "apparently-to",
        "errors-to",
        "authentication-results",
        "dkim-signature",
        "domainkey-signature",
        "approved",
        "control",
    }
)
# A program's own notes on a draft, which tell others about it or its machine.
_NOTES = frozenset(
    {
        "fcc",
        "user-agent",
        "x-mailer",
        "status",
        "x-status",
        "x-keywords",
        "x-uid",
        "x-uidl",
        "x-identity-key",
        "x-account-key",
        "x-uniform-type-identifier",
        "x-universally-unique-identifier",
        "s",
        "scf",
        "af",
        "nf",
        "ps",
        "srh",
        "sfn",
        "dsr",
        "mid",
        "cfg",
        "pt",
        "rmid",
        "fmid",
        "rrcpt",
    }
)
_NOT_SENT_BEGIN = (
    "resent-",
    "arc-",
    "x-mozilla-",
    "x-enigmail-",
    "x-evolution-",
    "x-kmail-",
    "x-apple-",
    "x-claws-",
    "x-sylpheed-",
    "x-gnus-",
    "x-ms-",
    "x-outlook-",
    "x-imap",
    "x-draft",
    "x-roundcube-",
    "x-k9mail-",
)


def check(fields: Sequence[tuple[str, str]]) -> None:
    """INVALID_ARGUMENT, with the field at fault, where these are not fit to be header fields."""
    if len(fields) > MOST or sum(len(name) + len(value) for name, value in fields) > MAX_ALL:
        raise invalid_argument("content.extra_fields", "too_many")
    for number, (name, value) in enumerate(fields):
        where = f"content.extra_fields[{number}]"
        if not _NAME.match(name):
            raise invalid_argument(f"{where}.name", "malformed")
        if _is_ours(name.lower()):
            raise invalid_argument(f"{where}.name", "not_allowed")
        if _BREAKS.search(value):
            raise invalid_argument(f"{where}.value", "line_break_or_nul")
        if len(value) > MAX_VALUE:
            raise invalid_argument(f"{where}.value", "too_long")


def _is_ours(name: str) -> bool:
    return name in _OURS or name.startswith(_OURS_BEGIN)


def written(fields: Iterable[tuple[str, str]], *, draft: bool) -> Iterator[bytes]:
    """The fields as they stand in a draft, or in a message that is sent."""
    for name, value in fields:
        if draft or _is_sent(name.lower()):
            yield _field(name, value)


def names(fields: Iterable[tuple[str, str]]) -> frozenset[str]:
    return frozenset(name.lower() for name, _ in fields)


def _is_sent(name: str) -> bool:
    return not (name in _TRACE or name in _NOTES or name in THREAD or name.startswith(_NOT_SENT_BEGIN))


def _field(name: str, value: str) -> bytes:
    """Words stay as they are; where one is longer than a line may be, or not ASCII, all are encoded."""
    words = headers.clean(value).split(" ")
    if all(word.isascii() and 0 < len(word) <= headers.MAX_WORD for word in words):
        return headers.field(name, words)
    return headers.unstructured(name, headers.clean(value))
