"""Time-based one-time passwords (RFC 6238) and recovery codes: the arithmetic, without a database."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b32encode
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

# What every authenticator understands; several ignore other values in the address and would then show wrong
# codes.
DIGITS, STEP_SECONDS, SECRET_BYTES = 6, 30, 20
DRIFT_STEPS = 1  # RFC 6238, 5.2 and 6: one step back for slow fingers, one ahead for a clock that is off
RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_RECOVERY_CHARACTERS = 24  # of 31: 118 bits, so that a plain digest keeps them (OWASP ASVS 5.0, 6.5.2)


def new_secret() -> bytes:
    """A secret as long as the digest (RFC 4226, 4, R6)."""
    return secrets.token_bytes(SECRET_BYTES)


def code_at(
    secret: bytes,
    step: int,
    digits: int = DIGITS,
    algorithm: SHA1 | SHA256 | SHA512 = SHA1(),  # noqa: S303 in HMAC; RFC 6238's default, what apps implement
) -> str:
    """The code of a step (RFC 4226, 5.3, with the step as counter)."""
    return HOTP(secret, digits, algorithm, enforce_key_length=False).generate(step).decode()


def matching_step(secret: bytes, code: str, now_seconds: float, used_step: int) -> int | None:
    """The step that `code` belongs to, later than `used_step` (RFC 6238, 5.2: a code is accepted once); else
    None."""
    typed = "".join(code.split())
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    current, found = int(now_seconds // STEP_SECONDS), None
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        if hmac.compare_digest(code_at(secret, step), typed) and step > used_step:
            found = step
    return found


def provisioning_uri(secret: bytes, account: str, issuer: str) -> str:
    """The otpauth:// address that authenticators read from a QR code."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    parameters = {
        "secret": b32encode(secret).decode(),
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": str(DIGITS),
        "period": str(STEP_SECONDS),
    }
    return f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote)}"


def new_recovery_code() -> str:
    """A code to print: six groups of four."""
    characters = "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_CHARACTERS))
    return "-".join(characters[at : at + 4] for at in range(0, _RECOVERY_CHARACTERS, 4))


def recovery_hash(account: str, code: str) -> str:
    """How a code is kept: 118 random bits need no slow digest. Case, spaces and hyphens do not matter."""
    plain = "".join(char for char in code.lower() if char.isalnum())
    return hashlib.sha256(f"postern recovery code\0{account}\0{plain}".encode()).hexdigest()
