"""The web edge's settings."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from services.common.endpoint import HostPort
from services.common.rpc.tls import TlsSettings
from services.common.settings import Env, Secret, SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PLAINTEXT = "passwords-and-mail-readable-on-the-network"
_PORTS = {"auth": 5101, "mailstore": 5102, "sender": 5103, "contacts": 5104}


class GateMode(StrEnum):
    """Where client certificates come from."""

    TLS = "tls"
    PROXY = "proxy"


@dataclass(frozen=True)
class GateSettings:
    """Client certificates are demanded. `header`: where a trusted proxy puts them, in small letters."""

    mode: GateMode
    ca_file: Path
    crl_file: Path | None = None
    header: str = "client-cert"


@dataclass(frozen=True)
class WebSettings:
    """`public_url` has no trailing slash; sizes in octets; `addresses` by service."""

    listen: HostPort
    metrics_listen: HostPort | None
    public_url: str
    addresses: dict[str, str]
    tls: TlsSettings | None = None
    trusted_proxies: tuple[Network, ...] = ()
    time_zone: str = "UTC"
    max_form_bytes: int = 8 * 1024 * 1024
    max_upload_bytes: int = 25 * 1024 * 1024
    max_import_bytes: int = 1024 * 1024 * 1024
    session_cache: int = 20_000
    page_seconds: float = 9.5
    key: Secret | None = None
    remote_images: bool = True
    tls_cert: Path | None = None
    tls_key: Path | None = None
    gate: GateSettings | None = None
    authserv_ids: tuple[str, ...] = ()

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https://")

    @classmethod
    def from_env(cls, env: Env) -> WebSettings:
        port = (
            os.environ.get("PORT", "8080") if env.environ is os.environ else env.environ.get("PORT", "8080")
        )
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise SettingsError(f"PORT is {port!r}: expected a port number")
        listen = env.host_port("WEB_LISTEN", f"127.0.0.1:{port}")
        public_url = env.text("PUBLIC_URL", f"http://127.0.0.1:{listen.port}").rstrip("/")
        parts = urlsplit(public_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
            raise SettingsError(
                f"POSTERN_PUBLIC_URL is {public_url!r}: expected the address people type, "
                "such as https://mail.example.org"
            )
        if (
            parts.scheme == "http"
            and not _loopback(parts.hostname)
            and env.text("WEB_PLAINTEXT", "") != PLAINTEXT
        ):
            raise SettingsError(
                f"POSTERN_PUBLIC_URL is {public_url!r}: without https everybody on the way reads "
                "passwords and mail. Put a TLS proxy before Postern, or set POSTERN_WEB_PLAINTEXT to "
                f"exactly {PLAINTEXT}"
            )
        own_tls = _own_tls(env)
        return cls(
            listen=listen,
            metrics_listen=env.host_port("METRICS_LISTEN", "127.0.0.1:5205"),
            public_url=public_url,
            addresses={
                name: env.address(f"{name.upper()}_ADDRESS", f"127.0.0.1:{default}")
                for name, default in _PORTS.items()
            },
            tls=TlsSettings.from_env(env),
            trusted_proxies=_networks(env.text("TRUSTED_PROXIES", "")),
            time_zone=_zone(env.text("TIME_ZONE", "UTC")),
            max_form_bytes=env.integer("MAX_FORM_BYTES", 8 * 1024 * 1024, minimum=64 * 1024),
            max_upload_bytes=env.integer("MAX_UPLOAD_BYTES", 25 * 1024 * 1024, minimum=1024),
            max_import_bytes=env.integer("MAX_IMPORT_BYTES", 1024 * 1024 * 1024, minimum=1024),
            session_cache=env.integer("SESSION_CACHE", 20_000, minimum=1, maximum=1_000_000),
            key=env.optional_secret("WEB_KEY"),
            remote_images=env.boolean("REMOTE_IMAGES", True),
            tls_cert=own_tls[0],
            tls_key=own_tls[1],
            gate=_gate(env),
            authserv_ids=tuple(env.text("AUTHSERV_IDS", "").lower().replace(",", " ").split()),
        )


def _own_tls(env: Env) -> tuple[Path, Path] | tuple[None, None]:
    cert, key = env.path("WEB_TLS_CERT_FILE"), env.path("WEB_TLS_KEY_FILE")
    if cert is None and key is None:
        return None, None
    if cert is None or key is None:
        raise SettingsError("POSTERN_WEB_TLS_CERT_FILE and POSTERN_WEB_TLS_KEY_FILE: set both or neither")
    return cert, key


def _gate(env: Env) -> GateSettings | None:
    mode = env.choice("CLIENT_CERTIFICATES", ("OFF", "TLS", "PROXY"), "OFF").lower()
    if mode == "off":
        return None
    if mode == "tls" and env.path("WEB_TLS_CERT_FILE") is None:
        raise SettingsError(
            "POSTERN_CLIENT_CERTIFICATES is tls: expected POSTERN_WEB_TLS_CERT_FILE (or proxy, behind one)"
        )
    if mode == "proxy" and not env.text("TRUSTED_PROXIES", ""):
        raise SettingsError("POSTERN_CLIENT_CERTIFICATES is proxy: expected POSTERN_TRUSTED_PROXIES")
    header = env.text("CLIENT_CERTIFICATE_HEADER", "client-cert").strip().lower()
    return GateSettings(
        GateMode(mode), env.required_path("CLIENT_CA_FILE"), env.path("CLIENT_CRL_FILE"), header
    )


def _loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(word, strict=False) for word in text.replace(",", " ").split())
    except ValueError as err:
        raise SettingsError(f"POSTERN_TRUSTED_PROXIES: expected addresses or networks: {err}") from None


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except Exception:
        raise SettingsError(
            f"POSTERN_TIME_ZONE is {name!r}: expected an IANA name such as Europe/Berlin"
        ) from None
    return name
