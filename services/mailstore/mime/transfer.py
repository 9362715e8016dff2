"""Content-Transfer-Encoding undone, tolerantly and in linear time (RFC 2045 6)."""

from __future__ import annotations

import binascii
import re

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_ALPHABET = bytes(set(range(256)) - set(_ALPHABET))
_WHITE = b" \t\r\n"
_LINE_BOUND = 1024
_HEAD = 256
_SPACE = re.compile(rb"[ \t\r\n]*")
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
        self._rest = b""  # digits that make no whole group yet
        self._after = b""  # from the padding on, as long as it is not known whether more follows

    def feed(self, chunk: bytes) -> bytes:
        if self._head is not None:
            self._head += chunk
            if len(self._head) < _HEAD:
                return b""
            return self._start(final=False)
        return self._take(chunk, final=False)

    def finish(self) -> bytes:
        out = self._start(final=True) if self._head is not None else self._take(b"", final=True)
        rest, self._rest = self._rest, b""
        if len(rest) >= 2:
            out += _b64(rest + b"=" * (-len(rest) % 4))
        return out

    def _start(self, final: bool) -> bytes:
        head, self._head = self._head or b"", None
        # spaces between words are as telling as punctuation; those around lines are not
        start = b"".join(line.strip() for line in head[:1024].split(b"\n"))
        junk = len(start.translate(None, _ALPHABET + b"="))
        self._identity = junk * 10 > len(start)
        return self._take(head, final)

    def _take(self, chunk: bytes, final: bool) -> bytes:
        if self._identity:
            return chunk
        if self._ended:
            return b""
        data, self._after = self._after + chunk, b""
        out = []
        position = 0
        while True:
            padding = data.find(b"=", position)
            stop = padding if padding >= 0 else len(data)
            digits = self._rest + data[position:stop].translate(None, _NOT_ALPHABET)
            if padding < 0:
                whole = len(digits) & ~3
                self._rest = digits[whole:]
                out.append(_b64(digits[:whole]))
                break
            self._rest = b""
            if len(digits) % 4 == 1:
                digits = digits[:-1]
            out.append(_b64(digits + b"=" * (-len(digits) % 4)))
            following = self._more(data, padding, final)
            if following < 0:
                break
            position = following
        return b"".join(out)

    def _more(self, data: bytes, padding: int, final: bool) -> int:
        """Where another block begins after the padding, or -1 when there is none (yet)."""
        newline = data.find(b"\n", padding)
        start = _SPACE.match(data, newline if newline >= 0 else len(data))
        begin = start.end() if start else len(data)
        end = data.find(b"\n", begin, begin + _LINE_BOUND)
        if end < 0 and not final and len(data) - begin < _LINE_BOUND:
            # `=` and a line end stand for what was read already, however much white space it was
            self._after = b"=" + (b"\n" if newline >= 0 else b"") + data[begin:]
            return -1
        line = data[begin : end if end >= 0 else begin + _LINE_BOUND].rstrip(_WHITE)
        if newline >= 0 and len(line) >= 4 and not line.rstrip(b"=").translate(None, _ALPHABET):
            return begin
        self._ended = True
        return -1


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
