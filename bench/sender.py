"""sender: from SendMessage to the SMTP server and Sent, against smtp-sink and a MariaDB that commits to disk.

sender is a process of its own on one core, with mTLS and signed tokens. auth and mailstore are stand-ins that
answer at once; the copy in Sent is handed to mailstore and counts, unless a figure's name says otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Figure, benchmark, full, percentile, summary
from services.common.gen.postern.sender.v1 import compose_service_pb2, submission_service_pb2, types_pb2
from services.common.gen.postern.sender.v1.compose_service_pb2_grpc import ComposeServiceStub
from services.common.gen.postern.sender.v1.submission_service_pb2_grpc import SubmissionServiceStub
from tests.rpc.sender.process import Peers, SenderProcess, peers
from tests.support import rpc
from tests.support.mariadb import MariaDB, mariadb
from tests.support.postfix import SmtpSink, smtp_sink

DURABLE = "--innodb-flush-log-at-trx-commit=1"
UNLIMITED = {
    "LOG_LEVEL": "WARNING",
    "SENDER_HOURLY_MESSAGES": "0",
    "SENDER_HOURLY_RECIPIENTS": "0",
    "SENDER_HOURLY_BYTES": "0",
    "SENDER_BURST": "0",
}
SIZE = 10_000
WORDS = ("mail", "window", "Grüße", "between", "a", "delivered", "harbour", "of", "seven", "the", "lamp")


@dataclass
class Rig:
    """Everything that runs, and how to speak to it."""

    sender: SenderProcess
    database: MariaDB
    sink: SmtpSink
    beside: Peers
    submission: Any
    compose: Any
    tokens: list[str]

    def request(self, number: int) -> Any:
        content = types_pb2.MessageContent(
            to=[types_pb2.EmailAddress(name="Bob", address="bob@example.org")],
            subject=f"Number {number}",
            text=text(number),
        )
        return submission_service_pb2.SendMessageRequest(request_id=uuid.uuid4().hex, content=content)

    async def send(self, number: int, request: Any = None) -> Any:
        token = self.tokens[number % len(self.tokens)]
        return await self.submission.SendMessage(request or self.request(number), token=token, timeout=60)

    async def settled(self, count: int, seconds: float = 120.0) -> None:
        """Until that many copies are in Sent."""
        until = time.monotonic() + seconds
        while len(self.beside.filed) < count:
            if time.monotonic() > until:
                raise AssertionError(f"{len(self.beside.filed)} of {count} filed")
            await asyncio.sleep(0.02)


def text(number: int) -> str:
    """Words that come to a message of about 10 KB."""
    chosen = random.Random(number)
    words: list[str] = []
    length = 0
    while length < SIZE - 700:
        words.append(chosen.choice(WORDS) + ("\n\n" if chosen.random() < 0.02 else ""))
        length += len(words[-1].encode()) + 1
    return " ".join(words)


@contextlib.asynccontextmanager
async def rig(*, pinned: bool = True, **settings: str) -> AsyncIterator[Rig]:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(mariadb(DURABLE))
        sink = stack.enter_context(smtp_sink("-a"))
        async with peers() as beside:
            sender = stack.enter_context(
                SenderProcess(
                    directory,
                    database.create_database(),
                    sink.url,
                    beside,
                    core=max(os.sched_getaffinity(0)) if pinned else None,
                    **{**UNLIMITED, **settings},
                )
            )
            async with sender.channel() as channel:
                tokens = [
                    rpc.mint("sender", "mail.send", account=f"user{number}@example.org", password="x")
                    for number in range(8)
                ]
                yield Rig(
                    sender,
                    database,
                    sink,
                    beside,
                    SubmissionServiceStub(channel),
                    ComposeServiceStub(channel),
                    tokens,
                )


@benchmark("sender.accept")
def accept() -> list[Figure]:
    """How long SendMessage takes, one at a time, while what was sent before is delivered and filed."""
    count = 1000 if full() else 200
    return [summary("sender.accept", asyncio.run(_accept(count)), "ms")]


async def _accept(count: int) -> list[float]:
    taken = []
    async with rig(pinned=False) as it:
        for number in range(count + 30):
            request = it.request(number)
            begun = time.perf_counter()
            await it.send(number, request)
            if number >= 30:  # the first ones connect and fill caches
                taken.append((time.perf_counter() - begun) * 1000)
        await it.settled(count + 30)
    return taken


@benchmark("sender.rate")
def rate() -> list[Figure]:
    """Messages of 10 KB from SendMessage to the sink and Sent, by the clock and by processor time."""
    count = 3000 if full() else 600
    elapsed, cpu, answers, size = asyncio.run(_rate(count))
    assert 9_000 < size < 11_500, size
    return [
        Figure("sender.rate", count / elapsed, "messages per second on one core", n=count),
        Figure("sender.rate.per_core_second", count / cpu, "messages per second of processor time", n=count),
        Figure(
            "sender.rate.answer", statistics.median(answers), "ms", percentile(answers, 0.95), n=len(answers)
        ),
    ]


async def _rate(count: int, callers: int = 24) -> tuple[float, float, list[float], float]:
    answers: list[float] = []
    async with rig() as it:
        for number in range(20):
            await it.send(number)
        await it.settled(20)
        numbers = itertools.count(20)

        async def caller() -> None:
            while (number := next(numbers)) < count + 20:
                begun = time.perf_counter()
                await it.send(number)
                answers.append((time.perf_counter() - begun) * 1000)

        cpu, begun = it.sender.cpu_seconds(), time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(callers)))
        await it.settled(count + 20)
        elapsed, cpu = time.perf_counter() - begun, it.sender.cpu_seconds() - cpu
        size = statistics.median(it.beside.filed.values())
        delivered = len(it.sink.messages())
        assert delivered == count + 20, delivered
        if os.environ.get("KEEP_LOG"):
            print(it.sender.log.read_text()[-3000:])
    return elapsed, cpu, answers, size


@benchmark("sender.attachment_growth")
def attachment_growth() -> list[Figure]:
    """How much sender's memory grows at most while an attachment of 25 MB is uploaded, sent and filed."""
    growth = [asyncio.run(_growth()) for _ in range(3 if full() else 1)]
    return [Figure("sender.attachment_growth", max(growth) / 1e6, "MB", n=len(growth))]


async def _growth() -> int:
    octets = 25_000_000
    async with rig() as it:
        for number in range(50):
            await it.send(number)
        await it.settled(50)
        before, _ = it.sender.memory()
        it.sender.forget_peak()
        block = os.urandom(64 * 1024)

        async def steps() -> AsyncIterator[Any]:
            start = compose_service_pb2.UploadStart(filename="film.bin", total_bytes=octets)
            yield compose_service_pb2.UploadAttachmentRequest(start=start)
            for at in range(0, octets, len(block)):
                data = block[: octets - at]
                yield compose_service_pb2.UploadAttachmentRequest(data=data)

        answer = await it.compose.UploadAttachment(steps(), token=it.tokens[0], timeout=120)
        request = it.request(50)
        request.content.attachments.add(upload_id=answer.upload.upload_id)
        await it.submission.SendMessage(request, token=it.tokens[0], timeout=60)
        await it.settled(51)
        _, peak = it.sender.memory()
        assert max(it.beside.filed.values()) > octets * 4 // 3
    return peak - before
