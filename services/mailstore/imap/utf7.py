"""Mailbox names on the wire: modified UTF-7 (RFC 3501 section 5.1.3) or UTF-8 (RFC 6855, RFC 9051 section
5.1).

Invariant: decode then encode gives the octets that the server sent, also for names that no rule allows. A
name that is no valid encoding is passed around in a wrapping of its own (see `_RAW_MARK`), so that every
later command names the mailbox by the very octets that the server uses.
"""

from __future__ import annotations

import binascii
import re

_SHIFT = re.compile(rb"&([A-Za-z0-9+,]*)-")
# U+FDD0 (a noncharacter, in no real name), then the name as text, or with every odd octet as "%XX".
_RAW_MARK = "\ufdd0"


def decode(name: bytes, *, utf8: bool = False) -> str:
    """A name as the server sent it → Unicode. Never fails; `encode` gives the same octets back."""
    try:
        text = name.decode("utf-8") if utf8 else _decode7(name)
        # Not canonical ("&AGE-" for "a") or not allowed (control characters): it would not go back the same
        # way.
        if encode(text, utf8=utf8) == name and not text.startswith(_RAW_MARK):
            return text
    except ValueError:
        pass
    return _raw(name)


def encode(name: str, *, utf8: bool = False) -> bytes:
    """Unicode → a name for the wire. ValueError on control characters and lone surrogates."""
    if name.startswith(_RAW_MARK):
        return _unraw(name)
    check_name(name)
    if utf8:
        return name.encode("utf-8")
    out = bytearray()
    pending = ""
    for char in name:
        if " " <= char <= "~":
            if pending:
                out += _shifted(pending)
                pending = ""
            out += b"&-" if char == "&" else char.encode("ascii")
        else:
            pending += char
    if pending:
        out += _shifted(pending)
    return bytes(out)


def check_name(name: str) -> None:
    """ValueError where `name` holds control characters, lone surrogates or noncharacters."""
    for char in name:
        code = ord(char)
        if code < 0x20 or 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF or code in (0x2028, 0x2029):
            raise ValueError("control characters in a mailbox name")


def display(name: str) -> str:
    """A name for people: the wrapping of names that are no valid encoding taken away."""
    return name.removeprefix(_RAW_MARK)


def is_raw(name: str) -> bool:
    """Whether the name stands for octets that are no valid encoding."""
    return name.startswith(_RAW_MARK)


def _shifted(text: str) -> bytes:
    coded = binascii.b2a_base64(text.encode("utf-16-be"), newline=False).rstrip(b"=").replace(b"/", b",")
    return b"&" + coded + b"-"


def _decode7(name: bytes) -> str:
    out: list[str] = []
    position = 0
    while position < len(name):
        octet = name[position]
        if octet == 0x26:
            match = _SHIFT.match(name, position)
            if not match:
                raise ValueError("bad shift")
            coded = match[1].replace(b",", b"/")
            if coded:
                data = binascii.a2b_base64(coded + b"=" * (-len(coded) % 4))
                out.append(data.decode("utf-16-be"))
            else:
                out.append("&")
            position = match.end()
        elif 0x20 <= octet <= 0x7E:
            out.append(chr(octet))
            position += 1
        else:
            raise ValueError("octet outside printable ASCII")
    return "".join(out)


def _raw(name: bytes) -> str:
    try:
        text = name.decode("utf-8")
        check_name(text)
        if "%" not in text and not text.startswith(_RAW_MARK):
            return _RAW_MARK + text
    except ValueError:
        pass
    return _RAW_MARK + "".join(
        chr(octet) if 0x20 <= octet <= 0x7E and octet != 0x25 else f"%{octet:02X}" for octet in name
    )


def _unraw(name: str) -> bytes:
    body = name.removeprefix(_RAW_MARK)
    check_name(body)
    data = re.sub(rb"%([0-9A-F]{2})", lambda match: bytes([int(match[1], 16)]), body.encode("utf-8"))
    if b"\r" in data or b"\n" in data or b"\0" in data:
        raise ValueError("control characters in a mailbox name")
    return data
