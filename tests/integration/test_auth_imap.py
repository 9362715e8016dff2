"""The password check against a real Dovecot, a real pymap, and servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.auth.mailcheck import ImapPasswordChecker, ImapSettings
from services.auth.settings import SCHEMES
from services.common.endpoint import Endpoint
from services.common.errors import PosternError
from services.common.rpc.context import set_client_address
from tests.rpc.auth.support import FakeChecker, running_auth
from tests.support.dovecot import Dovecot, DovecotOptions
from tests.support.process import Daemon, answers, free_port


def checker(url: str, **options) -> ImapPasswordChecker:
    options = {"connect_seconds": 2.0, "read_seconds": 1.0, **options}
    return ImapPasswordChecker(ImapSettings(Endpoint.parse(url, SCHEMES), **options))


async def reason(awaitable) -> str:
    with pytest.raises(PosternError) as caught:
        await awaitable
    return caught.value.reason


@contextlib.contextmanager
def answering(*lines: bytes, wait: float = 0.0, heard: list[bytes] | None = None) -> Iterator[str]:
    """A server that says one line after each that it reads (the first at once), then ends the connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard = [] if heard is None else heard

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # closed: the test is over
            with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
                for number, line in enumerate(lines):
                    if number:
                        heard.append(reader.readline())
                    tag = heard[-1].partition(b" ")[0] if number else b""
                    connection.sendall(line.replace(b"TAG", tag) + b"\r\n")
                time.sleep(wait)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"imap://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def test_no_line_waits_for_an_acknowledgement() -> None:
    """imaplib sends a line in two pieces, and the second would wait 40 ms for the first's acknowledgement."""
    with answering(b"* OK hello", b"* CAPABILITY IMAP4rev1\r\nTAG OK done", wait=1.0) as url:
        client = checker(url)._connect()
        try:
            assert client.socket().getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        finally:
            client.shutdown()


@pytest.mark.parametrize("address", ["203.0.113.9", ""])
async def test_the_server_is_told_where_the_person_is(dovecot_with, address: str) -> None:
    server: Dovecot = dovecot_with(DovecotOptions(extra="login_trusted_networks = 127.0.0.0/8\n"))
    user = server.add_user()
    checks = checker(server.url)
    set_client_address(address)
    try:
        assert await checks.check(user.address, user.password)
        assert not await checks.check(user.address, "wrong")
    finally:
        set_client_address("")
        await checks.close()
    logged: list[str] = []
    for _ in range(150):
        logged = [line for line in server.log.read_text().splitlines() if f"user=<{user.address}>" in line]
        if len(logged) == 2:
            break
        await asyncio.sleep(0.1)
    assert len(logged) == 2
    assert all(f"rip={address or '127.0.0.1'}," in line for line in logged)


@pytest.mark.parametrize(
    "password",
    [
        "plain",
        'with "quotes" and \\ back',
        "pässwörd→✓",
        "{SHA}x %s ' & ;",
        " leading and trailing ",
        "x1 " * 200,
    ],
)
async def test_passwords_of_every_kind(dovecot: Dovecot, password: str) -> None:
    if password.startswith("{") or password != password.strip():
        password = "x" + password + "x"  # Dovecot's file of users gives these a meaning
    user = dovecot.add_user(password=password)
    asks = checker(dovecot.url)
    assert await asks.check(user.address, password) is True
    assert await asks.check(user.address, password + "x") is False
    assert await asks.check(user.address, "") is False
    assert await asks.check(user.address, password + "\0x") is False
    assert await asks.check("nobody@example.org", password) is False


async def test_the_fake_agrees_with_the_real_one(dovecot: Dovecot) -> None:
    user = dovecot.add_user()
    real, fake = checker(dovecot.url), FakeChecker({user.address: user.password})
    for name, password in ((user.address, user.password), (user.address, "x"), ("nobody@example.org", "x")):
        assert await real.check(name, password) == await fake.check(name, password)


async def test_tls_is_verified(dovecot: Dovecot) -> None:
    user = dovecot.add_user()
    for url in (dovecot.tls_url, dovecot.starttls_url):
        assert await checker(url, ca_file=dovecot.ca_file).check(user.address, user.password)
        assert await reason(checker(url).check(user.address, user.password)) == "MAIL_SERVER_UNREACHABLE"


async def test_a_server_without_auth_plain_is_asked_with_login() -> None:
    heard: list[bytes] = []
    capable = b"* CAPABILITY IMAP4rev1\r\nTAG OK done"
    with answering(b"* OK hi", capable, capable, b"TAG OK in", b"TAG OK bye", heard=heard) as url:
        assert await checker(url).check('a" "b\\c@example.org', 'p"w\\')
    logins = [line for line in heard if b"LOGIN" in line]
    assert len(logins) == 1
    assert logins[0].partition(b" ")[2] == rb'LOGIN "a\" \"b\\c@example.org" "p\"w\\"' + b"\r\n"
    with answering(b"* OK hi", capable, capable, b"TAG OK in", heard=heard) as url:
        for name, password in (("a@example.org", "pässword"), ("a\r\nx@example.org", "x"), ("a", "x\ny")):
            assert await reason(checker(url).check(name, password)) == "MAIL_SERVER_REFUSED"
    assert len([line for line in heard if b"LOGIN" in line]) == 1


async def test_nobody_waits_for_the_good_bye() -> None:
    capable = b"* CAPABILITY IMAP4rev1\r\nTAG OK done"
    with answering(b"* OK hi", capable, capable, b"TAG OK in", wait=0.9) as url:
        begun = time.monotonic()
        assert await checker(url).check("a@example.org", "x")
        assert time.monotonic() - begun < 0.6


async def test_a_server_that_is_down_and_one_that_hangs(own_dovecot: Dovecot) -> None:
    user = own_dovecot.add_user()
    asks = checker(own_dovecot.url)
    assert await asks.check(user.address, user.password)
    own_dovecot.pause()
    begun = time.monotonic()
    assert await reason(asks.check(user.address, user.password)) == "MAIL_SERVER_TIMEOUT"
    assert time.monotonic() - begun < 4
    own_dovecot.resume()
    assert await asks.check(user.address, user.password)
    own_dovecot.stop()
    assert await reason(asks.check(user.address, user.password)) == "MAIL_SERVER_UNREACHABLE"
    own_dovecot.start()
    assert await asks.check(user.address, user.password)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"* BYE overloaded"], "MAIL_SERVER_UNREACHABLE"),
        ([b"garbage"], "MAIL_SERVER_UNREACHABLE"),
        ([b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready"], "MAIL_SERVER_UNREACHABLE"),
        (
            [b"* OK hi", b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\nTAG OK done", b"TAG NO x"],
            "MAIL_SERVER_REFUSED",
        ),
        (
            [b"* OK hi", *[b"* CAPABILITY IMAP4rev1\r\nTAG OK"] * 2, b"TAG NO [UNAVAILABLE] later"],
            "MAIL_SERVER_UNREACHABLE",
        ),
        ([b"* OK hi", b"* CAPABILITY IMAP4rev1\r\nTAG OK done", b"* BYE gone"], "MAIL_SERVER_UNREACHABLE"),
    ],
)
async def test_servers_that_misbehave(lines: list[bytes], expected: str) -> None:
    with answering(*lines) as url:
        assert await reason(checker(url).check("a@example.org", "x")) == expected


async def test_the_whole_check_has_a_limit() -> None:
    with answering(b"* OK hi", wait=20) as url:
        asks = checker(url, read_seconds=30.0, total_seconds=0.5)
        begun = time.monotonic()
        assert await reason(asks.check("a@example.org", "x")) == "MAIL_SERVER_TIMEOUT"
        assert time.monotonic() - begun < 5  # neither what it waits for a line, nor what the server takes


async def test_checks_at_once_are_bounded() -> None:
    with answering(b"* OK hi", wait=5) as url:
        asks = checker(url, workers=2, waiting=2, read_seconds=0.5)
        reasons = await asyncio.gather(*(reason(asks.check("a@example.org", "x")) for _ in range(8)))
        assert reasons.count("UNAVAILABLE") == 4
        assert set(reasons) <= {"UNAVAILABLE", "MAIL_SERVER_TIMEOUT", "MAIL_SERVER_UNREACHABLE"}


async def test_pymap(tmp_path) -> None:
    port = free_port()
    daemon = Daemon(
        "pymap",
        [
            *(
                str(Path(sys.executable).with_name("pymap")),
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                "--no-tls",
            ),
            *("dict", "--demo-data"),
        ],
        tmp_path / "pymap.log",
        lambda: answers(port, b"* OK"),
    )
    daemon.start()
    try:
        asks = checker(f"imap://127.0.0.1:{port}", read_seconds=10.0)
        assert await asks.check("demouser", "demopass") is True
        assert await asks.check("demouser", "wrong") is False
        assert await asks.check("nobody", "demopass") is False
    finally:
        daemon.kill()


async def test_sign_in_over_grpc_says_why(own_dovecot: Dovecot, tmp_path) -> None:
    user = own_dovecot.add_user(name="Mixed.Case")
    url = f"sqlite:///{tmp_path}/auth.db"
    imap = {"read_seconds": 1.0}
    async with running_auth(url, real=True, imap_url=own_dovecot.url, imap=imap) as auth:
        signed = await auth.sign_in(user.address, user.password)
        assert signed.account == user.address.lower()
        assert (await auth.access(signed.session_secret)).account == user.address.lower()
        assert await reason(auth.sign_in(user.address, "wrong")) == "AUTHENTICATION_FAILED"
        own_dovecot.pause()
        assert await reason(auth.sign_in(user.address, user.password)) == "MAIL_SERVER_TIMEOUT"
        own_dovecot.resume()
        own_dovecot.stop()
        assert await reason(auth.sign_in(user.address, user.password)) == "MAIL_SERVER_UNREACHABLE"
        # Whoever is signed in stays so.
        assert (await auth.access(signed.session_secret)).account == user.address.lower()


async def test_no_log_at_any_level_has_the_password(dovecot: Dovecot, tmp_path, caplog) -> None:
    user = dovecot.add_user(password="Zaunkoenig-unmistakable")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("imapclient").setLevel(logging.WARNING)
        url = f"sqlite:///{tmp_path}/auth.db"
        async with running_auth(url, real=True, imap_url=dovecot.url) as auth:
            signed = await auth.sign_in(user.address, user.password)
            answer = await auth.access(signed.session_secret)
            await reason(auth.sign_in("other@example.org", user.password))
    text = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert user.password not in text and signed.session_secret not in text
    assert all(item.token not in text for item in answer.tokens)
