"""mailstore: how much slower others are answered while a large mailbox is being indexed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
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
# Requests in a turn, and seconds before it begins: what the mail server was asked is answered by then.
_TURN, _SETTLE = 10, 0.15


@benchmark("mailstore.index_interference")
def index_interference() -> Iterator[Figure]:
    """By how many percent the median of another account's requests (a list, then a message) is higher while
    the index is built than while it is not.

    The two take turns of ten requests throughout one build: the process that builds is stopped (SIGSTOP) for
    every other turn, so that whatever else goes on in the machine meets both alike.
    """
    with mailbox(100_000 if full() else 20_000) as (server, user, _):
        other = server.add_user()
        fill(server, other, 500, seed=2)
        with mailstore(server.imap_port, index=True) as service:
            quiet, busy = asyncio.run(_compare(user, other, service))
    slower = (summary("", busy, "").value / summary("", quiet, "").value - 1) * 100
    p95 = (percentile(busy, 0.95) / percentile(quiet, 0.95) - 1) * 100
    yield Figure(
        "mailstore.index_interference",
        slower,
        "%",
        p95,
        "the same build stopped, in turns",
        1 + slower / 100,
        len(busy),
    )


async def _compare(user: MailUser, other: MailUser, service: Mailstore) -> tuple[list[float], list[float]]:
    tokens = Tokens(time.monotonic)
    async with service.channel() as channel:
        stub = MessageServiceStub(channel)

        async def building(who: MailUser) -> bool:
            reply = await stub.ListMessages(_LIST, token=tokens.of(who), timeout=60)
            return bool(reply.indexing.total_units)

        async def turn(number: int) -> list[float]:
            await asyncio.sleep(_SETTLE)
            times = []
            for each in range(_TURN):
                start = time.perf_counter()
                page = await stub.ListMessages(_LIST, token=tokens.of(other))
                request = pb.GetMessageRequest(name=page.messages[(number + each) % 50].name)
                await stub.GetMessage(request, token=tokens.of(other))
                times.append((time.perf_counter() - start) * 1000)
                await asyncio.sleep(0.02)
            return times

        await building(other)
        await asyncio.sleep(5)
        while await building(other):
            await asyncio.sleep(0.5)
        for _ in range(3):
            await turn(0)
        quiet: list[float] = []
        busy: list[float] = []
        for _ in range(100):
            if await building(user):
                break
            await asyncio.sleep(0.1)
        while (builder := service.child("services.mailstore.index.worker")) is not None:
            running = await turn(len(busy))
            try:
                os.kill(builder, signal.SIGSTOP)
                stopped = await turn(len(busy))
            except ProcessLookupError:
                break
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(builder, signal.SIGCONT)
            busy += running
            quiet += stopped
        if not busy:
            raise AssertionError("built too soon to see anything")
    return quiet, busy
