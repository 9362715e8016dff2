"""mailstore without an index: the first page of a large mailbox, and a large attachment passing through."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from email.message import EmailMessage

import uvloop

from bench.figures import Figure, benchmark, full, summary
from bench.index import mailbox, parsed, session_of
from bench.mailstore_process import Mailstore, Tokens, mailstore
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.common.gen.postern.mailstore.v1.message_service_pb2_grpc import MessageServiceStub
from services.mailstore.imap.parser import pairs
from services.mailstore.imap.session import Session
from services.mailstore.reading.items import ITEMS
from tests.support.dovecot import Dovecot, MailUser, dovecot

ATTACHMENT = 25 * 1024 * 1024


@benchmark("mailstore.first_page_cold")
def first_page_cold() -> Iterator[Figure]:
    """The newest 50 rows with their first words, nothing of them known: the answer at the RPC, against
    the IMAP conversation for the same view over a kept connection, the responses parsed and nothing made of
    them. The two take turns, in one process on uvloop, which stands for the web edge.

    The bare conversation has two exchanges, the rows and then the words, for the structure tells where they
    are; mailstore asks for the likely ones with the rows.
    """
    with mailbox() as (server, user, count), mailstore(server.imap_port, index=False) as service:
        ours, bare = uvloop.run(_first_pages(server, user, count, service, 200 if full() else 60))
    yield summary("mailstore.first_page_cold", ours, "ms", against="bare IMAP", reference=bare)


async def _first_pages(
    server: Dovecot, user: MailUser, count: int, service: Mailstore, rounds: int
) -> tuple[list[float], list[float]]:
    session = await session_of(server, user)
    await session.execute(session.begin_select("INBOX", False))
    ours: list[float] = []
    bare: list[float] = []
    tokens = Tokens(time.monotonic)
    async with service.channel() as channel:
        stub = MessageServiceStub(channel)
        for number in range(rounds + 3):
            service.forget()
            start = time.perf_counter()
            page = await stub.ListMessages(pb.ListMessagesRequest(mailbox="INBOX"), token=tokens.of(user))
            middle = time.perf_counter()
            await _bare_view(session, count)
            if number >= 3:
                ours.append((middle - start) * 1000)
                bare.append((time.perf_counter() - middle) * 1000)
            assert len(page.messages) == 50 and page.total_count == count
            assert sum(bool(row.snippet) for row in page.messages) > 45
    await session.logout()
    return ours, bare


async def _bare_view(session: Session, count: int) -> None:
    """What is new, what is unread, 50 rows, and the beginning of the text of each."""
    unseen = [b"SEARCH", b"RETURN", b"(COUNT)", b"UNSEEN"]
    rows = [b"FETCH", b"%d:%d" % (count - 49, count), ITEMS]
    results = parsed(await session.execute(unseen, rows, [b"NOOP"]))
    single: list[bytes] = []
    multiple: list[bytes] = []
    for response in results[1].data("FETCH"):
        structure = pairs(response.values[0])[b"BODYSTRUCTURE"]
        many = isinstance(structure, tuple) and isinstance(structure[0], tuple)
        (multiple if many else single).append(b"%d" % response.number)
    commands = [
        [b"FETCH", b",".join(numbers), b"(UID BODY.PEEK[1]<0.1024>)"]
        for numbers in (single, multiple)
        if numbers
    ]
    parsed(await session.execute(*commands))


@benchmark("mailstore.attachment_growth")
def attachment_growth() -> Iterator[Figure]:
    """How far mailstore's memory grows while an attachment of 25 MB is read through it, beyond what it took
    after a small one; the most of several.
    """
    with dovecot() as server:
        user = server.add_user()
        with server.connect(user) as client:
            for size in (100_000, ATTACHMENT):
                client.append("INBOX", _with_attachment(size))
        with mailstore(server.imap_port, index=False) as service:
            grown = asyncio.run(_read_attachments(user, service, 5 if full() else 2))
    yield Figure("mailstore.attachment_growth", max(grown) / 2**20, "MiB", n=len(grown))


def _with_attachment(size: int) -> bytes:
    message = EmailMessage()
    message["Subject"] = "A file"
    message.set_content("See the file.")
    message.add_attachment(os.urandom(size), maintype="application", subtype="pdf", filename="scan.pdf")
    return message.as_bytes()


async def _read_attachments(user: MailUser, service: Mailstore, rounds: int) -> list[int]:
    tokens = Tokens(time.monotonic)
    grown = []
    async with service.channel() as channel:
        stub = MessageServiceStub(channel)
        page = await stub.ListMessages(pb.ListMessagesRequest(mailbox="INBOX"), token=tokens.of(user))
        large, small = (row.name for row in page.messages)
        assert await _length(stub, small, tokens.of(user)) == 100_000
        for _ in range(rounds):
            before = service.memory()
            service.forget_peak()
            assert await _length(stub, large, tokens.of(user)) == ATTACHMENT
            grown.append(service.peak() - before)
    return grown


async def _length(stub: MessageServiceStub, name: types_pb.MessageName, token: str) -> int:
    total = 0
    async for response in stub.ReadPart(pb.ReadPartRequest(name=name, part_id="2"), token=token):
        total += len(response.data)
    return total
