"""An OpenID provider: the authorization code flow with PKCE, and fresh access tokens (OpenID Connect Core
1.0, RFC 6749, RFC 7636, RFC 9207, RFC 9700).

Invariants:
* A code is accepted with the state, the nonce and the verifier of the same browser's beginning alone, and an
  answer that names an issuer must name this one.
* An ID token is believed after its signature by a key of the issuer's published set, with an algorithm that
  the operator allows (never "none", never a shared secret), and after issuer, audience, time and nonce.
* Nothing is fetched but over https (or from this machine); no redirect is followed; answers are bounded.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt

from services.auth.ways.tls import client_context
from services.common.endpoint import is_loopback
from services.common.errors import PosternError, Reason, error
from services.common.settings import Secret

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "RS384", "RS512", "PS384", "PS512", "ES384", "ES512")
_MAX_BYTES = 256 * 1024
_METADATA_SECONDS = 3600.0
_KEYS_APART_SECONDS = 10.0  # unknown key ids cause at most one fetch in this time
_LEEWAY_SECONDS = 30
_METADATA = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class OpenIdSettings:
    """`name` is shown to people. `claim` holds the address; `username`: what the mail server is asked with:
    "address", "localpart", or "claim:NAME"."""

    name: str
    issuer: str
    client_id: str
    client_secret: Secret | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ("openid", "email", "offline_access")
    claim: str = "email"
    username: str = "address"
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "EdDSA")
    prompt: str = ""
    ca_file: Path | None = None
    seconds: float = 10.0


@dataclass(frozen=True)
class Flow:
    """What the beginning leaves for the end; kept sealed under what the browser holds."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True)
class Tokens:
    """`expires`: seconds since 1970. `claims`: of the ID token and the user info, empty after a refresh."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires: int
    claims: Mapping[str, Any] = field(default_factory=dict)


class OpenIdProvider:
    """One provider. Close it at the end."""

    def __init__(self, settings: OpenIdSettings) -> None:
        self.settings = settings
        self._http = httpx.AsyncClient(
            verify=client_context(settings.ca_file),
            timeout=settings.seconds,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=20),
        )
        self._metadata: dict[str, Any] = {}
        self._metadata_until = 0.0
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_tried = float("-inf")

    async def close(self) -> None:
        await self._http.aclose()

    async def begin(self, redirect_uri: str, login_hint: str = "") -> tuple[str, Flow]:
        """Where to send the browser, and what the end needs."""
        metadata = await self._discover()
        flow = Flow(
            secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), redirect_uri
        )
        challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=")
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        if self.settings.prompt:
            query["prompt"] = self.settings.prompt
        if login_hint:
            query["login_hint"] = login_hint
        endpoint = metadata["authorization_endpoint"]
        return endpoint + ("&" if urlsplit(endpoint).query else "?") + urlencode(query), flow

    async def finish(self, flow: Flow, query: str) -> Tokens:
        """The tokens for what the provider sent the browser back with. AUTHENTICATION_FAILED (metadata
        problem) where it is not the answer to this beginning, or the provider said no."""
        metadata = await self._discover()
        code = self._code(flow, query, metadata)
        answer = await self._token(
            metadata,
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": flow.redirect_uri,
                "code_verifier": flow.verifier,
            },
        )
        tokens = _tokens(answer)
        claims = await self._verify(answer.get("id_token"), flow.nonce, tokens.access, metadata)
        if not isinstance(claims.get(self.settings.claim), str) and "userinfo_endpoint" in metadata:
            claims = {**await self._user(metadata, tokens.access, claims["sub"]), **claims}
        return Tokens(tokens.access, tokens.refresh, tokens.expires, claims)

    async def refresh(self, refresh_token: str) -> Tokens:
        """A fresh access token. SESSION_ENDED where the provider does not give one any more."""
        metadata = await self._discover()
        answer = await self._token(
            metadata, {"grant_type": "refresh_token", "refresh_token": refresh_token}, refused=_ended()
        )
        tokens = _tokens(answer)
        # RFC 6749, 6: a new refresh token may come, and then replaces the old one.
        return Tokens(tokens.access, tokens.refresh or refresh_token, tokens.expires)

    def address(self, claims: Mapping[str, Any]) -> str:
        """The e-mail address that the provider vouches for; AUTHENTICATION_FAILED where there is none."""
        address = claims.get(self.settings.claim)
        if not isinstance(address, str) or not address:
            raise _no("no_address")
        if self.settings.claim == "email" and claims.get("email_verified", True) not in (True, "true"):
            raise _no("address_unverified")
        return address

    # The answer of the browser

    def _code(self, flow: Flow, query: str, metadata: Mapping[str, Any]) -> str:
        try:
            fields = parse_qs(query, keep_blank_values=True, max_num_fields=30)
        except ValueError:
            raise _no("malformed") from None
        if any(len(values) != 1 for values in fields.values()):
            raise _no("malformed")
        values = {name: found[0] for name, found in fields.items()}
        if not hmac.compare_digest(values.get("state", "").encode(), flow.state.encode()):
            raise _no("state")
        issuer = values.get("iss")
        required = metadata.get("authorization_response_iss_parameter_supported") is True
        if (issuer is None and required) or (issuer is not None and issuer != metadata["issuer"]):
            raise _no("issuer")  # RFC 9207, 2.4: mixed up with another provider
        if "error" in values:
            raise _no("denied" if values["error"] == "access_denied" else "provider_refused")
        if not values.get("code"):
            raise _no("malformed")
        return values["code"]

    # What the provider says

    async def _verify(
        self, token: Any, nonce: str, access: str, metadata: Mapping[str, Any]
    ) -> dict[str, Any]:
        """OpenID Connect Core 1.0, 3.1.3.7."""
        if not isinstance(token, str):
            raise _no("no_id_token")
        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            if algorithm not in self.settings.algorithms:
                raise _no("algorithm")
            key = await self._key(header.get("kid"), algorithm, metadata)
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=self.settings.client_id,
                issuer=metadata["issuer"],
                leeway=_LEEWAY_SECONDS,
                options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"]},
            )
        except (jwt.InvalidTokenError, jwt.PyJWKError) as err:
            raise _no("id_token", err) from None
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise _no("nonce")
        audience, party = claims["aud"], claims.get("azp")
        several = isinstance(audience, list) and len(audience) > 1
        if (several and party is None) or (party is not None and party != self.settings.client_id):
            raise _no("authorized_party")
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise _no("subject")
        if "at_hash" in claims and claims["at_hash"] != _half_hash(access, algorithm):
            raise _no("access_token")
        return claims

    async def _key(self, kid: Any, algorithm: str, metadata: Mapping[str, Any]) -> jwt.PyJWK:
        found = self._choose(kid, algorithm)
        if found is None and time.monotonic() - self._keys_tried > _KEYS_APART_SECONDS:
            self._keys_tried = time.monotonic()
            answer = await self._get(metadata["jwks_uri"])
            keys = {}
            for number, entry in enumerate(answer.get("keys") or ()):
                if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
                    continue
                if entry.get("kty") == "oct":
                    continue  # a shared secret has no place in a published set
                try:
                    keys[str(entry.get("kid", number))] = jwt.PyJWK(entry)
                except jwt.PyJWKError:
                    continue  # of a kind that this library does not know
            self._keys = keys
            found = self._choose(kid, algorithm)
        if found is None:
            raise _no("key")
        return found

    def _choose(self, kid: Any, algorithm: str) -> jwt.PyJWK | None:
        if kid is None:
            fitting = [key for key in self._keys.values() if key.key_type == _key_type(algorithm)]
            return fitting[0] if len(fitting) == 1 else None
        key = self._keys.get(str(kid))
        return key if key is not None and key.key_type == _key_type(algorithm) else None

    async def _user(self, metadata: Mapping[str, Any], access: str, subject: str) -> dict[str, Any]:
        answer = await self._get(metadata["userinfo_endpoint"], headers={"authorization": f"Bearer {access}"})
        if answer.get("sub") != subject:
            raise _no("subject")  # OpenID Connect Core 1.0, 5.3.2
        return answer

    async def _token(
        self, metadata: Mapping[str, Any], fields: dict[str, str], refused: PosternError | None = None
    ) -> dict[str, Any]:
        settings, headers = self.settings, {"accept": "application/json"}
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        secret = settings.client_secret.reveal() if settings.client_secret else ""
        if secret and "client_secret_basic" in methods:
            # RFC 6749, 2.3.1: both are form-encoded first.
            pair = ":".join(urlencode({"": part})[1:] for part in (settings.client_id, secret))
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        elif secret:
            fields = {**fields, "client_id": settings.client_id, "client_secret": secret}
        else:
            fields = {**fields, "client_id": settings.client_id}
        request = self._http.build_request("POST", metadata["token_endpoint"], data=fields, headers=headers)
        status, answer = await self._send(request)
        if status != 200:
            said = answer.get("error") if isinstance(answer.get("error"), str) else status
            if status in (400, 401, 403) and said in ("invalid_grant", "access_denied"):
                raise refused or _no("code")
            raise _unavailable(f"the token endpoint answered {said}")
        return answer

    async def _discover(self) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0, 4. What is known stays in use while the provider is away."""
        if time.monotonic() < self._metadata_until:
            return self._metadata
        try:
            metadata = await self._get(self.settings.issuer.rstrip("/") + _METADATA)
            if metadata.get("issuer") != self.settings.issuer:
                raise _unavailable("the metadata are of another issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not isinstance(metadata.get(name), str) or not secure_url(metadata[name]):
                    raise _unavailable(f"the metadata have no usable {name}")
            if "S256" not in metadata.get("code_challenge_methods_supported", ["S256"]):
                raise _unavailable("the provider knows no PKCE with S256")
            user = metadata.get("userinfo_endpoint")
            if user is not None and not (isinstance(user, str) and secure_url(user)):
                raise _unavailable("the metadata have no usable userinfo_endpoint")
        except PosternError:
            if not self._metadata:
                raise
            self._metadata_until = time.monotonic() + 30.0
            return self._metadata
        self._metadata, self._metadata_until = metadata, time.monotonic() + _METADATA_SECONDS
        return metadata

    async def _get(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        request = self._http.build_request(
            "GET", url, headers={"accept": "application/json", **(headers or {})}
        )
        status, answer = await self._send(request)
        if status != 200:
            raise _unavailable(f"{urlsplit(url).path} answered {status}")
        return answer

    async def _send(self, request: httpx.Request) -> tuple[int, dict[str, Any]]:
        try:
            response = await self._http.send(request, stream=True)
            try:
                body = b""
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > _MAX_BYTES:
                        raise _unavailable("the answer is too long")
            finally:
                await response.aclose()
        except httpx.HTTPError as err:
            raise _unavailable(err) from None
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        return response.status_code, answer if isinstance(answer, dict) else {}


def secure_url(url: str) -> bool:
    """https, or this machine."""
    parts = urlsplit(url)
    if not parts.hostname or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def _tokens(answer: Mapping[str, Any]) -> Tokens:
    access, kind, refresh = answer.get("access_token"), answer.get("token_type"), answer.get("refresh_token")
    if not isinstance(access, str) or not access or str(kind).lower() != "bearer":
        raise _unavailable("the token endpoint gave no bearer token")
    seconds = answer.get("expires_in")
    lifetime = int(seconds) if isinstance(seconds, int | float) and 0 < seconds < 10**8 else 3600
    return Tokens(access, refresh if isinstance(refresh, str) else "", int(time.time()) + lifetime)


def _half_hash(token: str, algorithm: str) -> str:
    """OpenID Connect Core 1.0, 3.1.3.6. EdDSA goes with Ed25519's SHA-512."""
    name = "sha512" if algorithm == "EdDSA" else f"sha{algorithm[2:]}"
    digest = hashlib.new(name, token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _key_type(algorithm: str) -> str:
    return {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}[algorithm[:2]]


def _no(problem: str, cause: BaseException | str | None = None) -> PosternError:
    return PosternError(
        Reason.AUTHENTICATION_FAILED, metadata={"problem": problem}, cause=cause or f"OpenID: {problem}"
    )


def _ended() -> PosternError:
    return PosternError(Reason.SESSION_ENDED, cause="OpenID: the refresh token is refused")


def _unavailable(cause: BaseException | str) -> PosternError:
    return error(Reason.UNAVAILABLE, cause, service="openid")
