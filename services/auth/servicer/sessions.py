"""SessionService: signing in, sessions."""

from __future__ import annotations

import grpc

from services.auth.convert import (
    access_tokens_to_proto,
    challenge_to_proto,
    client_from_proto,
    session_to_proto,
    signed_in_to_proto,
)
from services.auth.model import Challenge, SignedIn
from services.auth.passkeysignin import PasskeySignIn
from services.auth.secondfactor import Shown
from services.auth.sessions import Sessions
from services.auth.signin import SignIn
from services.auth.ways import Ways
from services.auth.ways.flow import OpenIdSignIn
from services.common.database import Database
from services.common.errors import invalid_argument
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from services.common.gen.postern.auth.v1 import session_service_pb2_grpc as session_grpc
from services.common.rpc.context import current_identity

Context = grpc.aio.ServicerContext


class SessionServicer(session_grpc.SessionServiceServicer):
    """Signing in, sessions."""

    def __init__(
        self,
        database: Database,
        sign_in: SignIn,
        passkeys: PasskeySignIn,
        openid: OpenIdSignIn,
        ways: Ways,
        sessions: Sessions,
    ) -> None:
        self._database, self._sign_in, self._passkeys = database, sign_in, passkeys
        self._openid, self._ways, self._sessions = openid, ways, sessions

    async def ListSignInMethods(
        self, request: session_pb.ListSignInMethodsRequest, context: Context
    ) -> session_pb.ListSignInMethodsResponse:
        methods, address = [], request.email_address
        if self._ways.takes_passwords if not address else self._ways.takes_passwords_of(address):
            methods.append(session_pb.SIGN_IN_METHOD_PASSWORD)
        if self._passkeys.offered:
            methods.append(session_pb.SIGN_IN_METHOD_PASSKEY)
        provider = self._openid.provider_of(address)
        if provider is not None or (not address and self._ways.openid):
            methods.append(session_pb.SIGN_IN_METHOD_OPENID)
        name = provider.settings.name if provider is not None else ""
        return session_pb.ListSignInMethodsResponse(methods=methods, openid_provider_name=name)

    async def StartSignIn(
        self, request: session_pb.StartSignInRequest, context: Context
    ) -> session_pb.StartSignInResponse:
        kind = request.WhichOneof("proof")
        if kind is None:
            raise invalid_argument("proof", "missing")
        if kind == "passkey":
            challenge = self._passkeys.start(client_from_proto(request.client))
            return session_pb.StartSignInResponse(challenge=challenge_to_proto(challenge))
        if kind == "openid":
            challenge = await self._openid.start(
                request.openid.email_address,
                request.openid.redirect_uri,
                client_from_proto(request.client),
                request.session_secret,
            )
            return session_pb.StartSignInResponse(challenge=challenge_to_proto(challenge))
        proof = request.password
        outcome = await self._sign_in.with_password(
            proof.email_address, proof.password, client_from_proto(request.client), request.session_secret
        )
        if isinstance(outcome, SignedIn):
            return session_pb.StartSignInResponse(signed_in=signed_in_to_proto(outcome))
        return session_pb.StartSignInResponse(challenge=challenge_to_proto(outcome))

    async def ContinueSignIn(
        self, request: session_pb.ContinueSignInRequest, context: Context
    ) -> session_pb.ContinueSignInResponse:
        client, state = client_from_proto(request.client), request.sign_in_state
        kind = request.WhichOneof("proof")
        outcome: SignedIn | Challenge
        if kind == "webauthn_response_json" and self._passkeys.is_mine(state, client):
            outcome = await self._passkeys.answer(state, request.webauthn_response_json, client)
        elif kind in ("code", "webauthn_response_json"):
            # The kind of a code is not needed: it shows by itself what it is.
            shown = Shown(request.code, request.webauthn_response_json)
            outcome = await self._sign_in.with_factor(state, shown, client)
        elif kind == "openid_query":
            outcome = await self._openid.finish(state, request.openid_query, client)
        elif kind == "password":
            outcome = await self._passkeys.with_password(state, request.password, client)
        else:
            raise invalid_argument("proof", "missing")
        if isinstance(outcome, SignedIn):
            return session_pb.ContinueSignInResponse(signed_in=signed_in_to_proto(outcome))
        return session_pb.ContinueSignInResponse(challenge=challenge_to_proto(outcome))

    async def CreateAccessTokens(
        self, request: session_pb.CreateAccessTokensRequest, context: Context
    ) -> session_pb.CreateAccessTokensResponse:
        client = client_from_proto(request.client)
        return access_tokens_to_proto(*await self._sign_in.access_tokens(request.session_secret, client))

    async def EndSession(
        self, request: session_pb.EndSessionRequest, context: Context
    ) -> session_pb.EndSessionResponse:
        await self._sign_in.end(request.session_secret)
        return session_pb.EndSessionResponse()

    async def ListSessions(
        self, request: session_pb.ListSessionsRequest, context: Context
    ) -> session_pb.ListSessionsResponse:
        caller = current_identity()
        found, token = await self._database.read(
            lambda session: self._sessions.page(
                session, caller.account, request.page_size, request.page_token
            )
        )
        rows = [session_to_proto(info, caller.session_id) for info in found]
        return session_pb.ListSessionsResponse(sessions=rows, next_page_token=token)

    async def RevokeSessions(
        self, request: session_pb.RevokeSessionsRequest, context: Context
    ) -> session_pb.RevokeSessionsResponse:
        caller = current_identity()
        if not request.session_id and not request.all_others:
            raise invalid_argument("sessions", "missing")
        count = await self._sign_in.revoke(caller.account, caller.session_id, request.session_id)
        return session_pb.RevokeSessionsResponse(revoked_count=count)
