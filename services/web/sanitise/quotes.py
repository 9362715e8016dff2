"""Folds what a message quotes of the one before, in the forms of Gmail, Outlook, Thunderbird, Apple Mail,
Yahoo and Proton.

Works on what the sanitiser wrote, so that every tag is known, closed in order and its attributes quoted; it
adds `details` elements and changes nothing else. Linear in the length of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

# A shorter quote in the middle of an answer is what is being answered: it stays open.
OPEN_QUOTE_CHARS = 700
_TAG = re.compile(r'<(/?)([a-z][a-z0-9-]*)((?:\s+[^\s=>"/]+(?:="[^"]*")?)*)\s*/?>')
_ATTRIBUTE = re.compile(r'\s([a-z-]+)="([^"]*)"')
_VOID = frozenset(("br", "hr", "img", "col", "wbr"))
_SPACE = re.compile(r"(?:<[^>]*>|&nbsp;|&#160;|[\s\u00a0\u200b])+")
_FLOW = frozenset(("div", "blockquote"))
# The whole element is what was quoted.
_CLASSES = frozenset(
    "gmail_quote gmail_extra yahoo_quoted protonmail_quote tutanota_quote zmail_extra".split()
)
# From here to the end of what it stands in (Outlook): the header lines of the message before.
_FROM_HERE = frozenset("divrplyfwdmsg x_divrplyfwdmsg appendonsend x_appendonsend".split())
# Outlook for Windows has no name for it: a rule above a block whose first word is bold and ends in a colon.
_RULE = re.compile(
    r"border:\s*none;\s*border-top:\s*solid\s+(?:#[0-9a-f]{3,6}|windowtext)\s+1(?:\.0)?pt",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(?:\s|<(?!/?b\b)[^>]*>)*<b\b[^>]*>(?:\s|<[^>]*>)*[^<:\uff1a]{1,30}\s?(?:&nbsp;)?[:\uff1a]"
)
_PREFIX = frozenset(("moz-cite-prefix", "gmail_attr"))


@dataclass(slots=True)
class _Open:
    name: str
    start: int
    end: int  # of its start tag
    whole: bool = False  # it is a quote by itself
    from_here: int = -1  # where in it a quote begins that ends with it
    prefix: bool = False


def fold_quotes(html: str, label: str) -> str:
    """`html` with its quotes folded behind a button named `label`. A message that is nothing but a quote is
    left as it is."""
    regions = _regions(html)
    if not regions:
        return html
    # Each stretch is looked at once: before the first quote, between quotes, after the last.
    ends = [0, *(end for _, end in regions)]
    starts = [*(start for start, _ in regions), len(html)]
    between = [bool(_text(html[end:start])) for end, start in zip(ends, starts, strict=True)]
    name = escape(label, quote=True)
    out: list[str] = []
    at = 0
    for n, (start, end) in enumerate(regions):
        quote = html[start:end]
        follows = n + 1 < len(regions) or between[n + 1]
        if (not n and not between[0]) or (follows and len(_text(quote)) <= OPEN_QUOTE_CHARS):
            continue
        out += (
            html[at:start],
            f'<details class="postern-quote"><summary title="{name}" aria-label="{name}">•••</summary>',
            quote,
            "</details>",
        )
        at = end
    return "".join((*out, html[at:]))


def _regions(html: str) -> list[tuple[int, int]]:
    """Quotes that lie in no other, in order."""
    stack: list[_Open] = []
    found: list[tuple[int, int]] = []
    inside = 0  # how many quotes are open
    before = (-1, -1)  # the element that introduces a quote: its start and end
    for match in _TAG.finditer(html):
        name = match[2]
        if match[1]:
            while stack:
                opened = stack.pop()
                if opened.whole:
                    inside -= 1
                    if not inside:
                        found.append((opened.start, match.end()))
                elif opened.from_here >= 0:
                    inside -= 1
                    if not inside:
                        found.append((opened.from_here, match.start()))
                if opened.prefix:
                    before = (opened.start, match.end())
                if opened.name == name:
                    break
            continue
        if name in _VOID:
            continue
        opened = _Open(name, match.start(), match.end())
        if name in _FLOW:
            attributes = dict(_ATTRIBUTE.findall(match[3]))
            classes = set(attributes.get("class", "").lower().split())
            opened.prefix = bool(classes & _PREFIX)
            if classes & _CLASSES or (name == "blockquote" and attributes.get("type", "").lower() == "cite"):
                opened.whole = True
                if before[1] >= 0 and not inside and not html[before[1] : opened.start].strip():
                    opened.start = before[0]
                inside += 1
            elif attributes.get("id", "").lower() in _FROM_HERE or (
                _RULE.search(attributes.get("style", "")) and _HEADER.match(html, match.end())
            ):
                first, depth = opened.start, len(stack)
                while (
                    depth
                    and stack[depth - 1].name == "div"
                    and not html[stack[depth - 1].end : first].strip()
                ):
                    depth -= 1  # it opens what it stands in, and so that goes with it
                    first = stack[depth].start
                if not depth:
                    if not inside:
                        found.append((first, len(html)))
                    return found
                holder = stack[depth - 1]
                if holder.from_here < 0 and not holder.whole:
                    holder.from_here = first
                    inside += 1
        stack.append(opened)
    return found


def _text(html: str) -> str:
    return _SPACE.sub(" ", html).strip()
