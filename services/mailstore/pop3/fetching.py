"""FETCH over the file (RFC 9051 section 6.4.5)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from services.mailstore.imap.syntax import date_time
from services.mailstore.mime.headers import parse_headers
from services.mailstore.pop3.store import HELD, NOT_HELD, Message, Store
from services.mailstore.pop3.words import Item

Lines = list[list[bytes]]
_WITHOUT_MAIL = frozenset({b"UID", b"FLAGS", b"MODSEQ", b"RFC822.SIZE"})
_OF_HEADER = frozenset({b"INTERNALDATE"})


class Missing(Exception):
    """Messages of the maildrop whose header, or whose octets, are to be brought in first (their ids)."""

    def __init__(self, headers: Iterable[int] = (), wholes: Iterable[int] = ()) -> None:
        super().__init__("not held")
        self.headers, self.wholes = set(headers), set(wholes)


def need(messages: Sequence[Message], items: Sequence[Item], without: frozenset[int]) -> None:
    """Missing where something that the items tell of is not held. `without`: those that cannot be had."""
    header = any(item.name in _OF_HEADER or (item.section or "").startswith("HEADER") for item in items)
    whole = any(
        item.name == b"BODYSTRUCTURE" or (item.section is not None and not item.section.startswith("HEADER"))
        for item in items
    )
    if whole:
        missing = {m.id for m in messages if m.held == NOT_HELD and m.id not in without}
        if missing:
            raise Missing(wholes=missing)
    elif header:
        missing = {m.id for m in messages if not m.known and m.id not in without}
        if missing:
            raise Missing(headers=missing)


def fetch(store: Store, sequence: int, message: Message, items: Sequence[Item]) -> list[bytes] | None:
    """The response; None where the message cannot be told of (its octets cannot be had)."""
    described = None
    if any(item.name not in _WITHOUT_MAIL for item in items):
        described = store.described(message.id)
        if described is None:
            return None
    parts: list[bytes] = [b"* %d FETCH (" % sequence]
    first = True
    for item in items:
        value = _value(store, message, item, described)
        if value is None:
            if item.section is None:
                return None
            continue
        octets, literal = value
        parts[-1] += (b"" if first else b" ") + item.told + b" "
        first = False
        if literal and octets:
            parts[-1] += b"{%d}" % len(octets)
            parts += [octets, b""]
        else:
            parts[-1] += octets if not literal else b'""'
    parts[-1] += b")"
    return parts


def _value(
    store: Store, message: Message, item: Item, described: tuple[bytes, bytes, str] | None
) -> tuple[bytes, bool] | None:
    """The octets of an item and whether they are a literal."""
    match item.name:
        case b"UID":
            return b"%d" % message.uid, False
        case b"FLAGS":
            return b"(" + message.flags.encode("ascii") + b")", False
        case b"MODSEQ":
            return b"(%d)" % message.modseq, False
        case b"RFC822.SIZE":
            return b"%d" % message.size, False
        case b"INTERNALDATE":
            return date_time(datetime.fromtimestamp(message.received, UTC)), False
        case b"BODYSTRUCTURE":
            return (described[1], False) if described is not None and described[1] else None
    if item.section is None or described is None:
        return None
    octets = _section(store, message, item, described)
    return None if octets is None else (octets, True)


def _section(store: Store, message: Message, item: Item, described: tuple[bytes, bytes, str]) -> bytes | None:
    header, _, sections = described
    if item.section in ("HEADER", "HEADER.FIELDS"):
        data = header if item.section == "HEADER" else header_fields(header, item.fields)
        return data if item.window is None else data[item.window[0] : item.window[0] + item.window[1]]
    span = json.loads(sections).get(item.section) if sections else None
    if span is None:
        return None
    start, end = span
    if item.window is not None:
        start, end = min(end, start + item.window[0]), min(end, start + item.window[0] + item.window[1])
    return store.octets(message.id, start, end)


def header_fields(header: bytes, names: Sequence[str]) -> bytes:
    """The fields of these names, and the empty line (HEADER.FIELDS)."""
    wanted = {name.lower() for name in names}
    lines = [
        name.encode("ascii") + b": " + value.strip() + b"\r\n"
        for name, value in parse_headers(header).items()
        if name in wanted
    ]
    return b"".join(lines) + b"\r\n"


def is_whole(message: Message) -> bool:
    """Whether all octets of the message are here."""
    return message.held == HELD
