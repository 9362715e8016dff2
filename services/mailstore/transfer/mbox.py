"""mbox files (RFC 4155) with "mboxrd" quoting: every line that begins with any number of ">" and then "From
" gets one more ">" on writing, and loses one on reading, so that writing and reading gives the same
message.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_QUOTED = re.compile(rb">*From ")
_MAX_LINE = 1024 * 1024


def separator(sender: str, received: datetime) -> bytes:
    """The line before a message: "From sender date" (RFC 4155 appendix A)."""
    address = re.sub(r"[^!-~]", "", sender)[:200] or "MAILER-DAEMON"
    return f"From {address} {received.astimezone(UTC):%a %b %e %H:%M:%S %Y}\n".encode("ascii")


class Quoter:
    """A message's octets, in pieces, → lines for an mbox: LF ends, "From " quoted."""

    def __init__(self) -> None:
        self._rest = b""
        self._middle = False

    def feed(self, data: bytes) -> bytes:
        """What is whole so far."""
        buffer = self._rest + data
        cut = buffer.rfind(b"\n") + 1
        if not cut and len(buffer) < _MAX_LINE:
            self._rest = buffer
            return b""
        cut = cut or len(buffer)
        self._rest = buffer[cut:]
        return self._lines(buffer[:cut])

    def finish(self) -> bytes:
        """The rest, and the empty line that ends a message."""
        last = self._lines(self._rest)
        ended = not self._middle
        return last + (b"\n" if ended else b"\n\n")

    def _lines(self, block: bytes) -> bytes:
        out: list[bytes] = []
        for line in block.splitlines(keepends=True) if b"\r" not in block else _split(block):
            if not self._middle and _QUOTED.match(line):
                out.append(b">")
            self._middle = not line.endswith(b"\n")
            out.append(line[:-2] + b"\n" if line.endswith(b"\r\n") else line)
        return b"".join(out)


def _split(block: bytes) -> list[bytes]:
    """Lines by LF alone: a lone CR is an octet like any other."""
    parts = block.split(b"\n")
    lines = [part + b"\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


class Splitter:
    """An mbox's octets, in pieces, → its messages: for each piece the events ("begin",), ("data", octets).

    A message begins at a line "From …" that is the first or follows an empty line.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._blank = True
        self._held = b""

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        buffer = self._rest + data
        cut = buffer.rfind(b"\n") + 1
        if not cut and len(buffer) < _MAX_LINE:
            self._rest = buffer
            return []
        cut = cut or len(buffer)
        self._rest = buffer[cut:]
        return self._events(buffer[:cut])

    def finish(self) -> list[tuple[str, bytes]]:
        """The last line, where it does not end."""
        rest, self._rest = self._rest, b""
        return self._events(rest + b"\n") if rest else []

    def _events(self, block: bytes) -> list[tuple[str, bytes]]:
        events: list[tuple[str, bytes]] = []
        content: list[bytes] = []

        def flush() -> None:
            if content:
                events.append(("data", b"".join(content)))
                content.clear()

        for line in _split(block):
            text = line[:-2] if line.endswith(b"\r\n") else line.removesuffix(b"\n")
            if self._blank and text.startswith(b"From "):
                # The empty line before it belongs to the file and not to the message.
                self._held = b""
                flush()
                events.append(("begin", text))
                self._begun, self._blank = True, False
                continue
            self._blank = not text
            if not self._begun:
                continue
            if _QUOTED.match(text) and text.startswith(b">"):
                text = text[1:]
            content.append(self._held)
            self._held = b""
            if text:
                content.append(text + b"\r\n")
            else:
                self._held = b"\r\n"
        flush()
        return events
