"""Decoders apart: one that loops, crashes or eats memory fails its own request and no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.mailstore.decoding.pool import DecoderPool, NotDecoded
from services.mailstore.mime.body import read_text
from services.mailstore.mime.model import Part


@pytest.fixture
async def pool() -> AsyncIterator[DecoderPool]:
    made = DecoderPool(processes=2, time_limit=4)
    yield made
    await made.close()


async def good(pool: DecoderPool) -> str:
    part = Part("1", "text/plain", {"charset": "utf-7"})
    body = await pool.run("text", 4, part, b"+AOQ-", apart=True)
    return body.text


async def test_the_same_answer(pool: DecoderPool) -> None:
    part, data = Part("1", "text/plain", {"charset": "utf-8"}), "Grüße\r\n".encode() * 20_000
    assert await pool.run("text", len(data), part, data) == read_text(part, data)
    assert await good(pool) == "ä"


@pytest.mark.parametrize(
    ("how", "why"), [("loop", "took too long"), ("crash", "crashed"), ("bomb", "MemoryError")]
)
async def test_one_request_fails_and_others_go_on(pool: DecoderPool, how: str, why: str) -> None:
    await asyncio.gather(good(pool), good(pool))  # both processes run
    pool.time_limit = 2
    bad = asyncio.create_task(pool.run("misbehave", 0, how, apart=True))
    await asyncio.sleep(0)
    pool.time_limit = 4  # for the others, on a machine that does more than this
    for _ in range(5):
        assert await good(pool) == "ä"
    if how == "loop":
        assert not bad.done()
    with pytest.raises(NotDecoded, match=why):
        await bad
    assert await asyncio.gather(*(good(pool) for _ in range(4))) == ["ä"] * 4


async def test_who_gives_up_leaves_no_answer_behind(pool: DecoderPool) -> None:
    call = asyncio.create_task(pool.run("misbehave", 0, "loop", apart=True))
    await asyncio.sleep(1.0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await good(pool) == "ä"


async def test_small_and_ordinary_text_needs_no_process(pool: DecoderPool) -> None:
    part = Part("1", "text/plain", {"charset": "utf-8"})
    assert (await pool.run("text", 2, part, b"ok")).text == "ok"
    assert not pool._all
