"""The keys that sign access tokens: one signs, retired ones still verify."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.common.tokens import key_id


class SigningKeyError(ValueError):
    """A key file holds no Ed25519 key in PEM; the text is for the operator."""


@dataclass(frozen=True)
class PublishedKey:
    """A key of the published set."""

    kid: str
    key: Ed25519PublicKey
    signs: bool

    @property
    def pem(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_bytes(serialization.Encoding.PEM, form).decode()


@dataclass(frozen=True)
class SigningKeys:
    """`private` signs; `published` has its public half first, then the retired ones."""

    private: Ed25519PrivateKey = field(repr=False)
    published: tuple[PublishedKey, ...]

    @classmethod
    def load(cls, pem: str, retired: Path | None = None) -> SigningKeys:
        """From the signing key's PEM and a directory of retired keys (*.pem, private or public half)."""
        private = _private(pem, "the signing key")
        own = PublishedKey(key_id(private.public_key()), private.public_key(), signs=True)
        found = {own.kid: own}
        for file in sorted(retired.glob("*.pem")) if retired else ():
            public = _public(file.read_text(encoding="ascii"), str(file))
            found.setdefault(key_id(public), PublishedKey(key_id(public), public, signs=False))
        return cls(private, tuple(found.values()))

    def by_kid(self, kid: str) -> Ed25519PublicKey | None:
        return next((published.key for published in self.published if published.kid == kid), None)


def _private(pem: str, where: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(f"{where}: expected an Ed25519 private key in PEM without a passphrase")
    return key


def _public(pem: str, where: str) -> Ed25519PublicKey:
    if "PRIVATE" in pem:
        return _private(pem, where).public_key()
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SigningKeyError(f"{where}: expected an Ed25519 public key in PEM")
    return key
