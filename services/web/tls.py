"""TLS at the edge itself, and the client's certificate of a connection where the handlers see it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from services.common.settings import SettingsError
from services.web.gate import STATE_KEY
from services.web.packets import OnePacket
from services.web.settings import GateMode, WebSettings


class CertificateProtocol(OnePacket):
    """uvicorn's protocol says nothing of the client's certificate; here that is in the scope's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        der = connection.getpeercert(binary_form=True) if connection is not None else None
        self.app_state: dict[str, Any] = {**self.app_state, STATE_KEY: der}


def context_factory(settings: WebSettings) -> Callable[..., ssl.SSLContext] | None:
    """The server's context; None where a proxy ends TLS."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError):
        raise SettingsError(
            f"POSTERN_WEB_TLS_CERT_FILE: expected a certificate and its key in {settings.tls_cert} and"
            f" {settings.tls_key}, in PEM"
        ) from None
    if settings.gate is not None and settings.gate.mode is GateMode.TLS:
        # Without a certificate no octet of HTTP is read. The gate looks at the certificate once more, with
        # the revocation list, which may change while a connection lasts.
        context.load_verify_locations(str(settings.gate.ca_file))
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = ssl.CERT_REQUIRED
    return lambda *_: context
