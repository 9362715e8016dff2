"""Names of messages, flags and labels, as the whole service uses them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from services.common.errors import invalid_argument
from services.mailstore.imap.syntax import is_keyword

MAX_UID = 2**32 - 1


class MessageName(NamedTuple):
    """One message for good (RFC 9051 section 2.3.1.1). A tuple, for it is a key of whatever is kept."""

    mailbox: str
    uid_validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class MessageRange:
    """Several messages of one mailbox."""

    mailbox: str
    uid_validity: int
    uids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Flags:
    """What the server keeps of a message's state."""

    seen: bool = False
    answered: bool = False
    flagged: bool = False
    deleted: bool = False
    draft: bool = False
    forwarded: bool = False
    labels: tuple[str, ...] = ()


# Keywords with a meaning of their own (RFC 5788 and its registry), which are no labels of a person.
_SYSTEM_KEYWORDS = frozenset(
    {
        "$forwarded",
        "forwarded",
        "$junk",
        "$notjunk",
        "junk",
        "nonjunk",
        "notjunk",
        "$mdnsent",
        "mdnsent",
        "$submitpending",
        "$submitted",
        "$phishing",
        "$hasattachment",
        "$hasnoattachment",
        "$ismailinglist",
    }
)


def read_flags(values: object) -> Flags:
    """The FLAGS item of a FETCH response."""
    return _read_flags(values) if isinstance(values, tuple) else Flags()


# A mailbox has few combinations of flags, and each is the same immutable value.
@lru_cache(maxsize=4096)
def _read_flags(values: tuple[object, ...]) -> Flags:
    words = {value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values}
    low = {word.lower() for word in words}
    return Flags(
        seen="\\seen" in low,
        answered="\\answered" in low,
        flagged="\\flagged" in low,
        deleted="\\deleted" in low,
        draft="\\draft" in low,
        forwarded="$forwarded" in low or "forwarded" in low,
        labels=labels_of(words),
    )


def labels_of(words: Iterable[str]) -> tuple[str, ...]:
    """The labels among flags and keywords, as a person reads them, in order."""
    return tuple(
        sorted(
            decode_label(word)
            for word in words
            if not word.startswith("\\") and word.lower() not in _SYSTEM_KEYWORDS
        )
    )


def encode_name(name: MessageName) -> str:
    """A name in one word of US-ASCII, for a header field."""
    mailbox = base64.urlsafe_b64encode(name.mailbox.encode("utf-8", "surrogatepass")).decode("ascii")
    return f"{name.uid_validity};{name.uid};{mailbox}"


def decode_name(text: str) -> MessageName | None:
    """What `encode_name` was given; None for anything else, for a header may say what it likes."""
    match = _NAME.fullmatch("".join(text.split()))
    try:
        mailbox = base64.urlsafe_b64decode(match[3]).decode("utf-8") if match else ""
    except ValueError:
        return None
    if match is None or not mailbox or not 0 < int(match[1]) <= MAX_UID or not 0 < int(match[2]) <= MAX_UID:
        return None
    return MessageName(mailbox, int(match[1]), int(match[2]))


_NAME = re.compile(r"(\d{1,10});(\d{1,10});([A-Za-z0-9_=-]{1,4000})")
_SHIFT = re.compile(r"&([A-Za-z0-9+,]*)-")
MAX_LABEL = 100


def encode_label(label: str) -> str:
    """A label in Unicode → a keyword. What an atom cannot hold goes as in modified UTF-7, so that other
    clients that do the same read it. INVALID_ARGUMENT on an empty, long or unprintable one.
    """
    text = label.strip()
    if not text or len(text) > MAX_LABEL or not all(char.isprintable() for char in text):
        raise invalid_argument("labels", "malformed")
    if text.startswith("\\"):
        raise invalid_argument("labels", "system_flag")
    out: list[str] = []
    pending = ""
    for char in text:
        if char != "&" and is_keyword(char):
            if pending:
                out.append(_shifted(pending))
                pending = ""
            out.append(char)
        elif char == "&":
            if pending:
                out.append(_shifted(pending))
                pending = ""
            out.append("&-")
        else:
            pending += char
    if pending:
        out.append(_shifted(pending))
    return "".join(out)


def decode_label(keyword: str) -> str:
    """A keyword → what a person reads; one that is no encoding stays as it is."""

    def replace(match: re.Match[str]) -> str:
        if not match[1]:
            return "&"
        coded = match[1].replace(",", "/")
        return binascii.a2b_base64(coded + "=" * (-len(coded) % 4)).decode("utf-16-be")

    try:
        text = _SHIFT.sub(replace, keyword)
    except ValueError:
        return keyword
    return text if text.isprintable() else keyword


def _shifted(text: str) -> str:
    coded = binascii.b2a_base64(text.encode("utf-16-be"), newline=False).rstrip(b"=").replace(b"/", b",")
    return "&" + coded.decode("ascii") + "-"


def check_uids(uids: Iterable[int], most: int = 10_000) -> tuple[int, ...]:
    """UIDs, ascending and each once. INVALID_ARGUMENT on none, 0 or too many."""
    found = tuple(sorted(set(uids)))
    if not found or found[0] < 1 or found[-1] > MAX_UID:
        raise invalid_argument("uids", "missing" if not found else "out_of_range")
    if len(found) > most:
        raise invalid_argument("uids", "too_many")
    return found


def check_name(name: MessageName) -> MessageName:
    """A complete name. INVALID_ARGUMENT."""
    check_mailbox(name.mailbox)
    if not 0 < name.uid_validity <= MAX_UID:
        raise invalid_argument("name.uid_validity", "missing")
    if not 0 < name.uid <= MAX_UID:
        raise invalid_argument("name.uid", "missing")
    return name


def check_mailbox(mailbox: str, field: str = "mailbox") -> str:
    """A mailbox name that may go into a command. INVALID_ARGUMENT."""
    from services.mailstore.imap.utf7 import encode

    if not mailbox:
        raise invalid_argument(field, "missing")
    if len(mailbox) > 1000:
        raise invalid_argument(field, "too_long")
    try:
        encode(mailbox)
    except ValueError as err:
        raise invalid_argument(field, "control_characters", err) from None
    return "INBOX" if mailbox.upper() == "INBOX" else mailbox
