"""SMTP's octets: a message between DATA and the final dot (RFC 5321, 4.5.2), and replies (4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

END = b".\r\n"
_FOREIGN_END = re.compile(rb"\r\n|\r|\n")


class Stuffing:
    """Doubles the dots at line starts and lets no line end but CRLF through, whatever chunks it is fed.

    What is composed has only CRLF already; this is the second wall against SMTP smuggling, where a server
    takes a bare LF or CR for a line end and so sees an end of data that is none.
    """

    def __init__(self) -> None:
        self._held = b""
        self._line_start = True

    def feed(self, chunk: bytes) -> bytes:
        data = self._held + chunk
        # A CR at the end waits for its LF.
        self._held = b"\r" if data.endswith(b"\r") else b""
        return self._out(data[: len(data) - len(self._held)])

    def finish(self) -> bytes:
        """What is left, and a line end where the last line has none; the final dot follows."""
        data, self._held = self._out(self._held), b""
        return data if self._line_start else data + b"\r\n"

    def _out(self, data: bytes) -> bytes:
        if not data:
            return b""
        count = data.count(b"\n")
        if data.count(b"\r") != count or data.count(b"\r\n") != count:
            data = _FOREIGN_END.sub(b"\r\n", data)
        stuffed = data.replace(b"\n.", b"\n..")
        if self._line_start and data.startswith(b"."):
            stuffed = b"." + stuffed
        self._line_start = data.endswith(b"\n")
        return stuffed


# RFC 5321, 4.5.3.1.5: 512 octets. More than any real one in a line, and in all.
MAX_LINE, MAX_REPLY = 8192, 32768


class BadReply(Exception):
    """What came is no reply, or longer than one may be."""


@dataclass(frozen=True)
class Reply:
    """A reply: its code, and its lines without the code, joined by line feeds."""

    code: int
    message: str


class Replies:
    """Splits what a server says into replies, however it arrives."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._lines: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Reply]:
        """The replies that are whole now. BadReply, after those before it, where something is none: nothing
        may be fed any more."""
        self._held += data
        *lines, self._held = self._held.split(b"\n")
        for line in lines:
            reply = self._line(bytes(line))
            if reply is not None:
                yield reply
        if len(self._held) > MAX_LINE:
            raise BadReply("too long")

    def _line(self, line: bytes) -> Reply | None:
        self._size += len(line)
        if len(line) > MAX_LINE or self._size > MAX_REPLY:
            raise BadReply("too long")
        code = line[:3]
        if len(code) != 3 or not code.isdigit() or line[3:4] not in (b"-", b" ", b"\r", b""):
            raise BadReply("no code")
        self._lines.append(line[4:].strip())
        if line[3:4] == b"-":
            return None
        message = b"\n".join(self._lines).decode("utf-8", "surrogateescape")
        self._lines, self._size = [], 0
        return Reply(int(code), message)


_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def reply_text(code: int, message: str) -> tuple[str, str]:
    """(enhanced status code, text) of a reply; control characters removed, at most 500 characters."""
    lines = message.split("\n")
    match = _ENHANCED.match(lines[0])
    enhanced = match[1] if match and match[1][0] == str(code)[:1] else ""
    if enhanced:
        # RFC 2034, 3: every line of the reply repeats the code.
        lines = [line.removeprefix(enhanced).strip() for line in lines]
    return enhanced, clean_text(" ".join(lines))


def clean_text(text: str) -> str:
    """What somebody else's server said, fit to be shown: no control characters, at most 500 characters."""
    return _CONTROL.sub(" ", text).strip()[:500]
