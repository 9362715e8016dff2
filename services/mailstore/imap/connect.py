"""From nothing to an authenticated session: TCP, TLS, greeting, login, ID."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from dataclasses import dataclass, field
from functools import cached_property

from services.common.endpoint import TlsMode
from services.common.rpc.context import client_address
from services.mailstore.imap.deadline import time_left
from services.mailstore.imap.failure import (
    CommandRefused,
    ConnectionLost,
    LoginRefused,
    ProtocolError,
    ServerTimeout,
)
from services.mailstore.imap.parser import parse_values
from services.mailstore.imap.session import Session
from services.mailstore.imap.syntax import string
from services.mailstore.imap.transport import ImapTransport

# RFC 5530 section 3: the credential is fine, there is just no room or no service now.
_BUSY_CODES = frozenset({"UNAVAILABLE", "LIMIT", "INUSE", "SERVERBUG"})


@dataclass(frozen=True)
class ImapServer:
    """Where the mail is. Times in seconds. `compress`: where the server offers it (RFC 4978)."""

    host: str
    port: int
    tls: TlsMode
    context: ssl.SSLContext | None
    connect_timeout: float = 10.0
    io_timeout: float = 60.0
    compress: bool = False

    async def open(self, account: Account) -> Session:
        """A session, logged in. ConnectionLost, ServerTimeout, LoginRefused, ServerBusy, ProtocolError."""
        return await _connect(self, account)

    def local(self, account: Account) -> dict[str, str]:
        """What another process needs to open the account beside its credential; nothing for IMAP."""
        return {}

    async def keep_house(self) -> None:
        """Let go of what nobody uses, now and then; runs until cancelled, or ends where nothing is kept."""

    async def close(self) -> None:
        """Let go of what is kept beside the connections."""


@dataclass(frozen=True)
class Account:
    """Whose mail it is. `id` is the account; `username` and `password` open it at the server, where `kind` is
    "oauth" the password being an access token (RFC 7628). `lasting` then stays when the token changes."""

    id: str
    username: str
    password: str = field(repr=False)
    kind: str = "password"
    lasting: str = field(default="", repr=False)

    @cached_property
    def key(self) -> bytes:
        """Names the account together with its credential, so that a changed password gets connections of
        its own.
        """
        digest = hashlib.sha256()
        for text in (self.id, self.username, self.password, self.kind):
            data = text.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
        return digest.digest()


class ServerBusy(ConnectionLost):
    """The server takes no further connection of this account (or of anybody) now."""


async def connect(server: ImapServer, account: Account) -> Session:
    """As `server.open`."""
    return await server.open(account)


async def _connect(server: ImapServer, account: Account) -> Session:
    loop = asyncio.get_running_loop()
    timeout = time_left(server.connect_timeout)
    implicit = server.tls is TlsMode.IMPLICIT
    try:
        async with asyncio.timeout(timeout):
            _, transport = await loop.create_connection(
                ImapTransport,
                server.host,
                server.port,
                ssl=server.context if implicit else None,
                server_hostname=server.host if implicit else None,
            )
    except TimeoutError:
        raise ServerTimeout("connect") from None
    except ssl.SSLError as err:
        raise ConnectionLost(f"TLS: {err.reason or type(err).__name__}") from err
    except OSError as err:
        raise ConnectionLost(f"connect: {type(err).__name__} errno={err.errno}") from err
    session = Session(transport, server.io_timeout)
    try:
        async with asyncio.timeout(timeout):
            await _greet(session, server, timeout)
            await _login(session, account, _identity(session))
        await _enable(session)
        if server.compress and session.has("COMPRESS=DEFLATE"):
            (result,) = await session.execute([b"COMPRESS", b"DEFLATE"])
            if result.status == "OK":
                session.transport.start_deflate()
    except TimeoutError:
        session.close()
        raise ServerTimeout("login") from None
    except ssl.SSLError as err:
        session.close()
        raise ConnectionLost(f"TLS: {err.reason or type(err).__name__}") from err
    except OSError as err:
        session.close()
        raise ConnectionLost(f"login: {type(err).__name__}") from err
    except BaseException:
        session.close()
        raise
    return session


async def _greet(session: Session, server: ImapServer, seconds: float) -> None:
    greeting = await session.transport.receive(seconds)
    if greeting.tag != b"*" or greeting.name not in ("OK", "PREAUTH", "BYE"):
        raise ProtocolError("no IMAP greeting")
    if greeting.name == "BYE":
        raise ServerBusy("BYE as greeting")
    if greeting.name == "PREAUTH":
        # Somebody else's identity; with STARTTLS it is also how an attacker prevents it (RFC 9051 section
        # 11.1).
        raise ProtocolError("PREAUTH")
    if server.tls is TlsMode.STARTTLS:
        (result,) = await session.execute([b"STARTTLS"])
        if result.status != "OK" or server.context is None:
            raise ConnectionLost("the server has no STARTTLS")
        await session.transport.start_tls(server.context, server.host, seconds)
        session.capabilities = frozenset()
    elif greeting.code == "CAPABILITY":
        words = parse_values([greeting.code_data])
        session.capabilities = frozenset(word.decode("ascii", "replace").upper() for word in words)
    if not session.capabilities:
        await session.command(b"CAPABILITY")


async def _login(session: Session, account: Account, identity: list[list[bytes]]) -> None:
    """LOGIN or AUTHENTICATE; `identity` goes before it, in the same round trip."""
    username, password = account.username.encode("utf-8"), account.password.encode("utf-8")
    if b"\0" in username or b"\0" in password:
        raise LoginRefused("NUL in the credential")
    if account.kind == "oauth":
        await session.execute(*identity)
        await _login_with_token(session, account)
        await _identify_late(session, identity)
        return
    plain = session.has("AUTH=PLAIN")
    if session.has("LOGINDISABLED") and not plain:
        raise ConnectionLost("the server allows no login on this connection")
    before = session.capabilities
    ascii_only = username.isascii() and password.isascii()
    # LOGIN is for US-ASCII (RFC 9051 section 6.2.3); PLAIN carries UTF-8 (RFC 4616).
    if plain and session.has("SASL-IR") and (not ascii_only or session.has("LOGINDISABLED")):
        token = base64.b64encode(b"\0" + username + b"\0" + password)
        *_, result = await session.execute(*identity, [b"AUTHENTICATE", b"PLAIN", token])
    else:
        *_, result = await session.execute(*identity, [b"LOGIN", string(username), string(password)])
    if result.status != "OK":
        if result.code in _BUSY_CODES:
            raise ServerBusy(f"login: {result.code}")
        raise LoginRefused(f"login: {result.status} [{result.code}]")
    if session.capabilities == before and result.code != "CAPABILITY":
        await session.command(b"CAPABILITY")
    await _identify_late(session, identity)


async def _login_with_token(session: Session, account: Account) -> None:
    """OAUTHBEARER (RFC 7628), or the older XOAUTH2 where the server has that alone."""
    standard = session.has("AUTH=OAUTHBEARER")
    if not standard and not session.has("AUTH=XOAUTH2"):
        raise LoginRefused("the server takes no access tokens")
    if any(char < " " for char in account.username + account.password):
        raise LoginRefused("a control character in the credential")
    if standard:
        # RFC 5801 section 4: "," and "=" of the name are escaped in the GS2 header.
        name = account.username.replace("=", "=3D").replace(",", "=2C")
        text = f"n,a={name},\x01auth=Bearer {account.password}\x01\x01"
    else:
        text = f"user={account.username}\x01auth=Bearer {account.password}\x01\x01"
    mechanism = b"OAUTHBEARER" if standard else b"XOAUTH2"
    before = session.capabilities
    result = await session.authenticate(
        mechanism, base64.b64encode(text.encode()), b"AQ==" if standard else b""
    )
    if result.status != "OK":
        if result.code in _BUSY_CODES:
            raise ServerBusy(f"login: {result.code}")
        raise LoginRefused(f"login: {result.status} [{result.code}]")
    if session.capabilities == before and result.code != "CAPABILITY":
        await session.command(b"CAPABILITY")


def _identity(session: Session) -> list[list[bytes]]:
    """ID (RFC 2971): who we are and, where it is known, at which address the person is for whom we log in.
    Dovecot writes the latter into its log and counts failures by it, where we are in its
    login_trusted_networks; it wants to hear of it before the login."""
    if not session.has("ID"):
        return []
    fields = [b'"name" "Postern"']
    if address := client_address():
        # Checked to be an IP address where it came in.
        fields.append(b'"x-originating-ip" "%s"' % address.encode("ascii"))
    return [[b"ID", b"(" + b" ".join(fields) + b")"]]


async def _identify_late(session: Session, identity: list[list[bytes]]) -> None:
    """ID of a server that tells only after the login that it takes one."""
    if not identity:
        await session.execute(*_identity(session))


async def _enable(session: Session) -> None:
    wanted = []
    if session.has("UTF8=ONLY"):
        # RFC 6855 section 6: nothing works there before.
        wanted.append(b"UTF8=ACCEPT")
    if session.has("QRESYNC") and session.has("ENABLE"):
        # RFC 7162 section 3.2: from here on what is expunged is told by its UID.
        wanted.append(b"QRESYNC")
    if not wanted:
        return
    (result,) = await session.execute([b"ENABLE", *wanted])
    if result.status != "OK" and b"UTF8=ACCEPT" in wanted:
        raise CommandRefused("ENABLE", result.status, result.code, "")
