"""postern.auth.v1 ↔ model.security."""

from __future__ import annotations

from services.common.gen.postern.auth.v1 import account_service_pb2 as a
from services.common.gen.postern.auth.v1 import factor_service_pb2 as f
from services.common.gen.postern.auth.v1 import token_service_pb2 as t
from services.web.convert import when
from services.web.convert.account import KINDS
from services.web.model.security import Activity, Event, Factor, Factors, Proof
from services.web.model.systems import AppToken


def proof(proof: Proof) -> f.FactorProof:
    if proof.passkey:
        return f.FactorProof(webauthn_response_json=proof.passkey, proof_state=proof.state)
    return f.FactorProof(code=proof.code) if proof.code else f.FactorProof(password=proof.password)


def factors(reply: f.ListFactorsResponse) -> Factors:
    offered = tuple(KINDS[kind] for kind in reply.offered_kinds if kind in KINDS)
    found = tuple(factor(one) for one in reply.factors)
    return Factors(found, reply.required, offered, reply.proves_by_sign_in)


def factor(message: f.Factor) -> Factor:
    return Factor(
        message.factor_id,
        KINDS.get(message.kind, ""),
        message.display_name,
        when(message.create_time) if message.HasField("create_time") else None,
        when(message.last_used_time) if message.HasField("last_used_time") else None,
        message.codes_left,
        message.can_sign_in,
    )


def activity(reply: a.ListAuditEventsResponse) -> Activity:
    return Activity(tuple(event(one) for one in reply.events), reply.next_page_token)


def event(message: a.AuditEvent) -> Event:
    return Event(
        when(message.event_time) if message.HasField("event_time") else None,
        message.action,
        message.client_address,
        message.user_agent,
        dict(message.details),
    )


def app_token(message: t.AppToken) -> AppToken:
    return AppToken(
        message.app_token_id,
        message.display_name,
        tuple(message.scopes),
        when(message.create_time) if message.HasField("create_time") else None,
        when(message.expire_time) if message.HasField("expire_time") else None,
        when(message.last_used_time) if message.HasField("last_used_time") else None,
    )
