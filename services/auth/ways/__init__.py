"""The ways of signing in: which one a domain has, and asking it.

Invariants:
* Which way is asked follows from the domain of the account alone, never from whether the account exists.
* A way that holds a password asks one server; nothing falls through to another way when it says no.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from services.auth.accounts import MalformedAddress, login_name, normalise
from services.auth.mailcheck import PasswordChecker
from services.auth.ways.openid import OpenIdProvider
from services.common.sealing import Credential


class PasswordWay(Protocol):
    """Whether a password is that of an account. Raises MAIL_SERVER_* where that cannot be told."""

    async def check(self, account: str, password: str) -> Credential | None:
        """What opens the mail account; None where the password is wrong."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class MailServerWay:
    """The mail server itself is asked. `username`: "address" or "localpart"."""

    checker: PasswordChecker
    username: str = "address"

    async def check(self, account: str, password: str) -> Credential | None:
        username = login_name(account, self.username)
        right = await self.checker.check(username, password)
        return Credential("password", username, password) if right else None

    async def close(self) -> None:
        close = getattr(self.checker, "close", None)
        if close is not None:
            await close()


@dataclass(frozen=True)
class DomainWays:
    """What a domain offers; at most one of each kind."""

    password: PasswordWay | None = None
    openid: OpenIdProvider | None = None


NOTHING = DomainWays()


class Ways:
    """The ways by domain (A-labels, lower case); `default` for those not named."""

    def __init__(
        self, default: DomainWays = NOTHING, domains: Mapping[str, DomainWays] | None = None
    ) -> None:
        self._default, self._domains = default, dict(domains or {})

    def of(self, account: str) -> DomainWays:
        """What is open to an account id."""
        return self._domains.get(account.rpartition("@")[2], self._default)

    async def check(self, account: str, password: str) -> Credential | None:
        """What opens the mail account; None where the password is wrong or the domain takes none."""
        way = self.of(account).password
        return None if way is None else await way.check(account, password)

    @property
    def takes_passwords(self) -> bool:
        return any(each.password for each in self._all())

    def takes_passwords_of(self, address: str) -> bool:
        """Whether the domain of a typed address has a way with passwords; where it is none, as for others."""
        try:
            return self.of(normalise(address)).password is not None
        except MalformedAddress:
            return self._default.password is not None

    @property
    def openid(self) -> tuple[OpenIdProvider, ...]:
        """Every OpenID provider, each once."""
        return tuple(dict.fromkeys(each.openid for each in self._all() if each.openid))

    async def close(self) -> None:
        for way in {id(each.password): each.password for each in self._all()}.values():
            if way is not None:
                await way.close()
        for provider in self.openid:
            await provider.close()

    def _all(self) -> tuple[DomainWays, ...]:
        return (self._default, *self._domains.values())
