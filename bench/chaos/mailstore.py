"""mailstore's truth: another client changes everything at random while Postern acts, for each kind of server.

`mailstore.truth_divergences`: differences between server, index and answers after 5 s of quiet.
`mailstore.wrong_message_acts`: messages on which something happened that nobody meant, messages told or
opened that were others, drafts lost or doubled. Both must be 0. SEED=… repeats a run's choices (not its
timing), KINDS="qresync neither" runs these kinds of server alone, SECONDS=… ends each after that long.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from functools import cache

from bench.figures import Figure, benchmark, full
from bench.truth.rig import DAMAGED, KINDS
from bench.truth.run import Outcome, truth


@cache
def _outcomes() -> tuple[Outcome, ...]:
    operations, rounds = (10_000, 25) if full() else (160, 2)
    seed = int(os.environ.get("SEED", "1"))
    kinds = (os.environ.get("KINDS") or " ".join(kind for kind in KINDS if kind != DAMAGED)).split()
    return tuple(asyncio.run(truth(kind, operations=operations, rounds=rounds, seed=seed)) for kind in kinds)


@benchmark("mailstore.truth_divergences")
def divergences() -> Iterator[Figure]:
    found = _outcomes()
    checks = sum(outcome.checks for outcome in found)
    yield Figure(
        "mailstore.truth_divergences", sum(len(o.divergences) for o in found), "differences", n=checks
    )


@benchmark("mailstore.wrong_message_acts")
def wrong_acts() -> Iterator[Figure]:
    found = _outcomes()
    acts = sum(outcome.acts for outcome in found)
    yield Figure("mailstore.wrong_message_acts", sum(len(o.wrong) for o in found), "messages", n=acts)
