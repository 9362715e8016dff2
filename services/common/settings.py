"""Settings from the environment: prefix POSTERN_, any X also from the file that POSTERN_X_FILE names.

A wrong setting ends the start with one line that names the variable and says what is expected. A secret's
value is in no message and in no repr.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from services.common.endpoint import Endpoint, EndpointError, HostPort, Scheme

PREFIX = "POSTERN_"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?\Z")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


class SettingsError(Exception):
    """The environment is not usable; the text is one line for the operator."""


class Secret:
    """Text that must not be shown. `reveal()` gives it; repr and str do not."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True)
class Env:
    """Typed reading of one environment; names are given without the prefix."""

    environ: Mapping[str, str]

    @classmethod
    def current(cls) -> Env:
        return cls(os.environ)

    def raw(self, name: str) -> str | None:
        """The text of POSTERN_<name>, or of the file in POSTERN_<name>_FILE (final newline dropped)."""
        variable = PREFIX + name
        value, file = self.environ.get(variable), self.environ.get(variable + "_FILE")
        if value and file:
            raise SettingsError(f"{variable} and {variable}_FILE are both set: set only one")
        if not file:
            return value or None
        try:
            return Path(file).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as err:
            problem = err.strerror if isinstance(err, OSError) else "is not UTF-8 text"
            raise SettingsError(f"{variable}_FILE: cannot read {file}: {problem}") from None

    def _required(self, name: str, expected: str) -> SettingsError:
        return SettingsError(f"{PREFIX}{name} is not set: expected {expected}")

    def _wrong(self, name: str, expected: str, value: str | None = None) -> SettingsError:
        shown = f" is {value!r}" if value is not None else " has an unusable value"
        return SettingsError(f"{PREFIX}{name}{shown}: expected {expected}")

    def text(self, name: str, default: str | None = None, *, expected: str = "a text") -> str:
        value = self.raw(name)
        if value is None:
            value = default
        if value is None:
            raise self._required(name, expected)
        return value

    def optional(self, name: str) -> str | None:
        return self.raw(name)

    def secret(
        self, name: str, *, expected: str = "a secret, or a file with it in the _FILE variant"
    ) -> Secret:
        value = self.raw(name)
        if value is None:
            raise self._required(name, expected)
        return Secret(value)

    def optional_secret(self, name: str) -> Secret | None:
        value = self.raw(name)
        return None if value is None else Secret(value)

    def integer(
        self, name: str, default: int | None = None, *, minimum: int = 0, maximum: int = 2**31 - 1
    ) -> int:
        value, expected = self.raw(name), f"a whole number from {minimum} to {maximum}"
        if value is None:
            if default is None:
                raise self._required(name, expected)
            return default
        if not re.fullmatch(r"-?\d{1,18}", value.strip()) or not minimum <= int(value) <= maximum:
            raise self._wrong(name, expected, value)
        return int(value)

    def boolean(self, name: str, default: bool = False) -> bool:
        value = self.raw(name)
        if value is None:
            return default
        if value.strip().lower() in _TRUE:
            return True
        if value.strip().lower() in _FALSE:
            return False
        raise self._wrong(name, "1 or 0", value)

    def choice(self, name: str, values: tuple[str, ...], default: str) -> str:
        value = (self.raw(name) or default).strip().upper()
        if value not in values:
            raise self._wrong(name, "one of " + ", ".join(values), value)
        return value

    def duration(self, name: str, default: float | None = None) -> float:
        """Seconds. Accepts "1.5", "250ms", "30s", "5m", "2h", "1d"."""
        value, expected = self.raw(name), 'a duration such as "30s", "5m" or "250ms"'
        if value is None:
            if default is None:
                raise self._required(name, expected)
            return default
        match = _DURATION.match(value.strip())
        if not match:
            raise self._wrong(name, expected, value)
        return float(match[1]) * _UNITS[match[2] or "s"]

    @overload
    def host_port(self, name: str, default: str) -> HostPort: ...
    @overload
    def host_port(self, name: str, default: None = None) -> HostPort | None: ...
    def host_port(self, name: str, default: str | None = None) -> HostPort | None:
        """host:port, [v6]:port or :port (then every address). None when unset and without a default."""
        value = self.raw(name) or default
        if value is None:
            return None
        try:
            return HostPort.parse(value)
        except EndpointError:
            raise self._wrong(name, "host:port, such as 127.0.0.1:8081 or [::1]:8081", value) from None

    def address(self, name: str, default: str | None = None) -> str:
        """A gRPC target: host:port, or with a gRPC scheme ("dns:///host:port", "unix:/path")."""
        value, expected = self.raw(name) or default, "the host:port of that service"
        if value is None:
            raise self._required(name, expected)
        if re.match(r"(dns:|unix:|ipv4:|ipv6:)", value):
            return value
        try:
            return str(HostPort.parse(value))
        except EndpointError:
            raise self._wrong(name, expected, value) from None

    def path(self, name: str, *, must_exist: bool = True) -> Path | None:
        """A path, None when unset. `name` is complete: path("TLS_CERT_FILE") reads POSTERN_TLS_CERT_FILE."""
        value = self.environ.get(PREFIX + name)
        if not value:
            return None
        path = Path(value)
        if must_exist and not path.exists():
            raise self._wrong(name, "the path of something that exists and is readable", value)
        return path

    def required_path(self, name: str, *, must_exist: bool = True) -> Path:
        path = self.path(name, must_exist=must_exist)
        if path is None:
            raise self._required(name, "a path")
        return path

    def endpoint(self, name: str, schemes: Mapping[str, Scheme], *, default: str | None = None) -> Endpoint:
        """A server's URL. An unencrypted one off this machine needs POSTERN_MAIL_PLAINTEXT's words."""
        value = self.raw(name) or default
        if value is None:
            raise self._required(name, f"a URL such as {next(iter(schemes))}://mail.example.org")
        try:
            endpoint = Endpoint.parse(value, schemes)
            endpoint.refuse_plaintext(self.raw("MAIL_PLAINTEXT"))
        except EndpointError as err:
            raise SettingsError(f"{PREFIX}{name}: {err}") from None
        return endpoint
