"""Head and body of an answer leave together."""

from __future__ import annotations

import asyncio

import pytest

from services.web.packets import Joined


class Wire:
    """A transport that keeps what was written, piece by piece."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def joined(wire: Wire) -> Joined:
    return Joined(wire, asyncio.get_running_loop())  # type: ignore[arg-type]


async def test_head_and_body_are_one_packet(wire: Wire, joined: Joined) -> None:
    for body in (b"<p>", b"x" * 60_000):
        joined.write(b"head")
        joined.write(body)
    assert wire.sent == [b"head<p>", b"head" + b"x" * 60_000]
    await asyncio.sleep(0)
    assert len(wire.sent) == 2


async def test_what_nothing_follows_is_sent_in_the_same_turn(wire: Wire, joined: Joined) -> None:
    joined.write(b"event")
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [b"event"]


async def test_large_pieces_are_neither_held_nor_copied(wire: Wire, joined: Joined) -> None:
    large = b"x" * 70_000
    joined.write(large)
    joined.write(b"head")
    joined.write(large)
    assert wire.sent == [large, b"head", large] and wire.sent[2] is large


async def test_what_is_held_is_sent_before_the_end_and_not_after_it(wire: Wire, joined: Joined) -> None:
    joined.write(b"head")
    joined.close()
    assert wire.sent == [b"head"] and wire.closed
    await asyncio.sleep(0)
    other = Wire()
    late = Joined(other, asyncio.get_running_loop())  # type: ignore[arg-type]
    late.write(b"head")
    other.closed = True
    await asyncio.sleep(0)
    assert other.sent == []
