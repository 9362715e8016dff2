"""What can be said of a message's HTML without cleaning it, for the page around its frame; in linear time."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Enough to tell a note from a newsletter.
LOOKED_AT = 200_000

# No two neighbouring repetitions can match the same characters: a message made of spaces costs no more.
_REMOTE = re.compile(
    r"""(?:src|background|srcset)\s{0,8}=\s{0,8}(?:["']\s{0,8})?(?:https?:)?//|url\(\s{0,8}["']?(?:https?:)?//""",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]{0,4000}>")
_DESIGNED = re.compile(r"<(?:img|table)\b", re.IGNORECASE)
_HIDDEN = re.compile(r"<(/?)(?:style|script|title)\b", re.IGNORECASE)
_DARK = re.compile(r"prefers-color-scheme:\s{0,8}dark|color-schemes?[\"']?[^<>]{0,80}dark", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Glance:
    """`size`: "short", "medium" or "long"; `remote`: it asks for pictures from elsewhere; `dark`: it was made
    for a dark ground, too."""

    size: str
    remote: bool
    dark: bool


def glance(html: str) -> Glance:
    """A guess from the source: right for ordinary mail; nothing that is safe or not depends on it."""
    html = html[:LOOKED_AT]
    words = len(_TAG.sub(" ", _visible(html)).split())
    plain = len(html) < 20_000 and not _DESIGNED.search(html)
    size = "short" if words < 60 and plain else "medium" if words < 250 else "long"
    return Glance(size, _REMOTE.search(html) is not None, _DARK.search(html) is not None)


def _visible(html: str) -> str:
    """Without what stands in style, script and title elements."""
    kept, at, inside = [], 0, False
    for match in _HIDDEN.finditer(html):
        if not inside and not match[1]:
            kept.append(html[at : match.start()])
            inside = True
        elif inside and match[1]:
            at = match.start()
            inside = False
    if not inside:
        kept.append(html[at:])
    return "".join(kept)
