"""Signatures in a text: found only where they stand to the letter, so that nothing typed is taken for one."""

from __future__ import annotations

import re
from html import escape

_BLOCK = r"<div>{}\s*(?:<br ?/?>)?</div>\s*"
# The empty line above a signature goes with it.
_GAP = re.compile(r"<div>\s*<br ?/?>\s*</div>\s*\Z")


def in_text(text: str, old: str, new: str) -> str:
    """The text with the signature `old` replaced by `new`; either may be empty. What does not hold `old` as
    lines of its own is left as it is."""
    if not old:
        return f"{text.rstrip()}\n\n-- \n{new}\n" if new else text
    found = list(re.finditer(rf"(?m)^-- \n{re.escape(old)}$", text))[-1:]
    for one in found:
        text = text[: one.start()] + (f"-- \n{new}" if new else "") + text[one.end() :]
    return text


def in_html(html: str, old: str, new: str) -> str:
    """The same for formatted text, whose lines are blocks."""
    drawn = (
        "".join(f"<div>{escape(line, quote=False)}</div>" for line in ("--\u00a0", *new.split("\n")))
        if new
        else ""
    )
    if not old:
        return f"{html}<div><br></div>{drawn}" if new else html
    pattern = "".join(
        _BLOCK.format(re.escape(escape(line, quote=False).rstrip())) for line in ("-- ", *old.split("\n"))
    )
    for one in list(re.finditer(pattern, html))[-1:]:
        before = html[: one.start()] if new else _GAP.sub("", html[: one.start()])
        html = before + drawn + html[one.end() :]
    return html
