"""Header blocks: octets → decoded values (RFC 5322, 2047, 2231, 6532), tolerant as the wild demands."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from .addresses import parse_addresses
from .dates import parse_date
from .model import Address, Envelope
from .words import decode_text

__all__ = [
    "Headers",
    "decode_text",
    "parse_addresses",
    "parse_date",
    "parse_headers",
    "parse_message_ids",
    "read_envelope",
    "scan_block",
]

HEADER_BOUND = 256 * 1024
_FIELD = re.compile(rb"([!-9;-~]{1,128})[ \t]*:")
_SURE_FIELD = re.compile(
    rb"(?:ARC-[A-Z-]{4,30}|Authentication-Results|Content-(?:Type|Transfer-Encoding|Disposition)|Delivered-To|"
    rb"DKIM-Signature|List-[A-Z-]{2,20}|Message-ID|MIME-Version|Received(?:-SPF)?|Return-Path|X-[!-9;-~]{2,60}):",
    re.IGNORECASE,
)
_GOES_ON_BOUND = 8000
_FIELDS = re.compile(rb"^" + _FIELD.pattern, re.MULTILINE)
_ID = re.compile(rb"<([^<>]{1,998})>")
_IDS_BOUND = 1000


class Headers:
    """Header fields in order; names match without case. Values stay raw, unfolded octets until asked for."""

    __slots__ = ("_fields", "_index")

    def __init__(self, fields: list[tuple[str, bytes]]) -> None:
        self._fields = fields
        self._index: dict[str, list[bytes]] = {}
        for name, value in fields:
            self._index.setdefault(name, []).append(value)

    def get(self, name: str, default: bytes = b"") -> bytes:
        """The first field of this name, raw and unfolded."""
        values = self._index.get(name.lower())
        return values[0] if values else default

    def get_all(self, name: str) -> list[bytes]:
        """All fields of this name in order, raw and unfolded."""
        return list(self._index.get(name.lower(), ()))

    def text(self, name: str) -> str:
        """The first field of this name as decoded text."""
        return decode_text(self.get(name))

    def items(self) -> list[tuple[str, bytes]]:
        """All fields in order: lower-case name, raw unfolded value."""
        return list(self._fields)

    def spelled(self, block: bytes, most: int) -> tuple[tuple[str, str], ...]:
        """All fields in order, with names as `block` spells them; values not decoded, but as text. At most so
        many octets of values."""
        names = {
            found[1].lower().decode("ascii"): found[1].decode("ascii")
            for found in _FIELDS.finditer(block[:HEADER_BOUND])
        }
        taken: list[tuple[str, str]] = []
        for name, value in self._fields:
            most -= len(value)
            if most < 0:
                break
            taken.append((names.get(name, name), _as_text(value)))
        return tuple(taken)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._index

    def __len__(self) -> int:
        return len(self._fields)


def _as_text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def parse_headers(block: bytes) -> Headers:
    """Read a header block (up to the first empty line or the end; 256 KiB at most are looked at)."""
    return scan_block(block, 0, len(block), ())[0]


def scan_block(raw: bytes, start: int, end: int, stops: Collection[bytes]) -> tuple[Headers, int]:
    """The header that begins at `start`, and where the body begins.

    A line out of `stops` (delimiters of the multiparts around, RFC 2046 5.1.1) ends it too and belongs to
    the body. A line that is no field is skipped when the header goes on after it: a field follows at once, or
    before the next empty line one that is surely of a header (folded lines lose their indentation when mail
    is pasted or exported). Else the body begins there.
    """
    fields: list[tuple[str, bytes]] = []
    current: list[bytes] = []
    name = ""
    position = start
    skipped = start  # up to here the header is known to go on
    limit = min(end, start + HEADER_BOUND)

    def close() -> None:
        if name:
            fields.append((name, b"".join(current)))

    lines = _lines(raw, start, end)
    for line, following in lines:
        if position >= limit:
            position = _empty_line(raw, position, end)
            break
        if not line:
            position = following
            break
        if line[:1] in b" \t" and (name or not fields):
            current.append(line)
        elif line[:2] == b"--" and (line.rstrip(b" \t") in stops or _own_delimiter(line, fields, current)):
            break
        else:
            match = _FIELD.match(line)
            if match is not None:
                close()
                name, current = match.group(1).lower().decode("ascii"), [line[match.end() :].lstrip(b" \t")]
            elif position >= skipped and (name or not line.startswith((b"From ", b">From "))):
                skipped = _goes_on(raw, following, end)
                if not skipped:
                    break
        position = following
    close()
    return Headers(fields), position


def _own_delimiter(line: bytes, fields: list[tuple[str, bytes]], current: list[bytes]) -> bool:
    """Whether the boundary just declared stands here already: the empty line before the body is missing."""
    boundary = line[2:].strip()
    return bool(boundary) and any(
        b"boundary" in value and boundary in value for value in (*(v for _, v in fields), b"".join(current))
    )


def _lines(raw: bytes, position: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Lines without their end, and where the next begins. A lone CR ends a line only where there is no LF."""
    ending = b"\n" if raw.find(b"\n", position, min(end, position + HEADER_BOUND)) >= 0 else b"\r"
    while position < end:
        cut = raw.find(ending, position, end)
        following = end if cut < 0 else cut + 1
        yield raw[position : end if cut < 0 else cut].rstrip(b"\r"), following
        position = following


def _goes_on(raw: bytes, position: int, end: int) -> int:
    """Where the header's next field begins, after what is no field; 0 when no more comes.

    Right here any field will do, continuation lines apart; further on, but before an empty line, only one
    that text does not happen to begin with.
    """
    near = True
    here = position
    for line, following in _lines(raw, position, min(end, position + _GOES_ON_BOUND)):
        if not line or line[:2] == b"--":
            break
        if line[:1] not in (b" ", b"\t"):
            if (_FIELD if near else _SURE_FIELD).match(line):
                return here
            near = False
        here = following
    return 0


def _empty_line(raw: bytes, position: int, end: int) -> int:
    """The header is longer than we look at: find the body all the same."""
    match = re.compile(rb"\n\r?\n").search(raw, max(0, position - 2), end)
    return match.end() if match else end


def read_envelope(headers: Headers) -> Envelope:
    """The fields that lists and pages show. Of repeated ones the last counts (RFC 8621 4.1.3)."""

    def last(name: str) -> bytes:
        values = [value for value in headers.get_all(name) if value.strip()]
        return values[-1] if values else b""

    def addresses(name: str) -> tuple[Address, ...]:
        values = [value for value in headers.get_all(name) if value.strip()]
        if name in ("to", "cc", "bcc"):  # several of these were meant as one list
            return parse_addresses(b", ".join(values))
        return parse_addresses(values[-1]) if values else ()

    return Envelope(
        subject=decode_text(last("subject")),
        from_=addresses("from"),
        sender=addresses("sender"),
        reply_to=addresses("reply-to"),
        to=addresses("to"),
        cc=addresses("cc"),
        bcc=addresses("bcc"),
        date=parse_date(last("date")),
        message_id=next(iter(parse_message_ids(last("message-id"))), ""),
        in_reply_to=parse_message_ids(last("in-reply-to")),
        references=parse_message_ids(b" ".join(headers.get_all("references"))),
    )


def parse_message_ids(raw: bytes) -> tuple[str, ...]:
    """The ids of Message-ID, In-Reply-To or References, without brackets, in order, each once."""
    raw = raw[:HEADER_BOUND]
    found = [b"".join(value.split()) for value in _ID.findall(raw)]
    if not found:
        found = [word.strip(b"<>,;\"'") for word in raw.split() if b"@" in word]
    ids = dict.fromkeys(decode_text(value)[:998] for value in found[-_IDS_BOUND:])
    return tuple(value for value in ids if value)
