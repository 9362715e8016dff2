"""Content-Transfer-Encoding undone, tolerantly and in linear time (RFC 2045 6)."""

from __future__ import annotations

import binascii
import re

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_JUNK = bytes(set(range(256)) - set(_ALPHABET) - {ord("=")})
_NOT_ALPHABET = bytes(set(range(256)) - set(_ALPHABET))
_WHITE = b" \t\r\n"
_LINE_BOUND = 1024
_QP_BOUND = 64 * 1024
_UU_SEARCH = 64 * 1024
_UU_BEGIN = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} [^\r\n]*\r?\n", re.MULTILINE)


def normalise_encoding(value: str) -> str:
    """`7bit`, `8bit`, `binary`, `base64`, `quoted-printable`, `uuencode`, or what stood there, lower case."""
    key = value.lower().strip(" \t\r\n\"';")
    for cut in ";,(":
        key = key.partition(cut)[0].strip()
    plain = key.replace("-", "").replace("_", "").replace(" ", "")
    if not plain:
        return "7bit"
    if plain in ("quotedprintable", "quotedprintible", "qp"):
        return "quoted-printable"
    if plain in ("base64", "b64", "xbase64"):
        return "base64"
    if plain in ("uuencode", "xuuencode", "uue", "xuue", "uuencoded"):
        return "uuencode"
    if plain in ("7bit", "8bit", "binary"):
        return plain
    return key[:40]


class TransferDecoder:
    """Undoes a transfer encoding chunk by chunk; never raises on content. Unknown ones pass unchanged."""

    def __init__(self, encoding: str) -> None:
        name = normalise_encoding(encoding)
        self._decoder: _Identity | _Base64 | _QuotedPrintable | _Uu
        if name == "base64":
            self._decoder = _Base64()
        elif name == "quoted-printable":
            self._decoder = _QuotedPrintable()
        elif name == "uuencode":
            self._decoder = _Uu()
        else:
            self._decoder = _Identity()

    def feed(self, chunk: bytes) -> bytes:
        """What can be decoded so far."""
        return self._decoder.feed(chunk)

    def finish(self) -> bytes:
        """The rest."""
        return self._decoder.finish()


def decode_transfer(data: bytes, encoding: str) -> bytes:
    """All at once. Truncated input is fine: what is whole is decoded."""
    decoder = TransferDecoder(encoding)
    return decoder.feed(data) + decoder.finish()


class _Identity:
    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def finish(self) -> bytes:
        return b""


class _Base64:
    """RFC 2045 6.8. Octets outside the alphabet are skipped. Padding ends the data, unless a whole line of
    base64 follows: some programs encode block by block. What is no base64 at all passes unchanged.
    """

    def __init__(self) -> None:
        self._head: bytes | None = b""  # collected until it is known whether this is base64
        self._identity = False
        self._ended = False
        self._rest = b""  # alphabet only, < 4
        self._after: bytearray | None = None  # raw octets after padding, not yet judged

    def feed(self, chunk: bytes) -> bytes:
        if self._head is not None:
            self._head += chunk
            if len(self._head) < 256:
                return b""
            return self._start()
        return self._take(chunk)

    def finish(self) -> bytes:
        out = self._start() if self._head is not None else b""
        if self._after is not None:
            out += self._resume(final=True)
        rest, self._rest = self._rest, b""
        if len(rest) >= 2:
            out += _b64(rest + b"=" * (-len(rest) % 4))
        return out

    def _start(self) -> bytes:
        head, self._head = self._head or b"", None
        start = head[:1024].translate(None, _WHITE)
        junk = len(start.translate(None, _ALPHABET + b"="))
        self._identity = junk * 10 > len(start)
        return self._take(head)

    def _take(self, chunk: bytes) -> bytes:
        if self._identity:
            return chunk
        if self._ended:
            return b""
        if self._after is not None:
            self._after += chunk
            return self._resume()
        return self._decode(chunk)

    def _decode(self, chunk: bytes) -> bytes:
        """Iterates over padded blocks; each turn consumes its octets, so this is linear."""
        out = []
        while True:
            cut = chunk.find(b"=")
            digits = self._rest + chunk[: cut if cut >= 0 else None].translate(None, _NOT_ALPHABET)
            if cut < 0:
                whole = len(digits) & ~3
                self._rest = digits[whole:]
                out.append(_b64(digits[:whole]))
                return b"".join(out)
            if len(digits) % 4 == 1:
                digits = digits[:-1]
            self._rest = b""
            out.append(_b64(digits + b"=" * (-len(digits) % 4)))
            self._after = bytearray(chunk[cut:])
            follow = self._judge(final=False)
            if follow is None:
                return b"".join(out)
            chunk = follow

    def _resume(self, final: bool = False) -> bytes:
        follow = self._judge(final)
        return b"" if follow is None else self._decode(follow)

    def _judge(self, final: bool) -> bytes | None:
        """After padding: the octets to go on with, or None when there are none (yet)."""
        assert self._after is not None
        after = self._after
        line_end = after.find(b"\n")
        if line_end < 0:
            if len(after) > _LINE_BOUND or final:
                self._ended, self._after = True, None
            return None
        body = bytes(after[line_end:])
        stripped = body.lstrip(_WHITE)
        if not stripped:
            self._after = bytearray(b"\n")
            return None
        line, newline, _ = stripped[:_LINE_BOUND].partition(b"\n")
        if not newline and not final and len(stripped) < _LINE_BOUND:
            return None
        self._after = None
        line = line.rstrip(_WHITE)
        if len(line) >= 4 and not line.rstrip(b"=").translate(None, _ALPHABET):
            return stripped
        self._ended = True
        return None


def _b64(digits: bytes) -> bytes:
    try:
        return binascii.a2b_base64(digits)
    except binascii.Error:  # cannot happen with alphabet-only input of right length; never trust that
        return b""


class _QuotedPrintable:
    """RFC 2045 6.7. White space before a line end was added on the way; a wrong `=` stays as it is."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> bytes:
        data = self._rest + chunk
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) > _QP_BOUND:
            cut = len(data) - 2
            cut -= 2 if b"=" in data[cut - 2 : cut] else 0
        self._rest = data[cut:]
        return _qp(data[:cut])

    def finish(self) -> bytes:
        rest, self._rest = self._rest, b""
        return _qp(rest)


def _qp(data: bytes) -> bytes:
    if b" \n" in data or b" \r" in data or b"\t\n" in data or b"\t\r" in data:
        data = b"\n".join(_strip_line(line) for line in data.split(b"\n"))
    if b"=" not in data:
        return data
    return binascii.a2b_qp(data)


def _strip_line(line: bytes) -> bytes:
    if line.endswith(b"\r"):
        return line[:-1].rstrip(b" \t") + b"\r"
    return line.rstrip(b" \t")


class _Uu:
    """The first uuencoded file of the stream (or all of them, one after the other)."""

    def __init__(self) -> None:
        self._rest = b""
        self._inside = False
        self._seen = False
        self._identity = False
        self._nested: _Base64 | None = None

    def feed(self, chunk: bytes) -> bytes:
        if self._identity:
            return chunk
        data = self._rest + chunk
        if not self._seen:
            match = _UU_BEGIN.search(data)
            if match is None:
                if len(data) > _UU_SEARCH:
                    self._identity, self._rest = True, b""
                    return data
                self._rest = data
                return b""
            self._seen = self._inside = True
            data = data[match.end() :]
        lines = data.split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _LINE_BOUND:
            lines.append(self._rest)
            self._rest = b""
        return b"".join(self._line(line) for line in lines)

    def finish(self) -> bytes:
        rest, self._rest = self._rest, b""
        if not self._seen:
            return rest
        return self._line(rest)

    def _line(self, line: bytes) -> bytes:
        line = line.rstrip(b"\r\n")
        if not self._inside:
            self._inside = line.startswith(b"begin ")
            return b""
        if line.strip() == b"end":
            self._inside = False
            return b""
        return decode_uu_line(line)


def decode_uu_line(line: bytes) -> bytes:
    """One line of uuencode; what cannot be decoded gives nothing."""
    if not line or line in (b"`", b" "):
        return b""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Encoders that append a check character or cut trailing spaces: go by the length.
        wanted = (((line[0] - 32) & 63) * 4 + 5) // 3
        try:
            return binascii.a2b_uu(line[:wanted])
        except binascii.Error:
            return b""
