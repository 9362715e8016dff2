"""Settings from the environment, and addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.common.database import PLAINTEXT_WORDS as DATABASE_WORDS
from services.common.database import database_url
from services.common.endpoint import PLAINTEXT_WORDS, Endpoint, HostPort, Scheme, TlsMode, is_loopback
from services.common.rpc.server import ServerSettings
from services.common.rpc.tls import TlsSettings
from services.common.settings import Env, Secret, SettingsError

IMAP = {
    "imap": Scheme(143, TlsMode.PLAIN),
    "imaps": Scheme(993, TlsMode.IMPLICIT),
    "imap+starttls": Scheme(143, TlsMode.STARTTLS),
}


def env(**values: str) -> Env:
    return Env({f"POSTERN_{name}": value for name, value in values.items()})


def test_typed_values() -> None:
    settings = env(A="text", N="7", B="1", D="250ms", L="[::1]:81", M="5m")
    assert settings.text("A") == "text" and settings.text("Z", "z") == "z"
    assert settings.integer("N", 1) == 7 and settings.integer("Z", 3) == 3
    assert settings.boolean("B") is True and settings.boolean("Z") is False
    assert settings.duration("D") == 0.25 and settings.duration("M") == 300
    assert settings.host_port("L", "x:1") == HostPort("::1", 81)
    assert settings.host_port("Z") is None
    assert settings.address("Z", "auth:5101") == "auth:5101"


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda e: e.text("MISSING"), "POSTERN_MISSING is not set: expected a text"),
        (
            lambda e: e.integer("BAD", 1, minimum=1, maximum=9),
            "POSTERN_BAD is 'x7': expected a whole number from 1 to 9",
        ),
        (lambda e: e.integer("BIG", 1, minimum=1, maximum=9), "from 1 to 9"),
        (lambda e: e.boolean("BAD"), "POSTERN_BAD is 'x7': expected 1 or 0"),
        (lambda e: e.duration("BAD"), 'expected a duration such as "30s"'),
        (lambda e: e.host_port("BAD", "a:1"), "expected host:port"),
        (lambda e: e.choice("BAD", ("A", "B"), "A"), "expected one of A, B"),
        (lambda e: e.path("BAD"), "POSTERN_BAD is 'x7': expected the path"),
        (lambda e: e.required_path("MISSING"), "POSTERN_MISSING is not set: expected a path"),
        (lambda e: e.address("BAD"), "expected the host:port of that service"),
        (
            lambda e: e.endpoint("BAD", IMAP),
            "POSTERN_BAD: expected one of imap://, imaps://, imap+starttls://",
        ),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(read: Any, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(env(BAD="x7", BIG="10"))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_the_file_variant(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter2\n")
    secret = env(KEY_FILE=str(file)).secret("KEY")
    assert secret.reveal() == "hunter2"
    assert "hunter2" not in f"{secret!r} {secret} {[secret]}"
    assert secret == Secret("hunter2") != Secret("other")
    with pytest.raises(SettingsError, match="POSTERN_KEY and POSTERN_KEY_FILE are both set"):
        env(KEY="a", KEY_FILE=str(file)).secret("KEY")
    with pytest.raises(SettingsError, match=r"POSTERN_KEY_FILE: cannot read .*: No such file"):
        env(KEY_FILE=str(tmp_path / "none")).secret("KEY")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("imap://localhost", Endpoint("imap", "localhost", 143, TlsMode.PLAIN)),
        ("IMAPS://Mail.Example.ORG/", Endpoint("imaps", "mail.example.org", 993, TlsMode.IMPLICIT)),
        ("imap+starttls://mail:1143", Endpoint("imap+starttls", "mail", 1143, TlsMode.STARTTLS)),
        ("imaps://[2001:db8::1]:9", Endpoint("imaps", "2001:db8::1", 9, TlsMode.IMPLICIT)),
        ("imap://[::1]", Endpoint("imap", "::1", 143, TlsMode.PLAIN)),
    ],
)
def test_endpoints(url: str, expected: Endpoint) -> None:
    assert Endpoint.parse(url, IMAP) == expected
    assert Endpoint.parse(str(expected), IMAP) == expected


@pytest.mark.parametrize(
    "url",
    ["", "mail", "http://mail", "imaps://", "imaps://a b", "imaps://u:p@mail", "imaps://mail:0",
     "imaps://mail:99999", "imaps://mail/x", "imaps://mail?x=1", "imaps://[::zz]",
     "imaps://mail\r\nA1 LOGOUT"],
)  # fmt: skip
def test_bad_endpoints(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        env(IMAP_URL=url or " ").endpoint("IMAP_URL", IMAP)
    assert "u:p" not in str(caught.value)


def test_plaintext_beyond_loopback_needs_the_words() -> None:
    assert env(IMAP_URL="imap://127.0.0.1:1143").endpoint("IMAP_URL", IMAP).loopback
    for words in ({}, {"MAIL_PLAINTEXT": "yes"}, {"MAIL_PLAINTEXT": PLAINTEXT_WORDS + "!"}):
        with pytest.raises(SettingsError, match=f"POSTERN_MAIL_PLAINTEXT to exactly '{PLAINTEXT_WORDS}'"):
            env(IMAP_URL="imap://mail", **words).endpoint("IMAP_URL", IMAP)
    allowed = env(IMAP_URL="imap://mail", MAIL_PLAINTEXT="passwords-and-mail-readable-on-the-network")
    assert allowed.endpoint("IMAP_URL", IMAP).host == "mail"


def test_loopback() -> None:
    for host in (
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
    ):
        assert is_loopback(host), host
    for host in (
        "",
        "0.0.0.0",
        "::",
        "localhost.example.org",
        "10.0.0.1",
        "127.0.0.1.example.org",
        "::ffff:10.0.0.1",
    ):
        assert not is_loopback(host), host


def test_server_settings(tmp_path: Path) -> None:
    settings = ServerSettings.from_env(env(), listen="127.0.0.1:1", metrics="127.0.0.1:2")
    assert (str(settings.listen), str(settings.metrics_listen), settings.tls) == (
        "127.0.0.1:1",
        "127.0.0.1:2",
        None,
    )
    (tmp_path / "x").write_text("")
    with pytest.raises(SettingsError, match="all of POSTERN_TLS_CERT_FILE"):
        TlsSettings.from_env(env(TLS_CERT_FILE=str(tmp_path / "x")))


def test_database_urls() -> None:
    for url in (
        "sqlite:///var/x.db",
        "mysql+pymysql://u:p@127.0.0.1/x",
        "mysql+pymysql://u:p@db/x?ssl_ca=/ca.pem",
    ):
        assert database_url(env(DATABASE_URL=url)) == url
    with pytest.raises(SettingsError, match="not encrypted") as caught:
        database_url(env(DATABASE_URL="mysql+pymysql://u:hunter2@db/x"))
    assert "hunter2" not in str(caught.value)
    for bad in ("postgresql://x/y", "nonsense"):
        with pytest.raises(SettingsError, match="POSTERN_DATABASE_URL: expected"):
            database_url(env(DATABASE_URL=bad))
    assert database_url(env(DATABASE_URL="mysql+pymysql://u:p@db/x", DATABASE_PLAINTEXT=DATABASE_WORDS))
