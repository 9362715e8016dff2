"""The file of POSTERN_SIGN_IN_FILE: which way of signing in each domain has (TOML).

[domains]                       domain → name of a way, or a list of one with passwords and one with OpenID;
"example.org" = "staff"         "*" stands for every other domain. "imap" is the server of POSTERN_IMAP_URL
"*" = "imap"                    (or POP3) unless a way of that name is defined

[ways.staff]
kind = "ldap"                   imap, pop3, ldap, oidc; the other keys go with it
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.auth.accounts import MalformedAddress, normalise
from services.auth.mailcheck import SCHEMES as IMAP_SCHEMES
from services.auth.mailcheck import ImapPasswordChecker, ImapSettings
from services.auth.ways import DomainWays, MailServerWay, PasswordWay, Ways, ldap, openid, pop3
from services.auth.ways.ldap import LdapSettings, LdapWay
from services.auth.ways.openid import OpenIdProvider, OpenIdSettings
from services.auth.ways.pop3 import Pop3PasswordChecker, Pop3Settings
from services.auth.ways.threads import Bounds
from services.common.endpoint import Endpoint, EndpointError, Scheme
from services.common.settings import Secret, SettingsError

BUILT_IN = "imap"
OTHERS = "*"
_VARIABLE = "POSTERN_SIGN_IN_FILE"


@dataclass(frozen=True)
class MailWaySettings:
    """A mail server that is asked, and with which form of the name."""

    server: ImapSettings | Pop3Settings
    username: str = "address"


WaySettings = MailWaySettings | LdapSettings | OpenIdSettings


@dataclass(frozen=True)
class WaysSettings:
    """Ways by name, and their names by domain ("*": all others)."""

    ways: Mapping[str, WaySettings] = field(default_factory=dict)
    domains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def single(cls, way: MailWaySettings) -> WaysSettings:
        """Without a file: every domain asks the one mail server."""
        return cls({BUILT_IN: way}, {OTHERS: (BUILT_IN,)})

    def build(self) -> Ways:
        """The ways, each once."""
        made = {name: _make(settings) for name, settings in self.ways.items()}
        by_domain = {
            domain: DomainWays(
                next((made[name] for name in names if not isinstance(made[name], OpenIdProvider)), None),  # type: ignore[arg-type]
                next((made[name] for name in names if isinstance(made[name], OpenIdProvider)), None),  # type: ignore[arg-type]
            )
            for domain, names in self.domains.items()
        }
        return Ways(by_domain.pop(OTHERS, DomainWays()), by_domain)


def _make(settings: WaySettings) -> PasswordWay | OpenIdProvider:
    if isinstance(settings, OpenIdSettings):
        return OpenIdProvider(settings)
    if isinstance(settings, LdapSettings):
        return LdapWay(settings)
    server = settings.server
    checker = ImapPasswordChecker(server) if isinstance(server, ImapSettings) else Pop3PasswordChecker(server)
    return MailServerWay(checker, settings.username)


class _Table:
    """A table of the file whose keys are taken one by one; what is left over is a mistake."""

    def __init__(self, path: str, content: Any) -> None:
        self._path = path
        if not isinstance(content, dict):
            raise SettingsError(f"{_VARIABLE}: {path}: expected a table")
        self._left = dict(content)

    def wrong(self, key: str, expected: str) -> SettingsError:
        return SettingsError(f"{_VARIABLE}: {self._path}.{key}: expected {expected}")

    def text(self, key: str, default: str | None = None, expected: str = "a text") -> str:
        value = self._left.pop(key, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self.wrong(key, expected)
        return value

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self._left.pop(key, list(default))
        if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
            raise self.wrong(key, "a list of texts")
        return tuple(value)

    def number(self, key: str, default: float, minimum: float, maximum: float) -> float:
        value = self._left.pop(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            raise self.wrong(key, f"a number from {minimum:g} to {maximum:g}")
        return value

    def file(self, key: str) -> Path | None:
        value = self.text(key, "")
        if not value:
            return None
        if not Path(value).is_file():
            raise self.wrong(key, f"the path of a file; there is none at {value}")
        return Path(value)

    def secret(self, key: str) -> Secret | None:
        """A secret from the file that `key`_file names: the settings file itself holds none."""
        file = self.file(f"{key}_file")
        try:
            value = file.read_text(encoding="utf-8").removesuffix("\n") if file else ""
        except (OSError, UnicodeDecodeError):
            raise self.wrong(f"{key}_file", "a readable file of UTF-8 text") from None
        return Secret(value) if value else None

    def choice(self, key: str, default: str, *values: str, prefix: str = "") -> str:
        value = self.text(key, default)
        if value in values or (prefix and value.startswith(prefix) and value != prefix):
            return value
        shown = [*values, *([f"{prefix}NAME"] if prefix else [])]
        raise self.wrong(key, "one of " + ", ".join(shown))

    def endpoint(self, schemes: Mapping[str, Scheme], plaintext: str | None) -> Endpoint:
        try:
            endpoint = Endpoint.parse(self.text("url", expected="the server's URL"), schemes)
            endpoint.refuse_plaintext(plaintext)
        except EndpointError as err:
            raise SettingsError(f"{_VARIABLE}: {self._path}.url: {err}") from None
        return endpoint

    def template(self, key: str) -> str:
        value = self.text(key, "")
        for match in ldap.PLACE.finditer(value):
            if match[1] not in ldap.PLACES:
                raise self.wrong(key, "no places but " + ", ".join(f"{{{place}}}" for place in ldap.PLACES))
        return value

    def end(self) -> None:
        if self._left:
            raise SettingsError(f"{_VARIABLE}: {self._path}: unknown key {sorted(self._left)[0]!r}")


def read(
    path: Path, built_in: MailWaySettings | None, *, ca_file: Path | None = None, plaintext: str | None = None
) -> WaysSettings:
    """The settings in the file; SettingsError says what is wrong and where.

    `built_in`: the server of POSTERN_IMAP_URL, None where that is not set. `ca_file`: trusted by every way
    that names none. `plaintext`: the words of POSTERN_MAIL_PLAINTEXT.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise SettingsError(f"{_VARIABLE}: cannot read {path}: {err.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise SettingsError(f"{_VARIABLE}: {path} is no TOML: {err}") from None
    unknown = set(content) - {"ways", "domains"}
    if unknown:
        raise SettingsError(f"{_VARIABLE}: unknown key {sorted(unknown)[0]!r}")
    tables = content.get("ways", {})
    if not isinstance(tables, dict):
        raise SettingsError(f"{_VARIABLE}: ways: expected a table")
    ways: dict[str, WaySettings] = {
        name: _way(_Table(f"ways.{name}", table), name, ca_file, plaintext) for name, table in tables.items()
    }
    if BUILT_IN not in ways and built_in is not None:
        ways[BUILT_IN] = built_in
    domains = _domains(content.get("domains"), ways)
    used = {name for names in domains.values() for name in names}
    unused = set(tables) - used
    if unused:
        raise SettingsError(f"{_VARIABLE}: ways.{sorted(unused)[0]}: no domain has this way")
    return WaysSettings({name: ways[name] for name in sorted(used)}, domains)


def _domains(content: Any, ways: Mapping[str, WaySettings]) -> dict[str, tuple[str, ...]]:
    if not isinstance(content, dict) or not content:
        raise SettingsError(f'{_VARIABLE}: domains: expected a table such as "example.org" = "imap"')
    found: dict[str, tuple[str, ...]] = {}
    for domain, value in content.items():
        where = f"{_VARIABLE}: domains.{domain!r}"
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise SettingsError(f"{where}: expected the name of a way, or a list of two")
        for name in names:
            if name not in ways:
                hint = " (POSTERN_IMAP_URL is not set)" if name == BUILT_IN else ""
                raise SettingsError(f"{where}: there is no way {name!r}{hint}")
        open_ids = [name for name in names if isinstance(ways[name], OpenIdSettings)]
        if len(open_ids) > 1 or len(names) - len(open_ids) > 1:
            raise SettingsError(f"{where}: expected at most one way with passwords and one with OpenID")
        found[_domain(domain, where)] = tuple(names)
    return found


def _domain(text: str, where: str) -> str:
    if text == OTHERS:
        return OTHERS
    try:
        return normalise(f"x@{text}").rpartition("@")[2]
    except MalformedAddress:
        raise SettingsError(f"{where}: expected a domain") from None


def _way(table: _Table, name: str, ca_file: Path | None, plaintext: str | None) -> WaySettings:
    kind = table.choice("kind", "", "imap", "pop3", "ldap", "oidc")
    made = {"imap": _imap, "pop3": _pop3, "ldap": _ldap, "oidc": _oidc}[kind](table, name, ca_file, plaintext)
    table.end()
    return made


def _bounds(table: _Table) -> Bounds:
    return Bounds(
        connect_seconds=table.number("connect_seconds", 5.0, 0.1, 60.0),
        read_seconds=table.number("read_seconds", 10.0, 0.1, 60.0),
        workers=int(table.number("checks", 16, 1, 256)),
    )


def _imap(table: _Table, name: str, ca_file: Path | None, plaintext: str | None) -> WaySettings:
    endpoint, bounds = table.endpoint(IMAP_SCHEMES, plaintext), _bounds(table)
    server = ImapSettings(
        endpoint,
        table.file("ca_file") or ca_file,
        connect_seconds=bounds.connect_seconds,
        read_seconds=bounds.read_seconds,
        workers=bounds.workers,
    )
    return MailWaySettings(server, table.choice("username", "address", "address", "localpart"))


def _pop3(table: _Table, name: str, ca_file: Path | None, plaintext: str | None) -> WaySettings:
    endpoint = table.endpoint(pop3.SCHEMES, plaintext)
    server = Pop3Settings(endpoint, table.file("ca_file") or ca_file, _bounds(table))
    return MailWaySettings(server, table.choice("username", "address", "address", "localpart"))


def _ldap(table: _Table, name: str, ca_file: Path | None, plaintext: str | None) -> WaySettings:
    settings = LdapSettings(
        endpoint=table.endpoint(ldap.SCHEMES, plaintext),
        dn=table.template("dn"),
        base=table.text("base", ""),
        filter=table.template("filter"),
        bind_dn=table.text("bind_dn", ""),
        bind_password=table.secret("bind_password"),
        username=table.choice("username", "address", "address", "localpart", prefix="attribute:"),
        ca_file=table.file("ca_file") or ca_file,
        bounds=_bounds(table),
    )
    if bool(settings.dn) == bool(settings.base):
        raise table.wrong("dn", "either dn, a template, or base and filter")
    if settings.base and "{" not in settings.filter:
        raise table.wrong("filter", 'a filter such as "(mail={address})"')
    if settings.dn and ("{" not in settings.dn or settings.filter or settings.bind_dn or settings.attribute):
        raise table.wrong(
            "dn", 'a template such as "uid={localpart},dc=example,dc=org", and nothing to search with'
        )
    if bool(settings.bind_dn) != bool(settings.bind_password):
        raise table.wrong("bind_dn", "both bind_dn and bind_password_file, or neither")
    return settings


def _oidc(table: _Table, name: str, ca_file: Path | None, plaintext: str | None) -> WaySettings:
    settings = OpenIdSettings(
        name=table.text("name", name),
        issuer=table.text("issuer", expected="the issuer's URL"),
        client_id=table.text("client_id"),
        client_secret=table.secret("client_secret"),
        scopes=table.texts("scopes", ("openid", "email", "offline_access")),
        claim=table.text("claim", "email"),
        username=table.choice("username", "address", "address", "localpart", prefix="claim:"),
        algorithms=table.texts("algorithms", ("RS256", "PS256", "ES256", "EdDSA")),
        prompt=table.text("prompt", ""),
        ca_file=table.file("ca_file") or ca_file,
        seconds=table.number("seconds", 10.0, 0.1, 60.0),
    )
    if not openid.secure_url(settings.issuer):
        raise table.wrong("issuer", "an https URL, without a fragment")
    if "openid" not in settings.scopes:
        raise table.wrong("scopes", 'a list with "openid" in it')
    if not set(settings.algorithms) <= set(openid.ALGORITHMS):
        raise table.wrong("algorithms", "some of " + ", ".join(openid.ALGORITHMS))
    return settings
