from __future__ import annotations

import base64

import pytest

from services.auth.vault import (
    KeyFormatError,
    Sealed,
    Vault,
    VaultError,
    new_secret,
    secret_hash,
    well_formed,
)

OLD, NEW = b"o" * 32, b"n" * 32


def test_it_opens_with_the_same_secret_and_context_only() -> None:
    vault, secret = Vault([OLD]), new_secret()
    sealed = vault.seal(secret, b"words", "here")
    assert vault.open(secret, sealed, "here") == b"words"
    flipped = Sealed(sealed.key_id, sealed.data[:-1] + bytes([sealed.data[-1] ^ 1]))
    for attempt in (
        lambda: vault.open(new_secret(), sealed, "here"),
        lambda: vault.open(secret, sealed, "there"),
        lambda: vault.open("short", sealed, "here"),
        lambda: vault.open(secret, flipped, "here"),
        lambda: vault.open(secret, Sealed(sealed.key_id, b""), "here"),
        lambda: vault.open(secret, Sealed("another", sealed.data), "here"),
        lambda: Vault([NEW]).open(secret, sealed, "here"),
    ):
        with pytest.raises(VaultError):
            attempt()


def test_keys_rotate() -> None:
    secret = new_secret()
    sealed = Vault([OLD]).seal(secret, b"words", "here")
    both = Vault([NEW, OLD])
    assert both.open(secret, sealed, "here") == b"words"
    assert both.seal(secret, b"words", "here").key_id == Vault([NEW]).current_key_id != sealed.key_id


def test_keys_from_text() -> None:
    lines = [base64.b64encode(key).decode() for key in (NEW, OLD)]
    assert (
        Vault.from_text(f"# comment\n{lines[0]}\n\n{lines[1]}\n").current_key_id
        == Vault([NEW]).current_key_id
    )
    for bad in ("", "# only", "not base64!", base64.b64encode(b"short").decode()):
        with pytest.raises(KeyFormatError):
            Vault.from_text(bad)


def test_secrets() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100 and all(well_formed(secret) for secret in secrets)
    assert all(len(secret_hash(secret)) == 64 for secret in secrets)
    assert not any(well_formed(text) for text in ("", "x" * 42, "x" * 44, "!" * 43, "é" * 43))
