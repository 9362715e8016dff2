"""Promise 1: a kill at any named point of the state machine, then a restart, on SQLite and MariaDB.

A kill is a BaseException that no handler of ours catches: whatever the process meant to do after the point is
not done, and what was committed before it stays. The process's own memory (the pool, the kept tokens) is gone
with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from services.sender import clock, faults
from services.sender.model import Fate, State
from services.sender.outbox.worker import WorkerSettings
from services.sender.storage import submissions
from services.sender.storage.tables import submissions as table
from tests.unit.sender.fakes import ALICE, FakeMailstore, sender_on, state_of
from tests.unit.sender.smtp_peer import smtp_peer

SHORT = WorkerSettings(lease=400)


class Killed(BaseException):
    pass


@contextlib.contextmanager
def kill_at(point: str) -> Iterator[list[str]]:
    passed: list[str] = []

    async def hook(name: str) -> None:
        passed.append(name)
        if name == point:
            raise Killed(name)

    faults.hook = hook
    try:
        yield passed
    finally:
        faults.hook = None


# Where the process dies → the state after a restart, messages that the SMTP server got, copies in Sent.
CASES = {
    "accept.before_commit": (None, 0, 0),
    "accept.committed": (State.FILED, 1, 1),
    "claim.committed": (State.FILED, 1, 1),
    "smtp.before_data": (State.FILED, 1, 1),
    "dot.before_mark": (State.FILED, 1, 1),
    "dot.marked": (State.UNKNOWN, 0, 0),
    "dot.sent": (State.UNKNOWN, 1, 0),
    "dot.answered": (State.UNKNOWN, 1, 0),
    "attempt.settled": (State.FILED, 1, 1),
    "file.begin": (State.FILED, 1, 1),
    "file.appended": (State.FILED, 1, 1),
    "file.settled": (State.FILED, 1, 1),
}


def test_every_point_has_a_case() -> None:
    assert set(CASES) == set(faults.POINTS)


@pytest.mark.parametrize("point", CASES)
async def test_killed_and_restarted(database_url: str, point: str) -> None:
    state, taken, filed = CASES[point]
    mailstore = FakeMailstore()
    async with smtp_peer() as peer:
        with kill_at(point) as passed, contextlib.suppress(Killed):
            async with sender_on(database_url, peer.port, mailstore=mailstore, worker=SHORT) as it:
                await it.send("the one")
                tasks = it.sender.outbox._tasks
                with contextlib.suppress(Killed):
                    await it.sender.outbox.take()
                for task in list(tasks):
                    with contextlib.suppress(Killed):
                        await task
        assert passed[-1] == point
        await asyncio.sleep(0.5)
        async with sender_on(database_url, peer.port, mailstore=mailstore, worker=SHORT) as it:
            await it.settle()
            listed, _ = await it.sender.db.read(
                lambda s: submissions.page(s, ALICE, states=[], open_only=False, before="", limit=9)
            )
            if state is None:
                assert listed == []
            else:
                (submission,) = listed
                assert submission.state is state, point
                await it.settle()
            # A crash never sends twice: what was taken stays what was taken.
            assert (len(peer.taken), mailstore.appended) == (taken, filed)
            if state is not None:
                # The writer, who saw no answer, presses Send again.
                again = await it.send("the one")
                await it.settle()
                assert again.id == listed[0].id and len(peer.taken) == taken


async def test_unknown_is_settled_by_its_writer(database_url: str) -> None:
    async with smtp_peer(replies={".": [None] * 3}) as peer, sender_on(database_url, peer.port) as it:
        lost = [await it.send(f"r{number}") for number in range(3)]
        await it.settle()
        for item, fate in zip(lost, (Fate.ACCEPTED, Fate.PENDING, Fate.REFUSED), strict=True):
            now = await state_of(it, item.id)
            assert now.state is State.UNKNOWN and now.recipients[0].fate is Fate.UNKNOWN
            for _ in range(2):  # the same write may come twice
                await it.sender.db.run(
                    lambda s, id=item.id, f=fate: submissions.resolve(
                        s, ALICE, id, fate=f, write_key="k", now=clock.now()
                    )
                )
        await it.settle()
        assert [(await state_of(it, item.id)).state for item in lost] == [
            State.FILED,
            State.FILED,
            State.CANCELLED,
        ]
        assert set(it.mailstore.sent) == {lost[0].message_id, lost[1].message_id}
        (again,) = peer.taken
        assert lost[1].message_id.encode() in again.data


async def test_a_late_answer_corrects_unknown(database_url: str) -> None:
    """The lease ended while the server thought; another worker called it UNKNOWN; then the 250 came."""
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        accepted = await it.send()
        release = asyncio.Event()

        async def hook(name: str) -> None:
            if name == "dot.answered":
                await release.wait()

        faults.hook = hook
        try:
            await it.sender.outbox.take()
            while not peer.taken:
                await asyncio.sleep(0.01)
            await it.sender.db.run(lambda s: s.execute(update(table).values(due_at=1)))
            await it.sender.outbox.take()
            now = await state_of(it, accepted.id)
            assert now.state is State.UNKNOWN
            release.set()
            await it.sender.outbox.drain()
        finally:
            faults.hook = None
        done = await state_of(it, accepted.id)
        assert done.state is State.FILED and len(peer.taken) == 1


async def test_a_worker_without_its_lease_sends_no_dot(database_url: str) -> None:
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        accepted = await it.send()
        reached, release = asyncio.Event(), asyncio.Event()

        async def hook(name: str) -> None:
            if name == "dot.before_mark" and not reached.is_set():
                reached.set()
                await release.wait()

        faults.hook = hook
        try:
            await it.sender.outbox.take()
            await reached.wait()
            await it.sender.db.run(lambda s: s.execute(update(table).values(due_at=1)))
            await it.sender.outbox.take()  # finds it abandoned: DEFERRED
            release.set()
            await it.sender.outbox.drain()
            assert peer.taken == []
            await it.settle()
        finally:
            faults.hook = None
        done = await state_of(it, accepted.id)
        assert done.state is State.FILED and len(peer.taken) == 1


async def test_many_replicas_share_the_work(database_url: str) -> None:
    mailstore = FakeMailstore()
    async with (
        smtp_peer() as peer,
        sender_on(database_url, peer.port, mailstore=mailstore) as first,
        sender_on(database_url, peer.port, mailstore=mailstore) as second,
        sender_on(database_url, peer.port, mailstore=mailstore) as third,
    ):
        for number in range(60):
            await first.send(f"r{number}")
        await asyncio.gather(first.settle(60), second.settle(60), third.settle(60))
        await first.settle(60)
        assert len(peer.taken) == 60 and mailstore.appended == 60
        assert len({message.data for message in peer.taken}) == 60
