"""FETCH responses → entries of the index, quickly.

Building an index reads 100,000 of them, most of one form: that form is taken apart here with one regular
expression and remembered structures, all others by the general parser. Both give the same entry; a test
holds them together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from services.mailstore.imap.parser import RawFetch, Response, header_item, pairs, parse_values
from services.mailstore.imap.syntax import parse_date_time
from services.mailstore.index import schema
from services.mailstore.index.envelopes import quick_envelope
from services.mailstore.index.model import Entry, TextPart
from services.mailstore.mime.select import select
from services.mailstore.mime.structure import from_bodystructure

_ORDINARY = re.compile(
    rb"UID (\d+) (?:MODSEQ \(\d+\) )?FLAGS \(([^()]*)\) INTERNALDATE \"([^\"]+)\" RFC822\.SIZE (\d+) "
    rb"BODYSTRUCTURE (\(.*\)) BODY\[HEADER\.FIELDS \([^()]*\)\] \{\d+\}\Z",
    re.DOTALL,
)
_BEGINNING = re.compile(rb" BODY\[1\]<0> \{\d+\}\Z")
_FLAGS_ONLY = re.compile(
    rb"(?:UID (\d+) )?(?:MODSEQ \((\d+)\) )?FLAGS \(([^()]*)\)(?: UID (\d+))?(?: MODSEQ \((\d+)\))?\)\Z"
)
_NUMBER = re.compile(rb" ([1-9]\d*)(?=[ )])")
_BOUNDARY = re.compile(rb'"boundary" "[^"\\]*"', re.IGNORECASE)
_BITS = {
    "\\seen": schema.SEEN,
    "\\answered": schema.ANSWERED,
    "\\flagged": schema.FLAGGED,
    "\\deleted": schema.DELETED,
    "\\draft": schema.DRAFT,
    "$forwarded": schema.FORWARDED,
    "forwarded": schema.FORWARDED,
}


@lru_cache(maxsize=5000)
def read_flags(text: bytes) -> tuple[int, str | None]:
    """The words between the parentheses of FLAGS → (bits, keywords or None)."""
    bits = 0
    keywords = []
    for word in text.decode("utf-8", "replace").split():
        bit = _BITS.get(word.lower())
        if bit is not None:
            bits |= bit
        elif word.lower() != "\\recent":
            keywords.append(word)
    return bits, " ".join(sorted(keywords)) or None


def read_entry(response: Response) -> Entry | None:
    """The entry of a response with ITEMS; None where it is another, such as a change of flags in between."""
    found = ordinary(response)
    return found.entry() if found is not None else _general(response)


@dataclass(frozen=True, slots=True)
class Ordinary:
    """A response of the one form that nearly all have, its items found and not read yet. `beginning`: the
    first octets of part 1, None where they were not asked for or are not there.
    """

    uid: int
    flags: bytes
    when: bytes
    size: int
    structure: bytes
    header: bytes
    beginning: bytes | None = None

    def entry(self) -> Entry:
        bits, keywords = read_flags(self.flags)
        attachment, text_part, files = _structure(self.structure)
        return Entry(
            self.uid,
            bits,
            keywords,
            _moment(self.when),
            self.size,
            quick_envelope(self.header),
            attachment,
            text_part,
            files,
        )

    def shape(self) -> tuple[bool, TextPart | None]:
        """Whether it has attachments, and where its words are."""
        attachment, text_part, _ = _structure(self.structure)
        return attachment, text_part

    def received(self) -> int:
        """Seconds since 1970."""
        return _moment(self.when)


def ordinary(response: Response) -> Ordinary | None:
    """The items of a response with ITEMS or WITH_BEGINNING; None where it is of another form."""
    parts = response.parts if isinstance(response, RawFetch) else []
    beginning = None
    if len(parts) == 5 and parts[4] == b")" and _BEGINNING.match(parts[2]):
        beginning = parts[3]
    elif len(parts) != 3 or parts[2] != b")":
        return None
    line = parts[0]
    found = _ORDINARY.match(line, line.index(b"(") + 1)
    if found is None:
        return None
    uid, flags, when, size, structure = found.groups()
    return Ordinary(int(uid), flags, when, int(size), structure, parts[1], beginning)


def read_flag_change(response: Response) -> tuple[int, int, str | None, int] | None:
    """(UID, bits, keywords, MODSEQ or 0) of a response that brings flags; None where it does not."""
    if isinstance(response, RawFetch) and len(response.parts) == 1:
        line = response.parts[0]
        found = _FLAGS_ONLY.match(line, line.index(b"(") + 1)
        if found and (found[1] or found[4]):
            bits, keywords = read_flags(found[3])
            return int(found[1] or found[4]), bits, keywords, int(found[2] or found[5] or 0)
    data = _data(response)
    uid, flags, modseq = data.get(b"UID"), data.get(b"FLAGS"), data.get(b"MODSEQ")
    if not isinstance(uid, int) or not isinstance(flags, tuple):
        return None
    bits, keywords = read_flags(_words(flags))
    number = modseq[0] if isinstance(modseq, tuple) and modseq else modseq
    return uid, bits, keywords, number if isinstance(number, int) else 0


def _data(response: Response) -> dict[bytes, Any]:
    return pairs(response.values[0]) if response.name == "FETCH" and response.values else {}


def _words(flags: tuple[Any, ...]) -> bytes:
    return b" ".join(
        word if isinstance(word, bytes) else str(word).encode() for word in flags if word is not None
    )


def _general(response: Response) -> Entry | None:
    data = _data(response)
    uid, size = data.get(b"UID"), data.get(b"RFC822.SIZE")
    if not isinstance(uid, int) or not isinstance(size, int):
        return None
    flags = data.get(b"FLAGS")
    bits, keywords = read_flags(_words(flags) if isinstance(flags, tuple) else b"")
    received = parse_date_time(data.get(b"INTERNALDATE"))
    attachment, text_part, files = _summary(data.get(b"BODYSTRUCTURE"))
    return Entry(
        uid,
        bits,
        keywords,
        int(received.timestamp()) if received else 0,
        size,
        quick_envelope(header_item(data)),
        attachment,
        text_part,
        files,
    )


def _structure(raw: bytes) -> tuple[bool, TextPart | None, str]:
    """What matters of a BODYSTRUCTURE. Messages of one program differ in sizes and boundaries only."""
    return _shape(_BOUNDARY.sub(b'"boundary" "b"', _NUMBER.sub(b" 1", raw)))


@lru_cache(maxsize=5000)
def _shape(raw: bytes) -> tuple[bool, TextPart | None, str]:
    values = parse_values([raw])
    return _summary(values[0] if values else None)


def _summary(value: Any) -> tuple[bool, TextPart | None, str]:
    root = from_bodystructure(value)
    if root is None:
        return False, None, ""
    selection = select(root)
    files = " ".join(a.name for a in selection.attachments if not a.inline)[:1000]
    part = next((part for part in selection.shown(prefer_html=False) if part.size > 0), None)
    text = None
    if part is not None and part.media_type.startswith("text/"):
        text = TextPart(part.number, part.media_type, part.encoding, part.params.get("charset", ""))
    return selection.has_attachments, text, files


def _moment(text: bytes) -> int:
    """Seconds since 1970 of an INTERNALDATE."""
    try:
        # "24-Nov-2026 14:18:22 +0000"
        day = _day(text[:11])
        seconds = int(text[12:14]) * 3600 + int(text[15:17]) * 60 + int(text[18:20])
        offset = int(text[22:24]) * 3600 + int(text[24:26]) * 60
    except (ValueError, KeyError):
        moment = parse_date_time(text)
        return int(moment.timestamp()) if moment else 0
    return day + seconds - (offset if text[21:22] == b"+" else -offset)


@lru_cache(maxsize=5000)
def _day(text: bytes) -> int:
    found = parse_date_time(text + b" 00:00:00 +0000")
    if found is None:
        raise ValueError("no date")
    return int(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp())
