"""The outer gate: nobody sees a page without a client certificate, where the operator says so.

Invariants:
* A certificate counts after it is verified here: chain, time, purpose, and the revocation list where one is
  configured. A proxy's word that it did so is not needed.
* From a header it is taken only when the connection comes from a trusted proxy, and only one.
* Who stays outside gets a page that says so, and the stylesheet it is drawn with, which is the same for all.
* A revocation list that is missing, unreadable or out of date lets nobody in.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID
from starlette.requests import Request

from services.common.logging import get_logger
from services.common.settings import SettingsError
from services.web.errors import NoCertificate
from services.web.middleware.client import within
from services.web.settings import GateMode, GateSettings, Network

log = get_logger(__name__)
STATE_KEY = "client_certificate"  # of the ASGI scope's state: DER, from the TLS connection
SCOPE_KEY = "postern_certificate"
_MAX_HEADER = 16_000
_KEEP_SECONDS, _MOST_KEPT = 60.0, 5_000
_PURPOSES = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


class Why(StrEnum):
    """Why somebody stays outside; for the log."""

    NONE = "none"
    UNTRUSTED_PROXY = "untrusted_proxy"
    MALFORMED = "malformed"
    NOT_TRUSTED = "not_trusted"
    WRONG_PURPOSE = "wrong_purpose"
    REVOKED = "revoked"
    NO_LIST = "no_list"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A verified certificate. `accounts`: the only ones it may sign in to; empty for any."""

    fingerprint: str
    subject: str
    accounts: tuple[str, ...] = ()


class Gate:
    """Built once; `admit` is asked with each request."""

    def __init__(self, settings: GateSettings, trusted: Sequence[Network]) -> None:
        self._settings, self._trusted = settings, trusted
        self._authorities = _authorities(settings.ca_file)
        self._store = verification.Store(self._authorities)
        self._lists: dict[bytes, x509.CertificateRevocationList] = {}
        self._stamp: tuple[int, int] | None = None
        self._looked = float("-inf")
        self._kept: dict[bytes, tuple[float, Certificate | Why]] = {}
        if settings.crl_file is not None and not settings.crl_file.exists():
            raise SettingsError(f"POSTERN_CLIENT_CRL_FILE: there is no {settings.crl_file}")

    def admit(self, request: Request) -> None:
        """NoCertificate for who stays outside; else the certificate is in the request's scope."""
        found = self._find(request)
        outcome = self._judge(found) if isinstance(found, bytes) else found
        if isinstance(outcome, Why):
            address = request.client.host if request.client else ""
            log.warning("gate.refused", client_address=address, why=outcome.value)
            raise NoCertificate
        request.scope[SCOPE_KEY] = outcome

    # Where it comes from

    def _find(self, request: Request) -> bytes | Why:
        """The certificate in DER."""
        if self._settings.mode is GateMode.TLS:
            der = request.scope.get("state", {}).get(STATE_KEY)
            return der if der else Why.NONE
        if not request.client or not within(request.client.host, self._trusted):
            return Why.UNTRUSTED_PROXY
        values = request.headers.getlist(self._settings.header)
        if not values or not values[0].strip():
            return Why.NONE
        if len(values) > 1 or len(values[0]) > _MAX_HEADER:
            return Why.MALFORMED
        return from_header(values[0])

    # What it is worth

    def _judge(self, der: bytes) -> Certificate | Why:
        self._read_list()
        now = time.monotonic()
        known = self._kept.get(der)
        if known is not None and known[0] > now:
            return known[1]
        outcome = self._verify(der)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[der] = (now + _KEEP_SECONDS, outcome)
        return outcome

    def _verify(self, der: bytes) -> Certificate | Why:
        try:
            certificate = x509.load_der_x509_certificate(der)
            extensions = certificate.extensions
        except ValueError:
            return Why.MALFORMED
        anything = verification.ExtensionPolicy.permit_all()
        policy = verification.PolicyBuilder().store(self._store).time(datetime.now(UTC))
        policy = policy.extension_policies(
            ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(), ee_policy=anything
        )
        try:
            policy.build_client_verifier().verify(certificate, [])
        except (verification.VerificationError, ValueError) as err:
            log.info("gate.chain", cause=type(err).__name__)
            return Why.NOT_TRUSTED
        # RFC 5280, 4.2.1.12: without the extension a key is for any purpose.
        for extension in extensions:
            if isinstance(extension.value, x509.ExtendedKeyUsage) and not _PURPOSES & set(extension.value):
                return Why.WRONG_PURPOSE
        revoked = self._revoked(certificate)
        if revoked is not None:
            return revoked
        return Certificate(
            certificate.fingerprint(hashes.SHA256()).hex(),
            certificate.subject.rfc4514_string()[:500],
            _accounts(extensions),
        )

    def _revoked(self, certificate: x509.Certificate) -> Why | None:
        if self._settings.crl_file is None:
            return None
        found = self._lists.get(certificate.issuer.public_bytes())
        if found is None:
            return Why.NO_LIST
        until = found.next_update_utc
        if until is not None and until <= datetime.now(UTC):
            log.error("gate.list_out_of_date", until=until.isoformat())
            return Why.NO_LIST
        known = found.get_revoked_certificate_by_serial_number(certificate.serial_number)
        return Why.REVOKED if known is not None else None

    def _read_list(self) -> None:
        """The revocation list again where the file has changed; looked at once a second at most."""
        file, now = self._settings.crl_file, time.monotonic()
        if file is None or now - self._looked < 1.0:
            return
        self._looked = now
        try:
            stat = file.stat()
            stamp = (stat.st_mtime_ns, stat.st_ino)
            if stamp == self._stamp:
                return
            lists = dict(_lists(file.read_bytes(), self._authorities))
        except (OSError, ValueError) as err:
            log.error("gate.list_unreadable", cause=type(err).__name__)
            lists, stamp = {}, None
        self._lists, self._stamp = lists, stamp
        self._kept.clear()


def from_header(value: str) -> bytes | Why:
    """DER from RFC 9440's Client-Cert (a byte sequence of RFC 8941 between colons), or from PEM in
    percent-encoding, as nginx's $ssl_client_escaped_cert and others have it."""
    value = value.strip()
    if value.startswith(":"):
        if len(value) < 3 or not value.endswith(":"):
            return Why.MALFORMED
        try:
            return base64.b64decode(value[1:-1], validate=True) or Why.MALFORMED
        except (binascii.Error, ValueError):
            return Why.MALFORMED
    pem = unquote_to_bytes(value)
    try:
        return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    except ValueError:
        return Why.MALFORMED


def _accounts(extensions: x509.Extensions) -> tuple[str, ...]:
    for extension in extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            names = extension.value.get_values_for_type(x509.RFC822Name)
            return tuple(name.lower()[:320] for name in names)[:20]
    return ()


def _authorities(file: Path) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        found = []
    if not found:
        raise SettingsError(f"POSTERN_CLIENT_CA_FILE: expected certificates in PEM in {file}")
    return found


_LIST = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


def _lists(
    data: bytes, authorities: Sequence[x509.Certificate]
) -> list[tuple[bytes, x509.CertificateRevocationList]]:
    """The lists in `data` that an authority signed, by issuer."""
    blocks = _LIST.findall(data)
    found = [x509.load_pem_x509_crl(block) for block in blocks] if blocks else [x509.load_der_x509_crl(data)]
    good = []
    for one in found:
        for authority in authorities:
            if authority.subject == one.issuer and _signed(one, authority):
                good.append((one.issuer.public_bytes(), one))
                break
        else:
            log.error("gate.list_not_signed")
    return good


def _signed(one: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return one.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, TypeError, ValueError):
        return False
