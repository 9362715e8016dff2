"""What the receiving mail server found out about a sender, and how to leave a list.

Only what a server of our own wrote counts: anybody may put Authentication-Results into a message, so those of
other names are not looked at (RFC 8601 section 5). Without a name in the settings nothing is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from services.web.model.mail import OpenMessage

_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"^\s*([a-z0-9-]+)\s*=\s*([a-z]+)", re.IGNORECASE)
_PROPERTY = re.compile(r"\b(header\.(?:d|i|from)|smtp\.mailfrom)\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_LINK = re.compile(r"<\s*(https://[^<>\s]+)\s*>", re.IGNORECASE)


@dataclass(frozen=True)
class Verdict:
    """`good`: the domain in From is whose it says to be; False: it is not; `domain` as the server saw it."""

    good: bool
    domain: str


def verdict(message: OpenMessage, own: Collection[str]) -> Verdict | None:
    """What the topmost Authentication-Results of a server named in `own` says; None where there is none, or
    where it says nothing either way."""
    sender = next((one.address for one in message.row.envelope.from_ if one.address), "")
    domain = sender.rpartition("@")[2].lower()
    text = next(
        (
            value
            for name, value in message.headers
            if name.lower() == "authentication-results" and _server(value) in own
        ),
        "",
    )
    if not text or not domain:
        return None
    for part in _COMMENT.sub(" ", text).split(";")[1:]:
        found = _RESULT.match(part)
        if found is None:
            continue
        method, result = found[1].lower(), found[2].lower()
        properties = {name.lower(): value.lower() for name, value in _PROPERTY.findall(part)}
        if method == "dmarc" and result in ("pass", "fail"):
            return Verdict(result == "pass", domain)
        if method == "dkim" and result == "pass" and _aligned(properties, domain):
            return Verdict(True, domain)
    return None


def _server(value: str) -> str:
    words = _COMMENT.sub(" ", value).split(";", 1)[0].split()
    return words[0].lower() if words else ""


def _aligned(properties: dict[str, str], domain: str) -> bool:
    """Strict alignment (RFC 7489 section 3.1.1), so that no list of public suffixes is needed."""
    signer = properties.get("header.d") or properties.get("header.i", "").rpartition("@")[2]
    return bool(signer) and signer == domain


def unsubscribe_address(message: OpenMessage) -> str:
    """Where one POST ends a subscription (RFC 8058 section 3.1), or ""."""
    if message.header("List-Unsubscribe-Post").strip().lower() != "list-unsubscribe=one-click":
        return ""
    found = _LINK.search(message.header("List-Unsubscribe"))
    return found[1] if found else ""
