"""What workers write at one moment is one transaction, and each of them is answered for its own row."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from services.sender import clock
from services.sender.model import Fate, State
from services.sender.outbox.states import Next
from services.sender.outbox.worker import WorkerSettings
from services.sender.storage import leases
from services.sender.storage.changes import LeaseLost
from services.sender.storage.outcomes import Attempted, Filed, Marked
from services.sender.storage.tables import submissions
from tests.unit.sender.fakes import Fixture, sender_on, state_of
from tests.unit.sender.smtp_peer import smtp_peer


async def claimed(it: Fixture, count: int):
    for number in range(count):
        await it.send(f"r{number}")
    found = await it.sender.db.run(lambda s: leases.claim(s, now=clock.now(), lease=60_000, limit=count))
    assert len(found.work) == count
    return found.work


def taken(work):
    return tuple(replace(one, fate=Fate.ACCEPTED, smtp_code=250) for one in work.submission.recipients)


async def together(it: Fixture, *items):
    outcomes = it.sender.outbox._outcomes
    return await asyncio.gather(*(outcomes.do(item) for item in items), return_exceptions=True)


async def test_each_kind_is_written_in_one_go(tmp_path: Path) -> None:
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}") as it:
        first, second, third = await claimed(it, 3)
        accepted = Next(State.ACCEPTED, taken(first))
        await together(
            it, Marked(first), Marked(second), Attempted(third, Next(State.ACCEPTED, taken(third)))
        )
        after = await together(
            it,
            Attempted(first, accepted),
            Attempted(second, Next(State.REFUSED, second.submission.recipients)),
        )
        assert [one.state for one in after] == [State.ACCEPTED, State.REFUSED]
        filed = await together(it, Filed(replace(first, submission=after[0])), Filed(third))
        shown = await state_of(it, first.submission.id)
        assert filed[0] == shown and shown.state is State.FILED and shown.version == filed[0].version
        assert (await state_of(it, second.submission.id)).state is State.REFUSED
        # What the third had in memory was still PENDING, so its row was looked at.
        assert (await state_of(it, third.submission.id)).state is State.FILED


async def test_one_that_lost_its_lease_hinders_no_other(tmp_path: Path) -> None:
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}") as it:
        first, second, third = await claimed(it, 3)
        stolen = update(submissions).where(submissions.c.id == second.submission.id).values(lease_id="f" * 32)
        await it.sender.db.run(lambda s: s.execute(stolen))
        answers = await together(it, *(Marked(work) for work in (first, second, third)))
        assert isinstance(answers[1], LeaseLost)
        assert [answers[0].id, answers[2].id] == [first.submission.id, third.submission.id]

        def dots(session):
            return list(session.execute(submissions.select().order_by(submissions.c.id)))

        rows = {row.id: row.dot_sent for row in await it.sender.db.read(dots)}
        assert [rows[work.submission.id] for work in (first, second, third)] == [True, False, True]


@pytest.mark.parametrize("workers", [1, 24])
async def test_a_free_worker_begins_with_the_acceptance(tmp_path: Path, workers: int) -> None:
    """Without a look for what is due: a poll of an hour would not come to it."""
    settings = WorkerSettings(workers=workers, ahead=1, poll=3_600_000)
    async with (
        smtp_peer() as peer,
        sender_on(f"sqlite:///{tmp_path / 's.db'}", peer.port, worker=settings) as it,
    ):
        it.sender.outbox.start()
        sent = await asyncio.gather(*(it.send(f"r{number}") for number in range(6)))
        begun = [one for one in sent if one.state is State.SUBMITTING]
        assert len(begun) == min(workers + 1, 6) and all(one.attempt_count == 1 for one in begun)
        async with asyncio.timeout(20):
            while {(await state_of(it, one.id)).state for one in sent} != {State.FILED}:
                await asyncio.sleep(0.02)
        assert len(peer.taken) == 6 and it.mailstore.appended == 6
        assert workers > 1 or peer.connections == 1
        assert it.sender.outbox._reserved == 0


@pytest.mark.parametrize("turns", range(5))
async def test_it_ends_also_where_it_was_woken_just_now(tmp_path: Path, turns: int) -> None:
    settings = WorkerSettings(poll=3_600_000)
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}", worker=settings) as it:
        it.sender.outbox.start()
        await asyncio.sleep(0.1)
        it.sender.outbox.wake()
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await it.sender.outbox.stop()


async def test_a_lease_that_came_to_nothing_is_given_back(tmp_path: Path) -> None:
    async with smtp_peer() as peer, sender_on(f"sqlite:///{tmp_path / 's.db'}", peer.port) as it:
        it.sender.outbox.start()
        answers = await asyncio.gather(*(it.send("same") for _ in range(5)))
        held = await it.send("later", order={"undo": 60_000})
        assert len({one.id for one in answers}) == 1 and held.state is State.HELD
        assert it.sender.outbox._reserved == 0
