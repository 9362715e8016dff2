"""Calls to sender's IdentityService: as which addresses the account may write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import grpc

from services.common.gen.postern.sender.v1 import identity_service_pb2 as pb
from services.common.gen.postern.sender.v1.identity_service_pb2_grpc import IdentityServiceStub
from services.web.convert import when
from services.web.model.outgoing import Standing, Standings

SECONDS = 6.0
# The SMTP server is asked meanwhile.
START_SECONDS = 25.0
STANDINGS: dict[int, str] = {
    value: name.removeprefix("ADDRESS_STANDING_").lower() for name, value in pb.AddressStanding.items()
}


class StandingCalls:
    """The part of SendClient that is about addresses to write as."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._identities = IdentityServiceStub(channel)

    async def standings(self, token: str, addresses: Sequence[str]) -> Standings:
        request = pb.CheckAddressesRequest(addresses=addresses)
        reply = await self._identities.CheckAddresses(request, token=token, timeout=SECONDS)
        return Standings(
            reply.codes_offered,
            {one.address: _standing(one) for one in reply.addresses},
        )

    async def start_code(self, token: str, address: str, subject: str, text: str) -> datetime | None:
        request = pb.StartVerificationRequest(address=address, subject=subject, text=text)
        reply = await self._identities.StartVerification(request, token=token, timeout=START_SECONDS)
        return when(reply.code_expire_time)

    async def finish_code(self, token: str, address: str, code: str) -> None:
        request = pb.CompleteVerificationRequest(address=address, code=code)
        await self._identities.CompleteVerification(request, token=token, timeout=SECONDS)

    async def forget_address(self, token: str, address: str) -> None:
        request = pb.RemoveVerifiedAddressRequest(address=address)
        await self._identities.RemoveVerifiedAddress(request, token=token, timeout=SECONDS)


def _standing(one: pb.CheckedAddress) -> Standing:
    until = when(one.code_expire_time) if one.HasField("code_expire_time") else None
    return Standing(STANDINGS.get(one.standing, ""), until)
