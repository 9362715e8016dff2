"""Runs a handful of processes: starts them, waits until all are ready, restarts what crashes, ends all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local.children import ROOT, CannotStart, Child, Layout

FIRST_BACKOFF, LAST_BACKOFF = 0.5, 30.0  # seconds between two starts of the same process
SETTLED = 60.0  # seconds of running after which a crash counts as the first again
GRACE = 8.0  # seconds from SIGTERM to SIGKILL


@dataclass
class _Running:
    child: Child
    process: asyncio.subprocess.Process
    started: float
    restarts: int = 0


class Supervisor:
    """The processes of a LAYOUT. RUN_FILE tells programs where they are; SAY takes lines for a person."""

    def __init__(self, layout: Layout, run_file: Path, say: Callable[[str], None]) -> None:
        self._layout = layout
        self._run_file = run_file
        self._say = say
        self._running: dict[str, _Running] = {}
        self._answering: set[str] = set()
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = False
        self._ready = False
        # Where util-linux is: the kernel ends the children if this process dies without ending them.
        setpriv = shutil.which("setpriv")
        self._prefix = (setpriv, "--pdeathsig", "TERM") if setpriv else ()

    async def start(self, timeout: float) -> None:
        """Start all and wait until all are ready. Raises CannotStart, after ending all, when one is not."""
        for child in self._layout.children:
            with contextlib.suppress(FileNotFoundError):
                child.log.replace(child.log.with_suffix(".log.1"))
            self._running[child.name] = await self._spawn(child)
        self._write()
        waits = {asyncio.create_task(self._until_ready(child)) for child in self._layout.children}
        try:
            deadline = time.monotonic() + timeout
            while waits:
                left = max(0.0, deadline - time.monotonic())
                done, waits = await asyncio.wait(waits, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                if not done:
                    names = ", ".join(name for name in self._running if name not in self._answering)
                    raise CannotStart(f"Not ready after {timeout:.0f} s: {names}. See {self._logs()}.")
        except BaseException:
            await self.stop()
            raise
        finally:
            for task in waits:
                task.cancel()
        self._ready = True
        self._write()
        self._watchers = [asyncio.create_task(self._watch(child)) for child in self._layout.children]

    async def stop(self) -> None:
        """End all: the web edge first, the mail server last, each with SIGTERM and some seconds of grace."""
        self._stopping = True
        for watcher in self._watchers:
            watcher.cancel()
        for stage in sorted({child.stage for child in self._layout.children}, reverse=True):
            await asyncio.gather(*(self._end(r) for r in self._running.values() if r.child.stage == stage))
        self._run_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End all at once, without grace."""
        for running in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                running.process.kill()

    async def _spawn(self, child: Child) -> _Running:
        with child.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._prefix,
                *child.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(child.environment),
                cwd=ROOT,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone
            )
        return _Running(child, process, time.monotonic())

    async def _watch(self, child: Child) -> None:
        """Start the process again whenever it ends, later each time it ends soon."""
        while True:
            running = self._running[child.name]
            await running.process.wait()
            if self._stopping:
                return
            restarts = 0 if time.monotonic() - running.started > SETTLED else running.restarts
            delay = min(FIRST_BACKOFF * 2**restarts, LAST_BACKOFF)
            self._say(f"{self._ended(child)} It starts again in {delay:g} s.")
            await asyncio.sleep(delay)
            fresh = await self._spawn(child)
            fresh.restarts = restarts + 1
            self._running[child.name] = fresh
            self._write()

    def _ended(self, child: Child) -> str:
        status = self._running[child.name].process.returncode
        how = f"signal {-status}" if status is not None and status < 0 else f"status {status}"
        return f"{child.name} ended with {how}; see {_short(child.log)}."

    async def _end(self, running: _Running) -> None:
        process = running.process
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            self._say(f"{running.child.name} did not end within {GRACE:.0f} s and was killed.")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _until_ready(self, child: Child) -> None:
        """Returns when CHILD answers; raises CannotStart when it ends before."""
        process = self._running[child.name].process
        while not await _answers(*child.ready):
            if process.returncode is not None:
                raise CannotStart(f"{self._ended(child)} Its last line: {_last_line(child.log)}")
            await asyncio.sleep(0.05)
        self._answering.add(child.name)

    def _logs(self) -> str:
        return _short(self._layout.children[0].log.parent)

    def _write(self) -> None:
        """Write the run file, whole or not at all."""
        state = {
            "pid": os.getpid(),
            "url": self._layout.url,
            "ready": self._ready,
            "embedded_mail": self._layout.embedded,
            "processes": {
                name: {
                    "pid": running.process.pid,
                    "restarts": running.restarts,
                    "log": str(running.child.log),
                    **running.child.addresses,
                }
                for name, running in self._running.items()
            },
        }
        fresh = self._run_file.with_suffix(".tmp")
        fresh.write_text(json.dumps(state, indent=1) + "\n")
        fresh.replace(self._run_file)

    async def run_until_signal(self) -> int:
        """Wait for SIGINT, SIGTERM or SIGHUP, then end all; a second one ends all at once."""
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()

        def ask() -> None:
            if asked.is_set():
                self.kill()
            asked.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, ask)
        await asked.wait()
        await self.stop()
        return 0


def _last_line(log: Path) -> str:
    """The last line of a log for a person: of a structured one the event and the chain of causes."""
    line = (log.read_text(errors="replace").strip().splitlines() or ["(empty log)"])[-1]
    with contextlib.suppress(ValueError, AttributeError):
        entry = json.loads(line)
        causes = [cause.partition(" at ")[0] for cause in entry.get("exception", "").split(" | caused by ")]
        line = f"{entry['event']}: {', because of '.join(causes)}"
    return line[:400]


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


async def _answers(address: str, path: str) -> bool:
    """Whether ADDRESS accepts a connection and, if PATH is given, answers GET PATH with 200."""
    host, _, port = address.rpartition(":")
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection(host, int(port))
            if not path:
                return True
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
            status = (await reader.readline()).split()
            return len(status) > 1 and status[1] == b"200"
    except (OSError, TimeoutError):
        return False
    finally:
        if writer is not None:
            writer.close()
