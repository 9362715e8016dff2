"""Asks a directory whether a password is right: by binding as the person (RFC 4511, 4.2).

Invariants:
* An empty password never binds: RFC 4513, 5.1.2 makes that an anonymous bind, which succeeds.
* What somebody typed stands in a filter escaped after RFC 4515, 3, in a DN after RFC 4514, 2.4.
* Nothing is said before TLS stands, but to a server on this machine. Referrals are not followed.
* A name that fits several entries is nobody's.
"""

from __future__ import annotations

import contextlib
import logging
import math
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException

from services.auth.accounts import login_name
from services.auth.ways.threads import Bounds, Checks, failure
from services.auth.ways.tls import client_context
from services.common.endpoint import Endpoint, Scheme, TlsMode
from services.common.errors import Reason, error
from services.common.logging import get_logger
from services.common.sealing import Credential
from services.common.settings import Secret

log = get_logger(__name__)
logging.getLogger("ldap3").setLevel(logging.WARNING)

SCHEMES = {
    "ldaps": Scheme(636, TlsMode.IMPLICIT),
    "ldap+starttls": Scheme(389, TlsMode.STARTTLS),
    "ldap": Scheme(389, TlsMode.PLAIN),
}
PLACES = ("address", "localpart", "domain")
PLACE = re.compile(r"\{(\w+)\}")

# RFC 4511, 4.1.9: what a person's own bind may be refused with.
_WRONG = frozenset({19, 32, 34, 48, 49, 50, 53})  # 49 invalidCredentials; 53 a locked entry, by server
_SIZE_LIMIT = 4


@dataclass(frozen=True)
class LdapSettings:
    """Either `base` and `filter`, to search and then bind as what was found, or `dn`, a template to bind as.

    Templates know {address}, {localpart} and {domain}. `bind_dn` and `bind_password` open the directory for
    the search; anonymous without. `username`: what the mail server is asked with: "address", "localpart", or
    "attribute:NAME".
    """

    endpoint: Endpoint
    dn: str = ""
    base: str = ""
    filter: str = ""
    bind_dn: str = ""
    bind_password: Secret | None = field(default=None, repr=False)
    username: str = "address"
    ca_file: Path | None = None
    bounds: Bounds = field(default_factory=Bounds)

    @property
    def attribute(self) -> str:
        return self.username.partition("attribute:")[2]


def escape_filter(text: str) -> str:
    """RFC 4515, 3: an assertion value. Everything but plain letters and digits as octets: always allowed."""
    return "".join(
        char if char.isascii() and char.isalnum() else "".join(f"\\{octet:02x}" for octet in char.encode())
        for char in text
    )


def escape_dn(text: str) -> str:
    """RFC 4514, 2.4: an attribute value; octets in hexadecimal are always allowed."""
    return escape_filter(text)


def fill(template: str, account: str, escape: Any) -> str:
    """The template with its places taken by the account's parts, escaped."""
    local, _, domain = account.rpartition("@")
    parts = {"address": account, "localpart": local, "domain": domain}
    return PLACE.sub(lambda match: escape(parts[match[1]]), template)


class LdapWay:
    """Checks against one directory."""

    def __init__(self, settings: LdapSettings) -> None:
        self._settings = settings
        self._tls = _Tls(client_context(settings.ca_file))
        self._checks = Checks("ldap-check", settings.bounds)

    async def check(self, account: str, password: str) -> Credential | None:
        if not password or "\0" in password:
            return None
        return await self._checks.run(self._check, account, password)

    async def close(self) -> None:
        self._checks.close()

    def _check(self, account: str, password: str) -> Credential | None:
        settings, connection = self._settings, None
        try:
            connection = self._open()
            if settings.dn:
                dn, username = fill(settings.dn, account, escape_dn), login_name(account, settings.username)
            else:
                self._bind_own(connection)
                found = self._find(connection, account)
                if found is None:
                    return None
                dn, username = found
            if not _bind(connection, dn, password):
                return None
            return Credential("password", username, password)
        except (LDAPException, ssl.SSLError, OSError) as err:
            raise failure(err) from err
        finally:
            if connection is not None:
                with contextlib.suppress(Exception):
                    connection.unbind()

    def _open(self) -> Any:
        endpoint, bounds = self._settings.endpoint, self._settings.bounds
        server = ldap3.Server(
            endpoint.host,
            port=endpoint.port,
            use_ssl=endpoint.tls is TlsMode.IMPLICIT,
            tls=self._tls,
            get_info=ldap3.NONE,
            connect_timeout=bounds.connect_seconds,
        )
        connection = ldap3.Connection(
            server,
            client_strategy=ldap3.SYNC,
            auto_bind=ldap3.AUTO_BIND_NONE,
            auto_referrals=False,
            receive_timeout=max(1, math.ceil(bounds.read_seconds)),  # whole seconds: it goes to setsockopt
            read_only=True,
            check_names=False,
            raise_exceptions=False,
        )
        connection.open(read_server_info=False)
        if endpoint.tls is TlsMode.STARTTLS and not connection.start_tls(read_server_info=False):
            raise error(Reason.MAIL_SERVER_REFUSED, "the directory has no StartTLS")
        return connection

    def _bind_own(self, connection: Any) -> None:
        settings = self._settings
        if not settings.bind_dn:
            return  # RFC 4511, 4.2.1: a connection without a bind is anonymous
        password = settings.bind_password.reveal() if settings.bind_password else ""
        if not password or not _bind(connection, settings.bind_dn, password):
            raise error(Reason.MAIL_SERVER_REFUSED, "the directory refuses Postern's own bind")

    def _find(self, connection: Any, account: str) -> tuple[str, str] | None:
        """The entry's DN and the name for the mail server; None where there is not exactly one."""
        settings = self._settings
        attributes = [settings.attribute] if settings.attribute else [ldap3.NO_ATTRIBUTES]
        connection.search(
            settings.base,
            fill(settings.filter, account, escape_filter),
            search_scope=ldap3.SUBTREE,
            dereference_aliases=ldap3.DEREF_NEVER,
            attributes=attributes,
            size_limit=_SIZE_LIMIT,
            time_limit=max(1, int(settings.bounds.read_seconds)),
        )
        code = connection.result["result"]
        entries = [entry for entry in connection.response or () if entry["type"] == "searchResEntry"]
        if code not in (0, 4, 32):  # success, sizeLimitExceeded, noSuchObject
            raise error(Reason.MAIL_SERVER_REFUSED, f"the directory answered {code} to a search")
        if len(entries) != 1:
            if entries:
                log.warning("ldap.ambiguous", account=account)
            return None
        entry = entries[0]
        if not settings.attribute:
            return entry["dn"], login_name(account, settings.username)
        values = entry["attributes"].get(settings.attribute) or []
        values = [values] if isinstance(values, str) else list(values)
        if len(values) != 1 or not values[0]:
            log.warning("ldap.no_username", account=account, attribute=settings.attribute)
            return None
        return entry["dn"], str(values[0])


def _bind(connection: Any, dn: str, password: str) -> bool:
    """A simple bind. False: refused; raises where the directory could not tell."""
    if not dn or not password:
        return False  # RFC 4513, 5.1.1 and 5.1.2: either would bind nobody, with success
    connection.user, connection.password = dn, password
    connection.authentication = ldap3.SIMPLE
    connection.bind(read_server_info=False)
    code = connection.result["result"]
    connection.password = None
    if code == 0:
        return True
    if code in _WRONG:
        return False
    raise error(Reason.MAIL_SERVER_UNREACHABLE, f"the directory answered {code} to a bind")


class _Tls(ldap3.Tls):
    """ldap3's TLS with Python's own verification of chain and name, rather than ldap3's of the name."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=connection.server.host
        )
