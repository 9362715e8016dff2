"""mailstore's index: how fast it is built, and how fast lists, conversations and searches come out of it.

Beside each figure stands what the bare IMAP conversation for the same view takes, over a kept connection to
the same Dovecot in the same run. Rates are per second of processor time of the one process that builds,
since the machine is shared with the mail server.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bench.figures import Figure, benchmark, full, summary
from bench.mailboxes import fill
from bench.mailstore_process import Mailstore, Tokens, mailstore
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.common.gen.postern.mailstore.v1.message_service_pb2_grpc import MessageServiceStub
from services.mailstore.imap.connect import Account, connect
from services.mailstore.imap.session import Session
from services.mailstore.imap.tracking import Result
from services.mailstore.index.worker import Job, build
from services.mailstore.reading.items import ITEMS
from tests.rpc.mailstore.conftest import settings_for
from tests.support.dovecot import Dovecot, MailUser, dovecot

KEYS = types_pb.SortOrder
SEARCHES = [
    "bako",
    "subject:bako",
    "from:grace",
    "from:zoe bako",
    '"ba be"',
    "bako dile",
    "bako -dile",
    "is:unread",
    "is:starred",
    "has:attachment",
    "before:2020-01-01",
    "after:2026-01-01 from:ada",
    "larger:20k",
    "in:sent bako",
    "in:inbox is:unread from:tim",
    "会議",
    "to:me grüße",
    "nosuchwordanywhere",
]


@contextlib.contextmanager
def mailbox(count: int = 0) -> Iterator[tuple[Dovecot, MailUser, int]]:
    """A Dovecot and somebody with a large INBOX, its caches warm."""
    count = count or (100_000 if full() else 5_000)
    with dovecot() as server:
        user = server.add_user()
        fill(server, user, count)
        asyncio.run(bare_rate(server, user, count))
        yield server, user, count


def job_for(server: Dovecot, user: MailUser, path: Path, *, words: bool) -> Job:
    return Job(
        account=user.address,
        username=user.address,
        password=user.password,
        path=str(path),
        key="11" * 32,
        host="127.0.0.1",
        port=server.imap_port,
        tls="plain",
        ca_file="",
        most_bytes=1 << 40,
        words=words,
    )


async def session_of(server: Dovecot, user: MailUser) -> Session:
    settings = settings_for("127.0.0.1", server.imap_port, io_timeout=600.0)
    return await connect(settings.imap, Account(user.address, user.address, user.password))


def parsed(results: list[Result]) -> list[Result]:
    """With the values of every response parsed, as they are once somebody asks for them."""
    for result in results:
        for response in result.untagged:
            _ = response.values
    return results


async def bare_rate(server: Dovecot, user: MailUser, count: int) -> float:
    """Messages per second of processor time that the same FETCH alone brings, parsed."""
    session = await session_of(server, user)
    await session.execute(session.begin_select("INBOX", False))
    start = time.process_time()
    for low in range(1, count + 1, 500):
        parsed([await session.command(b"FETCH", b"%d:%d" % (low, min(count, low + 499)), ITEMS)])
    seconds = time.process_time() - start
    await session.logout()
    return count / seconds


@cache
def _rates() -> dict[str, Figure]:
    found = {}
    with mailbox() as (server, user, count), tempfile.TemporaryDirectory() as name:
        total = count + max(1, count // 50)
        bare = asyncio.run(bare_rate(server, user, count))
        for words, figure in ((False, "mailstore.index_rate"), (True, "mailstore.index_rate_with_text")):
            start = time.process_time()
            asyncio.run(build(job_for(server, user, Path(name) / f"{words}.db", words=words), lambda _: None))
            rate = total / (time.process_time() - start)
            found[figure] = Figure(
                figure, rate, "messages/s per core", None, "FETCH, parsed", rate / bare, total
            )
    return found


async def timed(times: list[float], call: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    reply = await call()
    times.append((time.perf_counter() - start) * 1000)
    return reply


async def bare_pages(server: Dovecot, user: MailUser, count: int, rounds: int) -> list[float]:
    """The same page of 50 rows from the server: NOOP, FETCH, over a kept connection."""
    session = await session_of(server, user)
    await session.execute(session.begin_select("INBOX", False))
    times: list[float] = []
    for number in range(rounds):
        high = count - (number * 997) % (count - 50)
        command = [b"FETCH", b"%d:%d" % (high - 49, high), ITEMS]

        async def page(command: list[bytes] = command) -> None:
            parsed(await session.execute([b"NOOP"], command))

        await timed(times, page)
    await session.logout()
    return times


async def view_times(
    server: Dovecot, user: MailUser, count: int, service: Mailstore
) -> dict[str, list[float]]:
    """Milliseconds of each view at the RPC."""
    rounds = 200 if full() else 40
    found: dict[str, list[float]] = {"page": [], "conversations": [], "first": [], "all": []}
    found["bare"] = await bare_pages(server, user, count, rounds)
    tokens = Tokens(time.monotonic)

    def token() -> str:
        return tokens.of(user)

    async with service.channel() as channel:
        stub = MessageServiceStub(channel)
        while not service.indexed:
            await stub.ListMessages(pb.ListMessagesRequest(mailbox="INBOX"), token=token(), timeout=60)
            await asyncio.sleep(0.5)
        keys = (KEYS.KEY_ARRIVAL, KEYS.KEY_DATE, KEYS.KEY_FROM, KEYS.KEY_SUBJECT, KEYS.KEY_SIZE, KEYS.KEY_TO)
        for number in range(rounds):
            order = types_pb.SortOrder(key=keys[number % len(keys)], ascending=number % 5 == 0)
            skip = (number * 997) % (count - 50) if number % 3 else 0
            request = pb.ListMessagesRequest(mailbox="INBOX", order=order, skip=skip)
            page = await timed(found["page"], lambda r=request: stub.ListMessages(r, token=token()))
            assert len(page.messages) == 50 and page.total_count == count
            following = pb.ListMessagesRequest(mailbox="INBOX", order=order, page_token=page.next_page_token)
            await timed(found["page"], lambda r=following: stub.ListMessages(r, token=token()))
            skip = (number * 997) % (count // 3) if number % 3 else 0
            listing = pb.ListConversationsRequest(mailbox="INBOX", order=order, skip=skip)
            await timed(found["conversations"], lambda r=listing: stub.ListConversations(r, token=token()))
        for _ in range(10 if full() else 3):
            for text in SEARCHES:
                await _search(stub, token, text, found)
    return found


async def _search(stub: Any, token: Callable[[], str], text: str, found: dict[str, list[float]]) -> None:
    request = pb.SearchMessagesRequest(query=types_pb.SearchQuery(text=text))
    start = time.perf_counter()
    first = 0.0
    async for _ in stub.SearchMessages(request, token=token()):
        first = first or (time.perf_counter() - start) * 1000
    found["first"].append(first)
    found["all"].append((time.perf_counter() - start) * 1000)


@cache
def _views() -> dict[str, Figure]:
    with mailbox() as (server, user, count), mailstore(server.imap_port, index=True) as service:
        found = asyncio.run(view_times(server, user, count, service))
    bare, against = found["bare"], "bare IMAP page"
    print(f"bare page: median {statistics.median(bare):.1f} ms")
    figures = [
        summary("mailstore.page_indexed", found["page"], "ms", against=against, reference=bare),
        summary(
            "mailstore.conversations_indexed", found["conversations"], "ms", against=against, reference=bare
        ),
        summary("mailstore.search_first", found["first"], "ms"),
        summary("mailstore.search_all", found["all"], "ms"),
    ]
    return {figure.name: figure for figure in figures}


def _register(name: str, run: Callable[[], dict[str, Figure]]) -> None:
    @benchmark(name)
    def one() -> Iterator[Figure]:
        yield run()[name]


for _name in ("mailstore.index_rate", "mailstore.index_rate_with_text"):
    _register(_name, _rates)
for _name in (
    "mailstore.page_indexed",
    "mailstore.conversations_indexed",
    "mailstore.search_first",
    "mailstore.search_all",
):
    _register(_name, _views)
