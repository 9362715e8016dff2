"""What rows are sorted by, and the texts that search looks through."""

from __future__ import annotations

import re
import unicodedata

from services.mailstore.mime.model import Address

# Sorting looks no further than a person does; beyond it, order is by UID.
KEY_LENGTH = 60

# Scripts written without spaces: their runs are searched by pairs of characters.
_RUN = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003134f"
)
UNSPACED = re.compile(f"[{_RUN}]+")


def fold(text: str) -> str:
    """A text for comparing, without case and accents, cut to KEY_LENGTH."""
    if text.isascii():
        return text.lower().strip()[:KEY_LENGTH]
    decomposed = unicodedata.normalize("NFKD", text[: KEY_LENGTH * 2].casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).strip()[:KEY_LENGTH]


def person_key(addresses: tuple[Address, ...]) -> str:
    """By the first one's name, else address."""
    if not addresses:
        return ""
    first = addresses[0]
    return fold(first.name or first.addr or first.group)


def people_text(*lists: tuple[Address, ...]) -> str:
    """Names and addresses for search."""
    return " ".join([f"{a.name} {a.addr}" for addresses in lists for a in addresses])


def spaced(text: str) -> str:
    """Text as the search index takes it: runs of unspaced scripts as overlapping pairs, and the last
    character alone so that every character begins a word.
    """
    if text.isascii() or not UNSPACED.search(text):
        return text
    return UNSPACED.sub(_pairs, text)


def _pairs(match: re.Match[str]) -> str:
    run = match[0]
    return " " + " ".join([run[i : i + 2] for i in range(len(run))]) + " "
