"""What an account may send in an hour, bursts held for the operator, and as which addresses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.common.errors import PosternError
from services.sender.acceptance import Order
from services.sender.compose.address import parse_address
from services.sender.identities import Identities
from services.sender.model import EmailAddress, State
from services.sender.operator import operate
from services.sender.storage import held, usage
from services.sender.storage.usage import STEP, Limits
from tests.unit.sender.fakes import ALICE, letter, sender_on, state_of, writer
from tests.unit.sender.smtp_peer import smtp_peer

BOB = EmailAddress("", "bob@example.org")
CAROL = EmailAddress("", "carol@example.org")


async def refused(it, request_id: str, **changes) -> PosternError:
    with pytest.raises(PosternError) as caught:
        await it.send(request_id, **changes)
    return caught.value


async def test_messages_in_an_hour(database_url: str) -> None:
    async with sender_on(database_url, limits=Limits(messages=3)) as it:
        first = await it.send("r0")
        answers = await asyncio.gather(*(it.send(f"r{n}") for n in range(1, 8)), return_exceptions=True)
        errors = [answer for answer in answers if isinstance(answer, PosternError)]
        assert len(errors) == 5
        assert {(err.reason, err.metadata["limit"]) for err in errors} == {("RATE_LIMITED", "messages")}
        assert 0 < int(errors[0].metadata["retry_seconds"]) <= 3600
        # What was accepted before is answered again, and another account has its own count.
        assert (await it.send("r0")).id == first.id
        other = writer("bob@example.org")
        assert await it.sender.acceptance.accept(other, Order("x", letter(sender=EmailAddress())))


async def test_recipients_and_octets(database_url: str) -> None:
    async with sender_on(database_url, limits=Limits(recipients=3, octets=10_000)) as it:
        await it.send("r0", to=(BOB, CAROL))
        assert (await refused(it, "r1", to=(BOB, CAROL))).metadata["limit"] == "recipients"
        await it.send("r2")
    async with sender_on(database_url, limits=Limits(octets=10_000)) as it:
        assert (await refused(it, "r3", text="x" * 60 + "\n" + "word " * 3000)).metadata["limit"] == "octets"


async def test_the_hour_passes(database_url: str) -> None:
    limits = Limits(messages=1)
    one = [(ALICE, usage.Amount(1, 1, 100))]
    async with sender_on(database_url) as it:
        start = 1_000 * STEP
        assert await it.sender.db.run(lambda s: usage.admit(s, one, limits, start)) == [False]
        (err,) = await it.sender.db.run(lambda s: usage.admit(s, one, limits, start + STEP))
        later = start + STEP + int(err.metadata["retry_seconds"]) * 1000
        assert await it.sender.db.run(lambda s: usage.admit(s, one, limits, later)) == [False]
        assert later - start == 12 * STEP


async def test_a_burst_waits_for_the_operator(database_url: str, monkeypatch, capsys) -> None:
    monkeypatch.setenv("POSTERN_DATABASE_URL", database_url)
    async with smtp_peer() as peer, sender_on(database_url, peer.port, limits=Limits(burst=2)) as it:
        sent = [await it.send(f"r{n}") for n in range(5)]
        assert [item.state for item in sent] == [State.QUEUED] * 2 + [State.SUSPENDED] * 3
        await it.settle()
        assert len(peer.taken) == 2
        stopped = await state_of(it, sent[2].id)
        assert (stopped.state, stopped.problem) == (State.SUSPENDED, held.BURST)
        assert await operate(["list"]) == 0
        listed = capsys.readouterr().out
        assert listed.count(ALICE) == 3 and "Hello" not in listed
        assert await operate(["refuse", sent[2].id]) == 0
        gone = await state_of(it, sent[2].id)
        assert (gone.state, gone.problem) == (State.REFUSED, held.REFUSED_BY_OPERATOR)
        assert await operate(["release", ALICE]) == 0
        await it.settle()
        assert len(peer.taken) == 4
        assert {(await state_of(it, item.id)).state for item in sent[3:]} == {State.FILED}
        assert (await it.send("after")).state is State.QUEUED
        assert await operate(["release", ALICE]) == 1 and await operate(["release"]) == 2


def test_who_may_write_as_what(tmp_path: Path) -> None:
    file = tmp_path / "aliases"
    file.write_text(
        "sales@example.org alice@example.org, bob@example.org  # both\nnonsense alice@example.org\n"
    )
    identities = Identities(file)

    def may(account: str, address: str) -> bool:
        return identities.may(account, parse_address(address, "from"))

    assert may(ALICE, ALICE) and may(ALICE, "Alice@Example.org") and may(ALICE, "alice+shop@example.org")
    assert may(ALICE, "Sales@example.org") and may("bob@example.org", "sales@example.org")
    assert not may("carol@example.org", "sales@example.org")
    assert not may(ALICE, "bob@example.org") and not may(ALICE, "+alice@example.org")
    assert not may(ALICE, "bob+alice@example.org") and not may("", "no@example.org")
    assert not Identities(subaddress="").may(ALICE, parse_address("alice+x@example.org", "from"))
    file.write_text("sales@example.org carol@example.org\n")
    assert may("carol@example.org", "sales@example.org") and not may(ALICE, "sales@example.org")
    file.unlink()
    assert not may("carol@example.org", "sales@example.org")
