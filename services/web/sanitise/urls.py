"""What a message may point at: links to http, https and mailto; pictures of its own, small data, a proxy."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

MAX_URL = 4096
# A picture inside the message's own text; larger ones belong in a part of their own.
MAX_DATA_URL = 512 * 1024

# Browsers drop tabs and newlines anywhere in a URL, and controls and spaces at its ends (WHATWG URL, 4.4).
_DROPPED = re.compile(r"[\t\n\r]+")
_ENDS = "".join(map(chr, range(0x21)))
_LINK = re.compile(r"(?:https?:[/\\]{2}[^/\\]|mailto:.)", re.IGNORECASE | re.DOTALL)
_DATA_IMAGE = re.compile(
    r"data:image/(?:png|jpe?g|gif|webp|bmp|x-icon);base64,[A-Za-z0-9+/=%\s]*", re.IGNORECASE
)
_FRAGMENT = re.compile(r"#[\w.:-]{1,128}")


def tidy(url: str) -> str:
    """The URL as a browser reads it: without the characters that it ignores."""
    return _DROPPED.sub("", url.strip(_ENDS))


def safe_link(url: str) -> str | None:
    """The URL for an `href`, or None when following it could do more than open a page or write a mail."""
    if len(url) > MAX_URL:
        return None
    url = tidy(url)
    if _LINK.match(url) or _FRAGMENT.fullmatch(url):
        return url
    return None


@dataclass
class ImageSources:
    """Decides each picture's source, and counts what was kept out."""

    cid: Callable[[str], str | None]
    allow_remote: bool
    image_proxy: Callable[[str], str] | None
    blocked_remote: int = field(default=0, init=False)

    def resolve(self, url: str) -> str | None:
        """The address to load the picture from, or None. Remote ones come through the proxy or not at all."""
        url = tidy(url)
        scheme = url[:5].lower()
        if scheme == "data:":
            if len(url) <= MAX_DATA_URL and _DATA_IMAGE.fullmatch(url):
                return url
            return None
        if scheme.startswith("cid:"):
            return self.cid(unquote(url[4:]))
        if url[:2].replace("\\", "/") == "//":
            url = "https:" + url
        if len(url) > MAX_URL or not re.match(r"https?:", url, re.IGNORECASE):
            return None
        if not self.allow_remote or self.image_proxy is None:
            self.blocked_remote += 1
            return None
        return self.image_proxy(url)
