"""All translation between the contract's messages and the domain."""

from __future__ import annotations

import dataclasses

from google.protobuf.timestamp_pb2 import Timestamp

from services.auth.factors import FactorInfo
from services.auth.minting import Minted
from services.auth.model import (
    AuditEvent,
    Challenge,
    Client,
    FactorKind,
    MailIdentity,
    OpenSession,
    Preferences,
    SessionInfo,
    SignedIn,
)
from services.auth.presence import Proof
from services.auth.signing import PublishedKey
from services.auth.systems.apptokens import AppTokenInfo
from services.common.gen.postern.auth.v1 import account_service_pb2 as account_pb
from services.common.gen.postern.auth.v1 import factor_service_pb2 as factor_pb
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from services.common.gen.postern.auth.v1 import token_service_pb2 as token_pb
from services.common.tokens import ALGORITHM

_KINDS = {
    FactorKind.TOTP: session_pb.FACTOR_KIND_TOTP,
    FactorKind.HOTP: session_pb.FACTOR_KIND_HOTP,
    FactorKind.PASSKEY: session_pb.FACTOR_KIND_PASSKEY,
    FactorKind.RECOVERY_CODE: session_pb.FACTOR_KIND_RECOVERY_CODE,
}
_SIMPLE_PREFERENCES = [field.name for field in dataclasses.fields(Preferences) if field.name != "extra"]
_IDENTITY_FIELDS = [field.name for field in dataclasses.fields(MailIdentity)]


def timestamp(milliseconds: int) -> Timestamp:
    return Timestamp(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)


def client_from_proto(message: session_pb.Client) -> Client:
    return Client(
        message.address[:64],
        message.user_agent[:300],
        message.certificate_subject[:300],
        tuple(message.certificate_accounts),
    )


def signed_in_to_proto(outcome: SignedIn) -> session_pb.SignedIn:
    return session_pb.SignedIn(
        session_secret=outcome.session_secret,
        account=outcome.account,
        expire_time=timestamp(outcome.expires_ms),
        idle_seconds=outcome.idle_seconds,
        must_enrol_factor=outcome.must_enrol_factor,
    )


def challenge_to_proto(outcome: Challenge) -> session_pb.Challenge:
    return session_pb.Challenge(
        sign_in_state=outcome.sign_in_state,
        factor_kinds=[_KINDS[kind] for kind in outcome.factor_kinds],
        webauthn_options_json=outcome.webauthn_options,
        expire_time=timestamp(outcome.expires_ms),
        password_needed=outcome.password_needed,
        redirect_uri=outcome.redirect_uri,
    )


def access_tokens_to_proto(
    opened: OpenSession, minted: Minted, must_enrol: bool
) -> session_pb.CreateAccessTokensResponse:
    return session_pb.CreateAccessTokensResponse(
        tokens=[
            session_pb.AccessToken(audience=audience, token=token)
            for audience, token in minted.tokens.items()
        ],
        account=opened.account,
        session_id=opened.session_id,
        expire_time=timestamp(minted.expires * 1000),
        session_expire_time=timestamp(opened.expires_ms),
        preferences=preferences_to_proto(opened.preferences),
        identities=[identity_to_proto(identity) for identity in opened.identities],
        must_enrol_factor=must_enrol,
    )


def session_to_proto(info: SessionInfo, current: str) -> session_pb.Session:
    return session_pb.Session(
        session_id=info.session_id,
        create_time=timestamp(info.created_ms),
        last_used_time=timestamp(info.last_used_ms),
        client_address=info.client_address,
        user_agent=info.user_agent,
        current=info.session_id == current,
        factor_kinds=[_KINDS[FactorKind(kind)] for kind in info.factor_kinds],
    )


def preferences_to_proto(preferences: Preferences) -> session_pb.Preferences:
    simple = {name: getattr(preferences, name) for name in _SIMPLE_PREFERENCES}
    return session_pb.Preferences(**simple, extra=preferences.extra)


def preferences_from_proto(message: session_pb.Preferences) -> Preferences:
    simple = {name: getattr(message, name) for name in _SIMPLE_PREFERENCES}
    return Preferences(**simple, extra=dict(message.extra))


def identity_to_proto(identity: MailIdentity) -> session_pb.Identity:
    return session_pb.Identity(**{name: getattr(identity, name) for name in _IDENTITY_FIELDS})


def identity_from_proto(message: session_pb.Identity) -> MailIdentity:
    return MailIdentity(**{name: getattr(message, name) for name in _IDENTITY_FIELDS})


def audit_event_to_proto(event: AuditEvent) -> account_pb.AuditEvent:
    return account_pb.AuditEvent(
        event_id=event.event_id,
        event_time=timestamp(event.event_ms),
        action=event.action,
        client_address=event.client_address,
        user_agent=event.user_agent,
        details=event.details,
    )


def factor_to_proto(info: FactorInfo) -> factor_pb.Factor:
    return factor_pb.Factor(
        factor_id=info.factor_id,
        kind=_KINDS[info.kind],
        display_name=info.display_name,
        create_time=timestamp(info.created_ms),
        last_used_time=timestamp(info.last_used_ms) if info.last_used_ms else None,
        codes_left=info.codes_left,
        can_sign_in=info.can_sign_in,
    )


def kind_to_proto(kind: FactorKind) -> session_pb.FactorKind:
    return _KINDS[kind]


def kind_from_proto(kind: session_pb.FactorKind) -> FactorKind | None:
    return next((one for one, number in _KINDS.items() if number == kind), None)


def proof_from_proto(message: factor_pb.FactorProof) -> Proof:
    return Proof(message.code, message.password, message.webauthn_response_json, message.proof_state)


def app_token_to_proto(info: AppTokenInfo) -> token_pb.AppToken:
    return token_pb.AppToken(
        app_token_id=info.app_token_id,
        display_name=info.display_name,
        scopes=info.scopes,
        create_time=timestamp(info.created_ms),
        expire_time=timestamp(info.expires_ms),
        last_used_time=timestamp(info.last_used_ms) if info.last_used_ms else None,
    )


def milliseconds(message: Timestamp) -> int:
    return message.seconds * 1000 + message.nanos // 1_000_000


def key_to_proto(published: PublishedKey, retired_until_ms: int) -> token_pb.VerificationKey:
    return token_pb.VerificationKey(
        key_id=published.kid,
        algorithm=ALGORITHM,
        public_key_pem=published.pem,
        expire_time=None if published.signs else timestamp(retired_until_ms),
    )
