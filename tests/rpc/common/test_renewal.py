"""A server takes renewed certificates without a restart, and keeps the old while the new are not whole."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import grpc
from cryptography import x509

from services.common.keys import make_keys
from services.common.rpc.tls import TlsSettings


def serial(port: int, keys: Path) -> int:
    """Of the certificate that a new connection is shown."""
    tls = keys / "tls"
    context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
    context.load_cert_chain(tls / "web.pem", tls / "web.key")
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        der = connection.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der).serial_number


async def test_renewed_files_are_taken(tmp_path: Path) -> None:
    make_keys(tmp_path)
    tls = tmp_path / "tls"
    settings = TlsSettings(tls / "auth.pem", tls / "auth.key", tls / "ca.pem")
    server = grpc.aio.server()
    port = server.add_secure_port("127.0.0.1:0", settings.server_credentials())
    await server.start()
    try:
        first = await asyncio.to_thread(serial, port, tmp_path)
        assert await asyncio.to_thread(serial, port, tmp_path) == first
        # Half of a renewal, and rubbish, change nothing.
        kept = (tls / "auth.pem").read_bytes()
        (tls / "auth.pem").write_bytes((tls / "sender.pem").read_bytes())
        assert await asyncio.to_thread(serial, port, tmp_path) == first
        (tls / "auth.pem").write_bytes(b"rubbish")
        assert await asyncio.to_thread(serial, port, tmp_path) == first
        (tls / "auth.pem").write_bytes(kept)
        assert await asyncio.to_thread(serial, port, tmp_path) == first
        (tls / "auth.pem").unlink()
        assert await asyncio.to_thread(serial, port, tmp_path) == first
        make_keys(tmp_path)
        assert await asyncio.to_thread(serial, port, tmp_path) != first
    finally:
        await server.stop(0)
