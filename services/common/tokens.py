"""Access tokens: their layout, and verifying them offline. Only auth signs them.

A token is a JWS (RFC 7515) with alg EdDSA (RFC 8037) and claims after RFC 7519 and RFC 9068. It is a bearer
secret: never logged, and hidden from the repr of Identity.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.common.errors import PosternError, Reason
from services.common.remembered import Remembered

ISSUER = "postern-auth"
ALGORITHM = "EdDSA"
MAX_LIFETIME_SECONDS = 300
LEEWAY_SECONDS = 5
MAX_TOKEN_CHARACTERS = 12_000
# Verified tokens that are kept: to verify one of 5 KB costs near a millisecond, and each is shown many times.
MOST_VERIFIED = 2_000

# Audiences: the name of the service that the token is for.
AUDIENCES = ("auth", "mailstore", "sender", "contacts")

# Claims beyond the registered ones.
CLAIM_SCOPE = "scope"  # RFC 8693, 4.2: space-separated
CLAIM_SESSION = "sid"  # the session's public id
CLAIM_CREDENTIAL = "cred"  # base64url without padding: the credential sealed to the audience
CLAIM_FILING = "fcred"  # in a sender token: the same credential, sealed to mailstore
CLAIM_METHODS = "mth"  # the full methods that the token is for, where it is not for all
REQUIRED_CLAIMS = ("iss", "aud", "sub", "iat", "exp", "jti")

SCOPES = (
    "mail.read",
    "mail.modify",
    "mail.file",
    "mail.send",
    "mail.identities",
    "contacts.read",
    "contacts.write",
    "account.read",
    "account.write",
)


@dataclass(frozen=True)
class Identity:
    """Who calls, as a verified token says. `account` is the normalised e-mail address."""

    account: str
    audience: str
    scopes: frozenset[str]
    session_id: str
    token_id: str
    issued_at: int
    expires_at: int
    token: str = field(repr=False)
    sealed_credential: bytes | None = field(default=None, repr=False)
    sealed_filing_credential: bytes | None = field(default=None, repr=False)
    methods: frozenset[str] = frozenset()


def key_id(key: Ed25519PublicKey) -> str:
    """The `kid` of a signing key: a digest of its public half, the same in every replica."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def sign(claims: Mapping[str, Any], key: Ed25519PrivateKey) -> str:
    """The signed token. For auth, and for tests that stand in for it."""
    return jwt.encode(dict(claims), key, algorithm=ALGORITHM, headers={"kid": key_id(key.public_key())})


def encode_sealed(sealed: bytes) -> str:
    """A sealed credential as the claims carry it."""
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def decode_sealed(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid("malformed credential claim") from None


def token_kid(token: str) -> str:
    """The key id a token names, unverified. PosternError TOKEN_INVALID when it is no token of ours."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise _invalid("too long")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as err:
        raise _invalid(f"header: {type(err).__name__}") from None
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(kid, str):
        raise _invalid("algorithm or key id")
    return kid


def verify(
    token: str, key: Ed25519PublicKey, audience: str, *, accept_expired_seconds: float = 0.0
) -> Identity:
    """The identity in a token signed with `key` for `audience`; PosternError TOKEN_INVALID otherwise.

    With `accept_expired_seconds` a token also passes after its `exp`, until that long after it was issued.
    """
    options: dict[str, Any] = {"require": list(REQUIRED_CLAIMS), "verify_exp": not accept_expired_seconds}
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=ISSUER,
            leeway=LEEWAY_SECONDS,
            options=options,  # type: ignore[arg-type]
        )
        issued, expires = int(claims["iat"]), int(claims["exp"])
        account, token_id = claims["sub"], claims["jti"]
        scope, session = claims.get(CLAIM_SCOPE, ""), claims.get(CLAIM_SESSION, "")
    except jwt.ExpiredSignatureError:
        raise PosternError(
            Reason.TOKEN_INVALID, metadata={"problem": "expired"}, cause="token expired"
        ) from None
    except (jwt.InvalidTokenError, ValueError, TypeError) as err:
        raise _invalid(type(err).__name__) from None
    if not all(isinstance(value, str) for value in (account, token_id, scope, session)) or not account:
        raise _invalid("claim types")
    if expires - issued > MAX_LIFETIME_SECONDS:
        raise _invalid("lifetime longer than allowed")
    if accept_expired_seconds and issued + accept_expired_seconds < time.time():
        raise _invalid("too old to exchange")
    return Identity(
        account=account,
        audience=audience,
        scopes=frozenset(scope.split()),
        session_id=session,
        token_id=token_id,
        issued_at=issued,
        expires_at=expires,
        token=token,
        sealed_credential=_sealed_claim(claims, CLAIM_CREDENTIAL),
        sealed_filing_credential=_sealed_claim(claims, CLAIM_FILING),
        methods=_methods_claim(claims),
    )


def _methods_claim(claims: Mapping[str, Any]) -> frozenset[str]:
    """The methods; a claim that cannot be read allows none."""
    value = claims.get(CLAIM_METHODS, [])
    if not isinstance(value, list) or not all(isinstance(method, str) for method in value):
        raise _invalid("claim types")
    if CLAIM_METHODS in claims and not value:
        raise _invalid("no methods")
    return frozenset(value)


def _sealed_claim(claims: Mapping[str, Any], name: str) -> bytes | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _invalid("claim types")
    return decode_sealed(value)


def _invalid(cause: str) -> PosternError:
    return PosternError(Reason.TOKEN_INVALID, cause=f"token refused: {cause}")


KeyFetcher = Callable[[], Awaitable[Mapping[str, bytes]]]


class KeySet:
    """Auth's public keys by kid (raw Ed25519, 32 bytes), fetched when first needed and on an unknown kid.

    Unknown kids cause at most one fetch per `min_interval` seconds, whatever callers send; keys are fetched
    again after `max_age` seconds so that a withdrawn key goes. While auth is down the known keys stay in use.
    """

    def __init__(self, fetch: KeyFetcher, *, min_interval: float = 1.0, max_age: float = 600.0) -> None:
        self._fetch = fetch
        self._min_interval, self._max_age = min_interval, max_age
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._fetched = self._tried = float("-inf")
        self._failure: BaseException | None = None
        self._lock = asyncio.Lock()
        self._verified: Remembered[tuple[bytes, str], tuple[str, Identity]] = Remembered(MOST_VERIFIED)

    @classmethod
    def fixed(cls, *keys: Ed25519PublicKey) -> KeySet:
        """A set that never changes: for auth itself, which has its own keys, and for tests."""

        async def fetch() -> Mapping[str, bytes]:
            return {key_id(key): key.public_bytes_raw() for key in keys}

        return cls(fetch)

    async def get(self, kid: str) -> Ed25519PublicKey:
        """The key. TOKEN_INVALID when auth does not know it, UNAVAILABLE when auth cannot be asked."""
        if self._stale(kid):
            async with self._lock:
                if self._stale(kid):
                    await self._refresh()
        key = self._keys.get(kid)
        if key is None:
            if self._failure is not None:
                raise PosternError(Reason.UNAVAILABLE, metadata={"service": "auth"}, cause=self._failure)
            raise _invalid("unknown key id")
        return key

    async def verify(self, token: str, audience: str) -> Identity:
        """`verify` with the key that the token names.

        A token that passed is remembered by its digest until it expires, and passes again as long as auth
        publishes the key it was signed with.
        """
        remembered = (hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest(), audience)
        known = self._verified.get(remembered)
        if known is not None:
            kid, identity = known
            await self.get(kid)
            return identity
        kid = token_kid(token)
        identity = verify(token, await self.get(kid), audience)
        self._verified.put(remembered, (kid, identity), identity.expires_at)
        return identity

    def _stale(self, kid: str) -> bool:
        now = time.monotonic()
        if now - self._tried < self._min_interval:
            return False
        return kid not in self._keys or now - self._fetched > self._max_age

    async def _refresh(self) -> None:
        try:
            raw = await self._fetch()
            self._keys = {kid: Ed25519PublicKey.from_public_bytes(data) for kid, data in raw.items()}
        except Exception as err:
            self._failure = err
        else:
            self._failure, self._fetched = None, time.monotonic()
        finally:
            self._tried = time.monotonic()
