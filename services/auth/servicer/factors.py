"""FactorService: the account's second factors."""

from __future__ import annotations

import grpc

from services.auth.convert import factor_to_proto, kind_from_proto, kind_to_proto, proof_from_proto, timestamp
from services.auth.enrolment import Caller, Enrolment
from services.auth.presence import Presence
from services.common.errors import Reason, error, invalid_argument
from services.common.gen.postern.auth.v1 import factor_service_pb2 as factor_pb
from services.common.gen.postern.auth.v1 import factor_service_pb2_grpc as factor_grpc
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from services.common.rpc.context import current_identity

Context = grpc.aio.ServicerContext


def _caller(secret: str = "") -> Caller:
    identity = current_identity()
    return Caller(identity.account, identity.session_id, secret)


class FactorServicer(factor_grpc.FactorServiceServicer):
    """Passkeys, one-time passwords and recovery codes."""

    def __init__(self, enrolment: Enrolment, presence: Presence) -> None:
        self._enrolment, self._presence = enrolment, presence

    async def ListFactors(
        self, request: factor_pb.ListFactorsRequest, context: Context
    ) -> factor_pb.ListFactorsResponse:
        # At most eleven: one page holds them all.
        found, required, offered = await self._enrolment.list(current_identity().account)
        return factor_pb.ListFactorsResponse(
            factors=[factor_to_proto(info) for info in found],
            required=required,
            offered_kinds=[kind_to_proto(kind) for kind in offered],
            proves_by_sign_in=not self._enrolment.by_password(current_identity().account),
        )

    async def BeginFactorEnrolment(
        self, request: factor_pb.BeginFactorEnrolmentRequest, context: Context
    ) -> factor_pb.BeginFactorEnrolmentResponse:
        if request.kind == session_pb.FACTOR_KIND_UNSPECIFIED:
            raise invalid_argument("kind", "missing")
        kind = kind_from_proto(request.kind)
        if kind is None:
            raise error(Reason.UNSUPPORTED, what="factor_kind")
        begun = await self._enrolment.begin(
            _caller(), kind, request.display_name, proof_from_proto(request.proof), request.otp_secret
        )
        return factor_pb.BeginFactorEnrolmentResponse(
            enrolment_state=begun.state,
            otpauth_uri=begun.otpauth_uri,
            webauthn_options_json=begun.webauthn_options,
        )

    async def FinishFactorEnrolment(
        self, request: factor_pb.FinishFactorEnrolmentRequest, context: Context
    ) -> factor_pb.FinishFactorEnrolmentResponse:
        changed = await self._enrolment.finish(
            _caller(request.session_secret),
            request.enrolment_state,
            request.code,
            request.webauthn_response_json,
        )
        return factor_pb.FinishFactorEnrolmentResponse(
            factor=factor_to_proto(changed.factor) if changed.factor else None,
            recovery_codes=changed.codes,
            session_secret=changed.session_secret,
        )

    async def RemoveFactor(
        self, request: factor_pb.RemoveFactorRequest, context: Context
    ) -> factor_pb.RemoveFactorResponse:
        proof, caller = proof_from_proto(request.proof), _caller(request.session_secret)
        changed = await self._enrolment.remove(caller, request.factor_id, proof)
        return factor_pb.RemoveFactorResponse(session_secret=changed.session_secret)

    async def BeginFactorProof(
        self, request: factor_pb.BeginFactorProofRequest, context: Context
    ) -> factor_pb.BeginFactorProofResponse:
        question = await self._presence.ask(current_identity().account)
        return factor_pb.BeginFactorProofResponse(
            proof_state=question.state,
            webauthn_options_json=question.options,
            expire_time=timestamp(question.expires_ms) if question.state else None,
        )

    async def CreateRecoveryCodes(
        self, request: factor_pb.CreateRecoveryCodesRequest, context: Context
    ) -> factor_pb.CreateRecoveryCodesResponse:
        proof, caller = proof_from_proto(request.proof), _caller(request.session_secret)
        changed = await self._enrolment.new_codes(caller, proof)
        return factor_pb.CreateRecoveryCodesResponse(
            recovery_codes=changed.codes, session_secret=changed.session_secret
        )
