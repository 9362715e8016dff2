"""From Send to Sent, on SQLite and MariaDB."""

from __future__ import annotations

import asyncio

from services.sender.model import Fate, State
from services.sender.storage import submissions
from tests.unit.sender.fakes import ALICE, sender_on
from tests.unit.sender.smtp_peer import smtp_peer


async def state_of(fixture, id: str):
    return await fixture.sender.db.read(lambda s: submissions.get(s, ALICE, id=id))


async def test_a_message_is_sent_and_filed(database_url: str) -> None:
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        accepted = await it.send()
        assert accepted.state is State.QUEUED
        await it.settle()
        done = await state_of(it, accepted.id)
        assert (done.state, done.problem, done.attempt_count) == (State.FILED, "", 1)
        assert [r.fate for r in done.recipients] == [Fate.ACCEPTED]
        assert done.recipients[0].enhanced_status == "2.0.0"
        (taken,) = peer.taken
        assert (taken.sender, taken.recipients) == (ALICE, ["bob@example.org"])
        assert it.mailstore.sent == {accepted.message_id: taken.data}
        assert await it.sender.outbox.take() == 0


async def test_the_same_request_id_a_hundred_times_at_once_is_one_message(database_url: str) -> None:
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        answers = await asyncio.gather(*(it.send("same") for _ in range(100)))
        assert len({answer.id for answer in answers}) == 1
        assert len({answer.message_id for answer in answers}) == 1
        await it.settle()
        assert len(peer.taken) == 1 and it.mailstore.appended == 1
