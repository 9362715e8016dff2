"""A passkey in software: what a browser and its authenticator answer (WebAuthn, level 3), with and without
PRF."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from services.auth.webauthn import decode, encode

ORIGIN = "https://mail.example.org"


@dataclass
class Passkey:
    """`count`: the signature counter, which grows with each use; 0 with `counts` False, as synced ones have
    it."""

    prf: bool = True
    verifies: bool = True
    discoverable: bool = True
    counts: bool = True
    origin: str = ORIGIN
    count: int = 0
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: bytes = b""

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._prf_key = secrets.token_bytes(32)

    def create(self, options_json: str, **changes) -> str:
        """What navigator.credentials.create() gives. `changes` as in `_client_data`."""
        options = json.loads(options_json)
        self.user_handle = decode(options["user"]["id"])
        credential = AttestedCredentialData.create(
            bytes(16), self.credential_id, ES256.from_cryptography_key(self._key.public_key())
        )
        data = self._data(options["rp"]["id"], bytes(credential))
        response = {
            "clientDataJSON": encode(self._client_data("webauthn.create", options, **changes)),
            "attestationObject": encode(AttestationObject.create("none", data, {})),
            "transports": ["internal", "hybrid", "odd"],
        }
        results = self._results(options) | {"credProps": {"rk": self.discoverable}}
        return self._answer(response, results)

    def get(self, options_json: str, *, rp_id: str = "", **changes) -> str:
        """What navigator.credentials.get() gives."""
        options = json.loads(options_json)
        if self.counts:
            self.count += 1
        data = self._data(rp_id or options["rpId"])
        client_data = self._client_data("webauthn.get", options, **changes)
        signed = bytes(data) + hashlib.sha256(client_data).digest()
        response = {
            "clientDataJSON": encode(client_data),
            "authenticatorData": encode(data),
            "signature": encode(self._key.sign(signed, ec.ECDSA(SHA256()))),
            "userHandle": encode(self.user_handle),
        }
        return self._answer(response, self._results(options))

    def _data(self, rp_id: str, credential: bytes = b"") -> AuthenticatorData:
        flags = AuthenticatorData.FLAG.UP
        if self.verifies:
            flags |= AuthenticatorData.FLAG.UV
        if credential:
            flags |= AuthenticatorData.FLAG.AT
        return AuthenticatorData.create(
            hashlib.sha256(rp_id.encode()).digest(), flags, self.count, credential
        )

    def _client_data(self, kind: str, options: dict, **changes) -> bytes:
        found = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(found | changes).encode()

    def _results(self, options: dict) -> dict:
        if not self.prf:
            return {}
        salt = decode(options["extensions"]["prf"]["eval"]["first"])
        return {
            "prf": {"enabled": True, "results": {"first": encode(hmac.digest(self._prf_key, salt, "sha256"))}}
        }

    def _answer(self, response: dict, results: dict) -> str:
        found = {"id": encode(self.credential_id), "rawId": encode(self.credential_id), "type": "public-key"}
        return json.dumps(found | {"response": response, "clientExtensionResults": results})
