"""A block of header fields → Envelope, quickly: what is ordinary is read here, all else by mime.headers.

Invariant: the same Envelope as `read_envelope(parse_headers(block))`, whatever the block; a test holds them
together.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from services.mailstore.mime.headers import (
    decode_text,
    parse_addresses,
    parse_date,
    parse_headers,
    parse_message_ids,
    read_envelope,
)
from services.mailstore.mime.model import Address, Envelope

# A header whose every line is a field or its continuation, and that has no octet of which parsing is
# delicate.
_BLOCK_BOUND = 64 * 1024
# Each is tried in one way only, however long the block.
_FIELDS = re.compile(rb"(?>[A-Za-z-]{1,40}+:[ \t]*+[^\r\n]*+(?>\r\n[ \t]++[^\r\n]*+)*+\r\n)*+(?:\r\n)?\Z")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_FIELD = re.compile(rb"([A-Za-z-]+):[ \t]*([^\r\n]*)\r\n")
_PLAIN = re.compile(rb"[\x21-\x7e]+(?: [\x21-\x7e]+)*\Z")
_DATE = re.compile(
    rb"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), {1,2})?(\d{1,2}) "
    rb"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    rb"(\d{4}) (\d\d):(\d\d):([0-5]\d) ([+-])(\d\d)(\d\d)\Z"
)
_MONTHS = {
    m: i
    for i, m in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1
    )
}
_IDS = re.compile(rb"<[\x21-\x3b\x3d\x3f-\x7e]{1,990}>(?:\s+<[\x21-\x3b\x3d\x3f-\x7e]{1,990}>)*\Z")
_SIMPLE_ADDRESS = re.compile(
    r'(?:"([A-Za-z0-9][^"\\<>=?\x00-\x1f\x7f-\xff]*[A-Za-z0-9.)])"|([A-Za-z0-9]+(?: [A-Za-z0-9]+)*)) '
    r"<([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+)>\Z"
)


def quick_envelope(block: bytes) -> Envelope:
    """The envelope of a header block that ends with an empty line or its last field."""
    fields = _split(block)
    if fields is None:
        return read_envelope(parse_headers(block))
    get = fields.get
    return Envelope(
        _text(get(b"subject", b"")),
        _addresses(get(b"from", b"")),
        _addresses(get(b"sender", b"")),
        _addresses(get(b"reply-to", b"")),
        _addresses(get(b"to", b"")),
        _addresses(get(b"cc", b"")),
        _addresses(get(b"bcc", b"")),
        _date(get(b"date", b"")),
        next(iter(_ids(get(b"message-id", b""))), ""),
        _ids(get(b"in-reply-to", b"")),
        _ids(get(b"references", b"")),
    )


def _split(block: bytes) -> dict[bytes, bytes] | None:
    """Fields by lower-case name, unfolded; None where the block is not ordinary."""
    if len(block) > _BLOCK_BOUND or b"\0" in block or not _FIELDS.match(block):
        return None
    if b"\r\n " in block or b"\r\n\t" in block:
        block = _FOLD.sub(b"", block)
    found = _FIELD.findall(block)
    fields = {name.lower(): value for name, value in found}
    return fields if len(fields) == len(found) else None


def _text(value: bytes) -> str:
    if _PLAIN.match(value) and b"=?" not in value:
        return value.decode("ascii")
    return decode_text(value) if value else ""


@lru_cache(maxsize=20_000)
def _addresses(value: bytes) -> tuple[Address, ...]:
    """The same people write again and again."""
    if not value.strip():
        return ()
    if value.isascii():
        simple = _SIMPLE_ADDRESS.match(value.decode("ascii"))
        if simple:
            return (Address(simple[1] or simple[2], simple[3]),)
    return parse_addresses(value)


def _date(value: bytes) -> datetime | None:
    match = _DATE.match(value)
    if match:
        day, month, year, hour, minute, second, sign, zone_hour, zone_minute = match.groups()
        offset = int(zone_hour) * 60 + int(zone_minute)
        if offset < 1440:
            try:
                if not offset:
                    zone: timezone = UTC
                else:
                    zone = _zone(-offset if sign == b"-" else offset)
                moment = datetime(
                    int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=zone
                )
            except ValueError:
                return parse_date(value)
            return moment if 1900 <= moment.year <= 9998 else None
    return parse_date(value) if value else None


@lru_cache(maxsize=200)
def _zone(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))


def _ids(value: bytes) -> tuple[str, ...]:
    if not value:
        return ()
    if _IDS.match(value) and b"=?" not in value:
        if b" " not in value and b"\t" not in value:
            return (value[1:-1].decode("ascii"),)
        words = value.decode("ascii").split()
        return tuple(dict.fromkeys([word[1:-1] for word in words]))
    return parse_message_ids(value)
