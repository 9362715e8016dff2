"""The throw-away keys: layout, modes, and what a second run keeps."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from services.common import keys


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()
    }


def names(file: Path) -> set[str]:
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in found}


def test_layout_modes_and_names(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    assert keys.main([str(directory), "--name", "mail.internal", "--name", "web=edge.internal"]) == 0
    services = ("auth", "mailstore", "sender", "contacts", "web")
    assert set(contents(directory)) == {
        "signing.pem", "session.key", "tls/ca.pem", "tls/ca.key",
        *(f"tls/{service}.{end}" for service in services for end in ("pem", "key")),
        *(f"sealing/{service}.{end}" for service in ("mailstore", "sender") for end in ("key", "pub")),
        "sealing/local-mail.key", "sealing/local-mail.pub",
    }  # fmt: skip
    for path in [directory, *directory.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert names(directory / "tls" / "web.pem") == {
        "localhost", "web", "127.0.0.1", "spiffe://postern/web", "mail.internal", "edge.internal",
    }  # fmt: skip
    assert "edge.internal" not in names(directory / "tls" / "auth.pem")


def test_a_second_run_changes_nothing_and_mends_what_is_missing(tmp_path: Path) -> None:
    keys.make_keys(tmp_path)
    before = contents(tmp_path)
    keys.make_keys(tmp_path)
    assert contents(tmp_path) == before
    (tmp_path / "tls" / "web.key").unlink()
    (tmp_path / "sealing" / "sender.pub").unlink()
    keys.make_keys(tmp_path, ["auth=auth.internal"])
    after = contents(tmp_path)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"tls/web.key", "tls/web.pem", "tls/auth.key", "tls/auth.pem"}
    assert set(after) == set(before)


def test_what_ends_within_a_week_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_LIFETIME_DAYS", 3)
    keys.make_keys(tmp_path, services=("web",))
    monkeypatch.undo()
    before = contents(tmp_path)
    keys.make_keys(tmp_path, services=("web",))
    after = contents(tmp_path)
    assert {name for name in before if before[name] != after[name]} == {
        "tls/ca.pem", "tls/ca.key", "tls/web.pem", "tls/web.key",
    }  # fmt: skip
    certificate = x509.load_pem_x509_certificate(after["tls/web.pem"])
    assert certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=300)
