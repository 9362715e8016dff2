"""Opened messages whose marks are on their way while mailstore is told to stop, and while it is killed."""

from __future__ import annotations

import asyncio

import pytest

from bench.truth.rig import mail_server, mailstore
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1.message_service_pb2_grpc import MessageServiceStub
from services.common.rpc.client import connect
from tests.rpc.mailstore.conftest import message
from tests.support import rpc


@pytest.mark.parametrize("told", [True, False])
async def test_a_mark_when_mailstore_ends(machine: None, told: bool) -> None:
    with mail_server("qresync") as place:
        assert place.server is not None
        with place.server.connect(place.user) as imap:
            for number in range(3):
                imap.append("INBOX", message(f"Number {number}"))
            async with mailstore(place) as (service, token):
                channel = connect(service.address, tls=rpc.tls("web"), service="mailstore")
                messages = MessageServiceStub(channel)

                async def rows() -> list[tuple[int, bool]]:
                    request = pb.ListMessagesRequest(mailbox="INBOX")
                    page = await messages.ListMessages(
                        request, token=token(), timeout=20, wait_for_ready=True
                    )
                    assert page.unread_count == sum(not row.flags.seen for row in page.messages)
                    return [(row.name.uid, row.flags.seen) for row in page.messages]

                page = await messages.ListMessages(
                    pb.ListMessagesRequest(mailbox="INBOX"), token=token(), timeout=20, wait_for_ready=True
                )
                for row in page.messages[:2]:
                    opened = await messages.GetMessage(
                        pb.GetMessageRequest(name=row.name, mark_seen=True), token=token(), timeout=20
                    )
                    assert opened.message.summary.flags.seen
                await asyncio.to_thread(service.daemon.stop if told else service.daemon.kill)
                imap.select_folder("INBOX", readonly=True)
                there = imap.search("SEEN")
                # Told to stop, it finishes what it has said; killed at once, the messages are unread, or
                # read where the mark was already under way.
                assert there == [2, 3] if told else set(there) <= {2, 3}
                await asyncio.to_thread(service.daemon.start)
                # And whoever asks is told what the server has, not what was said before.
                assert await rows() == [(uid, uid in there) for uid in (3, 2, 1)]
                await channel.close()
