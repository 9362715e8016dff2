"""The pieces of a command → its words, as a server would read them (RFC 9051 section 9)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from services.mailstore.imap import utf7
from services.mailstore.imap.parser import parse_values
from services.mailstore.imap.syntax import Literal

# BODY.PEEK[HEADER.FIELDS (DATE FROM)]<0.512>, and items without a section.
_ITEM = re.compile(
    rb"BODY(?:\.PEEK)?\[([^\]\s]*)(?: \(([^)]*)\))?\](?:<(\d+)\.(\d+)>)?|([A-Z0-9.]+)", re.IGNORECASE
)


class Bad(Exception):
    """A command that is not one of those that are answered here."""


def read_words(pieces: Sequence[bytes]) -> tuple[Any, ...]:
    """Strings and atoms as bytes, numbers as int, lists as tuples."""
    parts: list[bytes] = [b""]
    for piece in pieces:
        before = parts[-1] + (b" " if parts[-1] else b"")
        if isinstance(piece, Literal):
            parts[-1] = before + b"{%d}" % len(piece)
            parts += [bytes(piece), b""]
        else:
            parts[-1] = before + piece
    return parse_values(parts)


def text(word: Any) -> bytes:
    """A word that is a string. Bad where it is none."""
    if isinstance(word, int):
        return b"%d" % word
    if not isinstance(word, bytes):
        raise Bad("a string is missing")
    return word


def mailbox_name(word: Any) -> str:
    """A mailbox's name."""
    name = utf7.decode(text(word))
    return "INBOX" if name.upper() == "INBOX" else name


def wire_name(name: str) -> bytes:
    """A mailbox's name in a response."""
    return b'"' + utf7.encode(name).replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def ranges(word: Any, last: int) -> list[tuple[int, int]]:
    """A sequence set; `last` is what "*" stands for. Bad where it is none."""
    found = []
    for item in text(word).split(b","):
        low, colon, high = item.partition(b":")
        ends = [last if end == b"*" else int(end) if end.isdigit() else -1 for end in (low, high or low)]
        if -1 in ends or (colon and not high):
            raise Bad("not a sequence set")
        found.append((min(ends), max(ends)))
    return found


class Item:
    """One item of FETCH. `section` is None where it is not BODY[...]; `fields` are names of HEADER.FIELDS;
    `window` is (offset, count).
    """

    __slots__ = ("fields", "name", "section", "window")

    def __init__(
        self, name: bytes, section: str | None, fields: tuple[str, ...], window: tuple[int, int] | None
    ) -> None:
        self.name, self.section, self.fields, self.window = name, section, fields, window

    @property
    def told(self) -> bytes:
        """What the response calls it."""
        if self.section is None:
            return self.name
        fields = f" ({' '.join(self.fields)})" if self.fields else ""
        return f"BODY[{self.section}{fields}]{f'<{self.window[0]}>' if self.window else ''}".encode("ascii")


def fetch_items(pieces: Sequence[bytes]) -> Iterator[Item]:
    """The items that FETCH asks for."""
    for match in _ITEM.finditer(b" ".join(pieces)):
        if match[5]:
            yield Item(match[5].upper(), None, (), None)
            continue
        section = match[1].decode("ascii").upper()
        fields = tuple(match[2].decode("ascii").upper().split()) if match[2] else ()
        yield Item(b"BODY", section, fields, (int(match[3]), int(match[4])) if match[3] else None)
