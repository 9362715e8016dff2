"""The password check over POP3, against a real Dovecot."""

from __future__ import annotations

import pytest

from services.auth.ways.pop3 import SCHEMES, Pop3PasswordChecker, Pop3Settings
from services.auth.ways.threads import Bounds
from services.common.endpoint import Endpoint
from services.common.errors import PosternError
from tests.support.dovecot import Dovecot, DovecotOptions

BOUNDS = Bounds(connect_seconds=2, read_seconds=2)


def checker(url: str, dovecot: Dovecot) -> Pop3PasswordChecker:
    return Pop3PasswordChecker(Pop3Settings(Endpoint.parse(url, SCHEMES), dovecot.ca_file, BOUNDS))


@pytest.mark.parametrize("scheme", ["pop3", "pop3s", "pop3+starttls"])
async def test_a_real_server_decides(dovecot: Dovecot, scheme: str) -> None:
    user, other = dovecot.add_user(), dovecot.add_user(password="pässwörd {with} spaces\r\nQUIT")
    port = dovecot.pop3s_port if scheme == "pop3s" else dovecot.pop3_port
    check = checker(f"{scheme}://localhost:{port}", dovecot)
    try:
        assert await check.check(user.address, user.password)
        assert not await check.check(user.address, user.password + "x")
        assert not await check.check(user.address, "")
        assert not await check.check("nobody@example.org", user.password)
        # A line break in a password is part of the password, and no command.
        assert not await check.check(user.address, f"{user.password}\r\nNOOP")
        assert not await check.check(other.address, "pässwörd")
    finally:
        await check.close()


async def test_a_server_without_auth_plain(dovecot_with) -> None:
    """USER and PASS; what they cannot carry is refused rather than sent."""
    extra = "protocol pop3 {\n  auth_mechanisms = login\n}\n"
    dovecot = dovecot_with(DovecotOptions(extra=extra))
    user = dovecot.add_user()
    check = checker(dovecot.pop3_url, dovecot)
    try:
        assert await check.check(user.address, user.password)
        assert not await check.check(user.address, "wrong")
    finally:
        await check.close()


async def test_no_server_and_no_trust(dovecot: Dovecot) -> None:
    for settings in (
        Pop3Settings(Endpoint.parse("pop3://127.0.0.1:1", SCHEMES), None, BOUNDS),
        Pop3Settings(Endpoint.parse(f"pop3s://localhost:{dovecot.pop3s_port}", SCHEMES), None, BOUNDS),
        Pop3Settings(Endpoint.parse(f"pop3+starttls://localhost:{dovecot.pop3_port}", SCHEMES), None, BOUNDS),
    ):
        check = Pop3PasswordChecker(settings)
        try:
            with pytest.raises(PosternError) as caught:
                await check.check("alice@example.org", "alice")
            assert caught.value.reason == "MAIL_SERVER_UNREACHABLE"
        finally:
            await check.close()
