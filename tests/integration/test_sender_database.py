"""MariaDB is killed while messages are on their way: what was answered is delivered and filed, once."""

from __future__ import annotations

import asyncio
import time

from services.common.errors import PosternError
from services.sender.model import State
from services.sender.outbox.worker import WorkerSettings
from services.sender.storage import submissions
from tests.support.mariadb import MariaDB
from tests.unit.sender.fakes import ALICE, Fixture, sender_on
from tests.unit.sender.smtp_peer import smtp_peer


async def keep_sending(it: Fixture, count: int) -> list[str]:
    """Sends as a careful client does: the same request id again until it is answered."""
    ids = []
    for number in range(count):
        while True:
            try:
                ids.append((await it.send(f"r{number}", subject=f"number {number}")).id)
                break
            except Exception:
                await asyncio.sleep(0.1)
    return ids


async def test_the_database_is_killed_and_comes_back(own_mariadb: MariaDB) -> None:
    url = own_mariadb.create_database()
    settings = WorkerSettings(lease=3000, poll=200)
    async with smtp_peer() as peer, sender_on(url, peer.port, worker=settings) as it:
        it.sender.outbox.start()
        sending = asyncio.create_task(keep_sending(it, 60))
        for _ in range(2):
            await asyncio.sleep(0.7)
            await asyncio.to_thread(own_mariadb.kill)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(own_mariadb.start)
        ids = await asyncio.wait_for(sending, 90)
        until = time.monotonic() + 90
        while True:
            try:
                listed, total = await it.sender.db.read(
                    lambda s: submissions.page(s, ALICE, states=[], open_only=False, before="", limit=200)
                )
                if all(item.state in (State.FILED, State.UNKNOWN) for item in listed):
                    break
            except PosternError:
                pass
            assert time.monotonic() < until, [(item.state, item.problem) for item in listed]
            await asyncio.sleep(0.3)
        assert total == 60 and {item.id for item in listed} == set(ids)
        taken = [message.data for message in peer.taken]
        assert len(taken) == len(set(taken)), "sent twice"
        filed = {item.message_id for item in listed if item.state is State.FILED}
        assert set(it.mailstore.sent) == filed and it.mailstore.appended == len(filed)
        # What is UNKNOWN was in the window between the dot and its answer's being written down.
        assert len(taken) >= len(filed)
