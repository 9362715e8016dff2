"""Calls to sender's LinkService: files too large for a message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import grpc

from services.common.gen.postern.sender.v1 import link_service_pb2 as lk
from services.common.gen.postern.sender.v1.link_service_pb2_grpc import LinkServiceStub
from services.web.model.outgoing import Link, LinkTerms

SECONDS = 8.0
STREAM_SECONDS = 3600.0
CHUNK = 64 * 1024


def _link(message: lk.Link) -> Link:
    return Link(
        message.token, message.filename, message.media_type, message.total_bytes, message.received_bytes
    )


async def _data(stream: Any) -> AsyncIterator[bytes]:
    async for step in stream:
        yield step.data


class LinkCalls:
    """The part of SendClient that is about links."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._links = LinkServiceStub(channel)

    async def link_terms(self, token: str) -> LinkTerms:
        reply = await self._links.GetLinkTerms(lk.GetLinkTermsRequest(), token=token, timeout=SECONDS)
        return LinkTerms(reply.offered, reply.over_bytes, reply.max_bytes)

    async def create_link(self, token: str, filename: str, media_type: str, total: int) -> Link:
        request = lk.CreateLinkRequest(filename=filename, media_type=media_type, total_bytes=total)
        return _link((await self._links.CreateLink(request, token=token, timeout=SECONDS)).link)

    async def get_link(self, token: str, link: str) -> Link:
        request = lk.GetLinkRequest(token=link)
        return _link((await self._links.GetLink(request, token=token, timeout=SECONDS)).link)

    async def upload_link(self, token: str, link: str, offset: int, chunks: AsyncIterator[bytes]) -> Link:
        async def steps() -> AsyncIterator[lk.UploadLinkRequest]:
            yield lk.UploadLinkRequest(start=lk.UploadLinkStart(token=link, offset_bytes=offset))
            async for chunk in chunks:
                for at in range(0, len(chunk), CHUNK):
                    yield lk.UploadLinkRequest(data=chunk[at : at + CHUNK])

        return _link((await self._links.UploadLink(steps(), token=token, timeout=STREAM_SECONDS)).link)

    @asynccontextmanager
    async def read_link(self, link: str, offset: int) -> AsyncIterator[tuple[Link, AsyncIterator[bytes]]]:
        request = lk.ReadLinkRequest(token=link, offset_bytes=offset)
        stream = self._links.ReadLink(request, timeout=STREAM_SECONDS)
        async with aclosing(stream):
            first = await anext(stream, lk.ReadLinkResponse())
            yield _link(first.link), _data(stream)
