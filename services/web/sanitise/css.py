"""Style sheets of messages: properties from a list, with values that load nothing and take nothing out of its
place.

Parsing and escapes are tinycss2's (CSS Syntax 3): `\\75rl(` is the function `url` here as in a browser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import tinycss2
from tinycss2.ast import Declaration, Node

MAX_SHEET = 256 * 1024
MAX_ATTRIBUTE = 16 * 1024
MAX_RULES = 5000
MAX_DEPTH = 24

# Nothing that takes an element out of its place (position, z-index, transform, animation, pointer-events),
# nothing that runs or binds (behavior, -moz-binding, filter).
PROPERTIES = frozenset(
    """
    background background-color background-image background-position background-repeat background-size
    background-clip background-origin border-collapse border-spacing caption-side empty-cells table-layout
    border-radius border-top-left-radius border-top-right-radius
    border-bottom-left-radius border-bottom-right-radius
    box-shadow box-sizing clear color color-scheme column-count column-gap columns direction display
    flex flex-basis flex-direction flex-flow flex-grow flex-shrink flex-wrap
    justify-content align-items align-content align-self gap row-gap order float
    font font-family font-size font-size-adjust font-stretch font-style font-variant font-weight
    font-feature-settings
    height width max-height max-width min-height min-width hyphens letter-spacing line-height
    list-style list-style-position list-style-type
    margin margin-top margin-right margin-bottom margin-left margin-inline margin-block
    opacity outline outline-color outline-style outline-width overflow overflow-wrap overflow-x overflow-y
    padding padding-top padding-right padding-bottom padding-left padding-inline padding-block
    page-break-after page-break-before page-break-inside break-inside
    quotes tab-size text-align text-align-last text-decoration text-decoration-color text-decoration-line
    text-decoration-style text-indent text-overflow text-shadow text-transform text-wrap
    unicode-bidi vertical-align visibility white-space widows orphans word-break word-spacing word-wrap
    mso-hide text-size-adjust -webkit-text-size-adjust -ms-text-size-adjust -webkit-text-fill-color
    """.split()
) | {
    f"border{side}{part}"
    for side in ("", "-top", "-right", "-bottom", "-left")
    for part in ("", "-color", "-style", "-width")
}
PICTURES = frozenset({"background", "background-image"})
FUNCTIONS = frozenset(
    "rgb rgba hsl hsla hwb lab lch oklab oklch color calc min max clamp linear-gradient radial-gradient "
    "conic-gradient repeating-linear-gradient repeating-radial-gradient".split()
)
MEDIA_FUNCTIONS = frozenset({"calc"})
_BLOCKS = ("() block", "[] block", "{} block")

Resolve = Callable[[str], str | None]


class StyleCleaner:
    """Cleans style attributes and sheets of one message. `resolve` maps a picture's URL, or refuses it."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._seen: dict[str, str] = {}
        self.supports_dark = False

    def attribute(self, style: str) -> str | None:
        """The declarations of a style attribute that may stay, or None when none may."""
        if len(style) > MAX_ATTRIBUTE:
            return None
        if style not in self._seen:  # designed mail repeats the same few styles on every cell
            try:
                self._seen[style] = self._declarations(
                    tinycss2.parse_declaration_list(style, skip_comments=True, skip_whitespace=True)
                )
            except RecursionError:
                self._seen[style] = ""
        return self._seen[style] or None

    def sheet(self, css: str) -> str:
        """The rules of a sheet that may stay, as text that cannot end the style element around it."""
        try:
            rules = tinycss2.parse_stylesheet(css[:MAX_SHEET], skip_comments=True, skip_whitespace=True)
            return self._rules(rules[:MAX_RULES], depth=0)
        except RecursionError:
            return ""

    def _rules(self, rules: Iterable[Node], depth: int) -> str:
        kept: list[str] = []
        for rule in rules:
            if rule.type == "qualified-rule":
                body = self._declarations(
                    tinycss2.parse_declaration_list(rule.content, skip_comments=True, skip_whitespace=True)
                )
                if body and _plain(
                    rule.prelude, frozenset({"not", "is", "where", "nth-child", "nth-of-type"})
                ):
                    kept.append(f"{_text(rule.prelude).strip()}{{{body}}}")
            elif rule.type == "at-rule" and rule.lower_at_keyword == "media" and rule.content and depth < 2:
                # Every other at-rule loads something (@import, @font-face), moves something or is rare.
                if not _plain(rule.prelude, MEDIA_FUNCTIONS):
                    continue
                condition = _text(rule.prelude).strip()
                if "prefers-color-scheme" in condition.lower() and "dark" in condition.lower():
                    self.supports_dark = True
                inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
                body = self._rules(inner[:MAX_RULES], depth + 1)
                if body:
                    kept.append(f"@media {condition}{{{body}}}")
        return "\n".join(kept)

    def _declarations(self, nodes: Iterable[Node]) -> str:
        kept: list[str] = []
        for node in nodes:
            if node.type != "declaration" or node.lower_name not in PROPERTIES:
                continue
            value = self._value(node)
            if value:
                kept.append(f"{node.lower_name}:{value}{' !important' if node.important else ''}")
        return ";".join(kept)

    def _value(self, node: Declaration) -> str | None:
        tokens: list[Node] = []
        pictures: list[str] = []
        for token in node.value:
            url = _url(token)
            if url is None:
                tokens.append(token)
                continue
            # Resolve even where it cannot be shown, so that the count of what was kept out is right.
            source = self._resolve(url)
            if source is not None and node.lower_name in PICTURES:
                pictures.append(f"url({_quoted(source)})")
        if not _plain(tokens, FUNCTIONS):
            return None
        return " ".join([*pictures, _text(tokens).strip()]).strip() or None


def _url(token: Node) -> str | None:
    """The address in `url(…)`, however it was written."""
    if token.type == "url":
        return token.value
    if token.type == "function" and token.lower_name in ("url", "src"):
        return next((t.value for t in token.arguments if t.type == "string"), "")
    return None


def _plain(tokens: Iterable[Node], functions: frozenset[str], depth: int = 0) -> bool:
    """Whether a value has only known functions, no URL and no broken token, at any depth."""
    if depth > MAX_DEPTH:
        return False
    for token in tokens:
        if token.type in ("error", "url", "unicode-range", "{} block", "at-keyword"):
            return False
        if token.type == "function":
            if token.lower_name not in functions or not _plain(token.arguments, functions, depth + 1):
                return False
        elif token.type in _BLOCKS and not _plain(token.content, functions, depth + 1):
            return False
    return True


def _text(tokens: Iterable[Node]) -> str:
    # `<` stands in a string or an escaped name only; as an escape it is the same to CSS, nothing to HTML.
    return tinycss2.serialize(tokens).replace("<", "\\3c ")


def _quoted(url: str) -> str:
    return '"' + "".join(f"\\{ord(c):x} " if c in '"\\<>\n\r\f' else c for c in url) + '"'
