"""Mutual TLS between the services: the three files, and grpc credentials made of them.

A server takes renewed files without a restart; a client does at its next start.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.common.logging import get_logger
from services.common.settings import Env, SettingsError

log = get_logger(__name__)


@dataclass(frozen=True)
class TlsSettings:
    """This service's certificate chain and key, and the authority that every peer must come from (PEM)."""

    cert: Path
    key: Path
    ca: Path

    @classmethod
    def from_env(cls, env: Env) -> TlsSettings | None:
        """All of POSTERN_TLS_CERT_FILE, _KEY_FILE and _CA_FILE, or None where none is set."""
        names = ("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CA_FILE")
        cert, key, ca = (env.path(name) for name in names)
        if cert is None and key is None and ca is None:
            return None
        if cert is None or key is None or ca is None:
            raise SettingsError(f"expected all of {', '.join('POSTERN_' + n for n in names)} or none")
        return cls(cert, key, ca)

    def server_credentials(self) -> grpc.ServerCredentials:
        """Read anew, for new connections, when the files are renewed."""
        renewal = _Renewal(self)
        return grpc.dynamic_ssl_server_credentials(
            renewal.read(),
            renewal.changed,  # type: ignore[arg-type]  # the stubs know no None
            require_client_authentication=True,
        )

    def channel_credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(
            root_certificates=self._read(self.ca),
            private_key=self._read(self.key),
            certificate_chain=self._read(self.cert),
        )

    @staticmethod
    def _read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as err:
            raise SettingsError(f"cannot read {path}: {err.strerror}") from None


class _Renewal:
    """Watches the files of a server; asked by gRPC, on a thread of its own, before each handshake."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._stamp = self._look()

    def read(self) -> grpc.ServerCertificateConfiguration:
        settings = self._settings
        return grpc.ssl_server_certificate_configuration(
            [(settings._read(settings.key), settings._read(settings.cert))],
            root_certificates=settings._read(settings.ca),
        )

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """The new files; None where nothing changed, or what changed is not whole yet."""
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return None
            if not self._whole():
                return None
            fresh = self.read()
        except (OSError, ValueError, TypeError, SettingsError) as err:
            log.warning("tls.not_renewed", cause=type(err).__name__)
            return None
        self._stamp = stamp
        log.info("tls.renewed", certificate=str(self._settings.cert))
        return fresh

    def _look(self) -> tuple[tuple[int, int], ...]:
        files = (self._settings.cert, self._settings.key, self._settings.ca)
        try:
            return tuple((stat.st_mtime_ns, stat.st_ino) for stat in (file.stat() for file in files))
        except OSError:
            return ()

    def _whole(self) -> bool:
        """Whether key and certificate belong together: they may be replaced one after the other."""
        certificate = x509.load_pem_x509_certificate(self._settings.cert.read_bytes())
        key = load_pem_private_key(self._settings.key.read_bytes(), None)
        x509.load_pem_x509_certificates(self._settings.ca.read_bytes())
        return key.public_key() == certificate.public_key()
