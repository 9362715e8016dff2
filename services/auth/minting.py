"""Access tokens: one for each service, and the exchange that lets sender file a message later.

Invariants: only this module signs; a token lives at most five minutes; the credential goes sealed to
mailstore and sender and to nobody else.

A session's tokens are given again for a minute: several replicas of web ask for the same session one after
the other, and sealing and signing take longer than all the rest of the answer. Each time the database is
asked first whether the session still runs, and the tokens go by the session as that read found it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from services.auth.model import OpenSession
from services.auth.rows import Clock, now_ms
from services.auth.signing import SigningKeys
from services.auth.systems import Grant
from services.common.errors import PosternError, Reason, invalid_argument
from services.common.remembered import Remembered
from services.common.sealing import Credential, PublicKey, seal_credential
from services.common.tokens import (
    CLAIM_CREDENTIAL,
    CLAIM_FILING,
    CLAIM_METHODS,
    CLAIM_SCOPE,
    CLAIM_SESSION,
    ISSUER,
    MAX_LIFETIME_SECONDS,
    Identity,
    encode_sealed,
    sign,
    token_kid,
    verify,
)

# What a person may do who has signed in.
SESSION_SCOPES: Mapping[str, str] = {
    "auth": "account.read account.write",
    "mailstore": "mail.read mail.modify",
    # What only a person may do is beyond tokens for systems: to be heard as another address.
    "sender": "mail.send mail.identities",
    "contacts": "contacts.read contacts.write",
}
FILING_SCOPE = "mail.file"
SYSTEM_PREFIXES = ("app:", "api:")  # of the session ids in tokens for systems
# While the person's own token still runs, sender may do for them what it takes to build the message: read
# what is forwarded, save the draft. Afterwards it may file what was sent, and nothing else.
PRESENT_SCOPES = frozenset({FILING_SCOPE, "mail.read", "mail.modify"})


GIVEN_SECONDS, MOST_GIVEN = 60, 2000  # about 12 KB each


@dataclass(frozen=True)
class Minted:
    """Tokens by audience and when they end (seconds since 1970)."""

    tokens: dict[str, str]
    expires: int


class Minter:
    """Signs tokens. `sealing`: the public keys of mailstore and sender; `exchange_seconds`: how old a token
    may be that is exchanged (a message may be held for a year)."""

    def __init__(
        self,
        keys: SigningKeys,
        sealing: Mapping[str, PublicKey],
        *,
        lifetime: int = MAX_LIFETIME_SECONDS,
        exchange_seconds: float = 400 * 86_400.0,
        clock: Clock = now_ms,
    ) -> None:
        self.keys, self._sealing = keys, sealing
        self._lifetime, self._exchange_seconds, self._clock = lifetime, exchange_seconds, clock
        self._salt = secrets.token_bytes(32)
        self._given = Remembered[tuple[Any, ...], Minted](MOST_GIVEN, lambda: self._clock() / 1000)

    def for_session(self, opened: OpenSession, *, enrol_only: bool = False) -> Minted:
        """A token for each service; for auth alone where a factor must be enrolled first. None outlives the
        session; at least four of five minutes are left to each that the session does not end before."""
        # The credential by a digest that means nothing elsewhere: what is remembered holds it sealed only.
        digest = hmac.digest(self._salt, opened.credential, "sha256")
        key = (opened.session_id, opened.account, opened.expires_ms, digest, enrol_only)
        minted = self._given.get(key)
        if minted is None:
            minted = self._mint(opened, enrol_only)
            self._given.put(key, minted, min(self._clock() // 1000 + GIVEN_SECONDS, minted.expires))
        return minted

    def _mint(self, opened: OpenSession, enrol_only: bool) -> Minted:
        credential = Credential.from_json(opened.credential)
        sealed = {
            audience: encode_sealed(
                seal_credential(key, credential, account=opened.account, audience=audience)
            )
            for audience, key in self._sealing.items()
        }
        now = self._clock() // 1000
        expires = min(now + self._lifetime, opened.expires_ms // 1000)
        tokens = {}
        for audience, scope in SESSION_SCOPES.items():
            if enrol_only and audience != "auth":
                continue
            claims = self._claims(opened.account, audience, scope, opened.session_id, now, expires)
            if audience in sealed:
                claims[CLAIM_CREDENTIAL] = sealed[audience]
            if audience == "sender":
                claims[CLAIM_FILING] = sealed["mailstore"]
            tokens[audience] = sign(claims, self.keys.private)
        return Minted(tokens, expires)

    def for_system(self, grant: Grant, audience: str, scopes: frozenset[str]) -> tuple[str, int]:
        """A token of `scopes` for a system's secret, and when it ends: never later than the secret."""
        now = self._clock() // 1000
        expires = (
            min(now + self._lifetime, grant.expires_ms // 1000) if grant.expires_ms else now + self._lifetime
        )
        if audience == "sender":
            # What sender may do for it at mailstore while it runs: `exchange` goes by these.
            scopes = scopes | (grant.scopes & PRESENT_SCOPES)
        scope = " ".join(sorted(scopes))
        claims = self._claims(grant.account, audience, scope, grant.name, now, expires)
        if grant.methods:
            claims[CLAIM_METHODS] = sorted(grant.methods)
        if grant.credential is not None:
            credential = Credential.from_json(grant.credential)
            for name, claim in ((audience, CLAIM_CREDENTIAL), ("mailstore", CLAIM_FILING)):
                if audience in self._sealing and (claim == CLAIM_CREDENTIAL or audience == "sender"):
                    sealed = seal_credential(
                        self._sealing[name], credential, account=grant.account, audience=name
                    )
                    claims[claim] = encode_sealed(sealed)
        return sign(claims, self.keys.private), expires

    def exchange(self, subject_token: str, audience: str, scopes: Collection[str]) -> tuple[str, int]:
        """The token for filing and when it ends, for a sender token that may have ended (RFC 8693)."""
        if audience != "mailstore":
            raise invalid_argument("audience", "not_exchangeable")
        identity = self._subject(subject_token)
        now = self._clock() // 1000
        allowed = PRESENT_SCOPES if identity.expires_at > now else {FILING_SCOPE}
        if identity.session_id.startswith(SYSTEM_PREFIXES):
            # A system sends with what it was given, and reads nothing else by way of sender.
            allowed = allowed & (identity.scopes | {FILING_SCOPE})
        wanted = sorted(set(scopes)) or [FILING_SCOPE]
        if not set(wanted) <= allowed:
            raise PosternError(Reason.SCOPE_MISSING, metadata={"scope": " ".join(wanted)})
        if identity.sealed_filing_credential is None:
            raise PosternError(Reason.TOKEN_INVALID, cause="the token carries nothing to file with")
        expires = now + self._lifetime
        claims = self._claims(identity.account, audience, " ".join(wanted), identity.session_id, now, expires)
        claims[CLAIM_CREDENTIAL] = encode_sealed(identity.sealed_filing_credential)
        return sign(claims, self.keys.private), expires

    def _subject(self, token: str) -> Identity:
        key = self.keys.by_kid(token_kid(token))
        if key is None:
            raise PosternError(Reason.TOKEN_INVALID, cause="token refused: unknown key id")
        return verify(token, key, "sender", accept_expired_seconds=self._exchange_seconds)

    def _claims(
        self, account: str, audience: str, scope: str, session_id: str, now: int, expires: int
    ) -> dict[str, Any]:
        return {
            "iss": ISSUER,
            "aud": audience,
            "sub": account,
            "iat": now,
            "exp": expires,
            "jti": secrets.token_urlsafe(16),
            CLAIM_SESSION: session_id,
            CLAIM_SCOPE: scope,
        }
