"""Calls to auth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from services.common.errors import PosternError, Reason
from services.common.gen.postern.auth.v1 import account_service_pb2 as a
from services.common.gen.postern.auth.v1 import factor_service_pb2 as f
from services.common.gen.postern.auth.v1 import session_service_pb2 as s
from services.common.gen.postern.auth.v1 import token_service_pb2 as t
from services.common.gen.postern.auth.v1.account_service_pb2_grpc import AccountServiceStub
from services.common.gen.postern.auth.v1.factor_service_pb2_grpc import FactorServiceStub
from services.common.gen.postern.auth.v1.session_service_pb2_grpc import SessionServiceStub
from services.common.gen.postern.auth.v1.token_service_pb2_grpc import TokenServiceStub
from services.web.convert import account as convert
from services.web.convert import security
from services.web.model.account import Challenge, Client, Device, Grant, Identity, Preferences, SignedIn
from services.web.model.security import Activity, Changed, Enrolment, Factors, Proof, Question
from services.web.model.systems import AppToken

# A sign-in waits for the mail server's own answer, which may be slow on purpose after a wrong password.
SIGN_IN_SECONDS = 9.0
SECONDS = 6.0
PROOF_SECONDS = 8.0


class AuthClient:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._sessions = SessionServiceStub(channel)
        self._accounts = AccountServiceStub(channel)
        self._factors = FactorServiceStub(channel)
        self._tokens = TokenServiceStub(channel)

    async def sign_in(self, address: str, password: str, client: Client) -> SignedIn | Challenge:
        proof = s.StartSignInRequest.Password(email_address=address, password=password)
        request = s.StartSignInRequest(password=proof, client=convert.client(client))
        return convert.outcome(await self._sessions.StartSignIn(request, timeout=SIGN_IN_SECONDS))

    async def passkeys_offered(self) -> bool:
        reply = await self._sessions.ListSignInMethods(s.ListSignInMethodsRequest(), timeout=SECONDS)
        return s.SIGN_IN_METHOD_PASSKEY in reply.methods

    async def ask_passkey(self, client: Client) -> Challenge:
        request = s.StartSignInRequest(passkey=s.StartSignInRequest.Passkey(), client=convert.client(client))
        outcome = convert.outcome(await self._sessions.StartSignIn(request, timeout=SECONDS))
        if not isinstance(outcome, Challenge):
            raise PosternError(Reason.INTERNAL, cause="a session without a proof")
        return outcome

    async def continue_sign_in(
        self, state: str, code: str, kind: str, client: Client, *, passkey: str = "", password: str = ""
    ) -> SignedIn | Challenge:
        request = s.ContinueSignInRequest(
            sign_in_state=state,
            factor_kind=convert.KIND_VALUES.get(kind, s.FACTOR_KIND_UNSPECIFIED),
            client=convert.client(client),
        )
        if passkey:
            request.webauthn_response_json = passkey
        elif password:
            request.password = password
        else:
            request.code = code
        return convert.outcome(await self._sessions.ContinueSignIn(request, timeout=SIGN_IN_SECONDS))

    async def openid_offered(self) -> str | None:
        reply = await self._sessions.ListSignInMethods(s.ListSignInMethodsRequest(), timeout=SECONDS)
        return reply.openid_provider_name if s.SIGN_IN_METHOD_OPENID in reply.methods else None

    async def start_openid(self, address: str, redirect: str, client: Client) -> Challenge:
        proof = s.StartSignInRequest.OpenId(email_address=address, redirect_uri=redirect)
        request = s.StartSignInRequest(openid=proof, client=convert.client(client))
        outcome = convert.outcome(await self._sessions.StartSignIn(request, timeout=SIGN_IN_SECONDS))
        if not isinstance(outcome, Challenge):
            raise PosternError(Reason.INTERNAL, cause="a session without a proof")
        return outcome

    async def finish_openid(self, state: str, query: str, client: Client) -> SignedIn | Challenge:
        request = s.ContinueSignInRequest(
            sign_in_state=state, openid_query=query, client=convert.client(client)
        )
        return convert.outcome(await self._sessions.ContinueSignIn(request, timeout=SIGN_IN_SECONDS))

    async def app_tokens(self, token: str) -> tuple[AppToken, ...]:
        reply = await self._tokens.ListAppTokens(
            t.ListAppTokensRequest(page_size=200), token=token, timeout=SECONDS
        )
        return tuple(security.app_token(one) for one in reply.app_tokens)

    async def create_app_token(
        self,
        token: str,
        secret: str,
        name: str,
        scopes: Sequence[str],
        expires: datetime,
        proof: Proof,
    ) -> str:
        request = t.CreateAppTokenRequest(
            display_name=name, scopes=scopes, session_secret=secret, proof=security.proof(proof)
        )
        request.expire_time.FromDatetime(expires)
        reply = await self._tokens.CreateAppToken(request, token=token, timeout=PROOF_SECONDS)
        return reply.secret

    async def revoke_app_token(self, token: str, token_id: str) -> None:
        request = t.RevokeAppTokenRequest(app_token_id=token_id)
        await self._tokens.RevokeAppToken(request, token=token, timeout=SECONDS)

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
        request = a.UpdateIdentityRequest(identity=convert.identity_message(identity), request_id=request_id)
        reply = await self._accounts.UpdateIdentity(request, token=token, timeout=SECONDS)
        return convert.identity(reply.identity)

    async def create_identity(self, token: str, identity: Identity, request_id: str) -> Identity:
        request = a.CreateIdentityRequest(identity=convert.identity_message(identity), request_id=request_id)
        reply = await self._accounts.CreateIdentity(request, token=token, timeout=SECONDS)
        return convert.identity(reply.identity)

    async def delete_identity(self, token: str, identity_id: str) -> None:
        request = a.DeleteIdentityRequest(identity_id=identity_id)
        await self._accounts.DeleteIdentity(request, token=token, timeout=SECONDS)

    async def activity(self, token: str, *, rows: int, page: str) -> Activity:
        request = a.ListAuditEventsRequest(page_size=rows, page_token=page)
        return security.activity(await self._accounts.ListAuditEvents(request, token=token, timeout=SECONDS))

    async def factors(self, token: str) -> Factors:
        reply = await self._factors.ListFactors(f.ListFactorsRequest(), token=token, timeout=SECONDS)
        return security.factors(reply)

    async def begin_enrolment(
        self, token: str, name: str, proof: Proof, kind: str = "totp", secret: str = ""
    ) -> Enrolment:
        request = f.BeginFactorEnrolmentRequest(
            kind=convert.KIND_VALUES[kind],
            display_name=name,
            proof=security.proof(proof),
            otp_secret=secret,
        )
        # The password may be the proof, and then the mail server is asked.
        reply = await self._factors.BeginFactorEnrolment(request, token=token, timeout=PROOF_SECONDS)
        return Enrolment(reply.enrolment_state, reply.otpauth_uri, reply.webauthn_options_json)

    async def finish_enrolment(
        self, token: str, state: str, code: str, *, passkey: str = "", secret: str = ""
    ) -> Changed:
        request = f.FinishFactorEnrolmentRequest(enrolment_state=state, session_secret=secret)
        if passkey:
            request.webauthn_response_json = passkey
        else:
            request.code = code
        reply = await self._factors.FinishFactorEnrolment(request, token=token, timeout=SECONDS)
        return Changed(tuple(reply.recovery_codes), reply.session_secret)

    async def ask_proof(self, token: str) -> Question:
        request = f.BeginFactorProofRequest()
        reply = await self._factors.BeginFactorProof(request, token=token, timeout=SECONDS)
        return Question(reply.proof_state, reply.webauthn_options_json)

    async def remove_factor(self, token: str, factor_id: str, proof: Proof, secret: str = "") -> Changed:
        request = f.RemoveFactorRequest(
            factor_id=factor_id, proof=security.proof(proof), session_secret=secret
        )
        reply = await self._factors.RemoveFactor(request, token=token, timeout=SECONDS)
        return Changed(secret=reply.session_secret)

    async def recovery_codes(self, token: str, proof: Proof, secret: str = "") -> Changed:
        request = f.CreateRecoveryCodesRequest(proof=security.proof(proof), session_secret=secret)
        reply = await self._factors.CreateRecoveryCodes(request, token=token, timeout=SECONDS)
        return Changed(tuple(reply.recovery_codes), reply.session_secret)
