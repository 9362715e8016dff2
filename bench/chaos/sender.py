"""sender under SIGKILL: promise 1, "Send means sent", with every process but Dovecot and auth killed again
and again, at random and while a message stands at each named point of the state machine.

`make chaos ONLY=sender`; FULL=1 for 3,000 messages, RELAY=1 with the operator's relay account. What was
killed where goes to standard error.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.chaos.outbox_clients import Writers
from bench.chaos.outbox_ledger import Findings, Promise, S, judge
from bench.chaos.outbox_world import World, world
from bench.chaos.processes import Process
from bench.figures import Figure, benchmark, full
from services.sender.faults import POINTS

VICTIMS = ("sender", "mariadb", "smtp", "mailstore")
PAIRS = ("sender+mailstore", "sender+mariadb", "sender+smtp")


@dataclass(frozen=True)
class Kill:
    """SIGKILL to `victim`: while a message stands at `point`, `delay` seconds later, or out of the blue.
    "sender+mailstore" is both at once."""

    victim: str
    point: str = ""
    delay: float = 0.0


@dataclass(frozen=True)
class Plan:
    """How many messages, spread evenly over the kills; `rest`: the longest pause after a kill in
    seconds."""

    sends: int
    kills: tuple[Kill, ...]
    rest: float = 1.0


@dataclass
class Report:
    """What came of a run."""

    findings: Findings
    kills: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    unknown: int = 0
    seconds: float = 0.0


def plan(sends: int, rounds: int, others: int, rnd: random.Random, rest: float = 1.0) -> Plan:
    """`rounds` kills of every victim at every point, half as many of every pair; beyond that `others` of each
    but sender at any point and of everybody at any moment; where `rounds` is 0, sender once at every
    point."""
    waits = (0.0, 0.003, 0.02)
    kills = [Kill(v, p, rnd.choice(waits)) for _ in range(rounds) for v in VICTIMS for p in POINTS]
    kills += [Kill(pair, point) for _ in range(rounds // 2) for pair in PAIRS for point in POINTS]
    if not rounds:
        kills = [Kill("sender", point) for point in POINTS if point != "file.appended"]
        kills += [Kill("sender+mailstore", "file.appended") for _ in range(2)]
    for victim in VICTIMS:
        kills += [Kill(victim) for _ in range(others)]
        if victim != "sender":
            kills += [Kill(victim, rnd.choice(POINTS), rnd.choice((0.0, 0.01))) for _ in range(others)]
    rnd.shuffle(kills)
    return Plan(sends, tuple(kills), rest)


class Run:
    """One run: writers who send, somebody who kills, and in the end the judgement."""

    def __init__(self, it: World, writers: Writers, plan: Plan, rnd: random.Random) -> None:
        self.it, self.writers, self.plan, self.rnd = it, writers, plan, rnd
        self.promises: dict[str, Promise] = {}
        self.kills: Counter[str] = Counter()
        self.allowed = 0.0
        self.over = False
        self._idle = asyncio.Event()

    async def go(self) -> Report:
        began = time.monotonic()
        sending = [asyncio.create_task(self._send_on()) for _ in range(4)]
        people = asyncio.create_task(self._impatient())
        share = self.plan.sends / max(1, len(self.plan.kills))
        for number, kill in enumerate(self.plan.kills):
            self.allowed = share * (number + 1)
            await self._fire(kill)
            await asyncio.sleep(self.rnd.uniform(0, self.plan.rest))
            if number % 20 == 19:
                self._say(
                    f"{number + 1} kills, {len(self.promises)} messages, {time.monotonic() - began:.0f} s"
                )
        self.allowed, self.over = self.plan.sends, True
        await asyncio.gather(*sending)
        people.cancel()
        self._say(f"all sent after {time.monotonic() - began:.0f} s; coming to rest")
        await self.it.switch_smtp("postfix")
        unknown = await self._settle()
        listed = await self.writers.everything()
        copies = {w.address: await asyncio.to_thread(self.it.sent, w) for w in self.it.writers}
        findings = judge(self.promises, listed, await asyncio.to_thread(self.it.receipts), copies)
        return Report(findings, self.kills, len(self.promises), unknown, time.monotonic() - began)

    # Writers

    async def _send_on(self) -> None:
        while len(self.promises) < self.plan.sends or not self.over:
            if len(self.promises) >= self.allowed:
                await asyncio.sleep(0.05)
                continue
            await self._send()
            await asyncio.sleep(self.rnd.uniform(0, 0.1))

    async def _send(self) -> None:
        rnd, number = self.rnd, len(self.promises)
        writer = rnd.choice(self.it.writers)
        people = [reader.address for reader in self.it.readers]
        rnd.shuffle(people)
        recipients = people[: 2 if rnd.random() < 0.15 else 1]
        if rnd.random() < 0.05:
            recipients.append(f"unknown{number}@example.org")  # Postfix refuses these, smtp-sink does not
        promise = Promise(f"m-{number}", writer.address, tuple(recipients), impatient=rnd.random() < 0.4)
        self.promises[promise.token] = promise
        size = rnd.choice((1, 1, 1, 1, 5, 80)) * 1000
        undo = rnd.choice((0, 0, 0, 0, 0, 1))
        answers = await self.writers.send(
            promise, size, undo=undo, twice=rnd.random() < 0.1, patient=rnd.random() > 0.03
        )
        for answer in answers:
            if promise.id and answer.submission_id != promise.id:
                raise AssertionError(f"{promise.token}: two submissions for one request id")
            promise.id, promise.message_id = answer.submission_id, answer.message_id

    async def _impatient(self) -> None:
        """Somebody who does not wait: a part of what is UNKNOWN is sent again, come or not."""
        while True:
            await asyncio.sleep(2)
            writer = self.rnd.choice(self.it.writers)
            for submission in await self.writers.some(writer.address, S.SUBMISSION_STATE_UNKNOWN):
                promise = self.promises[submission.subject.partition(" ")[2]]
                if promise.impatient and promise.again == 0:
                    promise.again += 1
                    with contextlib.suppress(Exception):
                        await self.writers.resolve(writer.address, submission.submission_id, again=True)

    # Kills

    async def _fire(self, kill: Kill) -> None:
        if "smtp" in kill.victim:
            self.it.smtp_mode = self.rnd.choices(("postfix", "sink", "window"), (5, 4, 2))[0]
        starts = {process.name: process.starts for process in self.it.all()}
        struck: list[str] = []

        def blow(pid: int) -> None:
            for victim in kill.victim.split("+"):
                process = self._process(victim, pid)
                struck.append(process.name)
                if kill.delay and victim != "sender":
                    asyncio.get_running_loop().call_later(kill.delay, process.kill)
                else:
                    process.kill()

        if kill.point:
            for _ in range(8):
                if await self.it.points.strike(kill.point, blow, 3.0):
                    break
                self.allowed += 2
            else:
                self._say(f"nobody came to {kill.point}")
                return
        else:
            blow(self.rnd.choice(self.it.senders).pid)
        self.kills[f"{kill.victim} {kill.point or 'any time'}"] += 1
        if self.rnd.random() < 0.7:
            process = next(p for p in self.it.all() if p.name == struck[0])
            await process.up(20, starts[process.name])
        if "smtp" in kill.victim and self.it.smtp_mode == "window":
            await asyncio.sleep(1.0)
            await self.it.switch_smtp("postfix")

    def _process(self, victim: str, pid: int) -> Process:
        if victim == "sender":
            return next(p for p in self.it.senders if p.pid == pid)
        return {"mariadb": self.it.mariadb, "smtp": self.it.smtp}.get(victim) or self.it.services[victim]

    # The end

    async def _settle(self) -> int:
        """Waits until nothing moves, then settles what is UNKNOWN as a person would who looks in the
        recipient's mailbox; how many there were."""
        for process in self.it.all():
            await process.up()
        if moving := await self.writers.at_rest(60):
            self._say(f"still moving: {moving}")
        await self.it.drained()
        arrived = {receipt.token for receipt in await asyncio.to_thread(self.it.receipts)}
        unknown = 0
        for writer in self.it.writers:
            for submission in await self.writers.some(writer.address, S.SUBMISSION_STATE_UNKNOWN):
                promise = self.promises[submission.subject.partition(" ")[2]]
                again = promise.token not in arrived
                promise.again += again
                promise.told_sent = promise.told_sent or not again
                unknown += 1
                await self.writers.resolve(writer.address, submission.submission_id, again=again)
        if moving := await self.writers.at_rest(60):
            self._say(f"still moving: {moving}")
        await self.it.drained()
        return unknown

    def _say(self, words: str) -> None:
        print(f"  {words}", file=sys.stderr, flush=True)


async def run(chosen: Plan, seed: int) -> Report:
    rnd = random.Random(seed)
    async with world() as it, Writers(it, rnd) as writers:
        return await Run(it, writers, chosen, rnd).go()


@benchmark("sender")
def sender() -> Iterator[Figure]:
    seed = 5
    rnd = random.Random(seed)
    chosen = plan(3000, 3, 6, rnd, rest=0.6) if full() else plan(90, 0, 2, rnd, rest=0.4)
    report = asyncio.run(run(chosen, seed))
    for name, count in sorted(report.kills.items()):
        print(f"  killed {name}: {count}", file=sys.stderr)
    found = report.findings
    for kind in ("lost", "duplicates", "copies", "states"):
        for sentence in getattr(found, kind):
            print(f"  {kind}: {sentence}", file=sys.stderr)
    print(
        f"  {report.messages} messages in {report.seconds:.0f} s; {report.unknown} unknown in the end, "
        f"{len(found.window)} taken twice in the window",
        file=sys.stderr,
    )
    n = report.messages
    yield Figure("sender.lost", len(found.lost), "messages", n=n)
    yield Figure("sender.duplicates_outside_window", len(found.duplicates), "messages", n=n)
    yield Figure("sender.sent_copies_wrong", len(found.copies), "messages", n=n)
    yield Figure("sender.states_wrong", len(found.states), "messages", n=n)
    yield Figure("sender.kills", sum(report.kills.values()), "kills", n=n)
