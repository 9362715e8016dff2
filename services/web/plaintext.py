"""HTML of a message as plain text, for quoting and for editing a draft that has no text of its own."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCKS = set(
    "address article blockquote dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li main "
    "nav ol p pre section table tr ul".split()
)
_APART = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote", "pre"}
_MARKER = re.compile(r"(?:> )*(?:- |\d+\. )\Z")
_SKIPPED = {"script", "style", "head", "title", "template"}
MAX_HTML = 1_000_000


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = [""]
        self._skip = self._pre = self._quote = 0
        self._href: list[str] = []
        self._lists: list[int] = []  # the next number of each open list, -1 where it has bullets

    def _prefix(self) -> str:
        return "> " * min(self._quote, 8)

    def _break(self, apart: bool = False) -> None:
        if _MARKER.match(self.lines[-1]):
            return  # what an entry holds stands beside its bullet
        if self.lines[-1].strip():
            self.lines.append("")
        if apart and len(self.lines) > 1 and self.lines[-2].strip(" >"):
            self.lines[-1] = self._prefix()
            self.lines.append("")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SKIPPED:
            self._skip += 1
        elif tag == "br":
            self.lines.append("")
        elif tag in _BLOCKS:
            self._break(tag in _APART)
            if tag == "blockquote":
                self._quote += 1
            elif tag == "pre":
                self._pre += 1
            elif tag in ("ul", "ol"):
                self._lists.append(1 if tag == "ol" else -1)
            elif tag == "li":
                self.lines[-1] = self._prefix() + self._marker()
            elif tag == "hr":
                self.lines[-1] = f"{self._prefix()}---"
                self.lines.append("")
        elif tag in ("td", "th") and self.lines[-1].strip():
            self.lines[-1] += "\t"
        elif tag == "a":
            self._href.append(dict(attrs).get("href") or "")
        elif tag == "img" and not self._skip:
            alt = (dict(attrs).get("alt") or "").strip()
            if alt:
                self.handle_data(f"[{alt}]")

    def _marker(self) -> str:
        number = self._lists[-1] if self._lists else -1
        if number < 0:
            return "- "
        self._lists[-1] += 1
        return f"{number}. "

    def handle_endtag(self, tag: str) -> None:
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag in _SKIPPED:
            self._skip = max(0, self._skip - 1)
        elif tag == "a" and self._href:
            href = self._href.pop()
            shown = self.lines[-1]
            if href.startswith(("http://", "https://")) and href.rstrip("/") not in shown and len(href) < 500:
                self.handle_data(f" <{href}>")
        elif tag in _BLOCKS:
            if tag == "blockquote":
                self._break()
                self._quote = max(0, self._quote - 1)
                self._break(True)
                return
            if tag == "pre":
                self._pre = max(0, self._pre - 1)
            self._break(tag in _APART)

    def handle_data(self, data: str) -> None:
        if self._skip:
            return
        if self._pre:
            for n, line in enumerate(data.split("\n")):
                if n:
                    self.lines.append("")
                self.lines[-1] += (self._prefix() if not self.lines[-1] else "") + line
            return
        text = re.sub(r"[ \t\r\n\f]+", " ", data)
        current = self.lines[-1]
        if not current:
            text = text.lstrip(" ")
            current = self._prefix() if text else ""
        elif current.endswith((" ", "\t")):
            text = text.lstrip(" ")
        self.lines[-1] = current + text


def html_to_text(html: str) -> str:
    """The readable text, paragraphs apart, quotes marked by ">". Never raises on any text."""
    reader = _Reader()
    try:
        reader.feed(html[:MAX_HTML])
        reader.close()
    except Exception:  # a parser's trouble with hostile markup leaves what was read so far
        pass
    text = "\n".join(
        # The space of the line above a signature stays (RFC 3676 section 4.3).
        "-- " if line in ("-- ", "--\u00a0") else line.rstrip() if line.strip(" >") else line.strip()
        for line in reader.lines
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip()
