"""Files pasted into text with uuencode."""

from __future__ import annotations

import re

from .filenames import safe_filename
from .model import EmbeddedFile
from .transfer import decode_uu_line

_BEGIN = re.compile(r"^begin [0-7]{3,4} +(\S[^\n]{0,400})$", re.MULTILINE)
_FILES_BOUND = 100


def split_uuencoded(text: str) -> tuple[str, tuple[EmbeddedFile, ...]]:
    """The text without its uuencoded blocks, and these as files.

    A block needs its begin line, well-formed lines and `end`; anything else stays text.
    """
    if "begin " not in text:
        return text, ()
    kept: list[str] = []
    files: list[EmbeddedFile] = []
    position = 0
    search = 0
    while len(files) < _FILES_BOUND:
        match = _BEGIN.search(text, search)
        if match is None:
            break
        block = _block(text, match.end() + 1)
        search = match.end()
        if block is None:
            continue
        data, end = block
        kept.append(text[position : match.start()])
        name = safe_filename(match.group(1).strip()) or f"file-{len(files) + 1}"
        files.append(EmbeddedFile(name=name, media_type="application/octet-stream", data=data))
        position = search = end
    kept.append(text[position:])
    return "".join(kept), tuple(files)


def _block(text: str, position: int) -> tuple[bytes, int] | None:
    """The octets and the offset after the `end` line. Stops at the first line that cannot belong to it."""
    out: list[bytes] = []
    while position < len(text):
        cut = text.find("\n", position)
        cut = len(text) if cut < 0 else cut
        line = text[position : min(cut, position + 200)]
        position = cut + 1
        if line.strip() == "end":
            return b"".join(out), min(position, len(text))
        if not line.strip(" `"):
            continue
        digits = (((ord(line[0]) - 32) & 63) + 2) // 3 * 4
        if not (line.isascii() and " " <= line[0] <= "`") or not -4 <= len(line) - 1 - digits <= 4:
            return None
        out.append(decode_uu_line(line.encode("ascii")))
    return None
