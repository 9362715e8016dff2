"""Auth's published keys for a service that verifies tokens offline."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from services.common.gen.postern.auth.v1.token_service_pb2 import GetKeySetRequest
from services.common.gen.postern.auth.v1.token_service_pb2_grpc import TokenServiceStub
from services.common.rpc.client import Channel
from services.common.tokens import KeySet

ALGORITHM = "EdDSA"


def key_set_of(auth: Channel) -> KeySet:
    """The keys that auth publishes (TokenService.GetKeySet), fetched when first needed and kept."""
    stub = TokenServiceStub(auth)

    async def fetch() -> dict[str, bytes]:
        response = await stub.GetKeySet(GetKeySetRequest(), timeout=5.0)
        keys: dict[str, bytes] = {}
        for item in response.keys:
            key = load_pem_public_key(item.public_key_pem.encode())
            if item.algorithm == ALGORITHM and isinstance(key, Ed25519PublicKey):
                keys[item.key_id] = key.public_bytes_raw()
        return keys

    return KeySet(fetch)
