"""Access tokens, the key set, who the peer is, and sealed credentials."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.common import tokens
from services.common.errors import PosternError
from services.common.remembered import Remembered
from services.common.rpc.access import SCOPE, bearer_token, peer_names
from services.common.sealing import (
    Credential,
    PrivateKey,
    PublicKey,
    SealingError,
    open_credential,
    seal_credential,
)
from tests.support.rpc import mint

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key()


def refused(token: str, audience: str = "mailstore", **options: Any) -> str:
    with pytest.raises(PosternError) as caught:
        tokens.verify(token, PUBLIC, audience, **options)
    assert caught.value.reason == "TOKEN_INVALID"
    return str(caught.value.cause)


def test_a_good_token_gives_the_identity() -> None:
    token = mint("mailstore", "mail.read mail.modify", password="hunter2", key=KEY)
    identity = tokens.verify(token, PUBLIC, "mailstore")
    assert (identity.account, identity.session_id) == ("alice@example.org", "session-1")
    assert identity.scopes == {"mail.read", "mail.modify"}
    assert identity.sealed_credential is not None and identity.sealed_filing_credential is None
    assert token not in repr(identity) and "sealed" not in repr(identity)


def test_what_makes_a_token_invalid() -> None:
    now = int(time.time())
    refused(mint("sender", key=KEY))
    refused(mint("mailstore"))  # another key
    refused(mint("mailstore", key=KEY, iss="someone"))
    refused(mint("mailstore", key=KEY, lifetime=-6))
    refused(mint("mailstore", key=KEY, iat=now + 60, exp=now + 300))
    assert "lifetime" in refused(mint("mailstore", key=KEY, lifetime=301))
    for claim in ("iss", "aud", "sub", "iat", "exp", "jti"):
        refused(mint("mailstore", key=KEY, **{claim: None}))
    refused(mint("mailstore", key=KEY, sub=""))
    refused(mint("mailstore", key=KEY, scope=["mail.read"]))
    refused(mint("mailstore", key=KEY, cred="not base64!"))
    refused("")
    # Within the leeway of clocks.
    assert tokens.verify(mint("mailstore", key=KEY, lifetime=-2), PUBLIC, "mailstore")


def test_no_other_algorithm_is_taken() -> None:
    claims = jwt.decode(mint("mailstore", key=KEY), options={"verify_signature": False})
    kid = {"kid": tokens.key_id(PUBLIC)}
    none = jwt.encode(claims, None, algorithm="none", headers=kid)
    hmac = jwt.encode(claims, PUBLIC.public_bytes_raw(), algorithm="HS256", headers=kid)
    for forged in (none, hmac):
        refused(forged)
        with pytest.raises(PosternError, match="TOKEN_INVALID"):
            tokens.token_kid(forged)


def test_a_changed_payload_is_refused() -> None:
    head, payload, signature = mint("mailstore", key=KEY).split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["sub"] = "mallory@example.org"
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    refused(f"{head}.{changed}.{signature}")


def test_an_expired_token_may_be_exchanged_for_a_while() -> None:
    now = int(time.time())
    old = mint("sender", key=KEY, iat=now - 3600, exp=now - 3300)
    assert tokens.verify(old, PUBLIC, "sender", accept_expired_seconds=86400).account
    assert "too old" in refused(old, "sender", accept_expired_seconds=1800)
    refused(old, "mailstore", accept_expired_seconds=86400)
    refused(old, "sender")


class Keys:
    def __init__(self, *keys: Ed25519PrivateKey) -> None:
        self.keys, self.calls, self.down = list(keys), 0, False

    async def fetch(self) -> Mapping[str, bytes]:
        self.calls += 1
        if self.down:
            raise ConnectionError("auth is down")
        return {tokens.key_id(k.public_key()): k.public_key().public_bytes_raw() for k in self.keys}


async def test_the_key_set_is_fetched_once_and_again_for_an_unknown_key() -> None:
    source = Keys(KEY)
    keys = tokens.KeySet(source.fetch, min_interval=0)
    for _ in range(3):
        assert await keys.verify(mint("mailstore", key=KEY), "mailstore")
    assert source.calls == 1
    fresh = Ed25519PrivateKey.generate()
    source.keys.append(fresh)
    assert await keys.verify(mint("mailstore", key=fresh), "mailstore")
    assert source.calls == 2


async def test_unknown_keys_do_not_make_a_storm_and_known_ones_outlive_auth() -> None:
    source = Keys(KEY)
    keys = tokens.KeySet(source.fetch, min_interval=60)
    for _ in range(5):
        with pytest.raises(PosternError, match="TOKEN_INVALID"):
            await keys.verify(mint("mailstore", key=Ed25519PrivateKey.generate()), "mailstore")
    assert source.calls == 1
    aged = tokens.KeySet(source.fetch, min_interval=0, max_age=0)
    assert await aged.verify(mint("mailstore", key=KEY), "mailstore")
    source.down = True
    assert await aged.verify(mint("mailstore", key=KEY), "mailstore")
    source.down, source.keys = False, []
    with pytest.raises(PosternError, match="TOKEN_INVALID"):  # a withdrawn key goes
        await aged.verify(mint("mailstore", key=KEY), "mailstore")


async def test_a_verified_token_is_remembered_for_its_audience_while_it_and_its_key_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, verified = Keys(KEY), []
    real = tokens.verify
    monkeypatch.setattr(tokens, "verify", lambda *given: verified.append(given[0]) or real(*given))
    keys = tokens.KeySet(source.fetch, min_interval=0, max_age=0)
    token = mint("mailstore", key=KEY)
    assert await keys.verify(token, "mailstore") is await keys.verify(token, "mailstore")
    assert verified == [token]
    for forged, audience in ((token, "sender"), (token[:-8] + "AAAAAAAA", "mailstore")):
        with pytest.raises(PosternError, match="TOKEN_INVALID"):
            await keys.verify(forged, audience)
    verified.clear()
    expired = mint("mailstore", key=KEY, lifetime=-2)  # within the leeway of clocks
    for _ in range(2):
        assert await keys.verify(expired, "mailstore")
    assert verified == [expired, expired]
    source.keys = []
    with pytest.raises(PosternError, match="TOKEN_INVALID"):
        await keys.verify(token, "mailstore")


def test_what_is_remembered_is_bounded_and_ends() -> None:
    now = 100.0
    values: Remembered[str, int] = Remembered(2, lambda: now)
    for number, key in enumerate("abc"):
        values.put(key, number, 110 + number)
        assert values.get(key) == number
        values.get("a")
    assert [values.get(key) for key in "abc"] == [0, None, 2]
    now = 110.0
    assert values.get("a") is None and values.get("c") == 2
    now = 150.0
    values.put("d", 3, 160)
    assert len(values) == 1


async def test_auth_down_at_the_start_is_unavailable_and_not_the_users_fault() -> None:
    source = Keys(KEY)
    source.down = True
    keys = tokens.KeySet(source.fetch, min_interval=60)
    for _ in range(2):
        with pytest.raises(PosternError, match="UNAVAILABLE"):
            await keys.verify(mint("mailstore", key=KEY), "mailstore")


def test_peer_names() -> None:
    names = {
        "x509_subject_alternative_name": [b"localhost", b"web", b"127.0.0.1", b"spiffe://postern/sender"]
    }
    assert peer_names(names) == {"sender"}
    assert peer_names({"x509_subject_alternative_name": [b"localhost", b"web", b"127.0.0.1"]}) == {"web"}
    assert peer_names({"x509_subject_alternative_name": [b"web", b"spiffe://other/web"]}) == set()
    assert peer_names({}) == set()


def test_bearer_and_scopes() -> None:
    assert bearer_token([("authorization", "Bearer abc")]) == "abc"
    for bad in (
        [],
        [("authorization", "Basic abc")],
        [("authorization", "Bearer a"), ("authorization", "Bearer b")],
    ):
        assert bearer_token(bad) is None  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown scope"):
        SCOPE("mail.raed")


CREDENTIAL = Credential("password", "alice@example.org", "hünter2 \N{SNOWMAN}")


def test_a_credential_opens_for_its_account_and_audience_only() -> None:
    key = PrivateKey.generate()
    sealed = seal_credential(key.public_key(), CREDENTIAL, account="a", audience="mailstore")
    assert open_credential(key, sealed, account="a", audience="mailstore") == CREDENTIAL
    assert b"nter2" not in sealed
    other = PrivateKey.generate()
    attempts: list[tuple[PrivateKey, bytes, str, str]] = [
        (other, sealed, "a", "mailstore"),
        (key, sealed, "b", "mailstore"),
        (key, sealed, "a", "sender"),
        (key, sealed[:-1] + bytes([sealed[-1] ^ 1]), "a", "mailstore"),
        (key, sealed[:50], "a", "mailstore"),
        (key, b"", "a", "mailstore"),
        (key, b"\x02" + sealed[1:], "a", "mailstore"),
    ]
    for attempt_key, data, account, audience in attempts:
        with pytest.raises(SealingError):
            open_credential(attempt_key, data, account=account, audience=audience)


def test_info_and_aad_do_not_run_into_each_other() -> None:
    key = PrivateKey.generate()
    sealed = key.public_key().seal(b"x", info=b"ab", aad=b"c")
    with pytest.raises(SealingError):
        key.open(sealed, info=b"a", aad=b"bc")


def test_keys_as_text_and_what_repr_shows() -> None:
    key = PrivateKey.generate()
    again, public = PrivateKey.from_text(key.to_text()), PublicKey.from_text(key.public_key().to_text())
    assert again.open(public.seal(b"x", info=b"i", aad=b""), info=b"i", aad=b"") == b"x"
    for bad in ("", "rubbish", key.public_key().to_text(), key.to_text()[:-8]):
        with pytest.raises(SealingError):
            PrivateKey.from_text(bad)
    assert "hünter2" not in repr(CREDENTIAL) and "x25519" not in repr(key)
    for broken in (
        b"",
        b"[]",
        b'{"kind":"password","username":"a"}',
        b'{"kind":1,"username":"a","password":"b"}',
    ):
        with pytest.raises(SealingError):
            Credential.from_json(broken)
