"""POSTERN_SIGN_IN_FILE: what it means, and what is wrong with a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.utils.dn import parse_dn

from services.auth.settings import AuthSettings
from services.auth.ways.ldap import LdapSettings, escape_dn, escape_filter, fill
from services.auth.ways.openid import OpenIdSettings
from services.common.settings import SettingsError
from tests.unit.auth.test_settings import environment

GOOD = """
[domains]
"example.org" = ["staff", "id"]
"bücher.example" = "old"
"*" = "imap"

[ways.staff]
kind = "ldap"
url = "ldaps://ldap.example.org"
base = "ou=people,dc=example,dc=org"
filter = "(mail={address})"
bind_dn = "cn=postern,dc=example,dc=org"
bind_password_file = "SECRET"
username = "attribute:uid"

[ways.old]
kind = "pop3"
url = "pop3+starttls://pop.example.org"

[ways.id]
kind = "oidc"
name = "Example account"
issuer = "https://id.example.org"
client_id = "postern"
client_secret_file = "SECRET"
"""


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "secret").write_text("s3cret\n")
    file = tmp_path / "sign-in.toml"
    file.write_text(text.replace("SECRET", str(tmp_path / "secret")))
    return file


async def test_a_whole_file(tmp_path: Path) -> None:
    settings = AuthSettings.from_env(environment(SIGN_IN_FILE=str(write(tmp_path, GOOD))))
    assert "s3cret" not in repr(settings)
    staff, provider = settings.ways.ways["staff"], settings.ways.ways["id"]
    assert isinstance(staff, LdapSettings) and staff.endpoint.port == 636 and staff.attribute == "uid"
    assert isinstance(provider, OpenIdSettings) and provider.client_secret.reveal() == "s3cret"
    ways = settings.ways.build()
    try:
        assert ways.of("a@example.org").openid is ways.openid[0]
        assert ways.of("a@example.org").password is not ways.of("a@elsewhere.example").password
        assert ways.of("a@xn--bcher-kva.example").password is not None
    finally:
        await ways.close()


def test_a_file_makes_the_mail_servers_address_needless_for_auth(tmp_path: Path) -> None:
    text = '[domains]\n"example.org" = "old"\n[ways.old]\nkind = "pop3"\nurl = "pop3s://pop.example.org"\n'
    settings = AuthSettings.from_env(environment(SIGN_IN_FILE=str(write(tmp_path, text)), IMAP_URL=None))
    assert set(settings.ways.ways) == {"old"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[domains]", "[domain]"), "unknown key 'domain'"),
        (("= ", "== "), "is no TOML"),
        (('"*" = "imap"', '"*" = "imop"'), "there is no way 'imop'"),
        (('"*" = "imap"', '"@" = "imap"'), "expected a domain"),
        (('["staff", "id"]', '["staff", "old"]'), "at most one way with passwords"),
        (('["staff", "id"]', '"staff"'), "ways.id: no domain has this way"),
        (('kind = "ldap"', 'kind = "ldpa"'), "ways.staff.kind: expected one of imap, pop3, ldap, oidc"),
        (("ldaps://", "https://"), "ways.staff.url: expected one of ldaps://"),
        (("ldaps://", "ldap://"), "not encrypted"),
        (("{address}", "{adress}"), "ways.staff.filter: expected no places but {address}"),
        (("(mail={address})", "(mail=alice)"), "ways.staff.filter"),
        (("base =", "bass ="), "ways.staff.dn: expected either"),
        (('bind_password_file = "SECRET"', ""), "ways.staff.bind_dn"),
        (('bind_password_file = "SECRET"', 'bind_password_file = "/nowhere"'), "there is none at /nowhere"),
        (('bind_password_file = "SECRET"', 'bind_password = "x"'), "bind_dn"),
        (("https://id", "http://id"), "ways.id.issuer: expected an https URL"),
        (('client_id = "postern"', 'client_id = ""'), "ways.id.client_id"),
        (('client_id = "postern"', 'client_id = "p"\nalgorithms = ["HS256"]'), "ways.id.algorithms"),
        (('client_id = "postern"', 'client_id = "p"\nscopes = ["email"]'), "ways.id.scopes"),
        (('client_id = "postern"', 'client_id = "p"\nsecret = "email"'), "ways.id: unknown key 'secret'"),
    ],
)
def test_a_wrong_file_is_one_line_that_says_where(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    file = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(SettingsError) as caught:
        AuthSettings.from_env(environment(SIGN_IN_FILE=str(file)))
    text = str(caught.value)
    assert text.startswith("POSTERN_SIGN_IN_FILE: ") and words in text and "\n" not in text


@given(st.text(min_size=1, max_size=30).filter(lambda text: "@" not in text))
def test_a_typed_name_is_one_value_of_a_dn_and_of_a_filter(local: str) -> None:
    account = f"{local}@example.org"
    dn = fill("uid={localpart},ou=people,dc=example,dc=org", account, escape_dn)
    assert [part[0] for part in parse_dn(dn)] == ["uid", "ou", "dc", "dc"]
    written = escape_filter(local)
    assert not set(written) & set("*()\0") and written.replace("\\", "").isalnum()
    octets = bytes.fromhex(
        "".join(
            piece if piece.startswith("\\") else piece.encode().hex()
            for piece in __import__("re").findall(r"\\[0-9a-f]{2}|.", written)
        ).replace("\\", "")
    )
    assert octets.decode() == local
