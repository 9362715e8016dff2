"""The key of an account's local mail, and who can open it. See docs/adr/0030-pop3.md.

The file's key is random and lies beside it, sealed twice: under the account's password, and to the
operator's key for local mail, since the file is not disposable and passwords are changed and forgotten. Where
mailstore is given the public half of that key alone, a changed password needs `pop3.unlock`.

Invariants: a key file is written whole or not at all, and is on disk before anything is encrypted under its
key; no key is ever made for a mail file that there is already.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.common.errors import Reason, error
from services.common.sealing import PrivateKey, PublicKey, SealingError

_INFO, _UNLOCKED = b"postern local mail v1", b"postern local mail unlocked v1"
# As for the index: each guess at a password must cost.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
VERSION = 1


@dataclass(frozen=True)
class KeyRing:
    """`pepper`: the service's own secret. `sealing`: the service's key, to which `unlock` seals. `operator`:
    the public half of the key for local mail, `recovery` its private half where the service has it.
    """

    pepper: bytes = field(repr=False)
    sealing: PrivateKey = field(repr=False)
    operator: PublicKey
    recovery: PrivateKey | None = field(default=None, repr=False)


def file_name(account: str, operator: PublicKey) -> str:
    """The name of the account's files, without an ending; it tells nobody whose they are who has no key."""
    name = b"postern local mail name v1|" + account.encode()
    return hmac.new(operator.to_text().encode(), name, "sha256").hexdigest()[:40]


def read_key(path: Path, ring: KeyRing, account: str, secret: bytes) -> bytes | None:
    """The key, from what `secret` opens; None where there is none yet, or another password was used then."""
    slots = _read(path)
    if slots is None:
        return None
    with suppress(InvalidTag, ValueError, KeyError):
        sealed = base64.b64decode(slots["account"])
        wrapping = _wrapping(ring, account, secret)
        return AESGCM(wrapping).decrypt(sealed[:12], sealed[12:], account.encode())
    return None


def open_key(path: Path, ring: KeyRing, account: str, secret: bytes) -> bytes:
    """The key of the account whose password `secret` was found to be right at the mail server: read, made
    where the account has none, or sealed anew where the password has changed.

    CONFLICT (`what=local_mail_locked`) where it has changed and the key for local mail is elsewhere.
    """
    slots = _read(path)
    if slots is None:
        if path.with_suffix(".db").exists():
            # Never throw away what a lost key file may still open.
            raise error(Reason.CONFLICT, "key file missing", what="local_mail_locked")
        key = secrets.token_bytes(32)
        _write(path, ring, account, secret, key)
        return key
    key_found = read_key(path, ring, account, secret)
    if key_found is not None:
        return key_found
    for private, slot, info in (
        (ring.recovery, "operator", _INFO),
        (ring.sealing, "unlocked", _UNLOCKED),
    ):
        if private is None or slot not in slots:
            continue
        try:
            key = private.open(base64.b64decode(slots[slot]), info=info, aad=account.encode())
        except (SealingError, ValueError):
            continue
        _write(path, ring, account, secret, key)
        return key
    raise error(Reason.CONFLICT, "another password", what="local_mail_locked")


def unlock(path: Path, account: str, recovery: PrivateKey, service: PublicKey) -> None:
    """Let the service open the account's mail at its next sign-in, whatever the password is then.
    SealingError, FileNotFoundError.
    """
    slots = _read(path)
    if slots is None:
        raise FileNotFoundError(path)
    key = recovery.open(base64.b64decode(slots["operator"]), info=_INFO, aad=account.encode())
    sealed = service.seal(key, info=_UNLOCKED, aad=account.encode())
    _replace(path, {**slots, "unlocked": base64.b64encode(sealed).decode()})


def _wrapping(ring: KeyRing, account: str, secret: bytes) -> bytes:
    salt = hashlib.sha256(b"postern local mail salt v1" + account.encode()).digest()
    stretched = hashlib.scrypt(secret, salt=salt, **_SCRYPT)
    info = b"postern local mail key v1|" + account.encode()
    return HKDF(algorithm=SHA256(), length=32, salt=ring.pepper, info=info).derive(stretched)


def _read(path: Path) -> dict[str, str] | None:
    try:
        slots = json.loads(path.read_text("ascii"))
    except FileNotFoundError:
        return None
    if not isinstance(slots, dict) or slots.get("version") != VERSION:
        raise error(Reason.CONFLICT, "key file of another version", what="local_mail_locked")
    return slots


def _write(path: Path, ring: KeyRing, account: str, secret: bytes, key: bytes) -> None:
    nonce = secrets.token_bytes(12)
    own = nonce + AESGCM(_wrapping(ring, account, secret)).encrypt(nonce, key, account.encode())
    sealed = ring.operator.seal(key, info=_INFO, aad=account.encode())
    _replace(
        path,
        {
            "version": VERSION,
            "account": base64.b64encode(own).decode(),
            "operator": base64.b64encode(sealed).decode(),
        },
    )


def _replace(path: Path, slots: dict[str, object]) -> None:
    """On disk before the old one is gone."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(slots, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
