"""What may stand in an IMAP command (RFC 9051 section 9). Nothing unchecked reaches the wire.

Invariant: a piece of a command that is not a Literal holds no CR, LF or NUL, so that no value from outside
can end a command and begin another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone

_ATOM = re.compile(rb"[A-Za-z0-9!#$&'+,\-./:;<=>?@^_`|~]+\Z")
_KEYWORD = re.compile(r"[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]+\Z")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Longer strings go as literals: servers bound a command line at 8,000 octets or so (RFC 7162 section 4).
_MAX_QUOTED = 1000
_MAX_SET = 6000


class Literal(bytes):
    """Octets that are sent as a literal."""


def check_line(data: bytes) -> bytes:
    """`data`, which must be able to stand in a command line. ValueError where it is not."""
    if b"\r" in data or b"\n" in data or b"\0" in data:
        raise ValueError("control characters in a command")
    return data


def string(data: bytes) -> bytes:
    """A quoted string, or a Literal where it must be one. ValueError on NUL (RFC 9051 section 4.3)."""
    if b"\0" in data:
        raise ValueError("NUL in a string")
    if len(data) > _MAX_QUOTED or b"\r" in data or b"\n" in data or not data.isascii():
        return Literal(data)
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def astring(data: bytes) -> bytes:
    """An atom where it may be one, else as `string`."""
    if _ATOM.match(data) and data.upper() != b"NIL":
        return data
    return string(data)


def is_keyword(text: str) -> bool:
    """Whether `text` may be a flag keyword (an atom, RFC 9051 section 9, flag-keyword)."""
    return bool(_KEYWORD.match(text))


def flag_list(flags: Iterable[str]) -> bytes:
    """A parenthesised list of system flags and keywords. ValueError on one that is none."""
    words = list(flags)
    for word in words:
        if not is_keyword(word.removeprefix("\\")):
            raise ValueError("not a flag")
    return ("(" + " ".join(words) + ")").encode("ascii")


def uid_set(uids: Iterable[int]) -> bytes:
    """A sequence set with ranges, ascending, each once: 1:3,7."""
    return b",".join(_ranges(sorted(set(uids))))


def _ranges(uids: list[int]) -> Iterator[bytes]:
    start = 0
    while start < len(uids):
        end = start
        while end + 1 < len(uids) and uids[end + 1] == uids[end] + 1:
            end += 1
        yield b"%d" % uids[start] if start == end else b"%d:%d" % (uids[start], uids[end])
        start = end + 1


def uid_sets(uids: Iterable[int], most: int = 500) -> Iterator[tuple[list[int], bytes]]:
    """The UIDs in batches whose set fits a command line: (UIDs, set). Ascending."""
    batch: list[int] = []
    for uid in sorted(set(uids)):
        batch.append(uid)
        if len(batch) >= most or len(batch) * 11 >= _MAX_SET:
            yield batch, uid_set(batch)
            batch = []
    if batch:
        yield batch, uid_set(batch)


def parse_set(text: bytes, most: int = 2_000_000) -> list[int]:
    """The numbers of a sequence set in its own order; ValueError on "*", junk or more than `most`."""
    numbers: list[int] = []
    for item in text.split(b","):
        first, colon, last = item.partition(b":")
        low = int(first)
        high = int(last) if colon else low
        if abs(high - low) + len(numbers) >= most:
            raise ValueError("sequence set too long")
        numbers.extend(range(low, high + 1) if high >= low else range(low, high - 1, -1))
    return numbers


def search_date(day: date) -> bytes:
    """A date for SEARCH: 1-Feb-2026."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04d}".encode("ascii")


def date_time(moment: datetime) -> bytes:
    """A date-time for APPEND, quoted: "01-Feb-2026 10:00:00 +0000". `moment` is aware."""
    return f'"{moment.day:2d}-{_MONTHS[moment.month - 1]}-{moment.year:04d} {moment:%H:%M:%S %z}"'.encode(
        "ascii"
    )


_INTERNALDATE = re.compile(rb"\s*(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_MONTH_NUMBER = {name.lower().encode(): number for number, name in enumerate(_MONTHS, 1)}


def parse_date_time(value: object) -> datetime | None:
    """An INTERNALDATE, aware; None where it is none."""
    match = _INTERNALDATE.match(value) if isinstance(value, bytes) else None
    month = _MONTH_NUMBER.get(match[2].lower()) if match else None
    if not match or not month:
        return None
    offset = timedelta(hours=int(match[8]), minutes=int(match[9])) * (-1 if match[7] == b"-" else 1)
    try:
        zone = timezone(offset)
        return datetime(
            int(match[3]),
            month,
            int(match[1]),
            int(match[4]),
            int(match[5]),
            min(int(match[6]), 59),
            tzinfo=zone,
        )
    except ValueError:
        return None
