"""What the edge signs and seals: form tokens, notices, capability addresses of inline parts.

* Form tokens and notices are keyed by the browser's own session secret, so every replica can check them and
  the edge keeps no key for them.
* A capability is sealed under the edge's key: the sandboxed frame of an HTML message has an opaque origin and
  sends no cookie (SameSite), so the address of a picture within the message must carry its own, short-lived
  permission.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_TOKEN_BYTES = 16


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def _mac(secret: str, purpose: bytes, data: bytes = b"") -> bytes:
    return hmac.digest(secret.encode(), purpose + b"\0" + data, "sha256")


def session_hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def form_token(secret: str) -> str:
    """The session's form token, masked anew each time so that compressed pages give nothing away (BREACH)."""
    pad = secrets.token_bytes(_TOKEN_BYTES)
    mac = _mac(secret, b"postern form v1")[:_TOKEN_BYTES]
    return _encode(pad + bytes(a ^ b for a, b in zip(pad, mac, strict=True)))


def form_token_good(secret: str, token: str) -> bool:
    try:
        raw = _decode(token)
    except (ValueError, UnicodeEncodeError):
        return False
    if len(raw) != 2 * _TOKEN_BYTES:
        return False
    mac = bytes(a ^ b for a, b in zip(raw[:_TOKEN_BYTES], raw[_TOKEN_BYTES:], strict=True))
    return hmac.compare_digest(mac, _mac(secret, b"postern form v1")[:_TOKEN_BYTES])


def sign(secret: str, purpose: str, payload: bytes) -> str:
    return _encode(_mac(secret, purpose.encode(), payload)[:_TOKEN_BYTES] + payload)


def verify(secret: str, purpose: str, text: str) -> bytes | None:
    try:
        raw = _decode(text)
    except (ValueError, UnicodeEncodeError):
        return None
    mac, payload = raw[:_TOKEN_BYTES], raw[_TOKEN_BYTES:]
    good = hmac.compare_digest(mac, _mac(secret, purpose.encode(), payload)[:_TOKEN_BYTES])
    return payload if good else None


class Capabilities:
    """Seals small JSON objects with a time limit under the edge's key (random for the process where none is
    set)."""

    def __init__(self, key: str | None = None) -> None:
        raw = hashlib.sha256(key.encode()).digest() if key else secrets.token_bytes(32)
        self._cipher, self._raw = AESGCM(raw), raw

    def account_key(self, account: str) -> str:
        """A key of the account alone, for what its browsers keep; 32 octets in base64url."""
        return _encode(hmac.digest(self._raw, b"postern local copy v1\0" + account.encode(), "sha256"))

    def seal(self, purpose: str, content: dict[str, Any], seconds: int) -> str:
        nonce = secrets.token_bytes(12)
        plain = json.dumps({**content, "exp": int(time.time()) + seconds}, separators=(",", ":")).encode()
        return _encode(nonce + self._cipher.encrypt(nonce, plain, purpose.encode()))

    def open(self, purpose: str, text: str) -> dict[str, Any] | None:
        """The content; None where it was not sealed here, for another purpose, or too long ago."""
        try:
            raw = _decode(text)
            content = json.loads(self._cipher.decrypt(raw[:12], raw[12:], purpose.encode()))
        except (ValueError, InvalidTag, UnicodeEncodeError):
            return None
        return content if content.pop("exp", 0) >= time.time() else None
