"""MessageService, the reading methods: RPC in, domain call, RPC out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.mailstore import convert
from services.mailstore.imap.session import Session
from services.mailstore.mime.model import Part
from services.mailstore.mime.select import decoded_size
from services.mailstore.names import check_mailbox
from services.mailstore.reading import marks, parts, tokens
from services.mailstore.reading.message import OpenedMessage, OpenRequest, open_message
from services.mailstore.reading.page import Page, PageRequest, read_page
from services.mailstore.reading.served import Served
from services.mailstore.reading.texts import MAX_TEXT
from services.mailstore.searching import query as queries

if TYPE_CHECKING:
    from services.mailstore.service import Service

Context = Any


class ReadingMethods:
    """ListMessages, GetMessage, ReadPart, ReadSource."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def ListMessages(
        self, request: pb.ListMessagesRequest, context: Context
    ) -> pb.ListMessagesResponse:
        wanted = PageRequest(
            mailbox=check_mailbox(request.mailbox),
            size=tokens.page_size(request.page_size),
            token=request.page_token,
            order=convert.order_from(request.order),
            query=queries.parse(request.filter.text),
            skip=request.skip,
        )
        account = self._service.accounts.current()

        async def work(session: Session) -> Page:
            service = self._service
            return await read_page(session, account.id, wanted, service.rows, service.snippets)

        index = self._service.index

        async def read() -> Served[Page]:
            served = await index.page(account, wanted) if index is not None else None
            if served is None:
                served = Served(await self._service.pool.run(account, work, mailbox=wanted.mailbox))
            return served

        served = await marks.listed(self._service.marking, account, wanted, read, marks.page)
        page = served.value
        response = pb.ListMessagesResponse(
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_count=page.total,
            unread_count=page.unread,
            position=page.position,
            uid_validity=page.uid_validity,
            state=page.state,
            stale_seconds=served.stale_seconds,
            indexing=convert.indexing_to(index, account, wanted.mailbox),
        )
        convert.rows_to(page.rows, response)
        return response

    async def GetMessage(self, request: pb.GetMessageRequest, context: Context) -> pb.GetMessageResponse:
        wanted = OpenRequest(
            name=convert.name_from(request.name),
            max_text=min(request.max_text_bytes or MAX_TEXT, 3 * MAX_TEXT),
            mark_seen=request.mark_seen,
            neighbours=request.with_neighbours,
            within=request.within_part_id,
            all_headers=request.with_all_headers,
        )
        account = self._service.accounts.current()

        async def work(session: Session) -> tuple[OpenedMessage, Part | None]:
            return await open_message(session, wanted)

        opened, root = await self._service.pool.run(account, work, mailbox=wanted.name.mailbox)
        if root is not None:
            self._service.structures.put(account.id, wanted.name, root)
        if opened.to_be_marked:
            await self._service.marking.put(account, wanted.name)
        elif wanted.name in self._service.marking.marked(account.id):
            opened = replace(opened, row=marks.row(opened.row))
        return pb.GetMessageResponse(
            message=convert.message_to(opened),
            newer=convert.name_to(opened.newer) if opened.newer else None,
            older=convert.name_to(opened.older) if opened.older else None,
        )

    async def ReadPart(
        self, request: pb.ReadPartRequest, context: Context
    ) -> AsyncIterator[pb.ReadPartResponse]:
        name = convert.name_from(request.name)
        account = self._service.accounts.current()
        part, data = await parts.read_part(
            self._service.pool, account, self._service.structures, name, request.part_id, request.offset_bytes
        )
        described = convert.part_to(part, 0 if part.encoding == "binary" else decoded_size(part))
        yield pb.ReadPartResponse(part=described)
        async with aclosing(data):  # type: ignore[type-var]
            async for chunk in data:
                yield pb.ReadPartResponse(data=chunk)

    async def ReadSource(
        self, request: pb.ReadSourceRequest, context: Context
    ) -> AsyncIterator[pb.ReadSourceResponse]:
        name = convert.name_from(request.name)
        account = self._service.accounts.current()
        source = await parts.read_source(self._service.pool, account, name, headers_only=request.headers_only)
        yield pb.ReadSourceResponse(size_bytes=source.size)
        async with aclosing(source.data):  # type: ignore[type-var]
            async for chunk in source.data:
                yield pb.ReadSourceResponse(data=chunk)
