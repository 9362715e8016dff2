"""The key of local mail: made once, opened by the password or the operator, never thrown away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from services.common.errors import PosternError
from services.common.sealing import PrivateKey
from services.common.settings import Env, SettingsError
from services.mailstore.pop3.keys import KeyRing, file_name, open_key, read_key
from services.mailstore.pop3.server import PopServer
from services.mailstore.pop3.store import Store
from services.mailstore.settings import MailstoreSettings

ANN = "ann@example.org"
OPERATOR, SEALING = PrivateKey.generate(), PrivateKey.generate()
RING = KeyRing(b"pepper", SEALING, OPERATOR.public_key(), OPERATOR)
AWAY = replace(RING, recovery=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / f"{file_name(ANN, OPERATOR.public_key())}.key"


def test_the_password_opens_it(path: Path) -> None:
    key = open_key(path, RING, ANN, b"one")
    assert open_key(path, AWAY, ANN, b"one") == key == read_key(path, AWAY, ANN, b"one")
    assert read_key(path, RING, ANN, b"two") is None
    assert read_key(path, RING, "bob@example.org", b"one") is None
    assert path.stat().st_mode & 0o777 == 0o600
    assert key.hex().encode() not in path.read_bytes()


def test_another_password(path: Path) -> None:
    key = open_key(path, RING, ANN, b"one")
    with pytest.raises(PosternError) as caught:
        open_key(path, AWAY, ANN, b"two")
    assert (caught.value.reason, caught.value.metadata) == ("CONFLICT", {"what": "local_mail_locked"})
    # Another secret of the service (a new sealing key) is as another password.
    assert open_key(path, replace(RING, pepper=b"other"), ANN, b"two") == key
    assert open_key(path, replace(AWAY, pepper=b"other"), ANN, b"two") == key


def test_the_operator_unlocks_it(path: Path, tmp_path: Path) -> None:
    key = open_key(path, AWAY, ANN, b"one")
    names = {"local-mail.key": OPERATOR.to_text(), "mailstore.pub": SEALING.public_key().to_text()}
    for name, text in names.items():
        (tmp_path / name).write_text(text)
    environment = {
        "POSTERN_LOCAL_MAIL_DIR": str(tmp_path),
        "POSTERN_LOCAL_MAIL_KEY_FILE": str(tmp_path / "local-mail.key"),
        "POSTERN_SEALING_PUBLIC_KEY_FILE": str(tmp_path / "mailstore.pub"),
    }
    command = [sys.executable, "-m", "services.mailstore.pop3.unlock"]
    root = Path(__file__).parents[4]
    subprocess.run([*command, ANN], env=environment, cwd=root, check=True)
    nobody = subprocess.run([*command, "bob@example.org"], env=environment, cwd=root, capture_output=True)
    assert (nobody.returncode, nobody.stderr) == (1, b"there is no local mail of this account\n")
    assert open_key(path, AWAY, ANN, b"two") == key
    # Once: the next password needs the operator again.
    with pytest.raises(PosternError):
        open_key(path, AWAY, ANN, b"three")


def test_a_lost_key_file_throws_no_mail_away(path: Path) -> None:
    key = open_key(path, RING, ANN, b"one")
    Store(path.with_suffix(".db"), key).close()
    before = path.with_suffix(".db").read_bytes()
    path.unlink()
    with pytest.raises(PosternError) as caught:
        open_key(path, RING, ANN, b"one")
    assert caught.value.metadata == {"what": "local_mail_locked"}
    with pytest.raises(PosternError):
        Store(path.with_suffix(".db"), bytes(32))
    assert path.with_suffix(".db").read_bytes() == before


def environment(tmp_path: Path, changes: Mapping[str, str]) -> Env:
    base = {
        "IMAP_URL": "pop3s://pop.example.org",
        "SEALING_KEY": SEALING.to_text(),
        "LOCAL_MAIL_DIR": str(tmp_path / "mail"),
        "LOCAL_MAIL_KEY": OPERATOR.to_text(),
        **changes,
    }
    return Env({f"POSTERN_{name}": value for name, value in base.items() if value})


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("pop3s://pop.example.org", 995, "implicit"),
        ("pop3+starttls://pop.example.org", 110, "starttls"),
        ("pop3://127.0.0.1:1110", 1110, "plain"),
    ],
)
async def test_settings(tmp_path: Path, url: str, port: int, tls: str) -> None:
    made = MailstoreSettings.from_env(environment(tmp_path, {"IMAP_URL": url})).imap
    assert isinstance(made, PopServer)
    assert (made.port, made.tls.value, (made.context is None)) == (port, tls, tls == "plain")
    await made.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"IMAP_URL": "pop3://pop.example.org"}, "is not encrypted"),
        ({"LOCAL_MAIL_DIR": ""}, "POSTERN_LOCAL_MAIL_DIR is not set"),
        ({"LOCAL_MAIL_KEY": ""}, "POSTERN_LOCAL_MAIL_KEY_FILE"),
        ({"LOCAL_MAIL_KEY": "nonsense"}, "POSTERN_LOCAL_MAIL_KEY_FILE"),
        ({"LOCAL_MAIL_PUBLIC_KEY": OPERATOR.public_key().to_text()}, "expected one of"),
        ({"POP3_INTERVAL": "5s"}, "at least 15s"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        MailstoreSettings.from_env(environment(tmp_path, changes))
