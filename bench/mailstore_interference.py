"""mailstore: how much slower others are answered while a large mailbox is being indexed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from bench.figures import Figure, benchmark, full, percentile, summary
from bench.index import mailbox
from bench.mailboxes import fill
from bench.mailstore_process import Mailstore, Tokens, mailstore
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1.message_service_pb2_grpc import MessageServiceStub
from tests.support.dovecot import MailUser

_LIST = pb.ListMessagesRequest(mailbox="INBOX")


@benchmark("mailstore.index_interference")
def index_interference() -> Iterator[Figure]:
    """By how many percent the median of another account's requests (a list, then a message) is higher while
    the index is built than before and after.
    """
    with mailbox() as (server, user, _):
        other = server.add_user()
        fill(server, other, 500, seed=2)
        with mailstore(server.imap_port, index=True) as service:
            quiet, busy = asyncio.run(_compare(user, other, service))
    slower = (summary("", busy, "").value / summary("", quiet, "").value - 1) * 100
    p95 = (percentile(busy, 0.95) / percentile(quiet, 0.95) - 1) * 100
    yield Figure(
        "mailstore.index_interference", slower, "%", p95, "before and after", 1 + slower / 100, len(busy)
    )


async def _compare(user: MailUser, other: MailUser, service: Mailstore) -> tuple[list[float], list[float]]:
    tokens = Tokens(time.monotonic)
    async with service.channel() as channel:
        stub = MessageServiceStub(channel)

        async def building(who: MailUser) -> bool:
            reply = await stub.ListMessages(_LIST, token=tokens.of(who), timeout=60)
            return bool(reply.indexing.total_units)

        async def foreground(times: list[float], count: int) -> None:
            for _ in range(count):
                start = time.perf_counter()
                page = await stub.ListMessages(_LIST, token=tokens.of(other))
                request = pb.GetMessageRequest(name=page.messages[len(times) % 50].name)
                await stub.GetMessage(request, token=tokens.of(other))
                times.append((time.perf_counter() - start) * 1000)
                await asyncio.sleep(0.02)

        quiet: list[float] = []
        busy: list[float] = []
        await building(other)
        await asyncio.sleep(5)
        while await building(other):
            await asyncio.sleep(0.5)
        await foreground([], 20)
        await foreground(quiet, 400 if full() else 60)
        for _ in range(100):
            if await building(user):
                break
            await asyncio.sleep(0.1)
        while await building(user):
            await foreground(busy, 25)
        if not busy:
            raise AssertionError("built too soon to see anything")
        await asyncio.sleep(2)
        await foreground(quiet, 400 if full() else 60)
    return quiet, busy
