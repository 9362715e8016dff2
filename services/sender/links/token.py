"""A link's token: which file, and the key that opens it. The service keeps neither of the two.

48 random octets in base64url: 16 (128 bits) name the file, 32 are its AES-256 key. What is stored is named by
a digest of the name, so that neither the database nor the directory tells an address that answers.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field

NAME, KEY = 16, 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{64}")
_IN_TEXT = re.compile(r"/links/([A-Za-z0-9_-]{64})(?![A-Za-z0-9_-])")
MOST_IN_TEXT = 100


@dataclass(frozen=True)
class LinkKey:
    """`id`: as what the file is stored."""

    id: str
    key: bytes = field(repr=False)


def new_token() -> str:
    return secrets.token_urlsafe(NAME + KEY)


def parse(token: str) -> LinkKey | None:
    """None where it is no token."""
    if not _TOKEN.fullmatch(token):
        return None
    octets = base64.urlsafe_b64decode(token)
    return LinkKey(hashlib.sha256(octets[:NAME]).hexdigest(), octets[NAME:])


def ids_in(*texts: str) -> tuple[str, ...]:
    """The stored names of all links that stand in these texts, each once, a hundred at most."""
    found: dict[str, None] = {}
    for text in texts:
        if "/links/" not in text:
            continue
        for match in _IN_TEXT.finditer(text):
            link = parse(match[1])
            if link is not None and len(found) < MOST_IN_TEXT:
                found[link.id] = None
    return tuple(found)
