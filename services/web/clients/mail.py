"""Calls to mailstore."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import grpc

from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as mb
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as ms
from services.common.gen.postern.mailstore.v1 import types_pb2 as t
from services.common.gen.postern.mailstore.v1 import watch_service_pb2 as w
from services.common.gen.postern.mailstore.v1.mailbox_service_pb2_grpc import MailboxServiceStub
from services.common.gen.postern.mailstore.v1.message_service_pb2_grpc import MessageServiceStub
from services.common.gen.postern.mailstore.v1.watch_service_pb2_grpc import WatchServiceStub
from services.web.convert import mail as convert
from services.web.model.mail import (
    ActionResult,
    Change,
    ConversationPage,
    ExportStep,
    FlagChange,
    ImportResult,
    MailboxTree,
    Matching,
    MessagePage,
    MessageRange,
    MessageRef,
    Messages,
    Moved,
    OpenMessage,
    Order,
    Quota,
    Right,
    Rights,
    Row,
    SearchStep,
    Tell,
    Use,
)
from services.web.ports import PartStream

SECONDS = 8.0
# Downloads run as long as the reader's line needs.
STREAM_SECONDS = 3600.0
LONG_SECONDS = 600.0
# A stream of changes; the page that shows them opens a new one after it.
WATCH_SECONDS = 900.0
# A search that nobody stops: what it finds is shown as it comes.
SEARCH_SECONDS = 60.0

CHUNK = 64 * 1024
FEW = 500
# Names of refused entries of an imported file that are told.
MOST_REFUSED = 100
FORMATS = {"eml": ms.ARCHIVE_FORMAT_EML, "mbox": ms.ARCHIVE_FORMAT_MBOX, "zip": ms.ARCHIVE_FORMAT_ZIP}


class MailClient:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._mailboxes = MailboxServiceStub(channel)
        self._messages = MessageServiceStub(channel)
        self._watch = WatchServiceStub(channel)

    async def mailboxes(self, token: str) -> MailboxTree:
        reply = await self._mailboxes.ListMailboxes(mb.ListMailboxesRequest(), token=token, timeout=SECONDS)
        return convert.tree(reply)

    async def messages(
        self, token: str, mailbox: str, *, rows: int, page: str, order: Order, query: str, skip: int = 0
    ) -> MessagePage:
        request = ms.ListMessagesRequest(
            mailbox=mailbox, page_size=rows, page_token=page, order=convert.order(order), skip=skip
        )
        if query:
            request.filter.text = query
        return convert.message_page(await self._messages.ListMessages(request, token=token, timeout=SECONDS))

    async def conversations(
        self, token: str, mailbox: str, *, rows: int, page: str, order: Order, query: str, skip: int = 0
    ) -> ConversationPage:
        request = ms.ListConversationsRequest(
            mailbox=mailbox, page_size=rows, page_token=page, order=convert.order(order), skip=skip
        )
        if query:
            request.filter.text = query
        reply = await self._messages.ListConversations(request, token=token, timeout=SECONDS)
        return convert.conversation_page(reply)

    async def message(
        self,
        token: str,
        ref: MessageRef,
        *,
        mark_seen: bool,
        neighbours: bool,
        within: str,
        all_headers: bool = False,
    ) -> OpenMessage:
        request = ms.GetMessageRequest(
            name=convert.name(ref),
            mark_seen=mark_seen,
            with_neighbours=neighbours,
            within_part_id=within,
            with_all_headers=all_headers,
        )
        return convert.open_message(await self._messages.GetMessage(request, token=token, timeout=SECONDS))

    async def thread(self, token: str, ref: MessageRef) -> tuple[tuple[Row, ...], int]:
        request = ms.GetConversationRequest(message=convert.name(ref), page_size=500)
        reply = await self._messages.GetConversation(request, token=token, timeout=SECONDS)
        rows = tuple(convert.row(one) for one in reply.messages)
        return rows, max(len(rows), reply.conversation.message_count)

    async def search(
        self, token: str, text: str, mailboxes: Sequence[str], *, rows: int, page: str
    ) -> AsyncGenerator[SearchStep, None]:
        request = ms.SearchMessagesRequest(
            query=t.SearchQuery(text=text, mailboxes=mailboxes), page_size=rows, page_token=page
        )
        stream = self._messages.SearchMessages(request, token=token, timeout=SEARCH_SECONDS)
        async with aclosing(stream):
            async for step in stream:
                yield SearchStep(
                    tuple(convert.row(one) for one in step.messages),
                    step.progress.done_units,
                    step.progress.total_units,
                    step.total_count,
                    step.next_page_token,
                    tuple(step.failed_mailboxes),
                )

    @asynccontextmanager
    async def watch(self, token: str, resume: str) -> AsyncIterator[AsyncIterator[Change]]:
        request = w.WatchAccountRequest(resume_token=resume)
        stream = self._watch.WatchAccount(request, token=token, timeout=WATCH_SECONDS)
        async with aclosing(stream):
            yield (convert.change(reply) async for reply in stream)

    @asynccontextmanager
    async def read_part(self, token: str, ref: MessageRef, part_id: str) -> AsyncIterator[PartStream]:
        request = ms.ReadPartRequest(name=convert.name(ref), part_id=part_id)
        stream = self._messages.ReadPart(request, token=token, timeout=STREAM_SECONDS)
        async with aclosing(stream):
            first = await anext(stream, ms.ReadPartResponse())
            yield PartStream(convert.part(first.part), _data(first, stream))

    @asynccontextmanager
    async def read_source(
        self, token: str, ref: MessageRef, *, headers_only: bool
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        request = ms.ReadSourceRequest(name=convert.name(ref), headers_only=headers_only)
        stream = self._messages.ReadSource(request, token=token, timeout=STREAM_SECONDS)
        async with aclosing(stream):
            first = await anext(stream, ms.ReadSourceResponse())
            yield first.size_bytes, _data(first, stream)

    async def flag(
        self,
        token: str,
        messages: Messages,
        change: FlagChange,
        request_id: str,
        tell: Tell | None = None,
    ) -> ActionResult:
        request = ms.ModifyMessagesRequest(
            messages=convert.message_set(messages),
            add_flags=[convert.FLAG_VALUES[name] for name in change.add],
            remove_flags=[convert.FLAG_VALUES[name] for name in change.remove],
            add_labels=change.add_labels,
            remove_labels=change.remove_labels,
            request_id=request_id,
        )
        done = gone = 0
        changed: list[MessageRange] = []
        async with aclosing(
            self._messages.ModifyMessages(request, token=token, timeout=_patience(messages))
        ) as stream:
            async for step in stream:
                done += _count(step.changed)
                gone += _count(step.gone)
                changed.extend(convert.message_range(one) for one in step.changed)
                if not _go_on(tell, step.progress):
                    break
        return ActionResult(done, gone, changed=tuple(changed))

    async def move(
        self, token: str, messages: Messages, destination: str, request_id: str, tell: Tell | None = None
    ) -> ActionResult:
        request = ms.MoveMessagesRequest(
            messages=convert.message_set(messages), destination=destination, request_id=request_id
        )
        stream = self._messages.MoveMessages(request, token=token, timeout=_patience(messages))
        return await _moving(stream, lambda step: step.moved, tell=tell)

    async def copy(
        self, token: str, messages: Messages, destination: str, request_id: str, tell: Tell | None = None
    ) -> ActionResult:
        request = ms.CopyMessagesRequest(
            messages=convert.message_set(messages), destination=destination, request_id=request_id
        )
        stream = self._messages.CopyMessages(request, token=token, timeout=_patience(messages))
        return await _moving(stream, lambda step: step.copied, tell=tell)

    async def delete(
        self,
        token: str,
        messages: Messages,
        *,
        permanently: bool,
        request_id: str,
        tell: Tell | None = None,
    ) -> ActionResult:
        request = ms.DeleteMessagesRequest(
            messages=convert.message_set(messages), permanently=permanently, request_id=request_id
        )
        stream = self._messages.DeleteMessages(request, token=token, timeout=_patience(messages))
        return await _moving(stream, lambda step: step.trashed, lambda step: step.destroyed, tell)

    async def stop(self, token: str, request_id: str) -> bool:
        request = ms.StopActionRequest(request_id=request_id)
        return (await self._messages.StopAction(request, token=token, timeout=SECONDS)).stopping

    async def import_messages(
        self,
        token: str,
        mailbox: str,
        chunks: AsyncIterator[bytes],
        *,
        skip_duplicates: bool,
        request_id: str,
        tell: Tell | None = None,
    ) -> ImportResult:
        async def requests() -> AsyncIterator[ms.ImportMessagesRequest]:
            yield ms.ImportMessagesRequest(
                target=ms.ImportTarget(
                    mailbox=mailbox, request_id=request_id, skip_duplicates=skip_duplicates
                )
            )
            async for chunk in chunks:
                for start in range(0, len(chunk), CHUNK):
                    yield ms.ImportMessagesRequest(data=chunk[start : start + CHUNK])

        uids: dict[tuple[str, int], list[int]] = {}
        refused: list[str] = []
        imported = skipped = 0
        stream = self._messages.ImportMessages(requests(), token=token, timeout=STREAM_SECONDS)
        async with aclosing(stream):
            async for step in stream:
                imported = max(imported, step.progress.done_units)
                skipped += step.skipped_count
                refused.extend(step.refused[: MOST_REFUSED - len(refused)])
                for one in step.imported:
                    uids.setdefault((one.mailbox, one.uid_validity), []).extend(one.uids)
                if not _go_on(tell, step.progress):
                    break
        found = tuple(MessageRange(name, validity, tuple(each)) for (name, validity), each in uids.items())
        return ImportResult(imported, skipped, tuple(refused), found)

    @asynccontextmanager
    async def export(
        self, token: str, messages: Messages, kind: str
    ) -> AsyncIterator[AsyncIterator[ExportStep]]:
        request = ms.ExportMessagesRequest(messages=convert.message_set(messages), format=FORMATS[kind])
        stream = self._messages.ExportMessages(request, token=token, timeout=STREAM_SECONDS)
        async with aclosing(stream):
            yield (
                ExportStep(step.data, step.progress.done_units, step.progress.total_units)
                async for step in stream
            )

    async def ensure_special(self, token: str, use: Use, *, create: bool, request_id: str) -> str:
        request = mb.EnsureSpecialMailboxRequest(
            special_use=convert.USE_VALUES[use], create_missing=create, request_id=request_id
        )
        reply = await self._mailboxes.EnsureSpecialMailbox(request, token=token, timeout=SECONDS)
        return reply.mailbox.name

    async def create_mailbox(self, token: str, name: str, request_id: str) -> str:
        request = mb.CreateMailboxRequest(mailbox=name, request_id=request_id)
        reply = await self._mailboxes.CreateMailbox(request, token=token, timeout=SECONDS)
        return reply.mailbox.name or name

    async def rename_mailbox(self, token: str, name: str, new_name: str, request_id: str) -> str:
        request = mb.RenameMailboxRequest(mailbox=name, new_mailbox=new_name, request_id=request_id)
        reply = await self._mailboxes.RenameMailbox(request, token=token, timeout=SECONDS)
        return reply.mailbox.name or new_name

    async def delete_mailbox(self, token: str, name: str, *, with_messages: bool, request_id: str) -> None:
        request = mb.DeleteMailboxRequest(mailbox=name, with_messages=with_messages, request_id=request_id)
        await self._mailboxes.DeleteMailbox(request, token=token, timeout=SECONDS)

    async def subscribe(self, token: str, name: str, *, subscribed: bool, request_id: str) -> None:
        request = mb.SubscribeMailboxRequest(mailbox=name, subscribed=subscribed, request_id=request_id)
        await self._mailboxes.SubscribeMailbox(request, token=token, timeout=SECONDS)

    async def rights(self, token: str, name: str) -> Rights:
        request = mb.GetMailboxRightsRequest(mailbox=name)
        reply = await self._mailboxes.GetMailboxRights(request, token=token, timeout=SECONDS)
        return Rights(tuple(Right(one.identifier, one.rights) for one in reply.rights), reply.my_rights)

    async def set_right(self, token: str, name: str, right: Right, request_id: str) -> None:
        request = mb.SetMailboxRightsRequest(
            mailbox=name,
            right=mb.MailboxRight(identifier=right.identifier, rights=right.letters),
            request_id=request_id,
        )
        await self._mailboxes.SetMailboxRights(request, token=token, timeout=SECONDS)

    async def quota(self, token: str) -> tuple[Quota, ...]:
        reply = await self._mailboxes.GetQuota(mb.GetQuotaRequest(), token=token, timeout=SECONDS)
        return tuple(Quota(one.resource, one.used, one.limit) for one in reply.resources)


def _patience(messages: Messages) -> float:
    """What may be a whole mailbox takes its time."""
    return LONG_SECONDS if isinstance(messages, Matching) or len(messages.uids) > FEW else SECONDS


def _count(ranges: Sequence[t.MessageRange]) -> int:
    return sum(len(one.uids) for one in ranges)


def _go_on(tell: Tell | None, progress: t.Progress) -> bool:
    return tell is None or tell(progress.done_units, progress.total_units)


async def _moving(
    stream: Any, moved_of: Any, destroyed_of: Any = None, tell: Tell | None = None
) -> ActionResult:
    done = gone = 0
    moved: list[Moved] = []
    async with aclosing(stream):
        async for step in stream:
            for pair in moved_of(step):
                moved.append(convert.moved(pair))
                done += len(pair.source.uids)
            if destroyed_of is not None:
                done += _count(destroyed_of(step))
            gone += _count(step.gone)
            if not _go_on(tell, step.progress):
                break
    return ActionResult(done, gone, tuple(moved))


async def _data(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    if first.data:
        yield first.data
    async for step in rest:
        if step.data:
            yield step.data
