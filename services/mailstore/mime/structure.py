"""An IMAP server's BODYSTRUCTURE, as imapclient parses it → Part tree (RFC 3501 7.4.2, numbering 6.4.5).

Nothing in the answer is trusted to be there or of the right kind: servers send NIL, strings for lists, and
leave out the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from . import fields
from .headers import decode_text, parse_addresses, parse_date, parse_headers, parse_message_ids
from .model import Address, Envelope, Part
from .params import media_type, merge

MAX_PARTS = 1000
MAX_DEPTH = 50


def from_bodystructure(data: Any) -> Part | None:
    """The message's root part; None when the answer makes no sense (then use parse.parse_message)."""
    if not isinstance(data, (tuple, list)) or not data:
        return None
    budget = [MAX_PARTS]
    return _part(data, "", True, 0, budget)


def is_doubtful(root: Part | None) -> bool:
    """Whether the server's structure shows nothing though there may be something: better fetch all and parse.

    True for None, for a part without a type, and for a multipart in which every part is empty.
    """
    if root is None:
        return True
    leaves = [part for part in root.walk() if not part.children]
    if root.is_multipart:
        return not any(part.size for part in leaves)
    return root.media_type == "application/octet-stream" and not root.filename


def refine(root: Part, headers: Mapping[str, bytes]) -> Part:
    """The tree with single parts' fields read again from their own MIME headers, by part number.

    Servers cut odd names short and answer `7bit` for an encoding they could not read, so fetch
    `BODY.PEEK[n.MIME]` together with a shown part (for a message without multipart: its header as `1`).
    """
    children = tuple(refine(child, headers) for child in root.children)
    block = headers.get(root.number)
    if not block or root.is_multipart or root.envelope is not None:
        return replace(root, children=children)
    found = fields.from_headers(parse_headers(block), root.media_type)
    if found["media_type"].startswith(("multipart/", "message/")):
        found["media_type"] = root.media_type
    return replace(root, children=children, **found)


def _part(data: Sequence[Any], number: str, is_root: bool, depth: int, budget: list[int]) -> Part | None:
    """`number` of a root is its message's prefix (empty or the number of the message/rfc822 part)."""
    if depth > MAX_DEPTH or budget[0] <= 0:
        return None
    budget[0] -= 1
    children, rest = _children(data)
    if children is None:
        return _single(data, (f"{number}.1" if number else "1") if is_root else number, depth, budget)
    prefix = f"{number}." if number else ""
    parts = [
        _part(child, f"{prefix}{index}", False, depth + 1, budget) for index, child in enumerate(children, 1)
    ]
    params = _params(_at(rest, 1))
    disposition, disposition_params = _disposition(_at(rest, 2))
    return Part(
        number=f"{prefix}TEXT" if is_root else number,
        size=sum(part.size for part in parts if part),
        children=tuple(part for part in parts if part),
        **fields.assemble(
            media_type("multipart", _text(_at(rest, 0))),
            params,
            disposition,
            disposition_params,
            encoding=b"",
            content_id=b"",
            location=_bytes(_at(rest, 4)),
            description=b"",
            language=_language(_at(rest, 3)),
        ),
    )


def _children(data: Sequence[Any]) -> tuple[list[Sequence[Any]] | None, Sequence[Any]]:
    """The parts of a multipart and the fields after them; None for a single part.

    imapclient puts a multipart's parts into a list, but not those of a nested message.
    """
    if isinstance(data[0], list):
        return [child for child in data[0] if isinstance(child, (tuple, list)) and child], data[1:]
    count = 0
    while count < len(data) and isinstance(data[count], tuple):
        count += 1
    if count:
        return [child for child in data[:count] if child], data[count:]
    # `(NIL "mixed" ...)` or `("mixed" ...)`: a multipart without parts
    if data[0] is None and len(data) > 1 and isinstance(data[1], bytes) and len(data) < 7:
        return [], data[1:]
    return None, data


def _single(data: Sequence[Any], number: str, depth: int, budget: list[int]) -> Part:
    kind = media_type(_text(_at(data, 0)), _text(_at(data, 1)))
    if not _text(_at(data, 0)) and not _text(_at(data, 1)):
        kind = "application/octet-stream"  # the server could not read the type: not text for sure
    envelope, children, after = None, [], 7
    if kind.startswith("text/"):
        after = 8
    elif kind in ("message/rfc822", "message/global") and not isinstance(_at(data, 7), (bytes, int)):
        nested = _at(data, 8)
        if isinstance(_at(data, 7), (tuple, list)) or nested:
            envelope = from_envelope(_at(data, 7))
        if isinstance(nested, (tuple, list)) and nested:
            child = _part(nested, number, True, depth + 1, budget)
            children = [child] if child else []
        after = 10
    if after != 7 and isinstance(_at(data, after - 1), (tuple, bytes)):
        after -= 1  # the count of lines is missing
    disposition, disposition_params = _disposition(_at(data, after + 1))
    return Part(
        number=number,
        size=_int(_at(data, 6)),
        children=tuple(children),
        envelope=envelope,
        **fields.assemble(
            kind,
            _params(_at(data, 2)),
            disposition,
            disposition_params,
            encoding=_bytes(_at(data, 5)),
            content_id=_bytes(_at(data, 3)),
            location=_bytes(_at(data, after + 3)),
            description=_bytes(_at(data, 4)),
            language=_language(_at(data, after + 2)),
        ),
    )


def from_envelope(data: Any) -> Envelope:
    """An ENVELOPE as a raw tuple or as imapclient's `Envelope`; References are not in it."""
    if data is None:
        return Envelope()
    if not isinstance(data, (tuple, list)):
        names = (
            "date",
            "subject",
            "from_",
            "sender",
            "reply_to",
            "to",
            "cc",
            "bcc",
            "in_reply_to",
            "message_id",
        )
        data = [getattr(data, name, None) for name in names]
    date = _at(data, 0)
    return Envelope(
        subject=decode_text(_bytes(_at(data, 1))),
        from_=_addresses(_at(data, 2)),
        sender=_addresses(_at(data, 3)),
        reply_to=_addresses(_at(data, 4)),
        to=_addresses(_at(data, 5)),
        cc=_addresses(_at(data, 6)),
        bcc=_addresses(_at(data, 7)),
        date=(date.astimezone() if date.tzinfo is None else date)
        if isinstance(date, datetime)
        else parse_date(_bytes(date)),
        in_reply_to=parse_message_ids(_bytes(_at(data, 8))),
        message_id=next(iter(parse_message_ids(_bytes(_at(data, 9)))), ""),
    )


def _addresses(data: Any) -> tuple[Address, ...]:
    """RFC 3501 7.4.2: (name route mailbox host); a group begins with host NIL and ends with mailbox NIL."""
    if not isinstance(data, (tuple, list)):
        return ()
    found: list[Address] = []
    group, start = "", 0
    for item in data[:10_000]:
        if not isinstance(item, (tuple, list)):
            item = [getattr(item, name, None) for name in ("name", "route", "mailbox", "host")]
        name, mailbox, host = (_bytes(_at(item, index)) for index in (0, 2, 3))
        if _at(item, 3) is None:
            if group and len(found) == start:
                found.append(Address(group=group))
            group, start = decode_text(mailbox), len(found)
            continue
        if mailbox.upper() == b"MISSING_MAILBOX":  # Dovecot
            mailbox = b""
        if host.upper() in (b"MISSING_DOMAIN", b".MISSING-HOST-NAME."):  # Dovecot, UW IMAP
            name, mailbox, host = (name, mailbox, b"") if name else (mailbox, b"", b"")
        addr = decode_text(mailbox + b"@" + host if host else mailbox) if mailbox else ""
        shown = parse_addresses(b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'" <x@x>')
        text = shown[0].name if name and shown else ""
        if text or addr:
            found.append(Address(name=text, addr=addr, group=group))
    if group and len(found) == start:
        found.append(Address(group=group))
    return tuple(found)


def _at(data: Sequence[Any], index: int) -> Any:
    return data[index] if index < len(data) else None


def _bytes(value: Any) -> bytes:
    """A string of the answer; imapclient turns unquoted digits into int."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, (int, str)):
        return str(value).encode("utf-8", "replace")
    return b""


def _text(value: Any) -> str:
    return _bytes(value).decode("latin-1").strip().lower()


def _int(value: Any) -> int:
    if isinstance(value, bytes) and value.isdigit() and len(value) < 19:
        value = int(value)
    return max(0, value) if isinstance(value, int) else 0


def _params(value: Any) -> dict[str, str]:
    if not isinstance(value, (tuple, list)):
        return {}
    strings = [_bytes(item) for item in value]
    return dict(merge(zip(strings[0::2], strings[1::2], strict=False)))


def _disposition(value: Any) -> tuple[str, dict[str, str]]:
    if isinstance(value, bytes):  # a bare string where a list belongs
        return _text(value), {}
    if not isinstance(value, (tuple, list)) or not value:
        return "", {}
    return _text(value[0]), _params(_at(value, 1))


def _language(value: Any) -> bytes:
    if isinstance(value, (tuple, list)):
        return b",".join(_bytes(item) for item in value)
    return _bytes(value)
