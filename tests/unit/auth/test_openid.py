"""What an ID token must be before it is believed: a provider played by the test, one thing wrong at once."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.auth.ways.openid import Flow, OpenIdProvider, OpenIdSettings
from services.common.errors import PosternError
from services.common.settings import Secret

ISSUER = "https://id.example.org"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FLOW = Flow("the-state", "the-nonce", "the-verifier", "https://mail.example.org/sign-in/openid")
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "sub": "1234",
        "aud": "postern",
        "iat": now,
        "exp": now + 300,
        "nonce": FLOW.nonce,
        "email": "alice@example.org",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(content: dict[str, Any], key: Any = KEY, algorithm: str = "RS256", kid: str | None = "k1") -> str:
    return jwt.encode(content, key, algorithm=algorithm, headers={"kid": kid} if kid else {})


def provider(
    id_token: Any, metadata: dict[str, Any] | None = None, asked: list[str] | None = None
) -> OpenIdProvider:
    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request.url.path)
        if request.url.path == "/.well-known/openid-configuration":
            base = {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/auth",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
                "authorization_response_iss_parameter_supported": True,
                **(metadata or {}),
            }
            return httpx.Response(200, json=base)
        if request.url.path == "/keys":
            key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
            return httpx.Response(200, json={"keys": [{**key, "kid": "k1", "use": "sig"}]})
        assert request.url.path == "/token" and request.headers["authorization"].startswith("Basic ")
        assert b"code_verifier=the-verifier" in request.content
        tokens = {"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": id_token}
        return httpx.Response(200, json=tokens)

    made = OpenIdProvider(OpenIdSettings("Example", ISSUER, "postern", Secret("s")))
    made._http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return made


QUERY = f"code=c&state=the-state&iss={ISSUER}"


async def test_a_good_one_is_believed() -> None:
    tokens = await provider(signed(claims())).finish(FLOW, QUERY)
    assert tokens.claims["email"] == "alice@example.org" and tokens.access == "at"
    several = claims(aud=["postern", "other"], azp="postern")
    assert (await provider(signed(several)).finish(FLOW, QUERY)).claims["sub"] == "1234"


BAD = {
    "no token": None,
    "not signed": jwt.encode(claims(), None, algorithm="none"),
    "signed with the public key as a shared secret": "hmac",
    "another key": signed(claims(), OTHER),
    "an unknown key id": signed(claims(), kid="k2"),
    "an algorithm that is not allowed": signed(claims(), algorithm="RS512"),
    "another issuer": signed(claims(iss="https://evil.example")),
    "another audience": signed(claims(aud="other")),
    "one of several audiences, for whom it does not say": signed(claims(aud=["postern", "other"])),
    "another authorized party": signed(claims(azp="other")),
    "no nonce": signed(claims(nonce=None)),
    "another nonce": signed(claims(nonce="x")),
    "expired": signed(claims(iat=int(time.time()) - 900, exp=int(time.time()) - 600)),
    "of tomorrow": signed(claims(iat=int(time.time()) + 86_400, exp=int(time.time()) + 90_000)),
    "no end": signed(claims(exp=None)),
    "no subject": signed(claims(sub=None)),
    "of another access token": signed(claims(at_hash="AAAAAAAAAAAAAAAAAAAAAA")),
    "rubbish": "a.b.c",
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_one_is_not(what: str) -> None:
    token = BAD[what]
    if token == "hmac":
        import base64
        import hashlib
        import hmac

        def part(content: dict[str, Any]) -> bytes:
            return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")

        text = part({"alg": "HS256", "kid": "k1"}) + b"." + part(claims())
        mac = base64.urlsafe_b64encode(hmac.digest(PEM, text, hashlib.sha256)).rstrip(b"=")
        token = (text + b"." + mac).decode()
    with pytest.raises(PosternError) as caught:
        await provider(token).finish(FLOW, QUERY)
    assert caught.value.reason == "AUTHENTICATION_FAILED"


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://id.example.org/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
async def test_metadata_that_are_no_good(metadata: dict[str, Any]) -> None:
    with pytest.raises(PosternError) as caught:
        await provider(signed(claims()), metadata).finish(FLOW, QUERY)
    assert caught.value.reason == "UNAVAILABLE"


async def test_unknown_keys_cost_one_fetch_at_most() -> None:
    asked: list[str] = []
    made = provider(signed(claims(), OTHER, kid="k9"), asked=asked)
    for _ in range(5):
        with pytest.raises(PosternError):
            await made.finish(FLOW, QUERY)
    assert asked.count("/keys") == 1 and asked.count("/.well-known/openid-configuration") == 1


async def test_the_address_in_the_browser_says_nothing_secret() -> None:
    url, flow = await provider(None).begin(FLOW.redirect_uri, "alice@example.org")
    assert flow.verifier not in url and "code_challenge_method=S256" in url and "client_secret" not in url
    assert "the-verifier" not in repr(FLOW)
