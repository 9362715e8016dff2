"""Calls to auth."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from services.common.gen.postern.auth.v1 import account_service_pb2 as a
from services.common.gen.postern.auth.v1 import session_service_pb2 as s
from services.common.gen.postern.auth.v1.account_service_pb2_grpc import AccountServiceStub
from services.common.gen.postern.auth.v1.session_service_pb2_grpc import SessionServiceStub
from services.web.convert import account as convert
from services.web.model.account import Challenge, Client, Device, Grant, Identity, Preferences, SignedIn

# A sign-in waits for the mail server's own answer, which may be slow on purpose after a wrong password.
SIGN_IN_SECONDS = 9.0
SECONDS = 6.0


class AuthClient:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._sessions = SessionServiceStub(channel)
        self._accounts = AccountServiceStub(channel)

    async def sign_in(self, address: str, password: str, client: Client) -> SignedIn | Challenge:
        proof = s.StartSignInRequest.Password(email_address=address, password=password)
        request = s.StartSignInRequest(password=proof, client=convert.client(client))
        return convert.outcome(await self._sessions.StartSignIn(request, timeout=SIGN_IN_SECONDS))

    async def continue_sign_in(
        self, state: str, code: str, kind: str, client: Client
    ) -> SignedIn | Challenge:
        request = s.ContinueSignInRequest(
            sign_in_state=state,
            code=code,
            factor_kind=convert.KIND_VALUES.get(kind, s.FACTOR_KIND_UNSPECIFIED),
            client=convert.client(client),
        )
        return convert.outcome(await self._sessions.ContinueSignIn(request, timeout=SIGN_IN_SECONDS))

    async def grant(self, secret: str, client: Client) -> Grant:
        request = s.CreateAccessTokensRequest(session_secret=secret, client=convert.client(client))
        return convert.grant(await self._sessions.CreateAccessTokens(request, timeout=SECONDS))

    async def end_session(self, secret: str) -> None:
        await self._sessions.EndSession(s.EndSessionRequest(session_secret=secret), timeout=SECONDS)

    async def devices(self, token: str) -> tuple[Device, ...]:
        request = s.ListSessionsRequest(page_size=200)
        reply = await self._sessions.ListSessions(request, token=token, timeout=SECONDS)
        return tuple(convert.device(one) for one in reply.sessions)

    async def revoke(self, token: str, session_id: str) -> int:
        request = s.RevokeSessionsRequest(session_id=session_id)
        return (await self._sessions.RevokeSessions(request, token=token, timeout=SECONDS)).revoked_count

    async def revoke_others(self, token: str) -> int:
        request = s.RevokeSessionsRequest(all_others=True)
        return (await self._sessions.RevokeSessions(request, token=token, timeout=SECONDS)).revoked_count

    async def update_preferences(
        self, token: str, preferences: Preferences, fields: Sequence[str]
    ) -> Preferences:
        request = a.UpdatePreferencesRequest(
            preferences=convert.preferences_message(preferences), update_mask=FieldMask(paths=fields)
        )
        reply = await self._accounts.UpdatePreferences(request, token=token, timeout=SECONDS)
        return convert.preferences(reply.preferences)

    async def update_identity(self, token: str, identity: Identity, request_id: str) -> Identity:
        message = s.Identity(
            identity_id=identity.identity_id,
            display_name=identity.name,
            address=identity.address,
            reply_to=identity.reply_to,
            signature_text=identity.signature,
            is_default=identity.is_default,
            etag=identity.etag,
        )
        request = a.UpdateIdentityRequest(identity=message, request_id=request_id)
        reply = await self._accounts.UpdateIdentity(request, token=token, timeout=SECONDS)
        return convert.identity(reply.identity)
