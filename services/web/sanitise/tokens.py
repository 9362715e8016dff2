"""Turns any text that calls itself HTML into balanced, bounded HTML that every parser reads the same way.

A message may be built to make a parser slow or its output huge: 100,000 nested tags, or a few unclosed
formatting elements that the parser must open again in each of 100,000 paragraphs (HTML Standard, 13.2.4.3).
Therefore the sanitiser proper never sees the sender's markup, only what this module writes: known tags,
closed in order, at most MAX_DEPTH deep, at most MAX_TAGS of them, each attribute quoted. What is allowed is
decided later; here only elements that hold something other than content (script, style, …) go, with all that
is in them.

Invariant: the work is linear in the length of the text; nothing is scanned to its end twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_DEPTH = 100
MAX_TAGS = 60_000
MAX_ATTRIBUTES = 40

# Written under a name of no meaning to the parser, so that it does not open them again in every block; the
# real name returns after the sanitiser, which has then seen them nested in order.
FORMATTING = frozenset("a b big code em font i s small strike strong tt u".split())
ALIAS = "x-"

VOID = frozenset(("br", "hr", "img", "col", "wbr"))
_TABLE_PARTS = ("tbody", "thead", "tfoot")
BLOCKS = frozenset(
    "address article aside blockquote center details dir div dl fieldset figcaption figure footer "
    "h1 h2 h3 h4 h5 h6 header hr li main menu nav ol p pre section summary table ul dd dt".split()
)
KNOWN = (
    VOID
    | BLOCKS
    | FORMATTING
    | frozenset(
        "abbr acronym bdi bdo caption cite colgroup data del dfn ins kbd mark q rp rt ruby samp span sub sup "
        "tbody td tfoot th thead time tr var".split()
    )
)
# Gone with all their content: it is not text for a person, or it belongs to another language.
HIDDEN = frozenset(
    "script style title textarea xmp iframe noembed noframes plaintext template select math svg canvas "
    "audio video datalist".split()
)
RAW = frozenset("script style title textarea xmp iframe noembed noframes plaintext".split())
# What an element may not be inside of, up to the boundary: `<li>` closes the open `<li>` of the same list.
_CLOSES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "li": (("li",), ("ul", "ol", "menu", "dir", "table")),
    "dt": (("dt", "dd"), ("dl", "table")),
    "dd": (("dt", "dd"), ("dl", "table")),
    "td": (("td", "th"), ("table",)),
    "th": (("td", "th"), ("table",)),
    "tr": (("tr", "caption", "colgroup"), ("table",)),
    "tbody": ((*_TABLE_PARTS, "tr", "caption", "colgroup"), ("table",)),
    "thead": ((*_TABLE_PARTS, "tr", "caption", "colgroup"), ("table",)),
    "tfoot": ((*_TABLE_PARTS, "tr", "caption", "colgroup"), ("table",)),
    "a": (("a",), ("td", "th", "table")),
}
_CELL = ("table", "td", "th", "caption")
_TABLE_ENDS = frozenset(("table", "tr", "td", "th", "caption", "colgroup", *_TABLE_PARTS))
# Formatting straight in a table is moved out of it by the parser, which is the other way to multiply it.
_TABLE_ONLY = frozenset(("table", "tr", "colgroup", *_TABLE_PARTS))
_TABLE_MODEL = frozenset(("tr", "td", "th", "caption", "col", "colgroup", *_TABLE_PARTS))

_TAG = re.compile(r"(/?)([A-Za-z][^\s/>\x00]{0,63})")
_ATTRIBUTE = re.compile(
    r"""[\s/]*(?P<name>[^\s/>=][^\s/>=]*)(?:\s*=\s*(?:"(?P<d>[^"]*)"|'(?P<s>[^']*)'|(?P<u>[^\s>"'][^\s>]*)))?"""
)
_OPEN_QUOTE = re.compile(r"""\s*=\s*["']""")
_NAME = re.compile(r"[a-z][a-z-]{0,30}")
_SPACE = re.compile(r"[\s/]*")
_END_COMMENT = re.compile(r"--!?>")
_ENDS = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in HIDDEN}


@dataclass
class Tokens:
    """The balanced text, and what was found outside it."""

    html: str = ""
    sheets: list[str] = field(default_factory=list)
    body: dict[str, str] = field(default_factory=dict)
    color_scheme: str = ""
    cut: bool = False
    unclosed: set[str] = field(default_factory=set)


class _Writer:
    def __init__(self) -> None:
        self.out: list[str] = []
        self.stack: list[str] = []

    def close_to(self, depth: int) -> None:
        while len(self.stack) > depth:
            self.out.append(f"</{_written(self.stack.pop())}>")

    def close_any(self, names: tuple[str, ...], boundary: tuple[str, ...]) -> None:
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] in names:
                self.close_to(at)
                if names[0] not in _TABLE_PARTS and "tr" not in names:
                    return
            elif self.stack[at] in boundary:
                return

    def start(self, name: str, attributes: str) -> None:
        stack = self.stack
        if name in BLOCKS:
            self.close_any(("p",), _CELL)
        if name in _CLOSES:
            self.close_any(*_CLOSES[name])
        if stack and stack[-1] in _TABLE_ONLY and name not in _TABLE_MODEL:
            return  # markup between cells; its text stays
        if len(stack) >= MAX_DEPTH and name not in VOID:
            return
        self.out.append(f"<{_written(name)}{attributes}>")
        if name not in VOID:
            stack.append(name)

    def end(self, name: str) -> None:
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] == name:
                self.close_to(at)
                return
            if self.stack[at] in _CELL and name not in _TABLE_ENDS:
                return  # an end tag inside a cell closes nothing outside it


def _written(name: str) -> str:
    return ALIAS + name if name in FORMATTING else name


def normalise(html: str, max_chars: int) -> Tokens:
    """Balanced HTML of known elements from `html`, of which at most `max_chars` characters are read."""
    found = Tokens(cut=len(html) > max_chars)
    # A lone surrogate cannot be UTF-8, so nothing after this could take it.
    html = html[:max_chars].encode("utf-8", "replace").decode("utf-8")
    writer = _Writer()
    out = writer.out
    at, end, tags = 0, len(html), 0
    while at < end:
        lt = html.find("<", at)
        if lt < 0:
            lt = end
        if lt > at:
            out.append(html[at:lt])
        if lt >= end:
            break
        match = _TAG.match(html, lt + 1)
        if match is None:
            at = _skip_other(html, lt, out)
            continue
        name = match[2].lower()
        at, attributes = _attributes(html, match.end())
        tags += 1
        if tags > MAX_TAGS:
            found.cut = True
            break
        if match[1]:
            if name in KNOWN:
                writer.end(name)
            elif name == "br" or name == "p":
                out.append(f"<{name}>")
        elif name in HIDDEN:
            at = _hidden(html, at, name, attributes, found)
        elif name == "body":
            found.body = found.body or attributes
        elif name == "meta":
            if attributes.get("name", "").lower() in ("color-scheme", "supported-color-schemes"):
                found.color_scheme += attributes.get("content", "")[:64].lower()
        elif name in KNOWN or name == "image":  # the parser's own old synonym, HTML Standard 13.2.6.4.7
            name = "img" if name == "image" else name
            writer.start(name, _quoted(name, attributes))
    writer.close_to(0)
    found.html = "".join(out)
    return found


def _skip_other(html: str, lt: int, out: list[str]) -> int:
    """Past a comment, a declaration, or a `<` that is only a character."""
    if html.startswith("<!--", lt):
        if html.startswith((">", "->"), lt + 4):
            return html.index(">", lt + 4) + 1
        done = _END_COMMENT.search(html, lt + 4)
        return done.end() if done else len(html)
    if html.startswith(("<!", "<?", "</"), lt):
        gt = html.find(">", lt)
        return gt + 1 if gt >= 0 else len(html)
    out.append("&lt;")
    return lt + 1


def _attributes(html: str, at: int) -> tuple[int, dict[str, str]]:
    """Where the tag ends, and its attributes from `at` on: the first of a name counts, values undecoded."""
    attributes: dict[str, str] = {}
    while True:
        at = _SPACE.match(html, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        if at >= len(html):
            return at, {}
        if html[at] == ">":
            return at + 1, attributes
        match = _ATTRIBUTE.match(html, at)
        if match is None:  # a lone `=`
            at += 1
            continue
        at = match.end()
        name = match["name"].lower()
        value = match["d"] if match["d"] is not None else match["s"] if match["s"] is not None else match["u"]
        if value is None and html[at : at + 1] == "=":
            at += 1
        elif value is None and _OPEN_QUOTE.match(html, at):
            return len(html), {}  # a quote that never closes: the standard reads to the end
        if len(attributes) < MAX_ATTRIBUTES and _NAME.fullmatch(name):
            attributes.setdefault(name, value or "")


def _hidden(html: str, at: int, name: str, attributes: dict[str, str], found: Tokens) -> int:
    done = None if name in found.unclosed else _ENDS[name].search(html, at)
    if done is None:
        found.unclosed.add(name)
        # Nothing closes it. For raw text the standard reads to the end; the others are only not understood.
        return len(html) if name in RAW else at
    if name == "style" and not attributes.get("media", "").lower().startswith("print"):
        found.sheets.append(html[at : done.start()])
    gt = html.find(">", done.end())
    return gt + 1 if gt >= 0 else len(html)


def _quoted(name: str, attributes: dict[str, str]) -> str:
    if not attributes and name != "a":
        return ""
    if name == "a" and not attributes.get("href", "#").lstrip().startswith("#"):
        attributes["target"] = "_blank"
    else:
        attributes.pop("target", None)
    return "".join(f' {key}="{value.replace(chr(34), "&quot;")}"' for key, value in attributes.items())
