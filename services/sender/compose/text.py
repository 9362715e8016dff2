"""Text bodies: format=flowed (RFC 3676) and the transfer encoding that suits them."""

from __future__ import annotations

import base64
import binascii
import re

WIDTH = 72  # RFC 3676, 4.2: lines of 66 to 78 characters
MAX_PLAIN_LINE = 998  # RFC 5322, 2.1.1

_LINE_END = re.compile("\r\n|\r|\n")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f]")
_QUOTE = re.compile(r"(?:> ?)+")


def normalise(text: str) -> str:
    """The text with "\\n" line ends, whatever it came with."""
    return _LINE_END.sub("\n", text) if "\r" in text else text


def flowed(text: str) -> str:
    """The text as format=flowed with "\\n" line ends; leading ">" are quote marks."""
    lines: list[str] = []
    for line in normalise(text).split("\n"):
        # Most are short and as they should be.
        if len(line) <= WIDTH and not line.startswith((" ", ">", "From ")) and not line.endswith(" "):
            lines.append(line)
        else:
            lines += _flow_line(line)
    return "\n".join(lines)


def _flow_line(line: str) -> list[str]:
    match = _QUOTE.match(line)
    depth = match[0].count(">") if match else 0
    body = line[match.end() :] if match else line
    prefix = ">" * depth + (" " if depth else "")
    if body == "-- ":  # RFC 3676, 4.3: the signature separator keeps its space and is never flowed
        return [prefix + body]
    body = body.rstrip(" ")  # RFC 3676, 4.2: a space at the end would join it to the next line
    pieces = _wrap(body, WIDTH - len(prefix))
    if depth:
        return [prefix + piece if piece else prefix.rstrip(" ") for piece in pieces]
    return [_stuff(piece) for piece in pieces]


def _stuff(line: str) -> str:
    """Space-stuffing (RFC 3676, 4.4): a first space that the reader takes away again."""
    return f" {line}" if line.startswith((" ", ">", "From ")) else line


def _wrap(body: str, width: int) -> list[str]:
    """Lines that end in a space where they flow on; words that are longer than the width stay whole."""
    lines, start, end = [], 0, len(body)
    while end - start > width:
        cut = body.rfind(" ", start + 1, start + width)
        if cut < 0:
            cut = body.find(" ", start + max(width, 1))
        # A line of nothing but spaces, or one that would make the rest empty, is not a place to break.
        if cut < 0 or not body[start : cut + 1].strip(" "):
            break
        lines.append(body[start : cut + 1])
        start = cut + 1
    return [*lines, body[start:]]


def encode(text: str, *, allow_plain_lines: int = MAX_PLAIN_LINE) -> tuple[str, str, bytes]:
    """(charset, Content-Transfer-Encoding, body with CRLF line ends); 7 bits always, so any server takes
    it."""
    text = normalise(text)
    raw = text.encode()
    if text.isascii() and max(map(len, text.split("\n"))) <= allow_plain_lines and _plain(text):
        return "us-ascii", "7bit", raw.replace(b"\n", b"\r\n")
    charset = "us-ascii" if text.isascii() else "utf-8"
    quoted = binascii.b2a_qp(raw, quotetabs=False, istext=True).replace(b"\n", b"\r\n")
    crlf = raw.replace(b"\n", b"\r\n")
    if len(quoted) <= len(crlf) * 4 // 3:
        return charset, "quoted-printable", quoted
    return charset, "base64", base64.encodebytes(crlf).rstrip(b"\n").replace(b"\n", b"\r\n")


def _plain(text: str) -> bool:
    return not _UNPRINTABLE.search(text)
