from __future__ import annotations

from pathlib import Path

import pytest

from services.auth.settings import AuthSettings
from services.auth.signing import SigningKeyError, SigningKeys
from services.auth.ways.file import MailWaySettings
from services.common.settings import Env, SettingsError
from services.common.tokens import key_id
from tests.support.rpc import keys_dir, signing_key


def environment(**changes: str | None) -> Env:
    keys = keys_dir()
    values: dict[str, str | None] = {
        "POSTERN_IMAP_URL": "imaps://mail.example.org",
        "POSTERN_SIGNING_KEY_FILE": str(keys / "signing.pem"),
        "POSTERN_SESSION_KEY_FILE": str(keys / "session.key"),
        "POSTERN_SEALING_PUBLIC_KEYS_DIR": str(keys / "sealing"),
    }
    values.update({f"POSTERN_{name}": value for name, value in changes.items()})
    return Env({name: value for name, value in values.items() if value is not None})


def test_the_defaults() -> None:
    settings = AuthSettings.from_env(environment())
    way = settings.ways.ways["imap"]
    assert isinstance(way, MailWaySettings) and settings.ways.domains == {"*": ("imap",)}
    assert str(way.server.endpoint) == "imaps://mail.example.org:993"
    assert way.username == "address" and settings.sign_in.refusal_step == 1.0
    assert settings.lifetimes.idle == 7 * 86_400_000 and settings.lifetimes.absolute == 30 * 86_400_000
    shown = repr(settings)
    assert "PRIVATE" not in shown and (keys_dir() / "session.key").read_text().strip() not in shown


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"IMAP_URL": None}, "POSTERN_IMAP_URL"),
        ({"IMAP_URL": "imap://mail.example.org"}, "POSTERN_IMAP_URL"),
        ({"IMAP_URL": "http://mail.example.org"}, "POSTERN_IMAP_URL"),
        ({"SESSION_KEY_FILE": None}, "POSTERN_SESSION_KEY"),
        ({"SESSION_KEY_FILE": None, "SESSION_KEY": "c2hvcnQ="}, "POSTERN_SESSION_KEY"),
        ({"SIGNING_KEY_FILE": None, "SIGNING_KEY": "rubbish"}, "POSTERN_SIGNING_KEY"),
        ({"SEALING_PUBLIC_KEYS_DIR": None}, "POSTERN_SEALING_PUBLIC_KEYS_DIR"),
        ({"SEALING_PUBLIC_KEYS_DIR": "/"}, "POSTERN_SEALING_PUBLIC_KEYS_DIR"),
        ({"IMAP_USERNAME": "both"}, "POSTERN_IMAP_USERNAME"),
        ({"SESSION_IDLE": "long"}, "POSTERN_SESSION_IDLE"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(changes: dict[str, str | None], variable: str) -> None:
    with pytest.raises(SettingsError) as caught:
        AuthSettings.from_env(environment(**changes))
    assert variable in str(caught.value) and "\n" not in str(caught.value)


def test_retired_keys_verify_and_do_not_sign(tmp_path: Path) -> None:
    old, new = SigningKeys.load((keys_dir() / "signing.pem").read_text()), None
    (tmp_path / "old.pem").write_text(old.published[0].pem)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = (
        Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    )
    new = SigningKeys.load(pem, tmp_path)
    assert [key.signs for key in new.published] == [True, False]
    assert new.published[1].kid == key_id(signing_key().public_key())
    assert new.by_kid(new.published[1].kid) is not None and new.by_kid("other") is None
    (tmp_path / "bad.pem").write_text("rubbish")
    with pytest.raises(SigningKeyError):
        SigningKeys.load(pem, tmp_path)
