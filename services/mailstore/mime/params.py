"""Content-Type, Content-Disposition and their parameters (RFC 2045 5, 2183, 2231), as broken as they come."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_to_bytes

from . import charset, words

_VALUE_BOUND = 32 * 1024
_PARAMS_BOUND = 500
_SECTIONS_BOUND = 200
_TOKEN = rb"[A-Za-z0-9!#$%&*+.^_`{|}~-]"
_TYPE = re.compile(rb"\s*(" + _TOKEN + rb"{1,127})(?:\s*/\s*(" + _TOKEN + rb"{1,127}))?")
_SEPARATORS = re.compile(rb"[\s;,]*")
_NAME = re.compile(rb"(" + _TOKEN + rb"{1,100})\s*=\s*")
_NEXT_PARAM = re.compile(rb"\s+" + _TOKEN + rb"{1,60}\s?=")
_AFTER_QUOTE = re.compile(rb"[ \t\r\n]{0,80}(?:$|;|" + _TOKEN + rb"{1,60}\s?=|\()")
_SECTION = re.compile(r"^([^*]+)(?:\*(\d{1,4}))?(\*?)$")
_EXTENDED = re.compile(rb"^([A-Za-z0-9_.:-]{0,60})'([A-Za-z0-9-]{0,40})'(.*)$", re.DOTALL)
_SPACES = re.compile(rb"\s{3,}")
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")


def parse_content_type(raw: bytes) -> tuple[str, Mapping[str, str]]:
    """Media type and parameters. Empty or senseless: `text/plain` (RFC 2045 5.2)."""
    raw = raw[:_VALUE_BOUND]
    match = _TYPE.match(raw)
    if match is None:
        return "text/plain", merge(_pairs(raw))
    main, sub = match.group(1).lower().decode("ascii"), (match.group(2) or b"").lower().decode("ascii")
    rest = raw[match.end() :]
    if not sub and rest.lstrip().startswith(b"="):  # `charset=utf-8` with the type forgotten
        return "text/plain", merge(_pairs(raw))
    return media_type(main, sub), merge(_pairs(rest))


def media_type(main: str, sub: str) -> str:
    """The two halves joined; a missing one repaired where only one meaning is possible."""
    main, sub = main.strip().lower(), sub.strip().lower()
    if main and sub:
        return f"{main}/{sub}"
    if main in ("text", "plain", ""):
        return "text/plain"
    if main == "html":
        return "text/html"
    if main == "multipart":
        return "multipart/mixed"
    if main == "message":
        return "message/rfc822"
    return "application/octet-stream"


def parse_disposition(raw: bytes) -> tuple[str, Mapping[str, str]]:
    """Disposition (`inline`, `attachment`, … or empty) and parameters."""
    raw = raw[:_VALUE_BOUND]
    match = _TYPE.match(raw)
    if match is None or raw[match.end() :].lstrip().startswith(b"="):
        return "", merge(_pairs(raw))
    return match.group(1).lower().decode("ascii"), merge(_pairs(raw[match.end() :]))


def merge(pairs: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Decoded parameters from raw (name, value) pairs: RFC 2231 continuations joined, charsets undone.

    Where a name comes both plain and extended the extended one counts; of repeated ones the first non-empty.
    """
    plain: dict[str, bytes] = {}
    sections: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for count, (raw_name, value) in enumerate(pairs):
        if count >= _PARAMS_BOUND:
            break
        match = _SECTION.match(raw_name.decode("ascii", "replace").strip().lower())
        if match is None:
            continue
        name, number, star = match.groups()
        if number is None and not star:
            if not plain.get(name):
                plain[name] = value
        elif len(sections.setdefault(name, {})) < _SECTIONS_BOUND:
            sections[name].setdefault(int(number or 0), (value, bool(star)))
    result = {name: _plain(value) for name, value in plain.items()}
    for name, parts in sections.items():
        text = _join([parts[number] for number in sorted(parts)])
        if text or name not in result:
            result[name] = text
    return result


def _plain(value: bytes) -> str:
    """A value without RFC 2231: encoded words are not allowed in it and are everywhere."""
    match = _EXTENDED.match(value)
    label = match.group(1).decode("ascii") if match else ""
    if match and label and charset.lookup(label) and _PERCENT.search(match.group(3)):
        return _join([(value, True)])  # `filename="utf-8''n%C3%A4me"`: the star forgotten
    return words.decode_text(value)


def _join(sections: list[tuple[bytes, bool]]) -> str:
    label = ""
    first, extended = sections[0]
    if extended:
        match = _EXTENDED.match(first)
        if match:
            label = match.group(1).decode("ascii")
            sections = [(match.group(3), True), *sections[1:]]
    octets = b"".join(unquote_to_bytes(value) if star else value for value, star in sections)
    if not any(star for _, star in sections) or (not label and b"=?" in octets):
        return words.decode_text(octets)  # encoded words cut into continuations
    return words.tidy(charset.decode(octets, label)[0])


def _pairs(raw: bytes) -> list[tuple[bytes, bytes]]:
    """`; name=value` pairs. Missing and doubled semicolons, unquoted spaces and stray quotes are survived."""
    raw = _SPACES.sub(b"  ", raw)  # keeps the patterns below linear
    pairs: list[tuple[bytes, bytes]] = []
    position, end = 0, len(raw)
    while position < end and len(pairs) < _PARAMS_BOUND:
        separators = _SEPARATORS.match(raw, position)
        position = separators.end() if separators else position
        match = _NAME.match(raw, position)
        if match is None:
            cut = raw.find(b";", position)
            space = _NEXT_PARAM.search(raw, position, cut if cut >= 0 else end)
            if space is not None and space.start() > position:
                position = space.start()
            elif cut >= 0:
                position = cut + 1
            else:
                break
            continue
        position = match.end()
        if raw[position : position + 1] == b'"':
            value, position = _quoted(raw, position + 1)
        else:
            cut = raw.find(b";", position)
            cut = end if cut < 0 else cut
            space = _NEXT_PARAM.search(raw, position, cut)
            stop = space.start() if space else cut
            value, position = raw[position:stop].strip(b" \t\r\n\"'"), stop
        pairs.append((match.group(1), value))
    return pairs


def _quoted(raw: bytes, position: int) -> tuple[bytes, int]:
    """A quoted string from after its opening quote. A quote in the middle of the value does not end it."""
    out = bytearray()
    end = len(raw)
    while position < end:
        char = raw[position]
        if char == 0x5C and raw[position + 1 : position + 2] in (b'"', b"\\"):
            out.append(raw[position + 1])
            position += 2
        elif char == 0x22 and _AFTER_QUOTE.match(raw, position + 1):
            return bytes(out), position + 1
        else:
            if char not in (0x0D, 0x0A):
                out.append(char)
            position += 1
    # Never closed: up to the next semicolon.
    value, semicolon, rest = bytes(out).partition(b";")
    return (value, end - len(rest)) if semicolon and rest.lstrip().find(b"=") > 0 else (bytes(out), end)


def raw_parameter(raw: bytes, name: bytes) -> bytes:
    """A parameter's octets as they stand, undecoded: what a boundary must be compared as."""
    match = _TYPE.match(raw[:_VALUE_BOUND])
    pairs = _pairs(raw[match.end() if match else 0 : _VALUE_BOUND])
    return next((value for key, value in pairs if key.lower() == name and value), b"")
