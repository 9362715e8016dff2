"""Addresses of servers: host:port pairs, and URLs whose scheme says how the connection is encrypted."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

PLAINTEXT_WORDS = "passwords-and-mail-readable-on-the-network"
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}\Z")


class EndpointError(ValueError):
    """The address is not usable; the text says what is expected."""


class TlsMode(StrEnum):
    PLAIN = "plain"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@dataclass(frozen=True)
class Scheme:
    """What a URL scheme means: its default port and how the connection is encrypted."""

    port: int
    tls: TlsMode


def is_loopback(host: str) -> bool:
    """Whether `host` never leaves this machine: 127.0.0.0/8, ::1, or the name localhost (RFC 6761, 6.3)."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


@dataclass(frozen=True)
class HostPort:
    """A host (no brackets; "" is every address) and a port (0: any free one)."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> HostPort:
        match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})", text.strip())
        if not match or int(match[3]) > 65535:
            raise EndpointError("expected host:port")
        if match[1]:
            _check_v6(match[1])
        return cls(match[1] or match[2] or "", int(match[3]))

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)

    def __str__(self) -> str:
        host = self.host or "[::]"
        return f"[{host}]:{self.port}" if ":" in host and not host.startswith("[") else f"{host}:{self.port}"


@dataclass(frozen=True)
class Endpoint:
    """A server to connect to."""

    scheme: str
    host: str
    port: int
    tls: TlsMode

    @classmethod
    def parse(cls, url: str, schemes: Mapping[str, Scheme]) -> Endpoint:
        known = ", ".join(f"{name}://" for name in schemes)
        expected = f"expected one of {known} with a host and, if unusual, a port"
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            raise EndpointError(expected) from None
        scheme = schemes.get(parts.scheme.lower())
        if scheme is None or not host:
            raise EndpointError(expected)
        if parts.username is not None or parts.password is not None:
            raise EndpointError("expected no user name or password in the URL")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise EndpointError("expected nothing after the host and port")
        if ":" in host:
            _check_v6(host)
        elif not _HOST.match(host):
            raise EndpointError(expected)
        if port == 0:
            raise EndpointError("expected a port from 1 to 65535")
        return cls(parts.scheme.lower(), host, port or scheme.port, scheme.tls)

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)

    def refuse_plaintext(self, words: str | None) -> None:
        """Raise EndpointError for an unencrypted connection off this machine that `words` do not allow."""
        if self.tls is not TlsMode.PLAIN or self.loopback or words == PLAINTEXT_WORDS:
            return
        raise EndpointError(
            f"{self.scheme}:// to {self.host} is not encrypted: use an encrypted scheme, or, if everybody on"
            f" the way may read passwords and mail, set POSTERN_MAIL_PLAINTEXT to exactly {PLAINTEXT_WORDS!r}"
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def _check_v6(host: str) -> None:
    try:
        ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        raise EndpointError("expected an IPv6 address between the brackets") from None
