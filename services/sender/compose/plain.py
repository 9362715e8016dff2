"""The text alternative of an HTML body, for those who read without HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "center", "dd", "div", "dl", "dt", "fieldset"),
        *("figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main"),
        *("nav", "ol", "p", "pre", "section", "table", "tr", "ul"),
    )
)
_SPACED = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "pre", "table"))
_SILENT = frozenset(("head", "script", "style", "template", "title", "noscript"))
_SPACE = re.compile(r"[ \t\r\n\f]+")
MAX_DEPTH = 200


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.line = ""
        self.quotes = 0
        self.silent = 0
        self.preformatted = 0
        self.lists: list[int] = []
        self.links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in _SILENT:
            self.silent += 1
        if tag == "br":
            self._end_line(always=True)
        elif tag == "img" and values.get("alt"):
            self.handle_data(str(values["alt"]))
        elif tag == "a":
            self.links.append((values.get("href") or "", len(self.line)))
        elif tag in ("td", "th") and self.line.strip():
            self.line += " "
        if tag in _BLOCKS:
            self._block(tag)
            self._open(tag)
        if tag == "hr":
            self.line = "-" * 20
            self._end_line()

    def _open(self, tag: str) -> None:
        if tag == "blockquote":
            self.quotes = min(self.quotes + 1, MAX_DEPTH)
        elif tag in ("ul", "ol"):
            self.lists = [*self.lists, 0 if tag == "ol" else -1][-MAX_DEPTH:]
        elif tag == "li":
            if self.lists and self.lists[-1] >= 0:
                self.lists[-1] += 1
                self.line = f"{self.lists[-1]}. "
            else:
                self.line = "- "
        elif tag == "pre":
            self.preformatted += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT and self.silent:
            self.silent -= 1
        if tag == "a" and self.links:
            target, start = self.links.pop()
            shown = self.line[start:].strip()
            if re.match(r"(https?|mailto):", target) and target.removeprefix("mailto:") not in shown:
                self.line += f" <{target}>"
        if tag in _BLOCKS:
            self._block(tag)
            if tag == "blockquote" and self.quotes:
                self.quotes -= 1
            elif tag in ("ul", "ol") and self.lists:
                self.lists.pop()
            elif tag == "pre" and self.preformatted:
                self.preformatted -= 1

    def handle_data(self, data: str) -> None:
        if self.silent:
            return
        if self.preformatted:
            first, *rest = data.replace("\r\n", "\n").split("\n")
            self.line += first
            for line in rest:
                self._end_line(always=True)
                self.line = line
            return
        data = _SPACE.sub(" ", data).replace("\N{NO-BREAK SPACE}", " ")
        self.line += data.lstrip(" ") if self.line.endswith(" ") or not self.line else data

    def _block(self, tag: str) -> None:
        self._end_line()
        if tag in _SPACED and self.lines and self.lines[-1].strip("> "):
            self.lines.append(self._prefix().rstrip(" "))

    def _prefix(self) -> str:
        return ">" * self.quotes + (" " if self.quotes else "")

    def _end_line(self, *, always: bool = False) -> None:
        if self.line.strip() or always:
            self.lines.append((self._prefix() + self.line.rstrip(" ")).rstrip(" "))
        self.line = ""
        self.links = [(target, 0) for target, _ in self.links][-MAX_DEPTH:]


def text_of(html: str) -> str:
    """What the HTML says, as text with "\\n" line ends. Never fails: unreadable markup is text."""
    reader = _Reader()
    reader.feed(html.replace("\x00", ""))
    reader.close()
    reader._end_line()
    text = "\n".join(reader.lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


_DOCUMENT = re.compile(r"\s*(?:<!doctype[^>]*>\s*)?(?:<!--.*?-->\s*)*<html\b", re.IGNORECASE | re.DOTALL)


def document(html: str) -> str:
    """The HTML as a whole document; a fragment is given a head that says its charset."""
    if _DOCUMENT.match(html):
        return html
    head = '<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8"></head>\n<body>\n'
    return f"{head}{html}\n</body>\n</html>\n"
