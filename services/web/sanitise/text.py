"""Plain text of a message → HTML for the page: escaped, links found, quotes nested and folded, each paragraph
by its own direction."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

MAX_TEXT = 1_000_000  # characters
MAX_QUOTE_DEPTH = 12
# A quote in the middle of an answer is what is being answered: it stays open unless it is longer than this.
OPEN_QUOTE_LINES = 8

# Bidirectional controls end a link: they could make it read as another address (UTS 55).
_NOT_URL = r"\s<>\"\u200e\u200f\u202a-\u202e\u2066-\u2069"
_LINK = re.compile(
    rf"(?<![\w.+-])(?:(?P<url>https?://[^{_NOT_URL}]{{1,2000}})"
    rf"|(?P<mailto>mailto:[^{_NOT_URL}]{{1,320}})"
    rf"|(?P<www>www\.[^{_NOT_URL}]{{1,2000}})"
    r"|(?P<mail>[\w.+-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.){1,8}[A-Za-z]{2,24}\b))",
    re.IGNORECASE,
)
_QUOTE = re.compile(r"(?:> ?){1,64}")
_CLOSING = {")": "(", "]": "[", "}": "{"}


def text_to_html(
    text: str, *, fold_label: str = "Quoted text", cut_note: str = "The rest is not shown."
) -> Markup:
    """HTML for `text`, whose lines end in LF or CRLF. `fold_label` names the button that unfolds a quote."""
    cut = len(text) > MAX_TEXT
    lines = text[:MAX_TEXT].replace("\r\n", "\n").replace("\r", "\n").expandtabs(8).split("\n")
    body, signature = _split_signature(lines)
    out: list[str] = []
    blocks = list(_blocks(body))
    for n, (depth, block) in enumerate(blocks):
        if not depth:
            out.append(_paragraphs(block))
            continue
        trailing = all(not d and not any(s.strip() for s in b) for d, b in blocks[n + 1 :])
        quote = f"<blockquote>{_quoted(block, 1)}</blockquote>"
        if trailing or len(block) > OPEN_QUOTE_LINES:
            label = escape(fold_label)
            summary = f'<summary title="{label}" aria-label="{label}">•••</summary>'
            quote = f'<details class="quote">{summary}{quote}</details>'
        out.append(quote)
    if signature:
        out.append(f'<div class="signature">{_paragraphs(signature)}</div>')
    if cut:
        out.append(f'<p dir="auto"><strong>{escape(cut_note)}</strong></p>')
    return Markup("".join(out))  # noqa: S704 - every piece of text above went through escape


def _split_signature(lines: list[str]) -> tuple[list[str], list[str]]:
    """The text, and what stands after the last "-- " line when it is short (RFC 3676, 4.3)."""
    for at in range(len(lines) - 1, max(-1, len(lines) - 20), -1):
        if lines[at] == "-- ":
            return lines[:at], lines[at:]
    return lines, []


def _level(line: str) -> tuple[int, str]:
    """How many times a line is quoted, and the line without the marks."""
    match = _QUOTE.match(line)
    if not match:
        return 0, line
    return min(match[0].count(">"), MAX_QUOTE_DEPTH), line[match.end() :]


def _blocks(lines: list[str]) -> Iterator[tuple[bool, list[str]]]:
    """Runs of lines that are all quoted or all not."""
    run: list[str] = []
    quoted = False
    for line in lines:
        if line.startswith(">") != quoted:
            if run:
                yield quoted, run
            run, quoted = [], not quoted
        run.append(line)
    if run:
        yield quoted, run


def _quoted(lines: list[str], depth: int) -> str:
    """The inside of a quote of `depth`: runs of its own lines as paragraphs, deeper ones as quotes within."""
    out: list[str] = []
    own: list[str] = []
    deeper: list[str] = []

    def flush() -> None:
        if own:
            out.append(_paragraphs(own))
            own.clear()
        if deeper:
            out.append(f"<blockquote>{_quoted(deeper, depth + 1)}</blockquote>")
            deeper.clear()

    for line in lines:
        level, rest = _level(line)
        if level > depth:
            if own:
                flush()
            deeper.append(line)
        else:
            if deeper:
                flush()
            own.append(rest)
    flush()
    return "".join(out)


def _paragraphs(lines: list[str]) -> str:
    """Paragraphs between empty lines. Line breaks inside are kept by the style sheet (pre-wrap)."""
    out: list[str] = []
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            paragraph.append(line.rstrip())
        elif paragraph:
            out.append(f'<p dir="auto">{_linked(chr(10).join(paragraph))}</p>')
            paragraph = []
    return "".join(out)


def _linked(text: str) -> str:
    out: list[str] = []
    at = 0
    for match in _LINK.finditer(text):
        shown = _trimmed(match[0])
        if match["mail"]:
            href = "mailto:" + shown
        elif match["www"]:
            href = "https://" + shown
        else:
            href = shown
        if len(shown) < 6:
            continue
        out.append(str(escape(text[at : match.start()])))
        out.append(
            f'<a href="{escape(href)}" target="_blank" rel="noopener noreferrer nofollow">{escape(shown)}</a>'
        )
        at = match.start() + len(shown)
    out.append(str(escape(text[at:])))
    return "".join(out)


def _trimmed(url: str) -> str:
    """Without the punctuation of the sentence around it; a closing bracket stays if it was opened within."""
    while url:
        last = url[-1]
        unopened = last in _CLOSING and url.count(last) > url.count(_CLOSING[last])
        if last not in ".,;:!?'*_~…。、" and not unopened:
            break
        url = url[:-1]
    return url
