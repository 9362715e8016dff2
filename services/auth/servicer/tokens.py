"""TokenService: the key set, the exchange for sender, tokens for systems."""

from __future__ import annotations

import grpc

from services.auth.convert import app_token_to_proto, key_to_proto, milliseconds, proof_from_proto, timestamp
from services.auth.minting import Minter
from services.auth.rows import now_ms
from services.auth.systems.exchange import Systems
from services.common.gen.postern.auth.v1 import token_service_pb2 as token_pb
from services.common.gen.postern.auth.v1 import token_service_pb2_grpc as token_grpc
from services.common.rpc.context import current_identity, current_peer

Context = grpc.aio.ServicerContext
KEY_SET_SECONDS = 300


class TokenServicer(token_grpc.TokenServiceServicer):
    """The key set, the exchange for sender, tokens for systems."""

    def __init__(self, minter: Minter, systems: Systems) -> None:
        self._minter, self._systems = minter, systems

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

    async def CreateSystemToken(
        self, request: token_pb.CreateSystemTokenRequest, context: Context
    ) -> token_pb.CreateSystemTokenResponse:
        token, expires, scopes = await self._systems.access_token(
            request.secret, request.audience, request.scopes, current_peer()
        )
        return token_pb.CreateSystemTokenResponse(
            token=token, expire_time=timestamp(expires * 1000), scopes=scopes
        )

    async def CreateAppToken(
        self, request: token_pb.CreateAppTokenRequest, context: Context
    ) -> token_pb.CreateAppTokenResponse:
        info, secret = await self._systems.create_app_token(
            current_identity().account,
            request.session_secret,
            request.display_name,
            request.scopes,
            milliseconds(request.expire_time),
            proof_from_proto(request.proof),
        )
        return token_pb.CreateAppTokenResponse(app_token=app_token_to_proto(info), secret=secret)

    async def ListAppTokens(
        self, request: token_pb.ListAppTokensRequest, context: Context
    ) -> token_pb.ListAppTokensResponse:
        account = current_identity().account
        found, token = await self._systems.app_tokens(account, request.page_size, request.page_token)
        rows = [app_token_to_proto(info) for info in found]
        return token_pb.ListAppTokensResponse(app_tokens=rows, next_page_token=token)

    async def RevokeAppToken(
        self, request: token_pb.RevokeAppTokenRequest, context: Context
    ) -> token_pb.RevokeAppTokenResponse:
        await self._systems.revoke_app_token(current_identity().account, request.app_token_id)
        return token_pb.RevokeAppTokenResponse()
