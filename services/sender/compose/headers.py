"""Writes header fields (RFC 5322, 2047, 2231). Whatever it is given, a field is one field.

The standard library's folding is not used for them: in Python 3.11 it loses quotes and commas of long display
names. Parsing what is written here with it is a test. Lines are at most 78 octets where the text lets them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence

from services.sender.compose.address import Mailbox

LINE = 76  # RFC 2047, 2: a line with an encoded word has at most 76 characters
WORD = 75  # RFC 2047, 2: an encoded word has at most 75 characters
MAX_LINE = 998  # RFC 5322, 2.1.1
MAX_WORD = 900  # what stands on a line of its own, with the field's name before it

_ATOM_TEXT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+\Z")
# RFC 2047, 5 (3): what may stand unencoded in a "Q" word wherever it is used.
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
# RFC 2231, 7 attribute-char.
_PARAMETER_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class HeaderError(AssertionError):
    """A field would not be one field: a fault of ours, never a consequence of what somebody typed."""


def clean(text: str) -> str:
    """The text without control characters (each becomes a space) and with single spaces."""
    return re.sub(" +", " ", _CONTROL.sub(" ", text)).strip()


def field(name: str, tokens: Iterable[str]) -> bytes:
    """The field with its tokens joined by spaces and folded before a token where a line gets too long."""
    lines, line = [], f"{name}:"
    for token in tokens:
        if _CONTROL.search(token) or not token:
            raise HeaderError("control character or nothing in a token")
        if len(line) + 1 + len(token.encode()) > LINE and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {token}"
    lines.append(line)
    raw = "\r\n".join(lines).encode() + b"\r\n"
    if any(len(part) > MAX_LINE for part in raw.split(b"\r\n")):
        raise HeaderError("line too long")
    return raw


def unstructured(name: str, text: str) -> bytes:
    """A field of free text such as Subject. Runs of spaces survive, since they are encoded."""
    text = _CONTROL.sub(" ", text)
    if not text:
        return f"{name}: \r\n".encode()
    words = text.split(" ")
    if text.isascii() and "=?" not in text and all(0 < len(word) <= 200 for word in words):
        return field(name, words)
    return field(name, encoded_words(text, WORD - len(name) - 2))


def encoded_words(text: str, first: int = WORD) -> list[str]:
    """The text as encoded words (RFC 2047), the first at most `first` characters long."""
    raw = text.encode()
    q_length = sum(1 if octet in _Q_SAFE or octet == 0x20 else 3 for octet in raw)
    quoted = q_length <= (len(raw) + 2) // 3 * 4
    words: list[str] = []
    room = max(first, 30) - len("=?utf-8?q??=")
    chunk = b""
    for character in text:
        candidate = chunk + character.encode()
        if chunk and len(_word_payload(candidate, quoted)) > room:
            words.append(_word(chunk, quoted))
            candidate, room = character.encode(), WORD - len("=?utf-8?q??=")
        chunk = candidate
    words.append(_word(chunk, quoted))
    return words


def _word(raw: bytes, quoted: bool) -> str:
    return f"=?utf-8?{'q' if quoted else 'b'}?{_word_payload(raw, quoted)}?="


def _word_payload(raw: bytes, quoted: bool) -> str:
    if not quoted:
        return base64.b64encode(raw).decode()
    return "".join(
        chr(octet) if octet in _Q_SAFE else "_" if octet == 0x20 else f"={octet:02X}" for octet in raw
    )


def phrase(text: str) -> list[str]:
    """A display name or group name (RFC 5322, 3.2.5) as tokens; empty for an empty name."""
    text = clean(text)
    if not text:
        return []
    words = text.split(" ")
    if not text.isascii() or "=?" in text or len(text) > 120:
        return encoded_words(text, 50)
    if all(_ATOM_TEXT.match(word) for word in words):
        return words
    return ['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"']


def addresses(name: str, entries: Sequence[tuple[str, Mailbox | None, str]]) -> bytes:
    """An address field. Entries are (display name, mailbox, group); no mailbox is an empty group of that
    name."""
    tokens: list[str] = []
    group = ""
    for display, mailbox, entry_group in entries:
        entry_group = clean(entry_group) if mailbox else clean(entry_group or display)
        if group and (entry_group != group or mailbox is None):
            tokens[-1] = _without_comma(tokens[-1]) + ";,"
            group = ""
        if mailbox is None:
            tokens += phrase(entry_group)
            tokens[-1] += ":;,"
            continue
        if entry_group and not group:
            tokens += phrase(entry_group)
            tokens[-1] += ":"
            group = entry_group
        shown = phrase(display)
        tokens += [*shown, f"<{mailbox.address}>,"] if shown else [f"{mailbox.address},"]
    tokens[-1] = _without_comma(tokens[-1]) + (";" if group else "")
    return field(name, tokens)


def _without_comma(token: str) -> str:
    return token.removesuffix(",")


def parameter(name: str, value: str) -> list[str]:
    """A MIME parameter as tokens without their semicolons: quoted where ASCII and short, else RFC 2231."""
    value = _CONTROL.sub(" ", value).strip()
    if value.isascii() and len(value) <= 60:
        return [f'{name}="' + value.replace("\\", "\\\\").replace('"', '\\"') + '"']
    encoded = [chr(octet) if octet in _PARAMETER_SAFE else f"%{octet:02X}" for octet in value.encode()]
    if len(name) + 9 + sum(map(len, encoded)) <= LINE:
        return [f"{name}*=utf-8''{''.join(encoded)}"]
    pieces, piece = [], "utf-8''"
    for part in encoded:
        if len(name) + 6 + len(piece) + len(part) > LINE:
            pieces.append(piece)
            piece = ""
        piece += part
    return [f"{name}*{number}*={piece}" for number, piece in enumerate([*pieces, piece])]


def parametrised(name: str, value: str, parameters: Sequence[str]) -> bytes:
    """A field such as Content-Type with parameters that `parameter` made."""
    tokens = [value, *parameters]
    return field(name, [f"{token};" for token in tokens[:-1]] + tokens[-1:])
