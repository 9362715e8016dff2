"""RPC in, domain call, RPC out: as which addresses an account may write."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from services.common.gen.postern.sender.v1 import identity_service_pb2 as pb
from services.common.gen.postern.sender.v1 import identity_service_pb2_grpc
from services.common.rpc.access import Rule
from services.common.rpc.context import current_identity
from services.sender.verifying.verifying import Checked, Standing, Verifying

_IDENTITY = "/postern.sender.v1.IdentityService"
METHOD_SCOPES: dict[str, Rule | str] = {
    f"{_IDENTITY}/CheckAddresses": "mail.send",
    f"{_IDENTITY}/StartVerification": "mail.identities",
    f"{_IDENTITY}/CompleteVerification": "mail.identities",
    f"{_IDENTITY}/RemoveVerifiedAddress": "mail.identities",
}


def _time(at: int) -> Timestamp | None:
    if not at:
        return None
    found = Timestamp()
    found.FromMilliseconds(at)
    return found


_STANDINGS: dict[Standing, Any] = {
    one: pb.AddressStanding.Value(f"ADDRESS_STANDING_{one.name}") for one in Standing
}


def _out(item: Checked) -> pb.CheckedAddress:
    return pb.CheckedAddress(
        address=item.address,
        standing=_STANDINGS[item.standing],
        code_expire_time=_time(item.code_expires_at),
    )


class IdentityServicer(identity_service_pb2_grpc.IdentityServiceServicer):
    """Addresses that a code opens."""

    def __init__(self, verifying: Verifying) -> None:
        self._verifying = verifying

    async def CheckAddresses(self, request: Any, context: Any) -> Any:
        found = await self._verifying.check(current_identity().account, list(request.addresses))
        return pb.CheckAddressesResponse(
            addresses=[_out(item) for item in found], codes_offered=self._verifying.settings.on
        )

    async def StartVerification(self, request: Any, context: Any) -> Any:
        identity = current_identity()
        until = await self._verifying.start(
            identity.account, identity.token, request.address, request.subject, request.text
        )
        answer = pb.StartVerificationResponse(code_expire_time=_time(until))
        setattr(answer, "from", identity.account)
        return answer

    async def CompleteVerification(self, request: Any, context: Any) -> Any:
        await self._verifying.complete(current_identity().account, request.address, request.code)
        return pb.CompleteVerificationResponse()

    async def RemoveVerifiedAddress(self, request: Any, context: Any) -> Any:
        await self._verifying.remove(current_identity().account, request.address)
        return pb.RemoveVerifiedAddressResponse()
