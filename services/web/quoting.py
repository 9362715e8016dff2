"""Messages with formatting: what is quoted, as HTML that an editor may hold.

Only what a person can write themselves stays: text, emphasis, lists, quotes, links, tables and pictures of
the message. No styles but a few, no classes, nothing remote (promise 4): the editor is part of our own page.
"""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape

import nh3

from services.web import answering
from services.web.composition import Composition
from services.web.model.account import Identity
from services.web.model.mail import OpenMessage
from services.web.plaintext import html_to_text
from services.web.reading import choose

_TAGS = set(
    "a b blockquote br code div em font h1 h2 h3 h4 hr i img li ol p pre s span strong sub sup table tbody "
    "td th thead tr u ul".split()
)
_STYLE = re.compile(
    r"(?:color|background-color|font-(?:weight|style|size|family)|text-decoration|text-align)"
    r"\s*:\s*[\w#(),.%'\" -]{1,120}\Z"
)
# Lines and room of tables: without them what was a table cannot be read as one.
_TABLE_STYLE = re.compile(
    r"(?:border(?:-(?:top|right|bottom|left|collapse|width|style|color))?|padding|vertical-align)"
    r"\s*:\s*[\w#(),.% -]{1,120}\Z"
)
_ATTRIBUTES = {
    "*": {"dir", "style"},
    "a": {"href"},
    "font": {"color", "face", "size"},
    "img": {"src", "alt", "width", "height"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start"},
    "blockquote": {"type"},
}
MAX_QUOTED = 500_000


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "style":
        table = tag in ("table", "td", "th")
        kept = [
            one.strip()
            for one in value.split(";")
            if _STYLE.match(one.strip()) or (table and _TABLE_STYLE.match(one.strip()))
        ]
        return "; ".join(kept) or None
    if tag == "table":
        return value if value.isdigit() and len(value) < 3 else None
    if tag == "img" and name == "src":
        return value if value.startswith("cid:") else None
    return value


def cleaned(html: str) -> str:
    """HTML that is fit for the editor and for sending on."""
    return nh3.clean(
        html[:MAX_QUOTED],
        tags=_TAGS,
        clean_content_tags={"script", "style", "title"},
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "cid"},
        link_rel=None,
        strip_comments=True,
    )


def is_html(message: OpenMessage) -> bool:
    return any(part.media_type == "text/html" for part in message.texts)


def text_as_html(text: str) -> str:
    """Plain text, line by line, as an editor has it."""
    # The space that ends the line above a signature (RFC 3676 section 4.3) would not survive in an editor.
    lines = ("--\u00a0" if line == "-- " else escape(line, quote=False) for line in text.split("\n"))
    return "".join(f"<div>{line or '<br>'}</div>" for line in lines) if text else ""


def html_of(message: OpenMessage) -> str:
    """The message's text as clean HTML."""
    return "".join(
        cleaned(part.text) if part.media_type == "text/html" else text_as_html(part.text.strip("\n"))
        for part in choose(message.texts, prefer_text=False)
    )


def quote(message: OpenMessage) -> str:
    head = text_as_html(answering.quote_head(message))
    return f'{head}<blockquote type="cite">{html_of(message)}</blockquote>'


def forwarded(message: OpenMessage) -> str:
    return text_as_html(answering.forwarded_head(message) + "\n") + html_of(message)


def formatted(composition: Composition, before: str, after: str, identity: Identity) -> Composition:
    """The composition with formatting: what is typed, the signature, and what is quoted below it."""
    signature = identity.signature.strip()
    below = text_as_html(f"\n-- \n{signature}") if signature else ""
    html = f"{text_as_html(before) or '<div><br></div>'}{below}" + (
        f"<div><br></div>{after}" if after else ""
    )
    return replace(composition, html=html, text=html_to_text(html))
