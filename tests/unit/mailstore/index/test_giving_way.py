"""The process that builds an index goes last, but its turn comes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.mailstore.index import builder
from services.mailstore.index.worker import Job

_ASK = (
    "import os; from services.mailstore.index.worker import give_way; give_way({}); "
    "print(os.sched_getscheduler(0), os.nice(0))"
)


@pytest.mark.skipif(sys.platform != "linux", reason="SCHED_IDLE is Linux's")
def test_it_runs_while_nobody_else_does() -> None:
    for idle, policy in ((True, os.SCHED_IDLE), (False, os.SCHED_OTHER)):
        done = subprocess.run([sys.executable, "-c", _ASK.format(idle)], capture_output=True, check=True)
        asked = done.stdout.split()
        assert int(asked[0]) == policy
        assert int(asked[1]) >= os.nice(0) + 10 or int(asked[1]) == 19


async def test_where_its_turn_never_comes_it_is_merely_nice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that is always busy. No process gets as far as a word in so short a time."""
    monkeypatch.setattr(builder, "IDLE_SILENCE", 0.001)
    started: list[bool] = []
    create = asyncio.create_subprocess_exec

    async def noted(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        started.append("--idle" in arguments)
        return await create(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    # There is no server: the second says so, having been waited for.
    job = Job("a", "a", "p", str(tmp_path / "a.db"), "11" * 32, "127.0.0.1", 1, "plain", "", 1 << 30)
    ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    building = builder.Builder(1)
    building.start(job, lambda _: None, ended.set_result)
    assert await asyncio.wait_for(ended, 60) is False
    assert started == [True, False]
    assert building._failures == {"a": 1}
    await building.close()
