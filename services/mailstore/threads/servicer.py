"""MessageService, conversations: RPC in, domain call, RPC out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from services.common.errors import invalid_argument
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore import convert
from services.mailstore.imap.session import Session
from services.mailstore.names import MessageName, check_mailbox
from services.mailstore.reading import marks, tokens
from services.mailstore.reading.served import Served
from services.mailstore.searching import query as queries
from services.mailstore.threads import ids, marking
from services.mailstore.threads.listing import (
    ConversationPage,
    ConversationRequest,
    ConversationRow,
    list_conversations,
)
from services.mailstore.threads.one import OneRequest, OpenedConversation, get_conversation

if TYPE_CHECKING:
    from services.mailstore.service import Service

Context = Any


class ThreadMethods:
    """ListConversations, GetConversation."""

    _service: Service

    async def ListConversations(
        self, request: pb.ListConversationsRequest, context: Context
    ) -> pb.ListConversationsResponse:
        wanted = ConversationRequest(
            mailbox=check_mailbox(request.mailbox),
            size=tokens.page_size(request.page_size),
            token=request.page_token,
            order=convert.order_from(request.order),
            query=queries.parse(request.filter.text),
            skip=request.skip,
        )
        service, account = self._service, self._service.accounts.current()

        async def work(session: Session) -> ConversationPage:
            return await list_conversations(
                session, account.id, wanted, service.threads, service.rows, service.snippets
            )

        index = service.index

        async def read() -> Served[ConversationPage]:
            served = await index.conversations(account, wanted) if index is not None else None
            if served is None:
                served = Served(await service.pool.run(account, work, mailbox=wanted.mailbox))
            return served

        served = await marks.listed(service.marking, account, wanted, read, marking.page)
        page = served.value
        response = pb.ListConversationsResponse(
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
        for row in page.rows:
            _put(row, response.conversations.add())
        return response

    async def GetConversation(
        self, request: pb.GetConversationRequest, context: Context
    ) -> pb.GetConversationResponse:
        size, before = tokens.page_size(request.page_size, 100, 500), _before(request.page_token)
        wanted = OneRequest(include_trash=request.include_trash, before=before, size=size)
        match request.WhichOneof("conversation"):
            case "message":
                wanted = replace(wanted, message=convert.name_from(request.message))
            case "conversation_id":
                which = ids.parse(request.conversation_id)
                if isinstance(which, MessageName):
                    wanted = replace(wanted, message=which)
                else:
                    wanted = replace(wanted, root=which)
            case _:
                raise invalid_argument("conversation", "missing")
        service, account = self._service, self._service.accounts.current()
        index = service.index

        async def read() -> OpenedConversation:
            opened = await index.conversation(account, wanted) if index is not None else None
            if opened is None:
                opened = await get_conversation(
                    service.pool, account, wanted, service.threads, service.rows, service.snippets
                )
            return opened

        opened = await service.marking.shown(account.id, read, marking.opened)
        begin, _ = wanted.bounds(opened.total)
        response = pb.GetConversationResponse(
            next_page_token=tokens.encode(["conversation", begin]) if begin else "",
        )
        _put(opened.row, response.conversation)
        convert.rows_to(opened.messages, response)
        return response


def _put(row: ConversationRow, into: types_pb.ConversationSummary) -> None:
    """A conversation into an empty message."""
    convert.put_row(row.newest, into.newest)
    into.conversation_id = into.newest.conversation_id = row.id
    into.message_count, into.unread_count = row.message_count, row.unread_count
    into.any_flagged, into.any_attachment = row.any_flagged, row.any_attachment
    for who in row.participants:
        into.participants.add(name=who.name, address=who.addr, group=who.group)
    for name in row.names:
        into.messages.add(mailbox=name.mailbox, uid_validity=name.uid_validity, uid=name.uid)


def _before(page_token: str) -> int:
    if not page_token:
        return 0
    match tokens.decode(page_token):
        case ["conversation", int(before)] if before > 0:
            return before
    raise invalid_argument("page_token", "malformed")
