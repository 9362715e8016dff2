"""A message as a row of segments: octets that are there, and references to attachments that stay where they
are.

So a message with an attachment of 25 MB is composed, kept and sent without ever being whole in memory, and an
attachment is kept once however many copies of the message are made of it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MAX_LITERAL = 512 * 1024
LINE_OCTETS = 57  # of content on a base64 line of 76 characters
MAX_LINE = 998

_FOREIGN_END = re.compile(rb"\r\n|\r|\n")


class Encoding(StrEnum):
    """How an attachment's octets are written into the message."""

    BASE64 = "base64"
    MESSAGE = "message"  # as they are, with every line end made CRLF: message/rfc822 (RFC 2046, 5.2.1)


@dataclass(frozen=True)
class Segment:
    """Literal octets, or a blob with its encoding. `size` is in octets of the message. `sent_only` segments
    (Bcc) are in the copy in Sent and never on the wire."""

    size: int
    data: bytes = b""
    blob_id: str = ""
    encoding: Encoding | None = None
    sent_only: bool = False


def base64_size(octets: int) -> int:
    """Size of that many octets in base64 with CRLF between lines and none at the end."""
    full, rest = divmod(octets, LINE_OCTETS)
    lines = full + bool(rest)
    return full * 76 + (rest + 2) // 3 * 4 + max(lines - 1, 0) * 2


class Base64Lines:
    """Encodes a stream; `feed` each chunk, then `finish`."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False

    def feed(self, chunk: bytes) -> bytes:
        data = self._rest + chunk
        whole = len(data) // LINE_OCTETS * LINE_OCTETS
        self._rest = data[whole:]
        return self._lines(data[:whole])

    def finish(self) -> bytes:
        return self._lines(self._rest)

    def _lines(self, data: bytes) -> bytes:
        if not data:
            return b""
        # encodebytes works in lines of 76 characters too, and ends each with "\n".
        text = base64.encodebytes(data).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
        begun, self._begun = self._begun, True
        return b"\r\n" + text if begun else text


class MessageLines:
    """Makes somebody else's message fit for the wire: CRLF only, no NUL, no line over 998 octets.

    A bare CR or LF, which some servers read as a line end and some do not (SMTP smuggling), becomes CRLF. A
    line that is too long is folded as Postfix does it, with CRLF and a space. Facts about what came out:
    `eight_bit`, `size`.
    """

    def __init__(self) -> None:
        self.eight_bit = False
        self.size = 0
        self._tail = b""

    def feed(self, chunk: bytes) -> bytes:
        data = self._tail + chunk.replace(b"\x00", b"")
        # The last line is kept back: its end may be in the next chunk. A line without end is not kept for
        # ever.
        cut = data.rfind(b"\n", 0, len(data)) + 1
        if not cut and len(data) > 64 * MAX_LINE:
            cut = len(data) - 1
        self._tail = data[cut:]
        return self._out(data[:cut])

    def finish(self) -> bytes:
        data, self._tail = self._tail, b""
        return self._out(data)

    def _out(self, data: bytes) -> bytes:
        if not data:
            return b""
        if not data.isascii():
            self.eight_bit = True
        count = data.count(b"\n")
        if data.count(b"\r") != count or data.count(b"\r\n") != count:
            data = _FOREIGN_END.sub(b"\r\n", data)
        if any(len(line) > MAX_LINE for line in data.split(b"\r\n")):
            data = b"\r\n".join(piece for line in data.split(b"\r\n") for piece in _fold(line))
        self.size += len(data)
        return data


def _fold(line: bytes) -> Iterator[bytes]:
    yield line[:MAX_LINE]
    for start in range(MAX_LINE, len(line), MAX_LINE - 1):
        yield b" " + line[start : start + MAX_LINE - 1]


def literals(data: bytes, *, sent_only: bool = False) -> Iterator[Segment]:
    """The octets as segments that a database row holds."""
    for start in range(0, len(data), MAX_LITERAL):
        piece = data[start : start + MAX_LITERAL]
        yield Segment(len(piece), piece, sent_only=sent_only)
