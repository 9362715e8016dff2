"""Addresses of pages. They survive reload, back, and being sent to a colleague with the same rights.

A mailbox name is one path segment, escaped as in RFC 6901 section 3 ("~0" for "~", "~1" for "/"), so that
proxies that decode %2F do no harm; further "~2" stands for "." where the name is "." or "..".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlencode

from services.web.model.account import SavedSearch
from services.web.model.mail import MessageRef

_KEY = re.compile(r"([1-9]\d{0,9})\.([1-9]\d{0,9})\Z")
_MAX = 2**32 - 1


def mailbox_segment(name: str) -> str:
    escaped = name.replace("~", "~0").replace("/", "~1")
    if name in (".", ".."):
        escaped = name.replace(".", "~2")
    return quote(escaped, safe="~!$'()*,;:@")


def mailbox_name(segment: str) -> str:
    """The name behind a (percent-decoded) segment."""
    return segment.replace("~2", ".").replace("~1", "/").replace("~0", "~")


def mailbox(name: str, **query: object) -> str:
    return f"/mail/{mailbox_segment(name)}" + _query(query)


def message(ref: MessageRef, **query: object) -> str:
    return f"/mail/{mailbox_segment(ref.mailbox)}/{ref.key}" + _query(query)


def part(ref: MessageRef, part_id: str, **query: object) -> str:
    return f"{message(ref)}/part/{quote(part_id, safe='')}" + _query(query)


def html(ref: MessageRef, part_id: str, **query: object) -> str:
    return f"{message(ref)}/html/{quote(part_id, safe='')}" + _query(query)


def source(ref: MessageRef) -> str:
    return f"{message(ref)}/source"


def saved_search(search: SavedSearch) -> str:
    """It says what is searched, so that it is good for a colleague too."""
    where = search.mailboxes[0] if len(search.mailboxes) == 1 else ""
    return with_query("/search", q=search.text, in_=where, saved=search.search_id)


def with_query(path: str, **query: object) -> str:
    return path + _query(query)


def _query(query: Mapping[str, object]) -> str:
    pairs = [(key.rstrip("_"), str(value)) for key, value in query.items() if value not in ("", None, False)]
    return "?" + urlencode(pairs, quote_via=quote) if pairs else ""


def parse_key(mailbox: str, key: str) -> MessageRef | None:
    """The message of "UIDVALIDITY.UID" in a mailbox; None where it is no such thing."""
    match = _KEY.match(key)
    if not match or int(match[1]) > _MAX or int(match[2]) > _MAX:
        return None
    return MessageRef(mailbox, int(match[1]), int(match[2]))


def full_key(ref: MessageRef) -> str:
    """A message in one word, mailbox included: what checkboxes and composers carry."""
    return f"{ref.key}.{ref.mailbox}"


def parse_full_key(text: str) -> MessageRef | None:
    words = text.split(".", 2)
    return parse_key(words[2], ".".join(words[:2])) if len(words) == 3 and words[2] else None


def safe_next(target: str) -> str:
    """`target` where it is a path of our own, else "/"."""
    if not target.startswith("/") or target.startswith("//") or "\\" in target or not target.isprintable():
        return "/"
    decoded = unquote(target)
    if decoded.startswith("//") or "\\" in decoded:
        return "/"
    return "/" if target.startswith(("/sign-in", "/sign-out")) else target
