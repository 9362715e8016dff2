"""`python -m services.common.keys DIR`: a throw-away authority, one certificate per service, and all keys.

For one machine, for tests and for a first look at Kubernetes; an organisation brings its own authority. Run
again it keeps everything that exists and is good for more than seven days, so that running services stay
valid. DIR/tls/ca.key stays for such a later run; no service needs it.
"""

from __future__ import annotations

import argparse
import base64
import ipaddress
import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from services.common.sealing import PrivateKey, PublicKey, SealingError

SERVICES = ("auth", "mailstore", "sender", "contacts", "web")
SEALED_TO = ("mailstore", "sender")
# The operator's key for mail that mailstore keeps itself (accounts behind POP3).
LOCAL_MAIL = "local-mail"
_KEEP_DAYS = 7
_LIFETIME_DAYS = 365


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_keys(directory: Path, names: Sequence[str] = (), services: Sequence[str] = SERVICES) -> None:
    """Fill `directory`. `names`: further DNS names, or "service=name" for one service's certificate only."""
    tls, sealing = directory / "tls", directory / "sealing"
    for folder in (directory, tls, sealing):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _authority(tls)
    for service in services:
        own = [name.partition("=")[2] for name in names if name.startswith(service + "=")]
        shared = [name for name in names if "=" not in name]
        _service_certificate(tls, authority, service, [*shared, *own])
    signing = directory / "signing.pem"
    if not signing.exists():
        _write(signing, _pem(Ed25519PrivateKey.generate()))
    session = directory / "session.key"
    if not session.exists():
        _write(session, base64.b64encode(secrets.token_bytes(32)) + b"\n")
    for name in (*SEALED_TO, LOCAL_MAIL):
        _sealing_pair(sealing, name)


def _authority(tls: Path) -> _Authority:
    cert_file, key_file = tls / "ca.pem", tls / "ca.key"
    certificate = _good_certificate(cert_file, [])
    if certificate is not None and key_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and _matches(certificate, key):
            return _Authority(certificate, key)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Postern throw-away authority")])
    certificate = (
        _builder(name, name, key.public_key(), _LIFETIME_DAYS * 2)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(cert_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(key_file, _pem(key))
    _write(cert_file, certificate.public_bytes(serialization.Encoding.PEM))
    return _Authority(certificate, key)


def _service_certificate(tls: Path, authority: _Authority, service: str, names: list[str]) -> None:
    cert_file, key_file = tls / f"{service}.pem", tls / f"{service}.key"
    dns = list(dict.fromkeys(["localhost", service, *names]))
    kept = _good_certificate(cert_file, dns)
    if kept is not None and key_file.exists() and _signed_by(kept, authority.certificate):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"postern {service}")])
    alternative = x509.SubjectAlternativeName(
        [
            *(x509.DNSName(name) for name in dns),
            x509.UniformResourceIdentifier(f"spiffe://postern/{service}"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
    )
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = (
        _builder(subject, authority.certificate.subject, key.public_key(), _LIFETIME_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(cert_sign=False), critical=True)
        .add_extension(usages, critical=False)
        .add_extension(alternative, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
        )
        .sign(authority.key, hashes.SHA256())
    )
    _write(key_file, _pem(key))
    _write(cert_file, certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # Clocks of two machines may differ a little.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not cert_sign,
        key_cert_sign=cert_sign,
        crl_sign=cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _good_certificate(path: Path, dns: list[str]) -> x509.Certificate | None:
    """The certificate in `path` when it is valid for long enough and names all of `dns`."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None
    if certificate.not_valid_after_utc < datetime.now(UTC) + timedelta(days=_KEEP_DAYS):
        return None
    if dns:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        if not set(dns) <= set(found.value.get_values_for_type(x509.DNSName)):
            return None
    return certificate


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _matches(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> bool:
    return certificate.public_key() == key.public_key()


def _sealing_pair(folder: Path, service: str) -> None:
    private_file, public_file = folder / f"{service}.key", folder / f"{service}.pub"
    try:
        private = PrivateKey.from_text(private_file.read_text())
    except (OSError, SealingError):
        private = PrivateKey.generate()
        _write(private_file, private.to_text().encode())
    public = private.public_key().to_text()
    try:
        if PublicKey.from_text(public_file.read_text()).to_text() == public:
            return
    except (OSError, SealingError):
        pass
    _write(public_file, public.encode())


def _pem(key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and never readable by others even for a moment."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m services.common.keys", description=__doc__.split("\n")[0]
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="[SERVICE=]NAME",
        help="a further DNS name in every certificate, or in one service's only",
    )
    options = parser.parse_args(arguments)
    try:
        make_keys(options.directory, options.name)
    except OSError as err:
        print(f"cannot write keys: {err.filename}: {err.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
