"""An authority in a directory: its key, what it issued, what it revoked, and the list of the revoked.

    ca.pem       the authority's certificate, for the edge to trust
    ca.key       its private key; only this command needs it
    issued.json  what was issued and revoked
    crl.pem      the revocation list (RFC 5280, 5), signed anew with every change, for the edge to read

Invariants: every file is written whole or not at all; one command at a time changes a directory; the private
keys of people are in their .p12 alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CRL_DAYS = 30
_SKEW = timedelta(hours=1)  # clocks of two machines may differ a little


class AuthorityError(Exception):
    """What cannot be done, in one line for the operator."""


@dataclass(frozen=True)
class Issued:
    """A certificate. `account`: the only one it may sign in to, where named; times as ISO 8601, UTC."""

    serial: str
    name: str
    account: str
    issued: str
    expires: str
    fingerprint: str
    revoked: str = ""

    @property
    def state(self) -> str:
        if self.revoked:
            return "revoked"
        return "expired" if datetime.fromisoformat(self.expires) <= datetime.now(UTC) else "good"


class Authority:
    """The authority in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.certificate_file, self.crl_file = directory / "ca.pem", directory / "crl.pem"
        self._key_file, self._index = directory / "ca.key", directory / "issued.json"

    def create(self, name: str, days: int) -> None:
        """A new authority. AuthorityError where there is one."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            if self._key_file.exists() or self.certificate_file.exists():
                raise AuthorityError(f"{self.directory} holds an authority already")
            key = ec.generate_private_key(ec.SECP384R1())
            subject = _name(name)
            certificate = (
                _builder(subject, subject, key, days)
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_usage(authority=True), critical=True)
                .sign(key, hashes.SHA384())
            )
            _write(self._key_file, _pem(key))
            _write(self.certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
            _write(self._index, b"[]\n")
            self._sign_list([])

    def issue(self, name: str, account: str, days: int, password: str) -> tuple[Issued, bytes]:
        """A certificate, and the .p12 (RFC 7292) with it and its key under `password`, for a person."""
        with self._locked():
            ca, ca_key = self._load()
            if ca.not_valid_after_utc <= datetime.now(UTC) + timedelta(days=days):
                raise AuthorityError("the authority ends before that; ask for fewer days or make a new one")
            key = ec.generate_private_key(ec.SECP256R1())
            builder = (
                _builder(_name(name), ca.subject, key, days)
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(_usage(authority=False), critical=True)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
                )
            )
            if account:
                alternative = x509.SubjectAlternativeName([x509.RFC822Name(account)])
                builder = builder.add_extension(alternative, critical=False)
            certificate = builder.sign(ca_key, hashes.SHA384())
            made = Issued(
                f"{certificate.serial_number:x}",
                name,
                account,
                _iso(certificate.not_valid_before_utc + _SKEW),
                _iso(certificate.not_valid_after_utc),
                certificate.fingerprint(hashes.SHA256()).hex(),
            )
            self._save([*self.issued(), made])
            bundle = pkcs12.serialize_key_and_certificates(
                name.encode(),
                key,
                certificate,
                [ca],
                serialization.BestAvailableEncryption(password.encode()),
            )
            return made, bundle

    def issued(self) -> list[Issued]:
        """All that was ever issued, oldest first."""
        try:
            return [Issued(**row) for row in json.loads(self._index.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            raise AuthorityError(f"{self.directory} holds no authority") from None
        except (ValueError, TypeError):
            raise AuthorityError(f"{self._index} is damaged") from None

    def revoke(self, which: str) -> list[Issued]:
        """Revoke by serial number, or all that are good of a name; those that were revoked."""
        with self._locked():
            rows = self.issued()
            wanted = [
                row for row in rows if not row.revoked and which in (row.serial, row.name, row.fingerprint)
            ]
            if not wanted:
                raise AuthorityError(f"nothing to revoke is called {which!r}")
            now = _iso(datetime.now(UTC))
            rows = [replace(row, revoked=now) if row in wanted else row for row in rows]
            self._save(rows)
            self._sign_list(rows)
            return wanted

    def sign_list(self) -> None:
        """The revocation list anew: it is good for a month, and an edge trusts no older one."""
        with self._locked():
            self._sign_list(self.issued())

    def _sign_list(self, rows: list[Issued]) -> None:
        ca, key = self._load()
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(ca.subject)
            .last_update(now - _SKEW)
            .next_update(now + timedelta(days=CRL_DAYS))
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
            )
            .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        )
        for row in rows:
            if row.revoked:
                entry = (
                    x509.RevokedCertificateBuilder()
                    .serial_number(int(row.serial, 16))
                    .revocation_date(datetime.fromisoformat(row.revoked))
                )
                builder = builder.add_revoked_certificate(entry.build())
        signed = builder.sign(key, hashes.SHA384())
        # The edge reads it, under another user.
        _write(self.crl_file, signed.public_bytes(serialization.Encoding.PEM), mode=0o644)

    def _load(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            key = serialization.load_pem_private_key(self._key_file.read_bytes(), None)
        except OSError:
            raise AuthorityError(f"{self.directory} holds no authority") from None
        except ValueError:
            raise AuthorityError(f"the authority in {self.directory} is damaged") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AuthorityError(f"the authority in {self.directory} is damaged")
        return certificate, key

    def _save(self, rows: list[Issued]) -> None:
        _write(self._index, (json.dumps([asdict(row) for row in rows], indent=1) + "\n").encode())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = (self.directory / ".lock").open("w")
        except OSError as err:
            raise AuthorityError(f"{self.directory}: {err.strerror}") from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _name(text: str) -> x509.Name:
    try:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    except ValueError:
        raise AuthorityError("a name has 1 to 64 characters") from None


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _iso(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat()


def _write(path: Path, data: bytes, mode: int = 0o600) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
