import asyncio
from collections.abc import AsyncIterator

import pytest

from services.common.errors import PosternError
from services.common.rpc.context import use_deadline
from services.mailstore.acting.requests import Locks, Requests


async def test_once_for_one_id() -> None:
    requests, count = Requests(), 0

    async def work() -> int:
        nonlocal count
        count += 1
        await asyncio.sleep(0.01)
        return count

    both = await asyncio.gather(*(requests.once("a", "M", "id", work) for _ in range(3)))
    assert both == [1, 1, 1]
    assert await requests.once("b", "M", "id", work) == 2
    assert await requests.once("a", "N", "id", work) == 3
    assert await requests.once("a", "M", "", work) == 4
    assert await requests.once("a", "M", "", work) == 5


async def test_failure_may_be_tried_again() -> None:
    requests, outcomes = Requests(), [ValueError(), None]

    async def work() -> str:
        failure = outcomes.pop(0)
        if failure:
            raise failure
        return "done"

    with pytest.raises(ValueError):
        await requests.once("a", "M", "id", work)
    assert await requests.once("a", "M", "id", work) == "done"


async def test_goes_on_without_its_caller() -> None:
    requests, done = Requests(), asyncio.Event()

    async def work() -> str:
        await asyncio.sleep(0.05)
        done.set()
        return "done"

    task = asyncio.create_task(requests.once("a", "M", "id", work))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(done.wait(), 1)
    assert await requests.once("a", "M", "id", work) == "done"


async def test_deadline_of_the_caller() -> None:
    async def work() -> None:
        await asyncio.sleep(0.5)

    with use_deadline(0.05), pytest.raises(PosternError, match="MAIL_SERVER_TIMEOUT"):
        await Requests().once("a", "M", "id", work)


async def test_stream_is_played_again() -> None:
    requests, runs = Requests(), 0

    async def work() -> AsyncIterator[int]:
        nonlocal runs
        runs += 1
        for step in range(3):
            yield step

    for _ in range(2):
        assert [step async for step in requests.stream("a", "M", "id", work)] == [0, 1, 2]
    assert runs == 1


async def test_steps_are_bounded_and_the_last_is_kept() -> None:
    requests = Requests(most_steps=3)

    async def work() -> AsyncIterator[int]:
        for step in range(10):
            yield step

    assert len([step async for step in requests.stream("a", "M", "id", work)]) == 10
    assert [step async for step in requests.stream("a", "M", "id", work)] == [0, 1, 9]


async def test_broken_off_stream_is_done_again() -> None:
    requests, runs = Requests(), 0

    async def work() -> AsyncIterator[int]:
        nonlocal runs
        runs += 1
        yield 1
        yield 2

    stream = requests.stream("a", "M", "id", work)
    assert await anext(stream) == 1
    await stream.aclose()  # type: ignore[attr-defined]
    assert [step async for step in requests.stream("a", "M", "id", work)] == [1, 2]
    assert runs == 2


async def test_a_stopped_stream_ends_after_its_step_and_tells_all_that_it_did() -> None:
    requests, done = Requests(), []

    async def work() -> AsyncIterator[int]:
        for number in range(len(done), 4):
            done.append(number)
            yield number

    told = []
    async for step in requests.stream("a", "M", "id", work):
        told.append(step)
        if step == 1:
            assert not requests.stop("b", "id") and not requests.stop("a", "other")
            assert requests.stop("a", "id")
    assert told == done == [0, 1]
    assert not requests.stop("a", "id")
    assert [step async for step in requests.stream("a", "M", "id", work)] == [2, 3]


async def test_bounded() -> None:
    requests = Requests(most=2)

    async def work() -> int:
        return 1

    for number in range(5):
        await requests.once("a", "M", str(number), work)
    assert len(requests._entries) == 2
    with pytest.raises(PosternError, match="request_id"):
        await requests.once("a", "M", "x" * 500, work)


async def test_locks_leave_nothing_behind() -> None:
    locks, inside = Locks(), 0

    async def one() -> None:
        nonlocal inside
        async with locks.hold("a", "key"):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one() for _ in range(10)))
    assert not locks._held
