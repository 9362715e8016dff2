"""The processes that decode: few, kept, and replaced when one dies or takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import sys
from pathlib import Path
from typing import Any

from services.common.logging import get_logger
from services.mailstore.decoding.worker import LENGTH, READY, WORK
from services.mailstore.metrics import DECODED

log = get_logger(__name__)
ROOT = Path(__file__).resolve().parents[3]
# Octets that are decoded on the spot, where that is quicker than handing them over.
INLINE = 64 * 1024
# Seconds for one job. The largest honest one (16 MiB of source) takes about two.
TIME_LIMIT = 15.0
START_LIMIT = 30.0
# Octets of one answer.
_LARGEST = 512 * 1024 * 1024


class NotDecoded(Exception):
    """The decoder failed, crashed or took too long on this content; the text says which."""


class DecoderPool:
    """Use from one event loop. Processes are started when first needed."""

    def __init__(self, processes: int = 2, time_limit: float = TIME_LIMIT) -> None:
        self.time_limit = time_limit
        self._gate = asyncio.Semaphore(processes)
        self._idle: list[asyncio.subprocess.Process] = []
        self._all: set[asyncio.subprocess.Process] = set()

    async def run(self, work: str, size: int, *arguments: Any, apart: bool = False, **options: Any) -> Any:
        """WORK[work] of these arguments: here where `size` octets are few and ordinary, else (or with
        `apart`) in another process. NotDecoded.
        """
        if size <= INLINE and not apart:
            return WORK[work](*arguments, **options)
        async with self._gate:
            process = self._idle.pop() if self._idle else await self._start()
            done = False
            try:
                async with asyncio.timeout(self.time_limit):
                    answer = await _ask(process, (work, arguments, options))
                done = True
            except TimeoutError:  # an OSError too
                raise self._failed(work, "took too long") from None
            except (EOFError, OSError):
                raise self._failed(work, "crashed") from None
            finally:
                if done:
                    self._idle.append(process)
                else:
                    # Also where the caller was cancelled: the answer that is to come is nobody's.
                    await asyncio.shield(self._end(process))
        well, value = answer
        if not well:
            raise self._failed(work, str(value))
        DECODED.labels(work, "ok").inc()
        return value

    @staticmethod
    def _failed(work: str, why: str) -> NotDecoded:
        DECODED.labels(work, "failed").inc()
        log.warning("decoding.failed", work=work, why=why)
        return NotDecoded(why)

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.mailstore.decoding.worker",
            cwd=ROOT,
            # Nothing that is secret: no setting of the service goes along.
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._all.add(process)
        assert process.stdout
        try:
            async with asyncio.timeout(START_LIMIT):
                await process.stdout.readexactly(len(READY))
        except BaseException as err:
            await asyncio.shield(self._end(process))
            if isinstance(err, OSError | EOFError):
                raise self._failed("start", type(err).__name__) from None
            raise
        return process

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        self._all.discard(process)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def close(self) -> None:
        """End all processes."""
        self._idle.clear()
        await asyncio.gather(*(self._end(process) for process in list(self._all)))


async def _ask(process: asyncio.subprocess.Process, job: tuple[Any, ...]) -> tuple[bool, Any]:
    assert process.stdin and process.stdout
    data = pickle.dumps(job, pickle.HIGHEST_PROTOCOL)
    process.stdin.write(LENGTH.pack(len(data)) + data)
    await process.stdin.drain()
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    if length > _LARGEST:
        raise EOFError
    return pickle.loads(await process.stdout.readexactly(length))  # noqa: S301 our own process's


_pool: DecoderPool | None = None


def decoders() -> DecoderPool:
    """The pool of this event loop's service; made when first asked for."""
    global _pool
    loop = asyncio.get_running_loop()
    if _pool is None or getattr(_pool, "_loop", None) is not loop:
        _pool = DecoderPool()
        _pool._loop = loop  # type: ignore[attr-defined]
    return _pool
