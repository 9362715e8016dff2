"""MessageService, searching: RPC in, domain call, RPC out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore import convert
from services.mailstore.reading import tokens
from services.mailstore.searching import query as queries
from services.mailstore.searching.run import SearchRequest, SearchStep, search

if TYPE_CHECKING:
    from services.mailstore.service import Service

Context = Any


class SearchingMethods:
    """SearchMessages."""

    _service: Service

    async def SearchMessages(
        self, request: pb.SearchMessagesRequest, context: Context
    ) -> AsyncIterator[pb.SearchMessagesResponse]:
        wanted = SearchRequest(
            query=queries.parse(request.query.text),
            mailboxes=tuple(request.query.mailboxes),
            size=tokens.page_size(request.page_size),
            token=request.page_token,
            order=convert.order_from(request.order),
        )
        account = self._service.accounts.current()
        service = self._service

        def server(asked: SearchRequest) -> AsyncIterator[SearchStep]:
            return search(service.pool, account, asked, service.rows, service.snippets)

        await service.marking.settle(account.id)
        indexed = await service.index.search(account, wanted, server) if service.index is not None else None
        steps = indexed if indexed is not None else server(wanted)
        async with aclosing(steps):  # type: ignore[type-var]
            async for step in steps:
                response = pb.SearchMessagesResponse(
                    progress=types_pb.Progress(done_units=step.searched, total_units=step.mailboxes),
                    total_count=step.total,
                    next_page_token=step.next_token,
                    failed_mailboxes=step.failed,
                )
                convert.rows_to(step.rows, response)
                yield response
