"""MessageService, the acting methods: RPC in, domain call, RPC out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from services.common.errors import PosternError, invalid_argument
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore import convert
from services.mailstore.acting import append as appending
from services.mailstore.acting import drafts, flags, move
from services.mailstore.acting.spool import Spool
from services.mailstore.imap.failure import CommandRefused
from services.mailstore.imap.session import Session
from services.mailstore.names import MessageName, check_mailbox, encode_label

if TYPE_CHECKING:
    from services.mailstore.service import Service

Context = Any


class ActingMethods:
    """ModifyMessages, MoveMessages, CopyMessages, DeleteMessages, StopAction, AppendMessage, SaveDraft."""

    _service: Service

    async def ModifyMessages(
        self, request: pb.ModifyMessagesRequest, context: Context
    ) -> AsyncIterator[pb.ModifyMessagesResponse]:
        change = flags.Change.of(
            convert.flags_from(request.add_flags, "add_flags"),
            convert.flags_from(request.remove_flags, "remove_flags"),
            list(request.add_labels),
            list(request.remove_labels),
        )
        target = convert.target_from(request.messages)

        async def work(session: Session) -> AsyncIterator[pb.ModifyMessagesResponse]:
            async for step in flags.modify(session, target, change):
                yield pb.ModifyMessagesResponse(
                    progress=types_pb.Progress(done_units=step.done, total_units=step.total),
                    changed=convert.ranges_to(step.changed),
                    gone=convert.ranges_to(step.gone),
                )

        mailbox = target.mailbox
        async for response in self._stream("ModifyMessages", request.request_id, mailbox, work, mailbox):
            yield response

    async def MoveMessages(
        self, request: pb.MoveMessagesRequest, context: Context
    ) -> AsyncIterator[pb.MoveMessagesResponse]:
        target = convert.target_from(request.messages)
        destination = check_mailbox(request.destination, "destination")

        async def work(session: Session) -> AsyncIterator[pb.MoveMessagesResponse]:
            async for step in move.move(session, target, destination):
                yield pb.MoveMessagesResponse(
                    progress=types_pb.Progress(done_units=step.done, total_units=step.total),
                    moved=_moved(step),
                    gone=convert.ranges_to(step.gone),
                )

        async for response in self._stream("MoveMessages", request.request_id, target.mailbox, work):
            yield response

    async def CopyMessages(
        self, request: pb.CopyMessagesRequest, context: Context
    ) -> AsyncIterator[pb.CopyMessagesResponse]:
        target = convert.target_from(request.messages)
        destination = check_mailbox(request.destination, "destination")

        async def work(session: Session) -> AsyncIterator[pb.CopyMessagesResponse]:
            async for step in move.copy(session, target, destination):
                yield pb.CopyMessagesResponse(
                    progress=types_pb.Progress(done_units=step.done, total_units=step.total),
                    copied=_moved(step),
                    gone=convert.ranges_to(step.gone),
                )

        async for response in self._stream("CopyMessages", request.request_id, target.mailbox, work):
            yield response

    async def DeleteMessages(
        self, request: pb.DeleteMessagesRequest, context: Context
    ) -> AsyncIterator[pb.DeleteMessagesResponse]:
        target = convert.target_from(request.messages)

        async def work(session: Session) -> AsyncIterator[pb.DeleteMessagesResponse]:
            async for step in move.delete(session, target, permanently=request.permanently):
                yield pb.DeleteMessagesResponse(
                    progress=types_pb.Progress(done_units=step.done, total_units=step.total),
                    trashed=_moved(step),
                    destroyed=convert.ranges_to(step.destroyed),
                    gone=convert.ranges_to(step.gone),
                )

        async for response in self._stream("DeleteMessages", request.request_id, target.mailbox, work):
            yield response

    async def _stream(
        self,
        method: str,
        request_id: str,
        mailbox: str,
        work: Callable[[Session], AsyncIterator[Any]],
        within: str = "",
    ) -> AsyncIterator[Any]:
        """A long action on one connection, best one that has `mailbox` open, once for its request id.
        `within`: the one mailbox that it changes, where there is one.
        """
        account = self._service.accounts.current()

        async def on_connection() -> AsyncIterator[Any]:
            # What was opened before is marked before: "mark as unread" is not to be overtaken.
            await self._service.marking.settle(account.id)
            for attempt in (0, 1):
                begun = False
                try:
                    async with (
                        self._service.pool.lease(account, mailbox, fresh=attempt > 0) as session,
                        aclosing(work(session)) as steps,  # type: ignore[type-var]
                    ):
                        async for step in steps:
                            begun = True
                            yield step
                    return
                except PosternError as err:
                    # A refusal did nothing, so that the first step may be taken again on another connection.
                    refused = isinstance(err.__cause__, CommandRefused) and err.__cause__.code == "SERVERBUG"
                    if begun or attempt or not refused:
                        raise

        steps = self._service.requests.stream(account.id, method, request_id, on_connection, within)
        async with aclosing(steps) as responses:  # type: ignore[type-var]
            async for response in responses:
                yield response

    async def StopAction(self, request: pb.StopActionRequest, context: Context) -> pb.StopActionResponse:
        if not request.request_id:
            raise invalid_argument("request_id", "missing")
        account = self._service.accounts.current()
        return pb.StopActionResponse(stopping=self._service.requests.stop(account.id, request.request_id))

    async def AppendMessage(
        self, requests: AsyncIterator[pb.AppendMessageRequest], context: Context
    ) -> pb.AppendMessageResponse:
        first = await _first(requests)
        if first.WhichOneof("step") != "target":
            raise invalid_argument("target", "missing")
        target = first.target
        wanted = appending.AppendRequest(
            mailbox="" if target.special_use_sent else check_mailbox(target.mailbox),
            sent=target.special_use_sent,
            flags=tuple(
                dict.fromkeys(
                    [
                        *map(str, convert.flags_from(target.flags, "flags")),
                        *map(encode_label, target.labels),
                    ]
                )
            ),
            received=convert.time_from(target, "received_time"),
            unless_message_id=_message_id(target.unless_message_id),
            answered=_optional(target, "answered"),
            forwarded=_optional(target, "forwarded"),
            replaces_draft=_optional(target, "replaces_draft"),
        )
        limit = self._service.settings.max_message_bytes
        spool = await appending.spooled(_data(requests), target.size_bytes, limit)
        # Two at once with one Message-ID must not both find that it is not there.
        key = f"{wanted.mailbox}|{wanted.unless_message_id}" if wanted.unless_message_id else ""

        async def work(session: Session) -> tuple[MessageName, bool]:
            return await appending.append(session, wanted, spool)

        name, there = await self._upload("AppendMessage", target.request_id, key, spool, work)
        return pb.AppendMessageResponse(name=convert.name_to(name), already_there=there)

    async def SaveDraft(
        self, requests: AsyncIterator[pb.SaveDraftRequest], context: Context
    ) -> pb.SaveDraftResponse:
        first = await _first(requests)
        if first.WhichOneof("step") != "target":
            raise invalid_argument("target", "missing")
        target = first.target
        replaces = _optional(target, "replaces")
        wanted = drafts.DraftRequest(
            target.draft_id,
            replaces,
            target.create_missing,
            must_replace=target.must_replace,
            answers=_optional(target, "answers"),
            forwards=_optional(target, "forwards"),
        )
        limit = self._service.settings.max_message_bytes
        spool = await appending.spooled(_data(requests), target.size_bytes, limit)

        async def work(session: Session) -> tuple[MessageName, bool]:
            return await drafts.save(session, wanted, spool)

        # Saves of one draft one after the other: each removes what came before it.
        name, missing = await self._upload("SaveDraft", target.request_id, wanted.draft_id, spool, work)
        return pb.SaveDraftResponse(name=convert.name_to(name), replaced_missing=missing)

    async def _upload(
        self,
        method: str,
        request_id: str,
        lock: str,
        spool: Spool,
        work: Callable[[Session], Awaitable[tuple[MessageName, bool]]],
    ) -> tuple[MessageName, bool]:
        """A write of what was spooled, once for its request id, one at a time for `lock`. It goes on though
        the caller goes, so the spool is closed by whoever comes last.
        """
        account = self._service.accounts.current()
        begun = False

        async def on_connection() -> tuple[MessageName, bool]:
            nonlocal begun
            begun = True
            with spool:
                async with (
                    self._service.locks.hold(account.id, lock),
                    self._service.pool.lease(account) as session,
                ):
                    return await work(session)

        try:
            return await self._service.requests.once(account.id, method, request_id, on_connection)
        finally:
            if not begun:
                spool.close()


def _moved(step: move.MoveStep) -> list[pb.MovedMessages]:
    if not step.source.uids:
        return []
    return [
        pb.MovedMessages(source=convert.range_to(step.source), destination=convert.range_to(step.destination))
    ]


async def _first(requests: AsyncIterator[Any]) -> Any:
    async for request in requests:
        return request
    raise invalid_argument("target", "missing")


async def _data(requests: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.WhichOneof("step") != "data":
            raise invalid_argument("data", "missing")
        yield request.data


def _optional(target: Any, field: str) -> MessageName | None:
    return convert.name_from(getattr(target, field)) if target.HasField(field) else None


def _message_id(text: str) -> str:
    if len(text) > 990 or not all(char > " " for char in text):
        raise invalid_argument("unless_message_id", "malformed")
    return text
