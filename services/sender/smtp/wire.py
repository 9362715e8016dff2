"""The octets between DATA and the final dot (RFC 5321, 4.5.2)."""

from __future__ import annotations

import re

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
