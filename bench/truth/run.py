"""One truth run: rounds of work from a seed, a while of quiet, and the comparison."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.truth import judge
from bench.truth.inside import Inside
from bench.truth.ledger import Ledger
from bench.truth.outside import Outside
from bench.truth.rig import Mailstore, Place, mail_server, mailstore
from services.common.errors import PosternError
from services.common.rpc.client import connect
from services.mailstore.imap import utf7
from tests.support import rpc

# Seconds of quiet after which the index must be the server's.
QUIET = 5.0
# Reasons that are right at some moment of a run; any other is counted as a divergence.
EXPECTED = frozenset(
    "MAILBOX_CHANGED MESSAGE_GONE MAILBOX_NOT_FOUND SPECIAL_MAILBOX_MISSING MAIL_SERVER_REFUSED CONFLICT "
    "UNAVAILABLE MAIL_SERVER_UNREACHABLE MAILBOX_EXISTS CANCELLED".split()
)


@dataclass
class Outcome:
    """What a run found. `seconds`: how long after the last act the index was the server's, at most."""

    kind: str
    seed: int
    operations: int = 0
    acts: int = 0
    kills: int = 0
    server_kills: int = 0
    # How often the mail server had to be killed because it hung.
    hung: int = 0
    checks: int = 0
    seconds: float = 0.0
    # Mailboxes that the server listed for ever and did not have.
    phantoms: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    divergences: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def head(self) -> str:
        """How far it is, in one line."""
        return (
            f"{self.kind} seed {self.seed}: {self.operations} operations outside, {self.acts} inside, "
            f"{self.kills} kills of mailstore, {self.server_kills} of the mail server, "
            f"{self.checks} checks, equal after {self.seconds:.1f} s at most, "
            f"{len(self.wrong)} wrong, {len(self.divergences)} divergences"
        )

    def report(self) -> str:
        refused = (
            f"refused {dict(self.refused)}, listed and not there: {len(self.phantoms)}, hung: {self.hung}"
        )
        return "\n".join([self.head(), refused, *self.wrong[:20], *self.divergences[:20]])


async def truth(kind: str, *, operations: int, rounds: int, seed: int, kills: bool = True) -> Outcome:
    """`operations` of the other client in so many rounds, Postern acting at the same time; a kill -9 in the
    middle of every other round. SECONDS=… begins no round after that long: `operations` says how far it came.
    """
    end = time.monotonic() + float(os.environ.get("SECONDS") or "inf")
    outcome = Outcome(kind, seed)
    with mail_server(kind) as place:
        async with mailstore(place) as (service, token):
            channel = connect(service.address, tls=rpc.tls("web"), service="mailstore")
            ledger = Ledger()
            inside = Inside(channel, token, ledger)
            try:
                await _wait_ready(inside)
                await inside.make_mailboxes()
                said = 0, 0
                for number in range(rounds):
                    if time.monotonic() > end:
                        break
                    # A new process looks at everything again: what one that goes on forgets shows in between.
                    killed = kills and number % 2 == 1
                    # The mail server's turn: messages on their way between mailboxes may be there twice then.
                    server_killed = kills and number % 4 == 2 and place.server is not None
                    await _round(
                        outcome, place, service, inside, operations // rounds, number, killed, server_killed
                    )
                    news = [*outcome.wrong[said[0] :], *outcome.divergences[said[1] :]]
                    print(outcome.head(), *news, sep="\n", file=sys.stderr, flush=True)
                    said = len(outcome.wrong), len(outcome.divergences)
                outcome.refused = inside.refused
                for reason, count in inside.refused.items():
                    if reason.removeprefix("watch ") not in EXPECTED:
                        outcome.divergences.append(f"{count} calls were refused with {reason}")
            finally:
                await channel.close()
    print(outcome.report(), file=sys.stderr)
    return outcome


async def _wait_ready(inside: Inside) -> None:
    for _ in range(100):
        try:
            await inside.rows("INBOX")
            return
        except PosternError:
            await asyncio.sleep(0.1)
    await inside.rows("INBOX")


async def _round(
    outcome: Outcome,
    place: Place,
    service: Mailstore,
    inside: Inside,
    operations: int,
    number: int,
    kills: bool,
    kills_server: bool,
) -> None:
    rng = random.Random(f"{outcome.seed} {number}")
    watching = asyncio.create_task(inside.watching())
    busy = asyncio.Event()

    async def work_inside(seed: float) -> None:
        own = random.Random(seed)
        while not busy.is_set():
            await inside.step(own)
            outcome.acts += 1
            await asyncio.sleep(own.random() * 0.03)

    async def work_outside(seed: float, count: int) -> None:
        await asyncio.to_thread(_outside, place, random.Random(seed), inside.ledger, count)
        outcome.operations += count

    clients = [work_outside(rng.random(), operations // 2), work_outside(rng.random(), -(-operations // 2))]
    acting = [asyncio.create_task(work_inside(rng.random())) for _ in range(2)]
    outside = asyncio.gather(*clients)
    if kills_server:
        await asyncio.wait([outside], timeout=rng.uniform(0.2, 1.5))
        await place.kill_and_start()
        outcome.server_kills += 1
    if kills:
        await asyncio.wait([outside], timeout=rng.uniform(0.2, 1.5))
        await service.kill_and_start()
        outcome.kills += 1
        await _wait_ready(inside)
    try:
        await outside
    finally:
        busy.set()
        await asyncio.gather(*acting)
    await _check(outcome, place, service, inside)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


def _outside(place: Place, rng: random.Random, ledger: Ledger, count: int) -> None:
    client = _connected(place)
    try:
        for _ in range(count):
            try:
                client.step(rng, ledger)
                time.sleep(rng.random() * 0.02)  # Postern has its turns too
            except (client.lost, OSError):
                # Dovecot ends a connection whose mailbox was deleted.
                client.close()
                client = _connected(place)
    finally:
        client.close()


def _connected(place: Place) -> Outside:
    for _ in range(100):
        try:
            return Outside(place.host, place.port, place.user.address, place.user.password)
        except (Outside.lost, OSError):
            time.sleep(0.1)  # it is being started
    return Outside(place.host, place.port, place.user.address, place.user.password)


async def _settled(
    compare: Callable[[], Awaitable[list[str]]], quiet_since: float
) -> tuple[list[str], float]:
    """The differences that are there after QUIET seconds, and when there was none at last. A comparison takes
    its time on a busy machine; what counts is when it began.
    """
    found: list[str] = []
    while True:
        begun = time.monotonic() - quiet_since
        differences = await compare()
        if not differences or begun > QUIET + 20:
            healed = f"gone after {begun:.1f} s" if not differences else "for good"
            return [f"{line} ({healed})" for line in found], begun
        if begun > QUIET:
            found = found or differences
        await asyncio.sleep(0.2)


async def _check(outcome: Outcome, place: Place, service: Mailstore, inside: Inside) -> None:
    """Nobody acts now: what the server has is the truth."""
    moments: list[float] = []
    phantoms: set[str] = set()

    def look() -> judge.Snapshot:
        client = _connected(place)
        try:
            client.tidy()
            moments.append(time.monotonic())
            found = client.snapshot()
            phantoms.update(utf7.decode(name.encode("ascii")) for name in client.phantoms)
            return found
        finally:
            client.close()

    try:
        snapshot = await asyncio.to_thread(look)
    except (Outside.lost, OSError):
        if place.server is None:
            raise
        # Nobody asks it anything but this, and it does not answer: Dovecot with a damaged list index.
        outcome.hung += 1
        await place.kill_and_start()
        snapshot = await asyncio.to_thread(look)
    file = await asyncio.to_thread(judge.IndexFile, service.index, place.user)

    async def held() -> list[str]:
        await inside.rows("INBOX")  # an open page does so
        return await asyncio.to_thread(file.divergences, snapshot, phantoms)

    async def answered() -> list[str]:
        return await judge.answers_differ(inside, snapshot, phantoms)

    for what, compare in (("index", held), ("answers", answered)):
        differences, seconds = await _settled(compare, moments[0])
        outcome.divergences += [f"{what}: {line}" for line in differences]
        outcome.seconds = max(outcome.seconds, seconds)
    outcome.phantoms |= phantoms
    outcome.checks += 1
    outcome.wrong += judge.wrong_acts(inside.ledger, await asyncio.to_thread(look))
    # What a kill left of drafts, the next save removes.
    for draft_id in sorted(inside.ledger.saved):
        try:
            await inside.save_draft(draft_id)
        except PosternError as err:
            outcome.divergences.append(f"{draft_id} was not saved: {err.reason}")
    snapshot = await asyncio.to_thread(look)
    outcome.wrong += judge.wrong_acts(inside.ledger, snapshot)
    outcome.wrong += judge.duplicate_drafts(snapshot)
