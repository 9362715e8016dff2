"""A draft while mailstore is killed between the new version and the removal of the old one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bench.truth.rig import Place, mail_server, mailstore
from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.common.gen.postern.mailstore.v1.message_service_pb2_grpc import MessageServiceStub
from services.common.rpc.client import connect
from tests.rpc.mailstore.conftest import message
from tests.support import rpc


class Between:
    """A stretch of wire before the mail server. From `arm` on the first command with these words does not get
    through, nor does anything after it."""

    def __init__(self, port: int) -> None:
        self._behind, self._word = port, b""
        self.reached = asyncio.Event()

    def arm(self, word: bytes) -> None:
        self._word = word

    def disarm(self) -> None:
        self._word = b""
        self.reached.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._behind)

        async def answers() -> None:
            while data := await there.read(65536):
                writer.write(data)
            writer.close()

        answering = asyncio.create_task(answers())
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(65536):
                if self._word and self._word in data:
                    self.reached.set()
                    await asyncio.sleep(60)
                back.write(data)
        back.close()
        answering.cancel()


@pytest.fixture
async def between(machine: None) -> AsyncIterator[tuple[Place, Between]]:
    with mail_server("qresync") as place:
        wire = Between(place.port)
        server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        yield replace(place, port=port), wire
        server.close()


# Once the old version is marked, and once it is to be expunged.
@pytest.mark.parametrize("word", [b"\\Deleted", b"UID EXPUNGE"])
async def test_a_draft_survives_a_kill(between: tuple[Place, Between], word: bytes) -> None:
    place, wire = between
    async with mailstore(place) as (service, token):
        channel = connect(service.address, tls=rpc.tls("web"), service="mailstore")
        messages = MessageServiceStub(channel)

        async def save(text: str, replaces: types_pb.MessageName | None = None) -> types_pb.MessageName:
            data = message("Draft", text)
            target = pb.DraftTarget(
                size_bytes=len(data), draft_id="draft-0001", create_missing=True, replaces=replaces
            )

            async def steps() -> AsyncIterator[pb.SaveDraftRequest]:
                yield pb.SaveDraftRequest(target=target)
                yield pb.SaveDraftRequest(data=data)

            return (await messages.SaveDraft(steps(), token=token(), timeout=20)).name

        async def drafts() -> list[str]:
            request = pb.ListMessagesRequest(mailbox="Drafts")
            reply = await messages.ListMessages(request, token=token(), timeout=20, wait_for_ready=True)
            return [row.snippet for row in reply.messages]

        first = await save("version one")
        assert await drafts() == ["version one"]
        wire.arm(word)
        saving = asyncio.create_task(save("version two", first))
        async with asyncio.timeout(20):
            await wire.reached.wait()
        await service.kill_and_start()
        with pytest.raises(PosternError):
            await saving
        wire.disarm()
        # Nothing is lost; whoever opens the newest goes on with it, and one is left.
        assert "version two" in await drafts()
        await save("version three")
        assert await drafts() == ["version three"]
        await channel.close()
