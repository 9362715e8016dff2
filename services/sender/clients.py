"""The mailstore and auth over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from services.common.errors import Reason, error
from services.common.gen.postern.auth.v1 import token_service_pb2, token_service_pb2_grpc
from services.common.gen.postern.mailstore.v1 import (
    message_service_pb2,
    message_service_pb2_grpc,
    types_pb2,
)
from services.sender import clock
from services.sender.model import StoredName
from services.sender.ports import DraftRequest, FileRequest, PartHead, PartStream, SavedDraft

CHUNK = 64 * 1024
FILING_SECONDS = 300.0


def _name(name: StoredName) -> types_pb2.MessageName:
    return types_pb2.MessageName(mailbox=name.mailbox, uid_validity=name.uid_validity, uid=name.uid)


def _stored(name: types_pb2.MessageName) -> StoredName:
    return StoredName(name.mailbox, name.uid_validity, name.uid)


async def _pieces(octets: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Chunks of exactly 64 KiB but for the last, whatever comes in."""
    held = bytearray()
    async for data in octets:
        held += data
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
    if held:
        yield bytes(held)


class GrpcMailstore:
    """ports.Mailstore over a channel of services.common.rpc.client."""

    def __init__(self, channel: Any) -> None:
        self._stub: Any = message_service_pb2_grpc.MessageServiceStub(channel)

    async def read_part(self, token: str, message: StoredName, part_id: str) -> PartStream:
        request = message_service_pb2.ReadPartRequest(name=_name(message), part_id=part_id)
        stream = self._stub.ReadPart(request, token=token)
        first = await anext(stream, None)
        if first is None:
            raise error(Reason.PART_NOT_FOUND, "no answer to ReadPart")
        part = first.part
        return PartStream(PartHead(part.filename, part.media_type, part.size_bytes), _data(first, stream))

    async def read_source(self, token: str, message: StoredName) -> PartStream:
        request = message_service_pb2.ReadSourceRequest(name=_name(message))
        stream = self._stub.ReadSource(request, token=token)
        first = await anext(stream, None)
        if first is None:
            raise error(Reason.MESSAGE_GONE, "no answer to ReadSource")
        return PartStream(PartHead("", "message/rfc822", first.size_bytes), _data(first, stream))

    async def file_sent(self, token: str, request: FileRequest, octets: AsyncIterator[bytes]) -> bool:
        target = message_service_pb2.AppendTarget(
            special_use_sent=True,
            flags=[types_pb2.SYSTEM_FLAG_SEEN],
            size_bytes=request.size,
            unless_message_id=request.message_id,
            request_id=request.request_id,
        )
        for field in ("answered", "forwarded", "replaces_draft"):
            name = getattr(request, field)
            if name:
                getattr(target, field).CopyFrom(_name(name))

        async def steps() -> AsyncIterator[message_service_pb2.AppendMessageRequest]:
            yield message_service_pb2.AppendMessageRequest(target=target)
            async for data in _pieces(octets):
                yield message_service_pb2.AppendMessageRequest(data=data)

        answer = await self._stub.AppendMessage(steps(), token=token, timeout=FILING_SECONDS)
        return bool(answer.already_there)

    async def has_message(self, token: str, message_id: str, since: int) -> bool:
        # The day spares the server its older mail where no index knows the answer.
        day = clock.as_datetime(since - clock.DAY).strftime("%Y-%m-%d")
        query = types_pb2.SearchQuery(text=f'message-id:"{message_id}" after:{day}')
        request = message_service_pb2.SearchMessagesRequest(query=query, page_size=1)
        async for step in self._stub.SearchMessages(request, token=token):
            if any(message.envelope.message_id == message_id for message in step.messages):
                return True
        return False

    async def save_draft(self, token: str, request: DraftRequest, octets: AsyncIterator[bytes]) -> SavedDraft:
        target = message_service_pb2.DraftTarget(
            size_bytes=request.size,
            draft_id=request.draft_id,
            request_id=request.request_id,
            create_missing=True,
            must_replace=request.must_replace,
        )
        for field in ("replaces", "answers", "forwards"):
            if about := getattr(request, field):
                getattr(target, field).CopyFrom(_name(about))

        async def steps() -> AsyncIterator[message_service_pb2.SaveDraftRequest]:
            yield message_service_pb2.SaveDraftRequest(target=target)
            async for data in _pieces(octets):
                yield message_service_pb2.SaveDraftRequest(data=data)

        answer = await self._stub.SaveDraft(steps(), token=token)
        return SavedDraft(_stored(answer.name), answer.replaced_missing)


async def _data(first: Any, stream: Any) -> AsyncIterator[bytes]:
    if first.data:
        yield first.data
    async for step in stream:
        yield step.data


class GrpcTokens:
    """ports.Tokens from auth."""

    def __init__(self, channel: Any) -> None:
        self._stub: Any = token_service_pb2_grpc.TokenServiceStub(channel)

    async def for_filing(self, sender_token: str) -> str:
        request = token_service_pb2.ExchangeTokenRequest(
            subject_token=sender_token, audience="mailstore", scopes=["mail.file"]
        )
        answer = await self._stub.ExchangeToken(request)
        return str(answer.token)
