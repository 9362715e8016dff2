"""mailstore watching: how soon a new message is told, and what thousands of watched accounts take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from bench.figures import Figure, benchmark, full, summary
from bench.mailstore_process import Mailstore, mailstore
from services.common.gen.postern.mailstore.v1 import watch_service_pb2 as pb
from services.common.gen.postern.mailstore.v1.watch_service_pb2_grpc import WatchServiceStub
from tests.support.dovecot import Dovecot, DovecotOptions, MailUser, dovecot

_MESSAGE = b"Subject: Hello\r\nFrom: Ann <ann@example.org>\r\nMessage-ID: <%d@x>\r\n\r\nHello\r\n"


@benchmark("mailstore.push")
def push() -> Iterator[Figure]:
    """Milliseconds from when another client begins APPEND until the message is in an open stream."""
    with dovecot() as server, mailstore(server.imap_port, index=False) as service:
        taken = asyncio.run(_pushes(server, server.add_user(), service, 50 if full() else 15))
    yield summary("mailstore.push", taken, "ms")


async def _pushes(server: Dovecot, user: MailUser, service: Mailstore, rounds: int) -> list[float]:
    loop = asyncio.get_running_loop()
    taken = []
    with server.connect(user) as other:
        async with service.channel() as channel:
            stream = (
                WatchServiceStub(channel)
                .WatchAccount(pb.WatchAccountRequest(), token=service.token(user), timeout=300)
                .__aiter__()
            )
            await anext(stream)
            for number in range(rounds):
                start = time.perf_counter()
                append = loop.run_in_executor(None, other.append, "INBOX", _MESSAGE % number)
                while not (await anext(stream)).mailbox_change.added:
                    pass
                taken.append((time.perf_counter() - start) * 1000)
                await append
                await asyncio.sleep(0.15)
    return taken


@benchmark("mailstore.idle_memory")
def idle_memory() -> Iterator[Figure]:
    """What one mailstore process takes in all while so many accounts are watched, each with a stream to its
    caller and an idle connection to the mail server.
    """
    accounts = 2000 if full() else 200
    limits = f"""
default_client_limit = {4 * accounts + 1000}
service imap {{
  process_limit = {accounts + 200}
}}
service anvil {{
  client_limit = {4 * accounts + 1000}
}}
service stats {{
  client_limit = {4 * accounts + 1000}
}}
"""
    options = DovecotOptions(extra=limits)
    with dovecot(options) as server, mailstore(server.imap_port, index=False) as service:
        users = [server.add_user() for _ in range(accounts)]
        before = service.memory()
        after = asyncio.run(_watch_all(users, service))
    mib = 2**20
    print(f"{(after - before) / accounts / 1024:.1f} KiB for each account beyond {before / mib:.0f} MiB")
    yield Figure("mailstore.idle_memory", after / mib, f"MiB, {accounts} accounts", n=accounts)


async def _watch_all(users: list[MailUser], service: Mailstore) -> int:
    """Octets once all are watched."""
    # As many as the server takes at a time: each login is a process there.
    turn = asyncio.Semaphore(20)
    streams = []
    channels = [service.channel() for _ in range(8)]
    try:

        async def watch(number: int, user: MailUser) -> None:
            async with turn:
                stub = WatchServiceStub(channels[number % len(channels)])
                stream = stub.WatchAccount(pb.WatchAccountRequest(), token=service.token(user), timeout=900)
                iterator = stream.__aiter__()
                while (await anext(iterator)).server_lost:
                    pass
                streams.append(iterator)

        await asyncio.gather(*(watch(number, user) for number, user in enumerate(users)))
        # Past the next look at every account's counts.
        await asyncio.sleep(30 if full() else 5)
        return service.memory()
    finally:
        for channel in channels:
            await channel.close()
