"""RPC in, domain call, RPC out; and who may call what."""

from __future__ import annotations

from typing import Any

import grpc
from sqlalchemy.orm import Session

from services.auth import audit, preferences
from services.auth.convert import (
    access_tokens_to_proto,
    audit_event_to_proto,
    challenge_to_proto,
    client_from_proto,
    identity_from_proto,
    identity_to_proto,
    key_to_proto,
    preferences_from_proto,
    preferences_to_proto,
    session_to_proto,
    signed_in_to_proto,
    timestamp,
)
from services.auth.minting import Minter
from services.auth.model import Client, SignedIn
from services.auth.rows import now_ms
from services.auth.sessions import Sessions
from services.auth.signin import SignIn
from services.common.database import Database
from services.common.errors import Reason, error, invalid_argument
from services.common.gen.postern.auth.v1 import account_service_pb2 as account_pb
from services.common.gen.postern.auth.v1 import account_service_pb2_grpc as account_grpc
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from services.common.gen.postern.auth.v1 import session_service_pb2_grpc as session_grpc
from services.common.gen.postern.auth.v1 import token_service_pb2 as token_pb
from services.common.gen.postern.auth.v1 import token_service_pb2_grpc as token_grpc
from services.common.rpc.access import PEER, PUBLIC, SCOPE, Rule
from services.common.rpc.context import current_identity

Context = grpc.aio.ServicerContext
KEY_SET_SECONDS = 300

_SESSION = "/postern.auth.v1.SessionService/"
_TOKEN = "/postern.auth.v1.TokenService/"  # noqa: S105 a path
_ACCOUNT = "/postern.auth.v1.AccountService/"
METHOD_SCOPES: dict[str, Rule | str] = {
    # The person has no token yet: the edge vouches with its certificate, the browser's secret does the rest.
    _SESSION + "ListSignInMethods": PEER("web"),
    _SESSION + "StartSignIn": PEER("web"),
    _SESSION + "ContinueSignIn": PEER("web"),
    _SESSION + "CreateAccessTokens": PEER("web"),
    _SESSION + "EndSession": PEER("web"),
    _SESSION + "ListSessions": "account.read",
    _SESSION + "RevokeSessions": "account.write",
    _TOKEN + "GetKeySet": PUBLIC,
    _TOKEN + "ExchangeToken": PEER("sender"),
    # The secret in the request is the proof; not served yet.
    _TOKEN + "CreateSystemToken": PUBLIC,
    _TOKEN + "CreateAppToken": "account.write",
    _TOKEN + "ListAppTokens": "account.read",
    _TOKEN + "RevokeAppToken": "account.write",
    _ACCOUNT + "GetPreferences": "account.read",
    _ACCOUNT + "UpdatePreferences": "account.write",
    # sender looks up whom a message is from, with the token that the person gave it.
    _ACCOUNT + "ListIdentities": SCOPE("account.read", delegates=("sender",)),
    _ACCOUNT + "CreateIdentity": "account.write",
    _ACCOUNT + "UpdateIdentity": "account.write",
    _ACCOUNT + "DeleteIdentity": "account.write",
    _ACCOUNT + "ListAuditEvents": "account.read",
}


class SessionServicer(session_grpc.SessionServiceServicer):
    """Signing in, sessions."""

    def __init__(self, database: Database, sign_in: SignIn, sessions: Sessions) -> None:
        self._database, self._sign_in, self._sessions = database, sign_in, sessions

    async def ListSignInMethods(
        self, request: session_pb.ListSignInMethodsRequest, context: Context
    ) -> session_pb.ListSignInMethodsResponse:
        return session_pb.ListSignInMethodsResponse(methods=[session_pb.SIGN_IN_METHOD_PASSWORD])

    async def StartSignIn(
        self, request: session_pb.StartSignInRequest, context: Context
    ) -> session_pb.StartSignInResponse:
        kind = request.WhichOneof("proof")
        if kind is None:
            raise invalid_argument("proof", "missing")
        if kind != "password":
            raise error(Reason.UNSUPPORTED, method=kind)
        proof = request.password
        outcome = await self._sign_in.with_password(
            proof.email_address, proof.password, client_from_proto(request.client), request.session_secret
        )
        if isinstance(outcome, SignedIn):
            return session_pb.StartSignInResponse(signed_in=signed_in_to_proto(outcome))
        return session_pb.StartSignInResponse(challenge=challenge_to_proto(outcome))

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


class AccountServicer(account_grpc.AccountServiceServicer):
    """Preferences, identities, audit trail."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetPreferences(
        self, request: account_pb.GetPreferencesRequest, context: Context
    ) -> account_pb.GetPreferencesResponse:
        account = current_identity().account
        found = await self._database.read(lambda session: preferences.get_preferences(session, account))
        return account_pb.GetPreferencesResponse(preferences=preferences_to_proto(found))

    async def UpdatePreferences(
        self, request: account_pb.UpdatePreferencesRequest, context: Context
    ) -> account_pb.UpdatePreferencesResponse:
        account, new = current_identity().account, preferences_from_proto(request.preferences)
        paths = list(request.update_mask.paths)
        now = await self._database.run(
            lambda session: preferences.update_preferences(session, account, new, paths)
        )
        return account_pb.UpdatePreferencesResponse(preferences=preferences_to_proto(now))

    async def ListIdentities(
        self, request: account_pb.ListIdentitiesRequest, context: Context
    ) -> account_pb.ListIdentitiesResponse:
        account = current_identity().account
        found, token = await self._database.read(
            lambda session: preferences.list_identities(
                session, account, request.page_size, request.page_token
            )
        )
        rows = [identity_to_proto(identity) for identity in found]
        return account_pb.ListIdentitiesResponse(identities=rows, next_page_token=token)

    async def CreateIdentity(
        self, request: account_pb.CreateIdentityRequest, context: Context
    ) -> account_pb.CreateIdentityResponse:
        account, new = current_identity().account, identity_from_proto(request.identity)

        def work(session: Session) -> Any:
            made, fresh = preferences.create_identity(session, account, new, request.request_id, now_ms())
            if fresh:
                details = {"address": made.address}
                audit.record(session, account, audit.IDENTITY_CREATED, Client(), now_ms(), details)
            return made

        made = await self._database.run(work)
        return account_pb.CreateIdentityResponse(identity=identity_to_proto(made))

    async def UpdateIdentity(
        self, request: account_pb.UpdateIdentityRequest, context: Context
    ) -> account_pb.UpdateIdentityResponse:
        account, new = current_identity().account, identity_from_proto(request.identity)
        changed = await self._database.run(
            lambda session: preferences.update_identity(session, account, new, request.request_id)
        )
        return account_pb.UpdateIdentityResponse(identity=identity_to_proto(changed))

    async def DeleteIdentity(
        self, request: account_pb.DeleteIdentityRequest, context: Context
    ) -> account_pb.DeleteIdentityResponse:
        account = current_identity().account

        def work(session: Session) -> Any:
            gone = preferences.delete_identity(session, account, request.identity_id)
            if gone is not None:
                details = {"address": gone.address}
                audit.record(session, account, audit.IDENTITY_DELETED, Client(), now_ms(), details)

        await self._database.run(work)
        return account_pb.DeleteIdentityResponse()

    async def ListAuditEvents(
        self, request: account_pb.ListAuditEventsRequest, context: Context
    ) -> account_pb.ListAuditEventsResponse:
        account = current_identity().account
        events, token = await self._database.read(
            lambda session: audit.list_events(session, account, request.page_size, request.page_token)
        )
        rows = [audit_event_to_proto(event) for event in events]
        return account_pb.ListAuditEventsResponse(events=rows, next_page_token=token)
