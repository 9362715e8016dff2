"""Server processes that are killed and come back, and the one that stands at a fault point of the code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.process import SETPRIV, answers, session_members

# The kernel ends the server when this process dies; only the main thread's end counts.
_TIED = [SETPRIV, "--pdeathsig", "TERM"] if os.path.exists(SETPRIV) else []


class Process:
    """A server in a session of its own that is started again whenever it ends, until `stop`.

    argv: asked before each start, so that something else may listen on the same port the next time.
    """

    def __init__(
        self,
        name: str,
        argv: Callable[[], list[str]],
        log: Path,
        port: int,
        *,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name, self.log, self.port, self.starts = name, log, port, 0
        self._argv, self._environment, self._cwd = argv, environment, cwd
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep())

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def kill(self) -> None:
        """SIGKILL to every process of the session, each by its id, the first of all first."""
        for pid in session_members(self.pid) if self.pid else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def up(self, seconds: float = 60.0, after: int = 0) -> bool:
        """Whether it listens within so many seconds, being started more often than `after`."""
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            if self.starts > after and await asyncio.to_thread(answers, self.port):
                return True
            await asyncio.sleep(0.05)
        return False

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 5)
        self.kill()

    async def _keep(self) -> None:
        while True:
            with self.log.open("ab") as out:
                self._process = await asyncio.create_subprocess_exec(
                    *_TIED,
                    *self._argv(),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    env=None if self._environment is None else dict(self._environment),
                    cwd=self._cwd,
                    start_new_session=True,
                )
            self.starts += 1
            await self._process.wait()
            self.kill()
            await asyncio.sleep(0.1)


class FaultPoints:
    """The other end of POSTERN_FAULT_SOCKET: processes stand still at a point until they are told to go on.

    `strike(point, blow)` calls `blow(pid)` once, with the process that next comes to the point standing
    there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.passed: dict[str, int] = {}
        self._armed: tuple[str, Callable[[int], None], asyncio.Event] | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> FaultPoints:
        self._server = await asyncio.start_unix_server(self._passing, str(self.path))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def strike(self, point: str, blow: Callable[[int], None], seconds: float) -> bool:
        """False where no process came to the point in time."""
        done = asyncio.Event()
        self._armed = point, blow, done
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), seconds)
        self._armed = None
        return done.is_set()

    async def _passing(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, ValueError):
                pid, point = (await reader.readline()).decode().split()
                self.passed[point] = self.passed.get(point, 0) + 1
                if self._armed and self._armed[0] == point:
                    _, blow, done = self._armed
                    self._armed = None
                    blow(int(pid))
                    done.set()
                writer.write(b"go\n")
                await writer.drain()
        finally:
            writer.close()
