"""Codes: eight characters that nobody guesses in a few tries, kept only as a slow salted hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets

# Without what is taken for something else: 0 and O, 1, I and L, U and V.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTWXYZ"
LENGTH = 8
# RFC 7914: 16 MB and some tens of milliseconds. With 29^8 codes and half an hour to live that is enough for a
# database that was stolen, and five tries are enough for who has none.
_COST = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


def new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(code: str) -> str:
    """As people read it: in two halves."""
    return f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"


def typed(text: str) -> str:
    """What somebody typed, without case, spaces and hyphens."""
    return "".join(character for character in text.upper() if character.isalnum())[:64]


def hash_of(code: str) -> str:
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${hashlib.scrypt(code.encode(), salt=salt, **_COST).hex()}"


def matches(code: str, kept: str) -> bool:
    salt, _, digest = kept.partition("$")
    found = hashlib.scrypt(code.encode(), salt=bytes.fromhex(salt), **_COST)
    return hmac.compare_digest(found, bytes.fromhex(digest))
