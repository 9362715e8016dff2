"""Building indices in the background: one process per account, few at a time, first come first served."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from services.common.logging import get_logger
from services.mailstore.index.build import BuildProgress
from services.mailstore.index.worker import IDLE, Job

log = get_logger(__name__)
ROOT = Path(__file__).resolve().parents[3]
# Seconds before an account is tried again: after a failure (twice as long after each further one, up to the
# second number), and where its index may grow no further.
AFTER_FAILURE, AFTER_FAILURES, AFTER_FULL = 2.0, 60.0, 3600.0
# Accounts that wait; more are taken up when they are used again.
MOST_WAITING = 1000
# Seconds: a worker that says nothing for so long is ended; and one that works only while nobody else does is
# followed by one that merely is nice, for on a machine that is always busy its turn would never come.
SILENCE, IDLE_SILENCE = 300.0, 5.0

Report = Callable[[BuildProgress], None]


class Builder:
    """Runs workers."""

    def __init__(self, workers: int) -> None:
        self._gate = asyncio.Semaphore(workers)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def wants(self, account: str) -> bool:
        """Whether a job of the account would be taken now."""
        return (
            account not in self._tasks
            and len(self._tasks) < MOST_WAITING
            and time.monotonic() >= self._not_before.get(account, 0.0)
        )

    def busy(self, account: str) -> bool:
        """Whether a job of the account waits or is being done."""
        return account in self._tasks

    def start(self, job: Job, report: Report, done: Callable[[bool], None]) -> None:
        """Build in the background; `done` tells at the end whether all went well. Nothing where not
        `wants`.
        """
        if not self.wants(job.account):
            return

        async def run() -> None:
            well = False
            try:
                async with self._gate:
                    well = await self._run(job, report, idle=True)
            finally:
                del self._tasks[job.account]
                done(well)

        self._tasks[job.account] = asyncio.create_task(run())

    async def _run(self, job: Job, report: Report, *, idle: bool) -> bool:
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.mailstore.index.worker",
            *([IDLE] if idle else []),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin and process.stdout and process.stderr
        try:
            process.stdin.write(json.dumps(asdict(job)).encode("utf-8") + b"\n")
            await process.stdin.drain()
            process.stdin.close()
            while True:
                async with asyncio.timeout(IDLE_SILENCE if idle else SILENCE):
                    line = await process.stdout.readline()
                if not line:
                    break
                report(BuildProgress(**json.loads(line)))
            problem = (await process.stderr.read(10_000)).decode("utf-8", "replace").strip()
            status = await process.wait()
        except (TimeoutError, ValueError, OSError) as err:
            problem, status = type(err).__name__, -1
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        seconds = round(time.monotonic() - started, 1)
        if idle and problem == TimeoutError.__name__:
            log.info("index.builder_starved", account=job.account, seconds=seconds)
            return await self._run(job, report, idle=False)
        if status == 0:
            log.info("index.built", account=job.account, seconds=seconds)
            self._not_before.pop(job.account, None)
            self._failures.pop(job.account, None)
            return True
        log.warning("index.build_failed", account=job.account, status=status, problem=problem[-200:])
        failures = self._failures[job.account] = self._failures.get(job.account, 0) + 1
        wait = AFTER_FULL if status == 3 else min(AFTER_FAILURES, AFTER_FAILURE * 2 ** min(failures - 1, 10))
        self._not_before[job.account] = time.monotonic() + wait
        return False

    async def close(self) -> None:
        """End all workers; what they have written stays and is taken up again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
