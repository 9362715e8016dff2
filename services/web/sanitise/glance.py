"""What can be said of a message's HTML without cleaning it, for the page around its frame; in linear time."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Enough to tell a note from a newsletter.
LOOKED_AT = 200_000
# A source of that length is not a note, whatever it says; nor is it worth the time to tell.
LONG = 40_000

# No two neighbouring repetitions can match the same characters: a message made of spaces costs no more.
_REMOTE = re.compile(
    r"""(?:src|background|srcset)\s{0,8}=\s{0,8}(?:["']\s{0,8})?(?:https?:)?//|url\(\s{0,8}["']?(?:https?:)?//""",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]{0,4000}>")
# What begins a line, with what room it makes; a picture; and room that is asked for in pixels.
_BREAK = re.compile(
    r"<(/?)(p|div|br|tr|li|h[1-6]|blockquote|pre|hr|table|ul|ol|section|center|img)\b([^<>]{0,4000})>",
    re.IGNORECASE,
)
_ROOM = {"h1": 2.5, "h2": 2.0, "h3": 1.5} | dict.fromkeys(
    ("p", "h4", "blockquote", "pre", "hr", "ul", "ol"), 1.0
)
_HEIGHT = re.compile(r"height\s{0,8}[=:]\s{0,8}[\"']?\s{0,8}(\d{1,4})\b(?!\s{0,8}%)", re.IGNORECASE)
_PADDING = re.compile(r"padding(?:-top|-bottom)?\s{0,8}:\s{0,8}(\d{1,3})px", re.IGNORECASE)
_LINE, _LETTERS = 1.5, 80  # rem; letters on a line of the pane of a wide screen
_PICTURE = 10.0  # rem, where it does not say
_HIDDEN = re.compile(r"<(/?)(?:style|script|title)\b", re.IGNORECASE)
_DARK = re.compile(r"prefers-color-scheme:\s{0,8}dark|color-schemes?[\"']?[^<>]{0,80}dark", re.IGNORECASE)


# The heights that a frame may have, in rem; what is higher is "long".
HEIGHTS = (8, 12, 16, 20, 28, 36)


@dataclass(frozen=True, slots=True)
class Glance:
    """`size`: about how high it is, in rem: one of HEIGHTS, or "long"; `dark`: it was made for a dark ground,
    too."""

    size: str
    dark: bool


def glance(html: str, images: bool = False) -> Glance:
    """A guess from the source: right for ordinary mail; nothing that is safe or not depends on it. `images`:
    pictures from elsewhere are shown."""
    html = html[:LOOKED_AT]
    height = _height(_visible(html), images) if len(html) < LONG else LONG
    size = next((str(one) for one in HEIGHTS if height <= one), "long")
    return Glance(size, _DARK.search(html) is not None)


def asks_for_pictures(html: str) -> bool:
    """Whether it would show pictures from elsewhere."""
    return _REMOTE.search(html, 0, LOOKED_AT) is not None


def _height(html: str, images: bool) -> float:
    """About how high that is, in rem. The frame's document has an origin of its own, so that nobody can ask
    it; what is higher than guessed scrolls."""
    height, at = 3.0, 0
    for match in _BREAK.finditer(html):
        text = _text_height(html[at : match.start()])
        height += text
        name, rest = match[2].lower(), match[3]
        at = match.end()
        if name == "img":
            said = _HEIGHT.search(rest)
            shown = "cid:" in rest or "data:" in rest or (images and "//" in rest)
            height += (int(said[1]) / 16 if said else _PICTURE) if shown else 0
        elif name == "br":
            height += 0 if text else _LINE
        elif not match[1]:
            height += _ROOM.get(name, 0) + sum(int(one) for one in _PADDING.findall(rest)[:2]) / 8
    return height + _text_height(html[at:])


def _text_height(html: str) -> float:
    room = sum(int(one) for one in _PADDING.findall(html)[:4]) / 8 if "<" in html else 0.0
    letters = len(" ".join(_TAG.sub(" ", html).replace("&nbsp;", " ").split()))
    return room + -(-letters // _LETTERS) * _LINE


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
