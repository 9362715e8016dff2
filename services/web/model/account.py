"""The account, its session, its preferences and identities."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A search under a name (ADR 22); `mailboxes` empty for all."""

    search_id: str
    name: str
    text: str
    mailboxes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person chose; empty text follows the browser. `write`: "rich", "plain", or nothing (as the
    message that is answered); `spell`: the language that one writes in;
    `labels`: names and colours (labels.py); `greeted`: not empty once the first steps were put away;
    `searches` by name."""

    language: str = ""
    time_zone: str = ""
    theme: str = ""
    density: str = ""
    conversations: bool = False
    page_rows: int = 0
    undo_send_seconds: int = 0
    shortcuts_off: bool = False
    write: str = ""
    spell: str = ""
    labels: str = ""
    greeted: str = ""
    searches: tuple[SavedSearch, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """An address that the account writes as. `signature_html`: a formatted one of another program."""

    identity_id: str
    address: str
    name: str = ""
    reply_to: str = ""
    signature: str = ""
    is_default: bool = False
    etag: str = ""
    signature_html: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """The browser: its address and User-Agent; of its certificate, where the gate demands one, fingerprint,
    subject, and the accounts it is for."""

    address: str = ""
    user_agent: str = ""
    certificate: str = ""
    certificate_subject: str = ""
    certificate_accounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The good end of a sign-in. `secret` goes into the cookie and nowhere else; `must_enrol` as in Grant."""

    secret: str
    account: str
    expires: datetime | None = None
    idle_seconds: int = 0
    must_enrol: bool = False

    def __repr__(self) -> str:
        return f"SignedIn({self.account!r})"


@dataclass(frozen=True, slots=True)
class Challenge:
    """More proof is asked for: `kinds` of "totp", "hotp", "passkey", "recovery". `options`: JSON for the
    browser, where a passkey will do; `password`: the mail password is asked for; `redirect`: the OpenID
    provider's page."""

    state: str = field(repr=False)
    kinds: tuple[str, ...] = ()
    options: str = ""
    password: bool = False
    redirect: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """Access tokens by audience with what every page needs of the account.

    `must_enrol`: the operator demands a second factor and there is none yet; the only token is then auth's.
    """

    account: str
    tokens: dict[str, str]
    expires: datetime
    session_id: str = ""
    preferences: Preferences = Preferences()
    identities: tuple[Identity, ...] = ()
    must_enrol: bool = False

    def __repr__(self) -> str:
        return f"Grant({self.account!r})"


@dataclass(frozen=True, slots=True)
class Device:
    """One signed-in browser; `factors`: kinds that it was opened with, besides the password."""

    session_id: str
    created: datetime | None
    last_used: datetime | None
    address: str
    user_agent: str
    current: bool
    factors: tuple[str, ...] = ()
