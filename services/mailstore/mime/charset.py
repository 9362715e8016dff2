"""Charset labels and octets → Unicode, as browsers do it (WHATWG Encoding), plus what only mail has.

The label is obeyed where it can be right; where the octets prove it wrong, UTF-8 is tried, then a guess.
Labels come from strangers: only names in the table built here ever reach Python's codec machinery (its cache
never forgets a name, and some of its "codecs" are no charsets at all).
"""

from __future__ import annotations

import codecs
import encodings
import pkgutil
import re
from encodings.aliases import aliases as _python_aliases
from functools import lru_cache

from .guess import guess


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NOT_CHARSETS = _words(
    "base64_codec bz2_codec hex_codec quopri_codec rot_13 uu_codec zlib_codec aliases charmap idna mbcs oem "
    "punycode raw_unicode_escape undefined unicode_escape unicode_internal"
)

# Where the label and what is meant differ: WHATWG Encoding 4.2, and names only mail programs ever used.
_MEANT = {
    "cp1252": "ascii us usascii ansix341968 iso646us iso88591 latin1 l1 cp819 ibm819 isoir100 ansi cp1252 "
    "windows1252 xcp1252 westerneuropean xansi iso885915windows xusercharset",
    "cp1254": "iso88599 latin5 l5 isoir148",
    "cp874": "iso885911 tis620 windows874 dos874",
    "gb18030": "gb2312 gbk cp936 ms936 windows936 xgbk csgb2312 csiso58gb231280 chinese gb231280 euccn "
    "xeuccn gb180302000 gb18030 gb xgb",
    "big5hkscs": "big5 xxbig5 big5hkscs csbig5 cnbig5 big5tw big5eten",
    "cp950": "cp950 windows950 ms950",
    "cp949": "ksc5601 ksc56011987 ksc56011989 euckr xeuckr korean cseuckr windows949 uhc ms949 "
    "ksc5601ksx1001 isoir149 ks5601 kseuc",
    "cp932": "shiftjis sjis xsjis ms932 ms kanji mskanji cp932 windows31j shiftjisms csshiftjis xmacjapanese "
    "windows932",
    "euc_jp": "eucjp xeuc xeucjp ujis cseucpkdfmtjapanese eucjpms cp51932 eucjpwin",
    "iso2022_jp": "iso2022jp csiso2022jp iso2022jp1 iso2022jp2 iso2022jp3 iso2022jpms cp50220 cp50221 "
    "cp50222 iso2022jp2004 iso2022jpext jis",
    "iso2022_kr": "iso2022kr csiso2022kr",
    "iso2022_cn": "iso2022cn iso2022cnext",
    "hz": "hz hzgb hzgb2312",
    "koi8_u": "koi8u koi8ru koi8ua",
    "koi8_r": "koi8r koi koi8 cskoi8r",
    "iso8859_6": "iso88596e iso88596i asmo708 csiso88596e csiso88596i",
    "cp1255": "iso88598i logical",
    "iso8859_8": "iso88598 iso88598e visual csiso88598e hebrew",
    "mac_roman": "macintosh mac xmacroman csmacintosh applemacintosh",
    "mac_cyrillic": "xmaccyrillic xmacukrainian macukrainian",
    "mac_latin2": "xmacce maccentraleurope xmaccentraleurroman xmaccroatian",
    "mac_greek": "xmacgreek",
    "mac_turkish": "xmacturkish",
    "mac_iceland": "xmacicelandic",
    "utf_8": "utf8 utf xutf8 utf8mb4 utf8mb3 unicode11utf8 unicode20utf8 xunicode20utf8 utf8bom utf8n cesu8 "
    "utf81 utf08 unicodeutf8 wtf8",
    "utf_16": "utf16 ucs2 iso10646ucs2 unicode csunicode unicodefeff unicodefffe",
    "utf_32": "utf32 ucs4 iso10646ucs4",
    "utf_7": "utf7 unicode11utf7 unicode20utf7 xunicode20utf7 csunicode11utf7",
    "cp037": "ebcdic ebcdiccpus ebcdicus ebcdiccpca ebcdiccpwt ebcdiccpnl cp1047 ibm1047 ibm37 ibm037",
    "cp273": "ebcdiccpde ebcdiccpat ebcdicatde ibm273",
    "cp424": "ebcdiccphe ibm424",
    "cp500": "ebcdiccpbe ebcdiccpch ebcdicinternational ibm500",
    "cp875": "ebcdiccpgr ibm875",
    "cp1026": "ebcdiccptr ibm1026",
    "cp1140": "ebcdicus37euro ccsid01140 ibm01140",
}

# Labels that say "I do not know": same as none at all.
_NO_LABEL = _words(
    "unknown unknown8bit xunknown default none iso8bit binary 8bit 7bit 7bits 8bits notset null text "
    "autodetect auto detect undefined"
)


def _key(label: str) -> str:
    return "".join(c for c in label.lower() if c.isascii() and c.isalnum())


def _table() -> dict[str, str]:
    modules = {m.name for m in pkgutil.iter_modules(encodings.__path__)} - _NOT_CHARSETS
    table = {_key(name): name for name in sorted(modules) if not name.startswith("_")}
    table |= {_key(alias): name for alias, name in _python_aliases.items() if name in modules}
    for name, labels in _MEANT.items():
        table |= {_key(label): name for label in labels.split()}
    table["utf16le"], table["utf16be"] = "utf_16_le", "utf_16_be"
    table["utf32le"], table["utf32be"] = "utf_32_le", "utf_32_be"
    for label in _NO_LABEL:
        table.pop(label, None)
    return table


_TABLE = _table()
_LABEL_NOISE = re.compile(r"^(?:charset|encoding)\s*=", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF32_LE, "utf_32_le"),  # before UTF-16: the same first two octets
    (codecs.BOM_UTF32_BE, "utf_32_be"),
    (codecs.BOM_UTF16_LE, "utf_16_le"),
    (codecs.BOM_UTF16_BE, "utf_16_be"),
)
_BOMS_WHATWG = (_BOMS[0], _BOMS[3], _BOMS[4])
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@lru_cache(maxsize=512)
def lookup(label: str) -> str | None:
    """The Python codec for a charset label, or None when the label says nothing."""
    label = _LABEL_NOISE.sub("", label.strip(" \t\r\n\"'<>"))[:60]
    key = _key(label)
    if key in _TABLE:
        return _TABLE[key]
    # `utf-8;format=flowed`, `iso-8859-1 (Latin)`, `utf-8''`: the first word alone
    key = _key(re.split(r"[;,\s'(\"]", label, maxsplit=1)[0])
    if key in _TABLE:
        return _TABLE[key]
    for prefix in ("x", "cs"):
        if key.startswith(prefix) and key[len(prefix) :] in _TABLE:
            return _TABLE[key[len(prefix) :]]
    return None


def is_odd(label: str) -> bool:
    """Whether the charset has states, or units of several octets: decoding it is involved."""
    codec = lookup(label) or ""
    return codec in _EBCDIC or codec.startswith(("utf_7", "utf_16", "utf_32", "iso2022", "hz"))


def decode(data: bytes, label: str = "", *, truncated: bool = False) -> tuple[str, str, bool]:
    """`data` as text, the codec that was used, and whether anything was lost.

    `truncated`: a character cut off at the end is dropped silently.
    """
    codec = lookup(label) if label else None
    for bom, name in _BOMS if codec in ("utf_16", "utf_32", "utf_16_le", "utf_32_le", None) else _BOMS_WHATWG:
        if data.startswith(bom) and not (codec == "utf_16_le" and name == "utf_32_le"):
            return _finish(data[len(bom) :], name, truncated)
    if codec is not None and codec.startswith(("utf_16", "utf_32")):
        data = _restore_nul(data, codec)
        codec = _endianness(data, codec) if codec in ("utf_16", "utf_32") else codec
    if codec == "cp1252" and data.isascii():
        if b"\x1b$" in data or b"\x1b(J" in data:  # ISO-2022-JP sent as us-ascii or without a label
            return _finish(data, "iso2022_jp", truncated)
        return data.decode("ascii"), "ascii" if _key(label) in ("usascii", "ascii") else codec, False
    if codec is None or (codec == "cp1252" and _key(label) in ("usascii", "ascii", "ansix341968", "us")):
        codec = guess(data, truncated)
    return _finish(data, codec, truncated)


def clean(text: str) -> str:
    """Without NUL, controls (but TAB, LF, CR), noncharacters; lone surrogates replaced."""
    if _UNFIT.search(text) is None:
        return text
    return _UNFIT.sub("", _SURROGATE.sub("\ufffd", text))


def _finish(data: bytes, codec: str, truncated: bool) -> tuple[str, str, bool]:
    if codec == "cp1252":
        return _windows(data), codec, False
    if codec == "iso2022_cn":
        return *_iso2022(data, "gb2312"), False
    try:
        text = _strict(data, codec, truncated)
        return text.replace("\x85", "\n") if codec in _EBCDIC else text, codec, False
    except (UnicodeError, ValueError, LookupError):
        pass
    if codec == "iso2022_jp":
        text, _ = _iso2022(data, "cp932")
        return text, codec, "\ufffd" in text
    if codec == "iso2022_kr":
        return *_iso2022(data, "cp949"), True
    for other in _SECOND_CHOICE.get(codec, ()):
        try:
            return _strict(data, other, truncated), other, False
        except (UnicodeError, ValueError):
            continue
    if codec != "utf_8":
        try:
            return _strict(data, "utf_8", truncated), "utf_8", False
        except UnicodeError:
            pass
    elif not _has_utf8(data):
        # Labelled UTF-8, and not one character of it is: what else is it?
        other = guess(data, truncated, utf8=False)
        if other != "utf_8":  # as it is where a few NULs stand in plain text
            return _finish(data, other, truncated)[0], "guess", True
    try:
        text = data.decode(codec, "replace")
    except (UnicodeError, ValueError, LookupError):
        text = data.decode("latin-1")
    return text, codec, True


_EBCDIC = frozenset(["cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140"])  # NEL ends a line
# Supersets in use under the same label.
_SECOND_CHOICE = {
    "big5hkscs": ("cp950",),
    "cp949": ("johab",),
    "euc_jp": ("euc_jis_2004", "cp932"),
    "cp932": ("shift_jis_2004", "euc_jp"),
    "utf_7": ("utf_8",),
    "utf_16_le": ("utf_8",),
    "utf_16_be": ("utf_8",),
}


def _strict(data: bytes, codec: str, truncated: bool) -> str:
    if not truncated:
        return data.decode(codec)
    return codecs.getincrementaldecoder(codec)().decode(data, final=False)


def _windows(data: bytes) -> str:
    """windows-1252 as WHATWG has it: the five holes are C1 controls (Python refuses them)."""
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1").translate(_CP1252)


_CP1252 = {
    c: bytes([c]).decode("cp1252") for c in range(0x80, 0xA0) if c not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_UTF8_CHAR = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def _has_utf8(data: bytes) -> bool:
    return data.isascii() or _UTF8_CHAR.search(data) is not None


def _endianness(data: bytes, codec: str) -> str:
    """UTF-16 or UTF-32 without a mark: RFC 2781 says big-endian, most senders are little-endian; look."""
    head = data[:512]
    if codec == "utf_32":
        return "utf_32_be" if head[:1] == b"\0" else "utf_32_le"
    if b"\0" not in head:
        return "utf_16_be" if _looks_utf16(head) else "utf_8"
    return "utf_16_be" if head[0::2].count(0) > head[1::2].count(0) else "utf_16_le"


def _restore_nul(data: bytes, codec: str) -> bytes:
    """Raw UTF-16 or UTF-32 that came over IMAP, which has no NUL (RFC 3501 9): servers send 0x80 instead,
    and a CR before what they take for a line end.
    """
    if b"\0" in data or data.count(0x80) * 4 < len(data) or len(data) < 4:
        return data
    data = data.replace(b"\x80", b"\0")
    if codec.endswith("_be") or data[0] == 0:
        return data.replace(b"\0\r\n", b"\0\n")
    return data.replace(b"\r\n\0", b"\n\0")


def _looks_utf16(head: bytes) -> bool:
    try:
        head.decode("utf_8")
    except UnicodeError:
        return len(head) % 2 == 0
    return False


_ESCAPE = re.compile(rb"\x1b(?:\$\([@-D]|\$\)[A-H]|\$[@AB]|\([A-J]|[.*+N]|\$\*H)|[\x0e\x0f]")


def _iso2022(data: bytes, codec: str) -> tuple[str, str]:
    """ISO-2022 text that Python's strict codecs refuse: vendor characters, half-width kana, cut sequences."""
    out: list[str] = []
    double = kana = shifted = False
    position = 0
    for match in _ESCAPE.finditer(data):
        out.append(_run(data[position : match.start()], codec, double or shifted, kana))
        position = match.end()
        escape = match.group()
        if escape in (b"\x0e", b"\x0f"):
            shifted = escape == b"\x0e"
        elif escape.startswith(b"\x1b$)"):
            shifted = False  # a designation only; SO switches to it
        else:
            double, kana = escape.startswith(b"\x1b$"), escape == b"\x1b(I"
    out.append(_run(data[position:], codec, double or shifted, kana))
    return "".join(out), codec


def _run(octets: bytes, codec: str, double: bool, kana: bool) -> str:
    if kana:
        return bytes(c | 0x80 if 0x21 <= c <= 0x5F else c for c in octets).decode("cp932", "replace")
    if not double:
        return octets.decode("utf-8", "replace")
    if codec != "cp932":
        return bytes(c | 0x80 if 0x21 <= c <= 0x7E else c for c in octets).decode(codec, "replace")
    out = bytearray()
    i = 0
    while i < len(octets):
        first = octets[i]
        if not 0x21 <= first <= 0x7E or i + 1 == len(octets):
            out.append(first)
            i += 1
            continue
        second = octets[i + 1]
        # JIS X 0208 row and cell → Shift_JIS lead and trail
        lead = (first - 0x21) // 2 + (0x81 if first < 0x5F else 0xC1)
        odd_row = 0x1F if second < 0x60 else 0x20
        trail = second + (odd_row if first % 2 else 0x7E)
        out += bytes((lead & 0xFF, trail & 0xFF))
        i += 2
    return out.decode("cp932", "replace")
