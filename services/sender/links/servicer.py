"""RPC in, domain call, RPC out: links."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from services.common.errors import invalid_argument
from services.common.gen.postern.sender.v1 import link_service_pb2, link_service_pb2_grpc
from services.common.rpc.access import PEER, Rule
from services.common.rpc.context import current_identity
from services.sender.links.links import Link, Links

_LINK = "/postern.sender.v1.LinkService"
METHOD_SCOPES: dict[str, Rule | str] = {
    f"{_LINK}/GetLinkTerms": "mail.send",
    f"{_LINK}/CreateLink": "mail.send",
    f"{_LINK}/UploadLink": "mail.send",
    f"{_LINK}/GetLink": "mail.send",
    f"{_LINK}/DeleteLink": "mail.send",
    # Whoever has the link may have the file, and web alone hands it out.
    f"{_LINK}/ReadLink": PEER("web"),
}


def _out(link: Link) -> link_service_pb2.Link:
    out = link_service_pb2.Link(
        token=link.token,
        filename=link.head.filename,
        media_type=link.head.media_type,
        total_bytes=link.head.total,
        received_bytes=link.received,
    )
    out.expire_time.FromMilliseconds(link.expires_at)
    return out


class LinkServicer(link_service_pb2_grpc.LinkServiceServicer):
    """Files that are fetched by a link."""

    def __init__(self, links: Links) -> None:
        self._links = links

    async def GetLinkTerms(self, request: Any, context: Any) -> Any:
        settings = self._links.settings
        answer = link_service_pb2.GetLinkTermsResponse(offered=self._links.offered)
        if answer.offered:
            answer.over_bytes, answer.max_bytes = self._links.over, settings.max_bytes
            answer.keep.FromMilliseconds(settings.keep)
        return answer

    async def CreateLink(self, request: Any, context: Any) -> Any:
        link = await self._links.create(
            current_identity().account, request.filename, request.media_type, request.total_bytes
        )
        return link_service_pb2.CreateLinkResponse(link=_out(link))

    async def UploadLink(self, request_iterator: Any, context: Any) -> Any:
        account = current_identity().account
        first = await anext(aiter(request_iterator), None)
        if first is None or first.WhichOneof("step") != "start":
            raise invalid_argument("start", "missing")
        start = first.start
        link = await self._links.take(account, start.token, start.offset_bytes, _data(request_iterator))
        return link_service_pb2.UploadLinkResponse(link=_out(link))

    async def GetLink(self, request: Any, context: Any) -> Any:
        link = await self._links.get(current_identity().account, request.token)
        return link_service_pb2.GetLinkResponse(link=_out(link))

    async def DeleteLink(self, request: Any, context: Any) -> Any:
        await self._links.delete(current_identity().account, request.token)
        return link_service_pb2.DeleteLinkResponse()

    async def ReadLink(self, request: Any, context: Any) -> AsyncIterator[Any]:
        link, octets = await self._links.read(request.token, request.offset_bytes)
        yield link_service_pb2.ReadLinkResponse(link=_out(link))
        async for data in octets:
            yield link_service_pb2.ReadLinkResponse(data=data)


async def _data(steps: Any) -> AsyncIterator[bytes]:
    async for step in steps:
        if step.WhichOneof("step") != "data":
            raise invalid_argument("data", "missing")
        yield step.data
