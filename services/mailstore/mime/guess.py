"""Which charset unlabelled octets are in: a guess made of validity and of how common its letters are."""

from __future__ import annotations

import codecs
import re
from itertools import pairwise

_SAMPLE = 16 * 1024

_CYRILLIC_COMMON = "оеаинтсрвлкмдпу"
_MULTIBYTE = ("gb18030", "cp932", "euc_jp", "big5", "cp949")
_KANA = re.compile("[\u3041-\u30fe]")
_HALF_KANA = re.compile("[\uff61-\uff9f]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_PRIVATE = re.compile("[\ue000-\uf8ff\ufffd\x80-\x9f]")
# The most frequent characters of running text, a dozen or two a script: enough to tell code pages apart.
_COMMON = {
    "gb18030": set(
        "的一是不了在人有我他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可您请"
    ),
    "big5": set(
        "的一是不了在人有我他這中大來上個國到說們為子和你地出道也時年得就那要下以生會自著去之過家學對可您請"
    ),
    "cp932": set("のにはをたがでてとしれさあいなっるもかすこまくりき日本人年月大中会事社様お願、。"),
    "cp949": set("이다는의에을가고하지를도은로한사기나리어자인그대니시서있해습안요"),
}
_SUPERSETS = {"big5": "big5hkscs"}
_PAIR = (re.compile(rb"[\xa1-\xfe][\xa1-\xfe]"), re.compile(rb"[\xa1-\xf9][\x40-\x7e\xa1-\xfe]"))
# Lead octets of punctuation and of the characters that make up running text.
_LEVEL_ONE = {
    "gb18030": frozenset([0xA1, 0xA3, *range(0xB0, 0xD8)]),
    "big5": frozenset([0xA1, 0xA2, *range(0xA4, 0xC7)]),
    "cp949": frozenset([0xA1, *range(0xB0, 0xC9)]),
}
_COMMON["euc_jp"] = _COMMON["cp932"]


def guess(data: bytes, truncated: bool = False, *, utf8: bool = True) -> str:
    """The codec to read `data` with. Never fails: windows-1252 reads anything."""
    sample = data[:_SAMPLE]
    if data.isascii():
        if b"\x1b$" in sample:
            return "iso2022_kr" if b"\x1b$)C" in sample else "iso2022_jp"
        if b"\0" in sample:
            return _wide(sample)
        return "utf_8"
    if utf8 and _valid(data, "utf_8", truncated) is not None:
        return "utf_8"
    if sample.count(0) * 4 > len(sample):
        return _wide(sample)
    best, best_score = "cp1252", 0.0
    cut = truncated or len(sample) < len(data)
    for codec in _MULTIBYTE:
        text = _valid(sample, codec, cut)
        if text is not None:
            score = _asian(text, codec)
            if score > best_score:
                best, best_score = codec, score
    high = sum(c >= 0x80 for c in sample)
    if best_score > 0.35:
        return _SUPERSETS.get(best, best)
    if high * 3 > len(sample) or high > 20:
        cyrillic = _cyrillic(sample)
        if cyrillic:
            return cyrillic
    return _level_one(sample, cut) or "cp1252"


def _level_one(sample: bytes, cut: bool) -> str | None:
    """For too little text to count common characters in: the code whose frequently used rows it keeps to."""
    best, best_share = None, 0.75
    for codec, rows in _LEVEL_ONE.items():
        if _valid(sample, codec, cut) is None:
            continue
        pairs = _PAIR[codec == "big5"].findall(sample)
        if len(pairs) < 3 or sum(map(len, pairs)) < sum(c >= 0x80 for c in sample):
            continue
        share = sum(pair[0] in rows for pair in pairs) / len(pairs)
        if share > best_share:
            best, best_share = codec, share
    return _SUPERSETS.get(best, best) if best else None


def _valid(data: bytes, codec: str, truncated: bool) -> str | None:
    try:
        return codecs.getincrementaldecoder(codec)().decode(data, final=not truncated)
    except (UnicodeError, ValueError):
        return None


def _wide(sample: bytes) -> str:
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if min(even, odd) * 3 > max(even, odd) and sample.count(0) * 2 > len(sample):
        return "utf_32_be" if sample[:1] == b"\0" else "utf_32_le"
    if max(even, odd) * 3 < len(sample) // 2:
        return "utf_8"  # a few stray NULs in plain text
    return "utf_16_be" if even > odd else "utf_16_le"


def _asian(text: str, codec: str) -> float:
    """How much of the non-ASCII text is what running text of that script is made of, 0 to 1."""
    letters = [c for c in text if c > "\x7f"]
    if len(letters) < 2:
        return 0.0
    joined = "".join(letters)
    if _PRIVATE.search(joined):
        return 0.0
    common = sum(c in _COMMON[codec] for c in letters) / len(letters)
    kana = len(_KANA.findall(joined)) / len(letters)
    half = len(_HALF_KANA.findall(joined)) / len(letters)
    hangul = len(_HANGUL.findall(joined)) / len(letters)
    if codec in ("cp932", "euc_jp"):
        return common + kana - half
    if codec == "cp949":
        return common + hangul - 0.3
    return common * 3 - kana - hangul


def _cyrillic(sample: bytes) -> str | None:
    """KOI8-R, windows-1251, ISO-8859-5 or IBM866, when the octets make likely Russian words; else None."""
    best, best_score = None, 0.45
    for codec in ("cp1251", "koi8_r", "iso8859_5", "cp866"):
        text = sample.decode(codec, "replace")
        letters = [c for c in text if c > "\x7f"]
        score = sum(c in _CYRILLIC_COMMON for c in letters) / max(1, len(letters))
        # capitals inside words: another code page of the same script, or another script
        flips = sum(a.islower() and b.isupper() for a, b in pairwise(text))
        score -= 2 * flips / max(1, len(letters))
        if score > best_score:
            best, best_score = codec, score
    return best
