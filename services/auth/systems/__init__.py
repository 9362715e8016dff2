"""Tokens for systems: app tokens that a person makes, API clients that an operator makes.

Invariants:
* A secret is 256 random bits, told once; the database keeps its SHA-256. An app token's mail credential is
  sealed under that secret and the server's key, as a session's is under its cookie's.
* Neither ever grants account.write: it would make factors, sessions and further tokens.
* What a secret may do is checked each time that it is exchanged; revoking it ends that at once, and what was
  exchanged before within five minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.auth.vault import new_secret, secret_hash, well_formed
from services.common.errors import PosternError, Reason

# By audience: what a token for it may hold. A sender token also carries what sender may do for its holder at
# mailstore while it runs.
AUDIENCE_SCOPES = {
    "auth": frozenset({"account.read"}),
    "mailstore": frozenset({"mail.read", "mail.modify", "mail.file"}),
    "sender": frozenset({"mail.send"}),
    "contacts": frozenset({"contacts.read", "contacts.write"}),
}
GRANTABLE = frozenset().union(*AUDIENCE_SCOPES.values())
MAIL_SCOPES = AUDIENCE_SCOPES["mailstore"] | AUDIENCE_SCOPES["sender"]

APP_PREFIX, CLIENT_PREFIX = "postern-app-", "postern-api-"


@dataclass(frozen=True)
class Grant:
    """What a secret may do now. `expires_ms`: 0 for never; `credential`: of the mail account, as JSON."""

    name: str
    account: str
    scopes: frozenset[str]
    expires_ms: int = 0
    methods: frozenset[str] = frozenset()
    credential: bytes | None = field(default=None, repr=False)


def new_token(prefix: str) -> tuple[str, str]:
    """A secret as it is shown, and the part of it that is random."""
    secret = new_secret()
    return prefix + secret, secret


def secret_of(prefix: str, text: str) -> str | None:
    """The random part of a secret of this kind; None where it is none."""
    secret = text.removeprefix(prefix)
    return secret if text.startswith(prefix) and well_formed(secret) else None


def hash_of(secret: str) -> str:
    return secret_hash(secret)


def refused(cause: str) -> PosternError:
    """One answer for a secret that never was, was revoked, or has ended."""
    return PosternError(Reason.AUTHENTICATION_FAILED, cause=cause)


def check_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """The scopes, each grantable; SCOPE_MISSING otherwise."""
    wanted = frozenset(scopes)
    if not wanted or not wanted <= GRANTABLE:
        raise PosternError(
            Reason.SCOPE_MISSING, metadata={"scope": " ".join(sorted(wanted - GRANTABLE)) or "none"}
        )
    return wanted
