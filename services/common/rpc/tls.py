"""Mutual TLS between the services: the three files, and grpc credentials made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

from services.common.settings import Env, SettingsError


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
        return grpc.ssl_server_credentials(
            [(self._read(self.key), self._read(self.cert))],
            root_certificates=self._read(self.ca),
            require_client_auth=True,
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
