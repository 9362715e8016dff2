"""Where a request came from, and whether its place of origin may make it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import Request

from services.web.model.account import Client
from services.web.settings import Network

SAFE = {"GET", "HEAD", "OPTIONS"}


def client(request: Request, trusted: Sequence[Network]) -> Client:
    peer = request.client.host if request.client else ""
    address = forwarded(peer, request.headers.getlist("x-forwarded-for"), trusted)
    found = request.scope.get("postern_certificate")
    shown = (found.fingerprint, found.subject, found.accounts) if found is not None else ()
    return Client(address, request.headers.get("user-agent", "")[:300], *shown)


def forwarded(peer: str, headers: Sequence[str], trusted: Sequence[Network]) -> str:
    """The last address that no trusted proxy has: what stands before it the caller may have made up."""
    address = peer
    hops = [hop.strip() for header in headers for hop in header.split(",")]
    while hops and within(address, trusted):
        candidate = hops.pop().strip("[]")
        try:
            ipaddress.ip_address(candidate)
        except ValueError:
            break
        address = candidate
    return address


def within(address: str, trusted: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed.version == network.version and parsed in network for network in trusted)


def allowed_origin(request: Request, public_url: str) -> bool:
    """Whether a page of ours, the person's own hand, or a link from elsewhere made the request.

    Sec-Fetch-Site decides where the browser sends it (Fetch metadata); else Origin; a browser with neither is
    left to the form token. Our own pages send no referrer, so Origin may be "null" on their forms and says
    nothing then.
    """
    site = request.headers.get("sec-fetch-site", "")
    if request.method in SAFE:
        # A link from elsewhere may be followed; nothing else from elsewhere may load a page.
        return site not in ("cross-site", "same-site") or request.headers.get("sec-fetch-mode") == "navigate"
    if site:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin", "")
    if not origin or origin == "null":
        return True
    parts = urlsplit(public_url)
    host = request.headers.get("host", "")
    return origin.lower() in {f"{parts.scheme}://{parts.netloc}".lower(), f"{parts.scheme}://{host}".lower()}
