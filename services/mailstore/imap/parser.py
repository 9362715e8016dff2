"""Octets of one response → values (RFC 9051 section 7). Lenient: servers are many and few obey every rule.

A response arrives as `parts`: a line, then for each literal its octets and the line that follows. Values are
bytes for strings and atoms, int for numbers, None for NIL, tuples for lists; the shape that imapclient gives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# BODY[...] holds spaces and parentheses of its own; "[" elsewhere is part of an atom (a keyword may have it).
_TOKEN = re.compile(
    rb"(\()|(\))"
    rb'|"([^"\\]*(?:\\.[^"\\]*)*)"'
    rb"|((?:BODY|BINARY(?:\.SIZE)?)\[[^\]]*\](?:<\d+>)?|[^\s()\"]+)",
    re.IGNORECASE | re.DOTALL,
)
_LITERAL_MARK = re.compile(rb"~?\{\d+\+?\}\Z")
_STATUS = re.compile(
    rb"(OK|NO|BAD|BYE|PREAUTH)(?: (?:\[([^\]\s]+)(?: ([^\]]*(?:\[[^\]]*\][^\]]*)*))?\] ?)?(.*))?\Z",
    re.I | re.S,
)
_NUMBERED = re.compile(rb"(\d+) ([A-Za-z]+)(?: |\Z)")
_FETCH = re.compile(rb"\* (\d+) FETCH \(")
_WITH_UID = re.compile(rb"\* \d+ FETCH \(UID \d")
_FLAG_CHANGE = re.compile(
    rb"\* \d+ FETCH \((?=[^\"]*MODSEQ \()(?:(?:UID \d+|FLAGS \([^()]*\)|MODSEQ \(\d+\))[ )])+\Z"
)
# What a server says again and again in the same words, with each look at its mailboxes. Nobody changes a
# response.
_REPEATED = (b"* LIST ", b"* STATUS ", b"* NAMESPACE ", b"* FLAGS ", b"* OK [PERMANENTFLAGS ")
_MOST_KEPT = 500
_UNESCAPE = re.compile(rb"\\(.)", re.DOTALL)

Value = Any


@dataclass(slots=True)
class Response:
    """One response.

    `tag` is "*" for untagged, "+" for a continuation. `name` is upper case: OK, NO, BAD, BYE, PREAUTH, or the
    name of the data. `number` belongs to EXISTS, EXPUNGE, FETCH and RECENT. `code` and `code_data` are the
    response code of a status and what follows it; `text` the rest of a status. `values` is the data, parsed.
    """

    tag: bytes
    name: str
    number: int = 0
    code: str = ""
    code_data: bytes = b""
    text: bytes = b""
    values: tuple[Value, ...] = ()


def parse_response(parts: list[bytes]) -> Response:
    """ValueError where it is no response at all."""
    line = parts[0]
    if line.startswith(b"+"):
        return Response(b"+", "", text=line[2:])
    tag, _, rest = line.partition(b" ")
    if not tag or not rest:
        raise ValueError("not a response")
    status = _STATUS.match(rest)
    if status and len(parts) == 1:
        return Response(
            tag,
            status[1].decode("ascii").upper(),
            code=(status[2] or b"").decode("ascii", "replace").upper(),
            code_data=status[3] or b"",
            text=status[4] or b"",
        )
    if tag != b"*":
        raise ValueError("tagged response without a status")
    numbered = _NUMBERED.match(rest)
    if numbered:
        values = parse_values(parts, len(line) - len(rest) + numbered.end())
        return Response(tag, numbered[2].decode("ascii").upper(), number=int(numbered[1]), values=values)
    name, _, _ = rest.partition(b" ")
    return Response(
        tag,
        name.decode("ascii", "replace").upper(),
        values=parse_values(parts, len(line) - len(rest) + len(name)),
    )


class RawFetch(Response):
    """A FETCH response as it came; its values are parsed when somebody asks for them. Most are of one form,
    which is read faster without.
    """

    __slots__ = ("parts",)

    def __init__(self, number: int, parts: list[bytes]) -> None:
        self.tag, self.name, self.number = b"*", "FETCH", number
        self.code, self.code_data, self.text = "", b"", b""
        self.parts = parts

    def __getattr__(self, name: str) -> Any:
        if name != "values":
            raise AttributeError(name)
        self.values = parse_response(self.parts).values
        return self.values


def parse_lazily(parts: list[bytes]) -> Response:
    """As `parse_response`, but FETCH responses stay raw."""
    line = parts[0]
    match = _FETCH.match(line)
    if match is not None:
        return RawFetch(int(match[1]), parts)
    if len(parts) == 1 and len(line) <= _MOST_KEPT and line.startswith(_REPEATED):
        return _known(line)
    return parse_response(parts)


@lru_cache(maxsize=4096)
def _known(line: bytes) -> Response:
    return parse_response([line])


def has_uid(response: Response) -> bool:
    """Whether a FETCH response says which UID it is about."""
    if isinstance(response, RawFetch) and _WITH_UID.match(response.parts[0]):
        return True
    return bool(response.values) and b"UID" in pairs(response.values[0])


def is_flag_change(response: Response) -> bool:
    """Whether a FETCH response says that flags changed, and nothing else: with a MODSEQ (RFC 7162), and with
    no item that would have to be asked for."""
    if isinstance(response, RawFetch):
        return len(response.parts) == 1 and bool(_FLAG_CHANGE.match(response.parts[0]))
    items = pairs(response.values[0]).keys() if response.values else frozenset()
    return b"MODSEQ" in items and items <= {b"UID", b"FLAGS", b"MODSEQ"}


def parse_values(parts: list[bytes], start: int = 0) -> tuple[Value, ...]:
    """The values of `parts` from `start` of its first line on. Unbalanced parentheses are closed at the
    end.
    """
    top: list[Value] = []
    current = top
    stack: list[list[Value]] = []
    for index in range(0, len(parts), 2):
        line = parts[index]
        last = index + 1 >= len(parts)
        end = len(line)
        if not last:
            mark = _LITERAL_MARK.search(line, start)
            if mark:
                end = mark.start()
        for match in _TOKEN.finditer(line, start, end):
            kind = match.lastindex
            if kind == 4:
                word = match[4]
                if word.isdigit():
                    current.append(int(word) if len(word) < 20 else word)
                elif word == b"NIL" or word == b"nil":
                    current.append(None)
                else:
                    current.append(word)
            elif kind == 3:
                text = match[3]
                current.append(_UNESCAPE.sub(rb"\1", text) if b"\\" in text else text)
            elif kind == 1:
                stack.append(current)
                current = []
            elif stack:
                done = tuple(current)
                current = stack.pop()
                current.append(done)
        if not last:
            current.append(parts[index + 1])
        start = 0
    while stack:
        done = tuple(current)
        current = stack.pop()
        current.append(done)
    return tuple(top)


def pairs(values: Value) -> dict[bytes, Value]:
    """A list of names and values as a dict, names in upper case; a trailing odd one is dropped."""
    if not isinstance(values, tuple):
        return {}
    found: dict[bytes, Value] = {}
    for index in range(0, len(values) - 1, 2):
        name = values[index]
        if isinstance(name, bytes):
            found[name.upper()] = values[index + 1]
    return found


def body_item(data: dict[bytes, Value], section: bytes) -> bytes | None:
    """The octets of BODY[section] in a FETCH response, whatever partial range was asked; None where
    absent.
    """
    prefix = b"BODY[" + section.upper() + b"]"
    for name, value in data.items():
        if name == prefix or name.startswith(prefix + b"<"):
            return value if isinstance(value, bytes) else b""
    return None


def header_item(data: dict[bytes, Value]) -> bytes:
    """The octets of the BODY[HEADER...] item of a FETCH response; empty where absent."""
    for name, value in data.items():
        if name.startswith(b"BODY[HEADER") and isinstance(value, bytes):
            return value
    return b""
