"""Passkeys (W3C WebAuthn, level 3): the options for a browser and the checks of its answers, without a
database.

Invariants:
* A challenge is the digest of a state's secret, so it is random, belongs to one state, and ends with it.
* The origin must be exactly the public address's, the RP id its host; a frame on another site is refused.
* Attestation is not asked for: what is enrolled is the person's choice.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    RegistrationResponse,
)

# It logs credential ids at INFO.
logging.getLogger("fido2").setLevel(logging.WARNING)

TIMEOUT_MS = 300_000
MAX_RESPONSE = 16_384
PRF_BYTES = 32
# One salt for all: which passkey will answer is not known when a sign-in begins. Outputs differ by passkey.
PRF_SALT = hashlib.sha256(b"postern mail credential v1").digest()
_ALGORITHMS = (-8, -7, -257)  # EdDSA, ES256, RS256 (RFC 9053, RFC 8812)


class WebauthnError(Exception):
    """The answer is not what was asked for; the text is for the log."""


@dataclass(frozen=True)
class NewPasskey:
    """A passkey as the browser made it. `prf`: the output of its PRF, b"" where it has none."""

    credential_data: bytes
    sign_count: int
    can_sign_in: bool
    transports: str
    prf: bytes = field(default=b"", repr=False)

    @property
    def credential_id(self) -> bytes:
        return AttestedCredentialData(self.credential_data).credential_id


@dataclass(frozen=True)
class Assertion:
    """A good answer of a passkey."""

    credential_id: bytes
    sign_count: int
    user_verified: bool
    user_handle: bytes
    prf: bytes = field(default=b"", repr=False)


def challenge_of(state: str) -> bytes:
    """The challenge that belongs to a state's secret."""
    return hashlib.sha256(b"postern webauthn challenge\0" + state.encode()).digest()


class RelyingParty:
    """Postern at one public address."""

    def __init__(self, origin: str, name: str = "Postern") -> None:
        self.origin, self.rp_id, self.name = origin, str(urlsplit(origin).hostname), name
        entity = PublicKeyCredentialRpEntity(name=name, id=self.rp_id)
        self._server = Fido2Server(entity, verify_origin=lambda found: found == origin)

    def creation_options(
        self, challenge: bytes, account: str, user_handle: bytes, present: Sequence[bytes]
    ) -> str:
        """For navigator.credentials.create(). `present`: credential ids that may not be enrolled twice."""
        return json.dumps(
            {
                "rp": {"id": self.rp_id, "name": self.name},
                "user": {"id": encode(user_handle), "name": account, "displayName": account},
                "challenge": encode(challenge),
                "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in _ALGORITHMS],
                "timeout": TIMEOUT_MS,
                "excludeCredentials": [_descriptor(one) for one in present],
                "authenticatorSelection": {
                    "residentKey": "preferred",
                    "requireResidentKey": False,
                    "userVerification": "preferred",
                },
                "attestation": "none",
                "extensions": {"credProps": True, "prf": {"eval": {"first": encode(PRF_SALT)}}},
            }
        )

    def request_options(
        self, challenge: bytes, allowed: Sequence[tuple[bytes, str]] = (), *, verify: bool = False
    ) -> str:
        """For navigator.credentials.get(). `allowed`: ids with transports, none lets the person choose;
        `verify`: the passkey must check who holds it."""
        return json.dumps(
            {
                "challenge": encode(challenge),
                "timeout": TIMEOUT_MS,
                "rpId": self.rp_id,
                "allowCredentials": [_descriptor(one, transports) for one, transports in allowed],
                "userVerification": "required" if verify else "preferred",
                "extensions": {"prf": {"eval": {"first": encode(PRF_SALT)}}},
            }
        )

    def check_creation(self, response_json: str, challenge: bytes) -> NewPasskey:
        """The passkey in an answer of create() (WebAuthn, 7.1)."""
        answer = _parse(response_json)
        try:
            response = RegistrationResponse.from_dict(answer)
            _not_framed(response.response.client_data)
            data = self._server.register_complete(_state(challenge, False), response)
            credential = data.credential_data
            if credential is None or len(credential.credential_id) > 1023:  # 7.1, step 25
                raise WebauthnError("no credential")
            if credential.public_key.get(3) not in _ALGORITHMS:
                raise WebauthnError("another algorithm")
        except WebauthnError:
            raise
        except Exception as err:  # the library raises what its parsers raise
            raise WebauthnError(f"{type(err).__name__}: {err}") from None
        results = _results(answer)
        discoverable = bool(_mapping(results.get("credProps")).get("rk"))
        return NewPasskey(
            bytes(credential),
            data.counter,
            discoverable and data.is_user_verified(),
            _transports(_mapping(answer.get("response")).get("transports")),
            _prf(results, data),
        )

    def check_assertion(
        self, response_json: str, challenge: bytes, credential_data: bytes, *, verify: bool
    ) -> Assertion:
        """The proof in an answer of get() by this credential (WebAuthn, 7.2). Who calls checks the
        counter."""
        answer = _parse(response_json)
        try:
            response = AuthenticationResponse.from_dict(answer)
            _not_framed(response.response.client_data)
            credential = AttestedCredentialData(credential_data)
            self._server.authenticate_complete(_state(challenge, verify), [credential], response)
        except WebauthnError:
            raise
        except Exception as err:
            raise WebauthnError(f"{type(err).__name__}: {err}") from None
        data = response.response.authenticator_data
        return Assertion(
            credential.credential_id,
            data.counter,
            data.is_user_verified(),
            response.response.user_handle or b"",
            _prf(_results(answer), data),
        )


def credential_id_of(response_json: str) -> bytes:
    """Which credential an answer says it is from; not checked yet."""
    return decode(_parse(response_json).get("rawId"))


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: Any) -> bytes:
    if not isinstance(text, str):
        raise WebauthnError("text expected")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise WebauthnError("not base64url") from None


def _parse(text: str) -> dict[str, Any]:
    if len(text) > MAX_RESPONSE:
        raise WebauthnError("too long")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise WebauthnError("not JSON") from None
    if not isinstance(found, dict):
        raise WebauthnError("not an object")
    return found


def _state(challenge: bytes, verify: bool) -> dict[str, str]:
    return {"challenge": encode(challenge), "user_verification": "required" if verify else "preferred"}


def _not_framed(client_data: Any) -> None:
    if client_data.cross_origin:
        raise WebauthnError("asked for within another site")


def _results(answer: dict[str, Any]) -> dict[str, Any]:
    return _mapping(answer.get("clientExtensionResults"))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _prf(results: dict[str, Any], data: AuthenticatorData) -> bytes:
    """The PRF's output; only a passkey that has checked who holds it may carry the mail password."""
    first = _mapping(_mapping(results.get("prf")).get("results")).get("first")
    if not first or not data.is_user_verified():
        return b""
    raw = decode(first)
    return raw if len(raw) == PRF_BYTES else b""


def _transports(value: Any) -> str:
    known = ("ble", "hybrid", "internal", "nfc", "smart-card", "usb")
    return " ".join(one for one in known if isinstance(value, list) and one in value)


def _descriptor(credential_id: bytes, transports: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"type": "public-key", "id": encode(credential_id)}
    return found | ({"transports": transports.split()} if transports else {})
