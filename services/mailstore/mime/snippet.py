"""The grey line of text beside a subject in a list."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from .model import TextBody

_LOOKED_AT = 64 * 1024
_HTML_LOOKED_AT = 512 * 1024
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u2007]"
)
_RULE = re.compile(r"^[\s\-_=*~#+.•·|<>]*$")
_SEPARATOR = re.compile(r"^\s*[-_]{2,}\s*[^-_\n]{3,60}[-_]{2,}\s*$")
_FIELD = re.compile(
    r"^\*?(?:from|to|cc|sent|date|subject|von|an|gesendet|betreff|datum|de|à|objet|envoyé)\*?\s?:", re.I
)
_LINK = re.compile(r"[<\[(]?\bhttps?://[^\s<>\])]{1,2000}[>\])]?")
_SKIPPED = ("script", "style", "head", "title", "template", "noscript")
_TAG_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9]{0,20})")
_BLOCKS = "br p div tr td th li ul ol table h1 h2 h3 h4 h5 h6 hr blockquote pre section article"
_BLOCK = frozenset(_BLOCKS.split())


def snippet(body: TextBody | str, limit: int = 140) -> str:
    """The first meaningful characters: no quotes, attribution lines, signatures, rules or markup."""
    text = body if isinstance(body, str) else body.text
    if not isinstance(body, str) and body.is_html:
        text = html_text(text[:_HTML_LOOKED_AT])
    text = text[:_LOOKED_AT]
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    lines = text.split("\n")
    words: list[str] = []
    length = 0
    for line in _own_lines(lines):
        piece = " ".join((_LINK.sub(" ", line) if "http" in line else line).split())
        if not piece or _RULE.match(piece):
            continue
        words.append(piece)
        length += len(piece) + 1
        if length > limit:
            break
    result = " ".join(words)
    if not result:  # nothing but quotes or links: better those than nothing
        result = " ".join(" ".join(line.strip().lstrip("> ") for line in lines[:40]).split())
    return result if len(result) <= limit else result[: limit - 1].rstrip() + "…"


def _own_lines(lines: list[str]) -> Iterator[str]:
    """What the sender wrote in this message: up to the signature or the quoted original. Line by line, since
    the first few are all that is wanted."""
    count = fields = 0
    said = False
    for index, whole in enumerate(lines):
        line = whole.strip()
        if line == "--":
            break
        if line.startswith(">"):
            continue
        if line[:1] in ("-", "_") and _SEPARATOR.match(line) and said:
            break
        if line.endswith(":") and _introduces_quote(lines, index):
            continue
        if ":" in line and _FIELD.match(line):
            fields += 1
            if fields >= 2:
                if said:  # the header block of a forwarded or answered message
                    break
                continue
        else:
            fields = fields if not line else 0
        yield line
        said = said or bool(line)
        count += 1
        if count > 200:
            break


def _introduces_quote(lines: list[str], index: int) -> bool:
    """`On … wrote:` in any language: a line with a colon at its end, followed by a quote."""
    following = next((line for line in map(str.strip, lines[index + 1 : index + 4]) if line), "")
    return following.startswith(">")


def html_text(markup: str) -> str:
    """The text of HTML, roughly and in one pass; for lists and search, never for display as HTML."""
    out: list[str] = []
    position = 0
    end = len(markup)
    lowered = markup.lower()
    if len(lowered) != end:  # a few letters grow when lowered; offsets must agree
        lowered = markup
    while position < end:
        start = markup.find("<", position)
        if start < 0:
            out.append(markup[position:])
            break
        out.append(markup[position:start])
        if markup.startswith("<!--", start):
            close = markup.find("-->", start + 4)
            position = end if close < 0 else close + 3
            continue
        match = _TAG_NAME.match(markup, start + 1)
        if match is None and markup[start + 1 : start + 2] not in ("!", "?"):
            out.append("<")
            position = start + 1
            continue
        close = markup.find(">", start)
        if close < 0:
            break
        position = close + 1
        name = match.group(1).lower() if match else ""
        if name in _SKIPPED and markup[start + 1] != "/":
            finish = lowered.find(f"</{name}", position)
            if finish < 0 and name in ("head", "noscript", "title"):
                continue
            position = end if finish < 0 else finish
        elif name in _BLOCK:
            out.append("\n")
    return html.unescape("".join(out)).replace("\xa0", " ")
