"""The password check by LDAP bind, against a real slapd."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from services.auth.ways.file import WaysSettings
from services.auth.ways.ldap import SCHEMES, LdapSettings, LdapWay
from services.auth.ways.threads import Bounds
from services.common.endpoint import Endpoint
from services.common.errors import PosternError
from services.common.sealing import Credential
from services.common.settings import Secret
from tests.rpc.auth.support import running_auth
from tests.support.slapd import PEOPLE, READER, READER_PASSWORD, Slapd, slapd

ODD = 'o(dd*) ,+"name\\'


@pytest.fixture(scope="module")
def directory(machine: None) -> Iterator[Slapd]:
    with slapd(
        ("alice", "alice@example.org", "alice-in-ldap"),
        ("bob", "bob@example.org", "pässwörd"),
        ("twin1", "twin@example.org", "same"),
        ("twin2", "twin@example.org", "same"),
    ) as server:
        yield server


@contextlib.asynccontextmanager
async def way(server: Slapd, url: str, **changes: object):
    settings: dict[str, object] = {
        "base": PEOPLE,
        "filter": "(mail={address})",
        "bind_dn": READER,
        "bind_password": Secret(READER_PASSWORD),
        "ca_file": server.certificates.ca,
        **changes,
    }
    made = LdapWay(LdapSettings(Endpoint.parse(url, SCHEMES), **settings))  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.close()


TEMPLATE = {"base": "", "filter": "", "bind_dn": "", "bind_password": None}


@pytest.mark.parametrize("how", ["tls_url", "starttls_url", "url"])
@pytest.mark.parametrize("template", [False, True])
async def test_a_bind_decides(directory: Slapd, how: str, template: bool) -> None:
    changes = {**TEMPLATE, "dn": f"uid={{localpart}},{PEOPLE}"} if template else {}
    async with way(directory, getattr(directory, how), **changes) as ldap:
        found = await ldap.check("alice@example.org", "alice-in-ldap")
        assert found == Credential("password", "alice@example.org", "alice-in-ldap")
        assert await ldap.check("bob@example.org", "pässwörd") is not None
        for account, password in (
            ("alice@example.org", "wrong"),
            ("alice@example.org", ""),  # would be an unauthenticated bind, which succeeds
            ("alice@example.org", "\0"),
            ("nobody@example.org", "alice-in-ldap"),
            ("*@example.org", "alice-in-ldap"),
            ("alice*@example.org", "alice-in-ldap"),
            ("a)(uid=alice@example.org", "alice-in-ldap"),
            (f"alice,{PEOPLE}@example.org", "alice-in-ldap"),
            (f"{ODD}@example.org", "alice-in-ldap"),
        ):
            assert await ldap.check(account, password) is None, account


async def test_an_empty_password_would_bind_here(directory: Slapd) -> None:
    """The server that the tests use takes an unauthenticated bind, so that refusing it is our doing."""
    dn = f"uid=alice,{PEOPLE}".encode()
    bind = b"\x02\x01\x03\x04" + bytes([len(dn)]) + dn + b"\x80\x00"  # version 3, name, no password
    message = b"\x02\x01\x01\x60" + bytes([len(bind)]) + bind
    with socket.create_connection(("127.0.0.1", directory.port), timeout=5) as connection:
        connection.sendall(b"\x30" + bytes([len(message)]) + message)
        answer = connection.recv(1000)
    assert answer[5:10] == b"\x61\x07\x0a\x01\x00"  # a bind response: success


async def test_names_for_the_mail_server(directory: Slapd) -> None:
    async with way(directory, directory.tls_url, username="attribute:employeeNumber") as ldap:
        found = await ldap.check("alice@example.org", "alice-in-ldap")
        assert found is not None and found.username == "box-alice"
    async with way(directory, directory.tls_url, username="localpart") as ldap:
        found = await ldap.check("alice@example.org", "alice-in-ldap")
        assert found is not None and found.username == "alice"
    async with way(directory, directory.tls_url, username="attribute:roomNumber") as ldap:
        assert await ldap.check("alice@example.org", "alice-in-ldap") is None


async def test_a_name_that_fits_two_entries_is_nobodys(directory: Slapd) -> None:
    async with way(directory, directory.tls_url) as ldap:
        assert await ldap.check("twin@example.org", "same") is None


async def reason(awaitable) -> str:
    with pytest.raises(PosternError) as caught:
        await awaitable
    return caught.value.reason


async def test_what_cannot_be_told_is_no_wrong_password(directory: Slapd) -> None:
    for changes, expected in (
        ({"bind_password": Secret("wrong")}, "MAIL_SERVER_REFUSED"),
        ({"ca_file": None}, "MAIL_SERVER_UNREACHABLE"),  # an authority that nobody trusts
        ({"filter": "(mail={address}"}, "MAIL_SERVER_UNREACHABLE"),
    ):
        async with way(directory, directory.tls_url, **changes) as ldap:
            assert await reason(ldap.check("alice@example.org", "alice-in-ldap")) == expected, changes
    # The certificate is for localhost and 127.0.0.1.
    async with way(directory, directory.tls_url.replace("localhost", "127.0.0.2")) as ldap:
        assert await reason(ldap.check("alice@example.org", "alice-in-ldap")) == "MAIL_SERVER_UNREACHABLE"


async def test_a_directory_that_hangs_ends_in_a_timeout(directory: Slapd) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []
    thread = threading.Thread(target=lambda: held.append(listener.accept()[0]), daemon=True)
    thread.start()
    bounds = Bounds(connect_seconds=1, read_seconds=1)
    url = f"ldap://127.0.0.1:{listener.getsockname()[1]}"
    try:
        async with way(directory, url, bounds=bounds) as ldap:
            assert await reason(ldap.check("alice@example.org", "alice-in-ldap")) == "MAIL_SERVER_TIMEOUT"
    finally:
        listener.close()


async def test_signing_in_by_the_directory(directory: Slapd, tmp_path) -> None:
    """The whole way, and a domain that is not named is refused as a wrong password is."""
    settings = LdapSettings(
        Endpoint.parse(directory.tls_url, SCHEMES),
        base=PEOPLE,
        filter="(mail={address})",
        bind_dn=READER,
        bind_password=Secret(READER_PASSWORD),
        ca_file=directory.certificates.ca,
    )
    ways = WaysSettings({"staff": settings}, {"example.org": ("staff",)})
    url = f"sqlite:///{tmp_path}/auth.db"
    async with running_auth(url, real=True, ways=ways) as auth:
        signed = await auth.sign_in("Alice@Example.org", "alice-in-ldap")
        assert signed.account == "alice@example.org"
        for address, password in (("alice@example.org", "no"), ("alice@example.net", "alice-in-ldap")):
            assert await reason(auth.sign_in(address, password)) == "AUTHENTICATION_FAILED"
