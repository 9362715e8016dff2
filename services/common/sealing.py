"""Sealing a mail password to one service with HPKE (RFC 9180).

Suite: ML-KEM-768 with X25519 (hybrid: tokens may lie in an outbox for weeks, so what is recorded today must
stay closed to tomorrow's machines), HKDF-SHA256, AES-256-GCM. The first octet sealed names the suite.

RFC 9180, 8.1: a single-shot user puts what it would authenticate beside the text (the aad) into `info`; that
is done here, so opening needs the same purpose and the same aad.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

CREDENTIAL_INFO = b"postern credential v1"
MAX_SEALED_BYTES = 8192

_SUITE_ID = b"\x01"
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_PRIVATE_LABEL, _PUBLIC_LABEL = "postern-hpke-private-1", "postern-hpke-public-1"
_PRIVATE_SIZES, _PUBLIC_SIZES = (64, 32), (1184, 32)


class SealingError(Exception):
    """A key is malformed, or what was sealed does not open with this key, purpose and aad."""


@dataclass(frozen=True)
class PublicKey:
    """Whoever holds this can seal to the owner of the private key."""

    _mlkem: mlkem.MLKEM768PublicKey = field(repr=False)
    _x25519: x25519.X25519PublicKey = field(repr=False)

    def to_text(self) -> str:
        return _encode(_PUBLIC_LABEL, self._mlkem.public_bytes_raw() + self._x25519.public_bytes_raw())

    @classmethod
    def from_text(cls, text: str) -> PublicKey:
        first, second = _decode(_PUBLIC_LABEL, text, _PUBLIC_SIZES)
        try:
            return cls(
                mlkem.MLKEM768PublicKey.from_public_bytes(first),
                x25519.X25519PublicKey.from_public_bytes(second),
            )
        except ValueError:
            raise SealingError("malformed public key") from None

    def seal(self, plaintext: bytes, *, info: bytes, aad: bytes) -> bytes:
        key = hpke.MLKEM768X25519PublicKey(self._mlkem, self._x25519)
        return _SUITE_ID + _SUITE.encrypt(plaintext, key, info=_bind(info, aad))


@dataclass(frozen=True)
class PrivateKey:
    """The key that opens what was sealed to its public half."""

    _mlkem: mlkem.MLKEM768PrivateKey = field(repr=False)
    _x25519: x25519.X25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> PrivateKey:
        return cls(mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate())

    def public_key(self) -> PublicKey:
        return PublicKey(self._mlkem.public_key(), self._x25519.public_key())

    def to_text(self) -> str:
        return _encode(_PRIVATE_LABEL, self._mlkem.private_bytes_raw() + self._x25519.private_bytes_raw())

    @classmethod
    def from_text(cls, text: str) -> PrivateKey:
        first, second = _decode(_PRIVATE_LABEL, text, _PRIVATE_SIZES)
        return cls(
            mlkem.MLKEM768PrivateKey.from_seed_bytes(first),
            x25519.X25519PrivateKey.from_private_bytes(second),
        )

    def open(self, sealed: bytes, *, info: bytes, aad: bytes) -> bytes:
        """The plaintext. SealingError when key, info or aad differ, or a bit changed."""
        if sealed[:1] != _SUITE_ID or len(sealed) > MAX_SEALED_BYTES:
            raise SealingError("unknown suite or size")
        key = hpke.MLKEM768X25519PrivateKey(self._mlkem, self._x25519)
        try:
            return _SUITE.decrypt(sealed[1:], key, info=_bind(info, aad))
        except (InvalidTag, ValueError):
            raise SealingError("does not open") from None


@dataclass(frozen=True)
class Credential:
    """What signs in to the mail server. `kind` is "password", or "oauth": `password` is then an access token
    (RFC 7628), and `lasting` a secret of the account that does not change with it."""

    kind: str
    username: str
    password: str = field(repr=False)
    lasting: str = field(default="", repr=False)

    def to_json(self) -> bytes:
        fields = {"kind": self.kind, "username": self.username, "password": self.password}
        if self.lasting:
            fields["lasting"] = self.lasting
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Credential:
        try:
            fields = json.loads(data)
            values = [fields["kind"], fields["username"], fields["password"], fields.get("lasting", "")]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SealingError("malformed credential") from None
        if not all(isinstance(value, str) for value in values):
            raise SealingError("malformed credential")
        return cls(*values)


def seal_credential(key: PublicKey, credential: Credential, *, account: str, audience: str) -> bytes:
    """Seal so that it opens only in a token of this account for this audience."""
    return key.seal(credential.to_json(), info=CREDENTIAL_INFO, aad=_credential_aad(account, audience))


def open_credential(key: PrivateKey, sealed: bytes, *, account: str, audience: str) -> Credential:
    """The credential. SealingError unless it was sealed to `key` for this account and audience."""
    plain = key.open(sealed, info=CREDENTIAL_INFO, aad=_credential_aad(account, audience))
    return Credential.from_json(plain)


def _credential_aad(account: str, audience: str) -> bytes:
    return f"{account}|{audience}".encode()


def _bind(info: bytes, aad: bytes) -> bytes:
    # Length first: no two pairs of info and aad may meet in one string.
    return len(info).to_bytes(4, "big") + info + aad


def _encode(label: str, raw: bytes) -> str:
    return f"{label} {base64.b64encode(raw).decode()}\n"


def _decode(label: str, text: str, sizes: tuple[int, int]) -> tuple[bytes, bytes]:
    found, _, encoded = text.strip().partition(" ")
    try:
        raw = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if found != label or len(raw) != sum(sizes):
        raise SealingError(f"expected a key that begins with {label!r}")
    return raw[: sizes[0]], raw[sizes[0] :]
