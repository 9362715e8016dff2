"""Encoded words (RFC 2047) and raw 8-bit text in header values, in every form seen in the wild."""

from __future__ import annotations

import binascii
import re

from . import charset

# `=?charset*language?B?`; white space inside is wrong and seen.
_OPEN = re.compile(rb"=\?\s?([!-<>@-~]{1,60}?)(?:\*[A-Za-z0-9-]{1,20})?\s?\?\s?([bBqQ])\s?\?")
_PLAIN = re.compile(rb"(?:[!-<>-~]| (?! )|=(?!\?))*")  # printable ASCII, no encoded word, no two spaces
_WORD_BOUND = 16 * 1024
_HEX_PAIR = re.compile(rb"[0-9A-Fa-f]{2}")
_Q_JUNK = re.compile(rb"=(?![0-9A-Fa-f]{2})")
_BREAKS = re.compile("[\r\n\t\x0b\x0c ]+")
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def decode_text(raw: bytes) -> str:
    """An unstructured value as one line of text: encoded words decoded, raw octets as UTF-8 or a guess.

    White space between adjacent encoded words goes; octets of adjacent words of one charset are joined
    before decoding, since characters are split between words (against RFC 2047 5, and often).
    """
    if _PLAIN.fullmatch(raw):  # most values
        return raw.decode("ascii").strip()
    if b"=?" not in raw:
        return tidy(_raw(raw))
    pieces = _split(raw)
    # One guess for all that is raw 8-bit in this value: more to go by.
    label = ""
    loose = b" ".join(octets for name, octets in pieces if name is None)
    if not loose.isascii():
        label = charset.decode(loose)[1]
    out = []
    for name, octets in pieces:
        out.append(_raw(octets, label) if name is None else charset.decode(octets, name)[0])
    return tidy("".join(out))


def tidy(text: str) -> str:
    """One line: breaks and runs of spaces become a space, controls go, ends are trimmed."""
    return charset.clean(_INVISIBLE.sub("", _BREAKS.sub(" ", text))).strip()


def _raw(octets: bytes, label: str = "") -> str:
    if octets.isascii() and b"\x1b" not in octets:
        return octets.decode("ascii")
    return charset.decode(octets, label)[0]


def _split(raw: bytes) -> list[tuple[str | None, bytes]]:
    """Pieces in order: (None, raw octets) or (charset label, decoded octets)."""
    pieces: list[tuple[str | None, bytes]] = []
    position = 0
    while True:
        match = _OPEN.search(raw, position)
        if match is None:
            break
        payload, end = _payload(raw, match.end(), match.group(2) in b"qQ")
        between = raw[position : match.start()]
        label = match.group(1).decode("ascii")
        octets = _q(payload) if match.group(2) in b"qQ" else _b(payload)
        adjacent = pieces and pieces[-1][0] is not None and not between.strip()
        if not adjacent and between:
            pieces.append((None, between))
        if adjacent and (pieces[-1][0] or "").lower() == label.lower():
            pieces[-1] = (label, pieces[-1][1] + octets)
        else:
            pieces.append((label, octets))
        position = end
    if position < len(raw):
        pieces.append((None, raw[position:]))
    return pieces


def _payload(raw: bytes, start: int, quoted: bool) -> tuple[bytes, int]:
    """The encoded text from `start` and where the word ends. Bounded, so that all stays linear."""
    limit = min(len(raw), start + _WORD_BOUND)
    following = raw.find(b"=?", start, limit)
    while following > 0 and not _OPEN.match(raw, following):
        following = raw.find(b"=?", following + 2, limit)
    if following >= 0:
        limit = following
    end = raw.find(b"?=", start, min(len(raw), limit + 2))
    while quoted and end >= 0 and _HEX_PAIR.match(raw, end + 2):
        # `?=20` inside a word: an unencoded question mark before an encoded octet
        later = raw.find(b"?=", end + 2, limit)
        if later < 0:
            break
        end = later
    if end >= 0:
        return raw[start:end], end + 2
    # No `?=`: the word ends with the white space, or with all there is.
    stretch = raw[start:limit]
    space = re.search(rb"\s", stretch)
    cut = space.start() if space else len(stretch)
    tail = 1 if stretch[:cut].endswith(b"?") else 0
    return stretch[: cut - tail], start + cut


def _q(payload: bytes) -> bytes:
    data = payload.replace(b"_", b" ").replace(b"\r", b"").replace(b"\n", b"")
    return binascii.a2b_qp(_Q_JUNK.sub(b"=3D", data))


def _b(payload: bytes) -> bytes:
    out = []
    # Padding inside: several base64 blocks in one word.
    for block in payload.translate(None, _NOT_BASE64).split(b"="):
        if len(block) % 4 == 1:
            block = block[:-1]
        if block:
            out.append(binascii.a2b_base64(block + b"=" * (-len(block) % 4)))
    return b"".join(out)


_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
