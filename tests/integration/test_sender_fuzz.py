"""The short form of `make fuzz ONLY=sender`."""

from __future__ import annotations

import random

from bench.fuzz.sender import build_one, reply_one, speaking, text_one


def generators(name: str, count: int) -> list[random.Random]:
    return [random.Random(f"{name} {number}") for number in range(count)]


def test_whatever_is_asked_for_is_refused_or_one_message() -> None:
    outcomes = [build_one(rnd) for rnd in generators("message", 250)]
    assert outcomes.count("sent") > 30 and outcomes.count("refused") > 30


async def test_whatever_a_server_says_nothing_is_taken_for_sent_that_was_not() -> None:
    async with speaking() as (server, connections):
        outcomes = {await reply_one(rnd, server, connections) for rnd in generators("reply", 100)}
    assert {"accepted", "none", "pending"} <= outcomes


def test_reply_texts() -> None:
    for rnd in generators("text", 1000):
        text_one(rnd)
