"""FactorService: the account's second factors."""

from __future__ import annotations

import grpc

from services.auth.convert import factor_to_proto, proof_from_proto
from services.auth.enrolment import Enrolment
from services.common.errors import Reason, error, invalid_argument
from services.common.gen.postern.auth.v1 import factor_service_pb2 as factor_pb
from services.common.gen.postern.auth.v1 import factor_service_pb2_grpc as factor_grpc
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from services.common.rpc.context import current_identity

Context = grpc.aio.ServicerContext


class FactorServicer(factor_grpc.FactorServiceServicer):
    """One-time passwords and recovery codes."""

    def __init__(self, enrolment: Enrolment) -> None:
        self._enrolment = enrolment

    async def ListFactors(
        self, request: factor_pb.ListFactorsRequest, context: Context
    ) -> factor_pb.ListFactorsResponse:
        # At most eleven: one page holds them all.
        found, required = await self._enrolment.list(current_identity().account)
        rows = [factor_to_proto(info) for info in found]
        return factor_pb.ListFactorsResponse(factors=rows, required=required)

    async def BeginFactorEnrolment(
        self, request: factor_pb.BeginFactorEnrolmentRequest, context: Context
    ) -> factor_pb.BeginFactorEnrolmentResponse:
        if request.kind == session_pb.FACTOR_KIND_UNSPECIFIED:
            raise invalid_argument("kind", "missing")
        if request.kind != session_pb.FACTOR_KIND_TOTP:
            raise error(Reason.UNSUPPORTED, what="factor_kind")
        state, uri = await self._enrolment.begin_totp(
            current_identity().account, request.display_name, proof_from_proto(request.proof)
        )
        return factor_pb.BeginFactorEnrolmentResponse(enrolment_state=state, otpauth_uri=uri)

    async def FinishFactorEnrolment(
        self, request: factor_pb.FinishFactorEnrolmentRequest, context: Context
    ) -> factor_pb.FinishFactorEnrolmentResponse:
        factor, codes = await self._enrolment.finish_totp(
            current_identity().account, request.enrolment_state, request.code
        )
        return factor_pb.FinishFactorEnrolmentResponse(factor=factor_to_proto(factor), recovery_codes=codes)

    async def RemoveFactor(
        self, request: factor_pb.RemoveFactorRequest, context: Context
    ) -> factor_pb.RemoveFactorResponse:
        proof = proof_from_proto(request.proof)
        await self._enrolment.remove(current_identity().account, request.factor_id, proof)
        return factor_pb.RemoveFactorResponse()

    async def CreateRecoveryCodes(
        self, request: factor_pb.CreateRecoveryCodesRequest, context: Context
    ) -> factor_pb.CreateRecoveryCodesResponse:
        proof = proof_from_proto(request.proof)
        codes = await self._enrolment.new_codes(current_identity().account, proof)
        return factor_pb.CreateRecoveryCodesResponse(recovery_codes=codes)
