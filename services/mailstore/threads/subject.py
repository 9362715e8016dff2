"""The base of a subject (RFC 5256 section 2.1), with the reply marks of other languages than English too."""

from __future__ import annotations

import re

# "Re" and "Fwd" as mailers in common languages write them.
_MARKS = (
    "re|fw|fwd|aw|wg|antw|sv|vs|vl|tr|rv|rif|ref|res|enc|odp|pd|ynt|ilt|bls|trs|hl|i|r|doorst|videre|vb"
    "|αποαντ|απ|προθ|отв|пересл|回复|回覆|答复|转发|轉寄|返信|転送|회신|전달|השב|העבר|رد|إعادة توجيه"
)
_LEADER = re.compile(
    rf"\s*(?:\[[^\[\]]{{0,60}}\]\s*)*(?:{_MARKS})\s*(?:\[[^\[\]]{{0,20}}\]|\(\d{{1,3}}\)|\d{{1,3}})?\s*[:：]",
    re.I,
)
_TRAILER = re.compile(r"(?:\s*\(fwd\)|\s+)\Z", re.IGNORECASE)
_BLOB = re.compile(r"\s*\[[^\[\]]{0,60}\]\s*(?=\S)")
_FWD = re.compile(r"\s*\[fwd:(.*)\]\s*\Z", re.IGNORECASE | re.DOTALL)


def base_subject(subject: str) -> str:
    """The subject without reply and forward marks and list names; white space made one space."""
    text = " ".join(subject[:1000].split())
    for _ in range(20):
        before = text
        text = _TRAILER.sub("", text)
        match = _LEADER.match(text)
        if match:
            text = text[match.end() :].lstrip()
        forwarded = _FWD.match(text)
        if forwarded:
            text = forwarded[1].strip()
        blob = _BLOB.match(text)
        if blob:
            text = text[blob.end() :]
        if text == before:
            break
    return text


def is_reply(subject: str) -> bool:
    """Whether the subject itself says that it answers or forwards something."""
    return bool(_LEADER.match(subject[:1000]))
