"""What auth's domain speaks of. Times are milliseconds since 1970, UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class FactorKind(StrEnum):
    """Second factors, as they are kept and shown."""

    TOTP = "totp"
    HOTP = "hotp"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery-code"


@dataclass(frozen=True)
class Client:
    """The browser, as the edge describes it; `certificate_accounts`: the only ones that its certificate may
    sign in to, empty for any."""

    address: str = ""
    user_agent: str = ""
    certificate_subject: str = ""
    certificate_accounts: tuple[str, ...] = ()

    def may_be(self, account: str) -> bool:
        """Whether the certificate, where there is one, is good for this account."""
        return not self.certificate_accounts or account in self.certificate_accounts


@dataclass(frozen=True)
class Preferences:
    """As in the contract; `extra` is free."""

    language: str = ""
    time_zone: str = ""
    theme: str = ""
    density: str = ""
    conversations: bool = False
    page_rows: int = 0
    undo_send_seconds: int = 0
    compose_plain: bool = False
    shortcuts_off: bool = False
    remote_images_from_contacts: bool = False
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MailIdentity:
    """An address that the account writes as."""

    identity_id: str
    display_name: str
    address: str
    reply_to: str = ""
    signature_text: str = ""
    signature_html: str = ""
    is_default: bool = False
    etag: str = ""


@dataclass(frozen=True)
class SignedIn:
    """The good end of a sign-in."""

    session_secret: str = field(repr=False)
    session_id: str
    account: str
    expires_ms: int
    idle_seconds: int
    must_enrol_factor: bool = False


@dataclass(frozen=True)
class Challenge:
    """More proof is needed. `webauthn_options`: JSON for the browser, where a passkey will do;
    `password_needed`: the passkey was right, and carries no mail password; `redirect_uri`: the OpenID
    provider's page."""

    sign_in_state: str = field(repr=False)
    factor_kinds: tuple[FactorKind, ...]
    expires_ms: int
    webauthn_options: str = ""
    password_needed: bool = False
    redirect_uri: str = ""


@dataclass(frozen=True)
class OpenSession:
    """A session that its secret has opened, with what a page needs."""

    session_id: str
    account: str
    expires_ms: int
    last_used_ms: int
    server_key_id: str
    credential: bytes = field(repr=False)
    has_factor: bool
    preferences: Preferences
    identities: tuple[MailIdentity, ...]


@dataclass(frozen=True)
class SessionInfo:
    """A line of "your devices"."""

    session_id: str
    created_ms: int
    last_used_ms: int
    client_address: str
    user_agent: str
    factor_kinds: tuple[str, ...]


@dataclass(frozen=True)
class AuditEvent:
    """Something that was done to the account."""

    event_id: str
    event_ms: int
    action: str
    client_address: str
    user_agent: str
    details: dict[str, str]
