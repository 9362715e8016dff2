"""Pictures from elsewhere, fetched by the edge in the reader's place when they asked for them.

The sender of a message learns neither the reader's address nor browser. Invariants:
* An address is fetched only with the edge's own seal: nobody can use the proxy for what no message showed.
* Names are resolved here, every address of a name must be public, and the connection goes to the address that
  was checked (no second look-up, so no rebinding), again for every redirect.
* Only plain pictures come through, bounded in size, time and number; no cookie, referrer or credential goes
  out.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from functools import cache
from urllib.parse import urljoin, urlsplit

import httpx

from services.common.errors import PosternError, Reason, error, not_found, too_large

MAX_BYTES = 8 * 1024 * 1024
SECONDS = 8.0
MAX_REDIRECTS = 3
MAX_URL = 4096
TYPES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif", "image/x-icon"}
_PORTS = {"http": 80, "https": 443}
_AT_ONCE = 32
# Networks that carry another address within: it is the inner one that counts (RFC 3056, RFC 4380, RFC 6052).
_WRAPPED = tuple(
    ipaddress.ip_network(one) for one in ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48")
)


@dataclass(frozen=True)
class Picture:
    media_type: str
    content: bytes


def public(address: str) -> bool:
    """Whether an address lies on the open internet."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        elif any(parsed in network for network in _WRAPPED):
            return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that vouch for servers of pictures, read once for the process."""
    return httpx.create_ssl_context(trust_env=False)


class ImageProxy:
    """`allow_private` is for tests, whose picture servers are on loopback."""

    def __init__(
        self, *, allow_private: bool = False, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._allow_private = allow_private
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._http = httpx.AsyncClient(
            transport=transport,
            verify=_trusted(),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(5.0),
            limits=httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=0),
            headers={"user-agent": "Postern", "accept": ", ".join(sorted(TYPES))},
        )

    async def fetch(self, url: str) -> Picture:
        """The picture; PERMISSION_DENIED for where it must not go, NOT_FOUND for what is none, TOO_LARGE."""
        try:
            async with asyncio.timeout(SECONDS), self._slots:
                for _ in range(MAX_REDIRECTS + 1):
                    picture = await self._get(url)
                    if isinstance(picture, Picture):
                        return picture
                    url = urljoin(url, picture)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError) as err:
            raise not_found("picture", err) from None
        raise not_found("picture", "too many redirects")

    async def unsubscribe(self, url: str) -> bool:
        """One POST, as RFC 8058 section 3.2 has it: no cookie, no referrer, no redirect followed."""
        try:
            async with asyncio.timeout(SECONDS), self._slots:
                request = await self._request("POST", url, data={"List-Unsubscribe": "One-Click"})
                response = await self._http.send(request, stream=True)
                await response.aclose()
                return response.is_success
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError, PosternError):
            return False

    async def _request(self, method: str, url: str, data: dict[str, str] | None = None) -> httpx.Request:
        """A request to an address that was checked; PERMISSION_DENIED for where it must not go."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        default = _PORTS.get(parts.scheme)
        if len(url) > MAX_URL or default is None or not host or parts.username or parts.password:
            raise error(Reason.PERMISSION_DENIED)
        port = parts.port or default
        if port not in _PORTS.values() and not self._allow_private:
            raise error(Reason.PERMISSION_DENIED)
        address = await self._resolve(host, port)
        literal = f"[{address}]" if ":" in address else address
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return self._http.build_request(
            method,
            f"{parts.scheme}://{literal}:{port}{path}",
            headers={"host": host if port == default else f"{host}:{port}"},
            # The certificate must be for the name, though the connection goes to the address (RFC 9110,
            # 4.3.4).
            extensions={"sni_hostname": host},
            data=data,
        )

    async def _get(self, url: str) -> Picture | str:
        request = await self._request("GET", url)
        response = await self._http.send(request, stream=True)
        try:
            if response.status_code in (301, 302, 303, 307, 308):
                return response.headers.get("location", "")
            media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if response.status_code != 200 or media_type not in TYPES:
                raise not_found("picture", f"status {response.status_code}")
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise too_large(MAX_BYTES)
            return Picture(media_type, bytes(content))
        finally:
            await response.aclose()

    async def _resolve(self, host: str, port: int) -> str:
        """An address of the host, after all of them were found to be public."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not addresses:
            raise not_found("picture")
        if not self._allow_private and not all(public(address) for address in addresses):
            raise PosternError(Reason.PERMISSION_DENIED, cause="the picture is not on the open internet")
        return addresses[0]

    async def close(self) -> None:
        await self._http.aclose()
