"""The short form of `make chaos ONLY=sender`: every process of the way from Send to Sent is killed, at the
points that matter most and at any moment."""

from __future__ import annotations

import random

from bench.chaos.sender import Kill, Plan, run

KILLS = (
    Kill("sender", "accept.before_commit"),
    Kill("mariadb", "accept.committed"),
    Kill("sender", "dot.marked"),
    Kill("smtp", "dot.sent"),
    Kill("sender", "dot.answered"),
    Kill("mailstore", "file.begin", 0.01),
    Kill("sender+mailstore", "file.appended"),
    Kill("mariadb", "attempt.settled"),
    Kill("sender"),
)


async def test_nothing_is_lost_and_nothing_is_there_twice(machine: None) -> None:
    kills = list(KILLS)
    random.Random(1).shuffle(kills)
    report = await run(Plan(36, tuple(kills), rest=0.1), seed=1)
    found = report.findings
    assert (found.lost, found.duplicates, found.copies, found.states) == ([], [], [], [])
    assert sum(report.kills.values()) == len(KILLS) and report.messages >= 36
