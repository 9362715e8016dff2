"""Sealing what auth keeps, and the browser's secret.

Invariants:
* A session's mail password is sealed with AES-256-GCM under HKDF(browser's secret, server key). Auth keeps
  the secret's hash only, so neither the database nor the server keys nor both together open it.
* Server keys rotate: the first seals, all open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_BYTES = 32
KEY_BYTES = 32
_NONCE_BYTES = 12
_SECRET_INFO = b"postern session credential v1"
_LASTING_INFO = b"postern lasting v1"
_OWN_INFO = b"postern server secret v1"


class VaultError(Exception):
    """What was sealed does not open: another secret, an unknown server key, other words beside it, or
    damage."""


class KeyFormatError(ValueError):
    """The server keys are not lines of 32 bytes in base64; the text is for the operator."""


@dataclass(frozen=True)
class Sealed:
    """`key_id` names the server key that took part."""

    key_id: str
    data: bytes


def new_secret() -> str:
    """A browser's secret: 256 random bits in base64url."""
    return _encode(secrets.token_bytes(SECRET_BYTES))


def new_id() -> str:
    """A public random id of 128 bits."""
    return _encode(secrets.token_bytes(16))


def secret_hash(secret: str) -> str:
    """How a secret is kept. A plain digest is enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def well_formed(secret: str) -> bool:
    """Whether `secret` could be one of ours."""
    return len(secret) == 43 and _decode(secret) is not None


class Vault:
    """The server keys."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise KeyFormatError(f"expected at least one key of {KEY_BYTES} bytes")
        self._keys = {_key_id(key): key for key in keys}
        self.current_key_id = _key_id(keys[0])

    @classmethod
    def from_text(cls, text: str) -> Vault:
        """Keys one a line in base64, the sealing one first; empty lines and lines after # are skipped."""
        lines = [line.strip() for line in text.splitlines()]
        keys = []
        for line in lines:
            if not line or line.startswith("#"):
                continue
            try:
                keys.append(base64.b64decode(line, validate=True))
            except (binascii.Error, ValueError):
                raise KeyFormatError("expected lines of 32 bytes in base64") from None
        return cls(keys)

    def seal(self, secret: str, plaintext: bytes, context: str) -> Sealed:
        """Seal so that it opens with this `secret` and this `context` only."""
        return self._seal(self._derive(_ikm(secret), self.current_key_id), plaintext, context)

    def open(self, secret: str, sealed: Sealed, context: str) -> bytes:
        return self._open(self._derive(_ikm(secret), sealed.key_id), sealed, context)

    def seal_own(self, plaintext: bytes, context: str) -> Sealed:
        """Seal under the server key alone: for what auth must read without the browser, as a TOTP secret."""
        return self._seal(self._derive(b"", self.current_key_id, _OWN_INFO), plaintext, context)

    def open_own(self, sealed: Sealed, context: str) -> bytes:
        return self._open(self._derive(b"", sealed.key_id, _OWN_INFO), sealed, context)

    def lasting(self, account: str) -> str:
        """A secret of the account that stays while the server key does, for what must not change with every
        token of a provider."""
        return _encode(self._derive(account.encode(), self.current_key_id, _LASTING_INFO))

    def _seal(self, key: bytes, plaintext: bytes, context: str) -> Sealed:
        key_id, nonce = self.current_key_id, secrets.token_bytes(_NONCE_BYTES)
        return Sealed(key_id, nonce + AESGCM(key).encrypt(nonce, plaintext, _aad(key_id, context)))

    def _open(self, key: bytes, sealed: Sealed, context: str) -> bytes:
        nonce, ciphertext = sealed.data[:_NONCE_BYTES], sealed.data[_NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, ciphertext, _aad(sealed.key_id, context))
        except (InvalidTag, ValueError):
            raise VaultError("does not open") from None

    def _derive(self, ikm: bytes, key_id: str, info: bytes = _SECRET_INFO) -> bytes:
        # RFC 5869: extraction keyed with the server key over the secret, so both are needed.
        if key_id not in self._keys:
            raise VaultError("unknown server key")
        return HKDF(hashes.SHA256(), KEY_BYTES, salt=self._keys[key_id], info=info).derive(ikm)


def _ikm(secret: str) -> bytes:
    raw = _decode(secret)
    if raw is None or len(raw) != SECRET_BYTES:
        raise VaultError("malformed secret")
    return raw


def _aad(key_id: str, context: str) -> bytes:
    return f"{key_id}|{context}".encode()


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"postern server key id" + key).hexdigest()[:16]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
