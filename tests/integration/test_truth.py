"""The truth test in short: see bench/chaos/mailstore.py for all servers and any length."""

from __future__ import annotations

import pytest

from bench.truth import judge, run
from bench.truth.ledger import BY_POSTERN, Ledger
from bench.truth.outside import Seen
from bench.truth.run import truth


@pytest.mark.parametrize("kind", ["qresync", "neither"])
async def test_truth(machine: None, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Other tests take turns with this one on the machine; the chaos run holds to five seconds.
    monkeypatch.setattr(run, "QUIET", 20.0)
    outcome = await truth(kind, operations=100, rounds=2, seed=5)
    assert outcome.wrong == []
    assert outcome.divergences == []
    assert outcome.checks == 2 and outcome.kills == 1 and outcome.acts > 10


def test_what_nobody_meant_is_found() -> None:
    ledger = Ledger()
    ids = [ledger.new_message("alpha")[0] for _ in range(4)]
    ledger.marked["p1"].add(ids[0])
    ledger.gone.add(ids[3])

    def seen(uid: int, *flags: str) -> Seen:
        return Seen(uid, frozenset(flags), ids[uid], "Note", "", 100)

    good = {"INBOX": (1, [seen(0, "p1"), seen(1), seen(2)])}
    assert judge.wrong_acts(ledger, good) == []
    bad = {"INBOX": (1, [seen(0, "p1"), seen(1, "p1", "\\Seen")]), BY_POSTERN: (2, [seen(2)])}
    assert len(judge.wrong_acts(ledger, bad)) == 3
    assert judge.wrong_acts(ledger, {"INBOX": (1, [seen(0)])}) == [
        f"{ids[1]} is in no mailbox",
        f"{ids[2]} is in no mailbox",
    ]
