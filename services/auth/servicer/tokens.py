"""TokenService: the key set, and the exchange for sender."""

from __future__ import annotations

import grpc

from services.auth.convert import key_to_proto, timestamp
from services.auth.minting import Minter
from services.auth.rows import now_ms
from services.common.gen.postern.auth.v1 import token_service_pb2 as token_pb
from services.common.gen.postern.auth.v1 import token_service_pb2_grpc as token_grpc

Context = grpc.aio.ServicerContext
KEY_SET_SECONDS = 300


class TokenServicer(token_grpc.TokenServiceServicer):
    """The key set, and the exchange for sender."""

    def __init__(self, minter: Minter) -> None:
        self._minter = minter

    async def GetKeySet(
        self, request: token_pb.GetKeySetRequest, context: Context
    ) -> token_pb.GetKeySetResponse:
        # A retired key verifies for as long as the operator leaves it there: ask again before that moment.
        until = now_ms() + 2 * KEY_SET_SECONDS * 1000
        keys = [key_to_proto(published, until) for published in self._minter.keys.published]
        return token_pb.GetKeySetResponse(keys=keys, max_age_seconds=KEY_SET_SECONDS)

    async def ExchangeToken(
        self, request: token_pb.ExchangeTokenRequest, context: Context
    ) -> token_pb.ExchangeTokenResponse:
        token, expires = self._minter.exchange(request.subject_token, request.audience, request.scopes)
        return token_pb.ExchangeTokenResponse(token=token, expire_time=timestamp(expires * 1000))
