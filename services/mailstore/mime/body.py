"""A text part's octets → text to show."""

from __future__ import annotations

import re

from . import charset
from .flowed import unfold_flowed
from .model import Part, TextBody
from .transfer import decode_transfer, normalise_encoding
from .uuencode import split_uuencoded

_META_SEARCH = 4096
_META = re.compile(
    rb"<meta[\s/][^>]{0,400}?charset\s{0,5}=\s{0,5}[\"']?\s{0,5}([A-Za-z0-9_.:-]{1,60})", re.IGNORECASE
)
_XML = re.compile(rb"^\s{0,20}<\?xml[^>]{0,200}?encoding\s{0,5}=\s{0,5}[\"']([A-Za-z0-9_.:-]{1,60})")


def read_text(part: Part, data: bytes, *, truncated: bool = False) -> TextBody:
    """Undo transfer encoding, charset, format=flowed and uuencoded blocks of the octets of BODY[part.number].

    `truncated`: only the first octets were fetched, so a cut character at the end is no damage.
    """
    encoding = normalise_encoding(part.encoding)
    if encoding == "uuencode" and part.media_type == "text/plain":
        encoding = "8bit"  # the text around the block is the message; the block becomes a file below
    octets = decode_transfer(data, encoding)
    is_html = part.media_type == "text/html"
    label = part.params.get("charset", "")
    if is_html and charset.lookup(label) is None:
        label = _html_label(octets) or label
    text, codec, damaged = charset.decode(octets, label, truncated=truncated)
    text = charset.clean(text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"))
    if is_html:
        return TextBody(text, is_html=True, charset=codec.replace("_", "-"), damaged=damaged)
    text, files = split_uuencoded(text)
    flowed = part.params.get("format", "").lower() == "flowed"
    if flowed:
        text = unfold_flowed(text, delsp=part.params.get("delsp", "").lower() == "yes")
    return TextBody(text, charset=codec.replace("_", "-"), flowed=flowed, damaged=damaged, files=files)


def _html_label(octets: bytes) -> str:
    """What the document says of itself (WHATWG HTML, prescan). UTF-16 there can only mean UTF-8."""
    head = octets[:_META_SEARCH]
    match = _META.search(head) or _XML.match(head)
    if match is None:
        return ""
    label = match.group(1).decode("ascii")
    return "utf-8" if (charset.lookup(label) or "").startswith(("utf_16", "utf_32", "utf_7")) else label
