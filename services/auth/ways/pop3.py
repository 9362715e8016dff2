"""Asks a POP3 server whether a password is right (RFC 1939; STLS after RFC 2595, AUTH after RFC 5034).

Invariants: AUTH PLAIN carries what was typed in base64; USER and PASS take printable US-ASCII alone, so that
nothing typed is a command. Without STLS where it was asked for, nothing is said.
"""

from __future__ import annotations

import base64
import contextlib
import poplib
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from services.auth.ways.threads import Bounds, Checks, failure
from services.auth.ways.tls import client_context
from services.common.endpoint import Endpoint, Scheme, TlsMode
from services.common.errors import Reason, error

SCHEMES = {
    "pop3": Scheme(110, TlsMode.PLAIN),
    "pop3s": Scheme(995, TlsMode.IMPLICIT),
    "pop3+starttls": Scheme(110, TlsMode.STARTTLS),
}
# RFC 3206 and RFC 2449, section 8.1: the password may be right, there is just no service now.
_NOT_NOW = ("SYS/TEMP", "IN-USE", "LOGIN-DELAY")


@dataclass(frozen=True)
class Pop3Settings:
    """`ca_file`: a further authority to trust."""

    endpoint: Endpoint
    ca_file: Path | None = None
    bounds: Bounds = field(default_factory=Bounds)


class Pop3PasswordChecker:
    """Checks against one POP3 server."""

    def __init__(self, settings: Pop3Settings) -> None:
        self._settings = settings
        self._tls = client_context(settings.ca_file)
        self._checks = Checks("pop3-check", settings.bounds)

    async def check(self, username: str, password: str) -> bool:
        if not username or not password or "\0" in username + password:
            return False  # RFC 4616, 2
        return await self._checks.run(self._check, username, password)

    async def close(self) -> None:
        self._checks.close()

    def _check(self, username: str, password: str) -> bool:
        client: poplib.POP3 | None = None
        try:
            client = self._connect()
            return _sign_in(client, username, password)
        except (poplib.error_proto, ssl.SSLError, OSError, EOFError) as err:
            raise failure(err) from err
        finally:
            if client is not None:
                with contextlib.suppress(Exception):
                    client.quit()
                with contextlib.suppress(Exception):
                    client.close()

    def _connect(self) -> poplib.POP3:
        endpoint, bounds = self._settings.endpoint, self._settings.bounds
        if endpoint.tls is TlsMode.IMPLICIT:
            return poplib.POP3_SSL(
                endpoint.host, endpoint.port, timeout=bounds.read_seconds, context=self._tls
            )
        client = poplib.POP3(endpoint.host, endpoint.port, timeout=bounds.read_seconds)
        if endpoint.tls is TlsMode.STARTTLS:
            try:
                client.stls(self._tls)
            except BaseException:
                client.close()
                raise
        return client


def _sign_in(client: poplib.POP3, username: str, password: str) -> bool:
    plain = "PLAIN" in [word.upper() for word in client.capa().get("SASL", [])]
    text = username + password
    try:
        if plain:
            token = base64.b64encode(b"\0" + username.encode() + b"\0" + password.encode()).decode()
            if len(token) < 240:  # RFC 2449, section 4: a command has 255 octets at most
                client._shortcmd(f"AUTH PLAIN {token}")  # type: ignore[attr-defined]
            else:
                client._shortcmd("AUTH PLAIN")  # type: ignore[attr-defined]
                client._shortcmd(token)  # type: ignore[attr-defined]
        elif not text.isascii() or not text.isprintable():
            raise error(Reason.MAIL_SERVER_REFUSED, "USER and PASS cannot carry this user name or password")
        else:
            client.user(username)
            client.pass_(password)
    except poplib.error_proto as err:
        answer = err.args[0].decode("ascii", "replace") if err.args and isinstance(err.args[0], bytes) else ""
        if not answer.upper().startswith("-ERR"):
            raise
        code = answer.partition("[")[2].partition("]")[0].upper()
        if code in _NOT_NOW:
            raise error(Reason.MAIL_SERVER_UNREACHABLE, f"the mail server answered {code}") from None
        if code == "SYS/PERM":
            raise error(Reason.MAIL_SERVER_REFUSED, f"the mail server answered {code}") from None
        return False
    return True
