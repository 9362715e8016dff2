"""HTML of a message → HTML that can do nothing: an allow-list (nh3) over balanced markup, and one for CSS."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import nh3

from services.web.sanitise.css import MAX_SHEET, StyleCleaner
from services.web.sanitise.quotes import fold_quotes
from services.web.sanitise.tokens import ALIAS, FORMATTING, KNOWN, normalise
from services.web.sanitise.urls import ImageSources, safe_link

MAX_INPUT = 2_000_000  # characters

_ANYWHERE = frozenset("align bgcolor class dir id lang style title valign".split())
_TABLE = frozenset(
    "abbr background border bordercolor cellpadding cellspacing char colspan frame headers height nowrap "
    "rowspan rules scope span summary width".split()
)
_BY_TAG = {
    "a": {"href", "name", "target"},
    "img": {"src", "alt", "width", "height", "border", "hspace", "vspace"},
    "font": {"color", "face", "size"},
    "hr": {"color", "noshade", "size", "width"},
    "ol": {"start", "type", "reversed"},
    "ul": {"type"},
    "li": {"value", "type"},
    "blockquote": {"type"},
    "time": {"datetime"},
    "details": {"open"},
    "td": set(_TABLE),
    "th": set(_TABLE),
    "tr": {"height", "bordercolor"},
    "table": set(_TABLE),
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
    "pre": {"width"},
}
_ALIASED = re.compile(rf"<(/?){ALIAS}({'|'.join(sorted(FORMATTING, key=len, reverse=True))})(?=[ >])")
_TAGS = {ALIAS + name if name in FORMATTING else name for name in KNOWN}
_ATTRIBUTES = {"*": set(_ANYWHERE)} | {
    (ALIAS + tag if tag in FORMATTING else tag): set(names) for tag, names in _BY_TAG.items()
}
_COLOUR = re.compile(r"#?[\w]{1,32}|rgba?\([\d\s,.%]{1,40}\)")


@dataclass(frozen=True, slots=True)
class SanitisedHtml:
    """A message's HTML without anything active.

    `html` is the content of the body; `css` its style sheets; `body_style` what the body element itself said.
    `blocked_remote` counts pictures kept out; `cut` says that the message was too long and its end is
    missing; `supports_dark` that it was made for a dark ground too.
    """

    html: str
    css: str = ""
    body_style: str = ""
    blocked_remote: int = 0
    cut: bool = False
    supports_dark: bool = False


def sanitise_html(
    html: str,
    *,
    cid: Callable[[str], str | None] = lambda _: None,
    allow_remote: bool = False,
    image_proxy: Callable[[str], str] | None = None,
    max_chars: int = MAX_INPUT,
    fold_label: str = "",
) -> SanitisedHtml:
    """Returns what may be shown of `html`. Never raises on any text; time and size are linear in its length.

    `cid` maps a Content-ID (without angle brackets, RFC 2392) to an address of ours or None. Remote pictures
    are loaded only with `allow_remote`, and then only from `image_proxy(url)`. Both must give addresses that
    answer without a cookie: the frame has an opaque origin, so the browser sends none. `fold_label` names the
    button that unfolds a quote; without it nothing is folded.
    """
    sources = ImageSources(cid, allow_remote, image_proxy)
    styles = StyleCleaner(sources.resolve)
    found = normalise(html, max_chars)

    def attribute(tag: str, name: str, value: str) -> str | None:
        # nh3 keeps the value when this raises, so nothing may.
        try:
            return _attribute(tag, name, value, sources, styles)
        except Exception:
            return None

    clean = nh3.clean(
        found.html,
        tags=_TAGS,
        clean_content_tags={"script", "style"},
        attributes=_ATTRIBUTES,
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto", "cid", "data"},
        link_rel=None,
        strip_comments=True,
    )
    clean = _ALIASED.sub(_real_name, clean)
    if fold_label:
        clean = fold_quotes(clean, fold_label)
    css, left = [], MAX_SHEET
    for sheet in found.sheets:
        css.append(styles.sheet(sheet[:left]))
        left -= len(sheet)
        if left <= 0:
            break
    body_style = _body_style(found.body, styles)
    return SanitisedHtml(
        html=clean,
        css="\n".join(filter(None, css)),
        body_style=body_style,
        blocked_remote=sources.blocked_remote,
        cut=found.cut,
        supports_dark=styles.supports_dark or "dark" in found.color_scheme,
    )


def _real_name(match: re.Match[str]) -> str:
    rel = ' rel="noopener noreferrer nofollow"' if match[2] == "a" and not match[1] else ""
    return f"<{match[1]}{match[2]}{rel}"


def _attribute(tag: str, name: str, value: str, sources: ImageSources, styles: StyleCleaner) -> str | None:
    if name == "style":
        return styles.attribute(value)
    if name == "href":
        return safe_link(value)
    if name in ("src", "background"):
        return sources.resolve(value)
    if name == "target":
        return "_blank"
    if name in ("bgcolor", "color", "bordercolor"):
        return value if _COLOUR.fullmatch(value.strip()) else None
    return value[:2048]


def _body_style(body: dict[str, str], styles: StyleCleaner) -> str:
    """The ground and text colour that the body element set, as a style: the element itself is the frame's."""
    parts = []
    for name, prop in (("bgcolor", "background-color"), ("text", "color")):
        if name in body and _COLOUR.fullmatch(body[name].strip()):
            parts.append(f"{prop}:{body[name].strip()}")
    if "style" in body:
        parts.append(_unescaped(body["style"]))
    return styles.attribute(";".join(parts)) or "" if parts else ""


def _unescaped(value: str) -> str:
    # The few that occur in a style; anything else makes the declaration invalid, which is safe.
    return value.replace("&quot;", '"').replace("&#39;", "'").replace("&amp;", "&")


def attribute_text(value: str) -> str:
    """A value for a double-quoted attribute."""
    return escape(value, quote=True)
