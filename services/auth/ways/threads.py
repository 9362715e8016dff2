"""Blocking conversations on bounded threads: a directory's, a POP3 server's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from services.common.errors import PosternError, Reason, error

T = TypeVar("T")


@dataclass(frozen=True)
class Bounds:
    """Times in seconds; `workers`: conversations at once; `waiting`: most that wait for one to end."""

    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    total_seconds: float = 20.0
    workers: int = 16
    waiting: int = 64


class Checks:
    """Runs checks, at most so many at once."""

    def __init__(self, name: str, bounds: Bounds) -> None:
        self._bounds = bounds
        self._threads = ThreadPoolExecutor(bounds.workers, thread_name_prefix=name)
        self._running = 0

    async def run(self, check: Callable[..., T], *arguments: str) -> T:
        """What `check` says. UNAVAILABLE where too many wait, MAIL_SERVER_TIMEOUT where it takes too long."""
        if self._running >= self._bounds.workers + self._bounds.waiting:
            raise error(Reason.UNAVAILABLE, "too many password checks at once")
        self._running += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, check, *arguments)
        future.add_done_callback(self._done)
        try:
            async with asyncio.timeout(self._bounds.total_seconds):
                return await asyncio.shield(future)
        except TimeoutError as err:
            # The thread ends by itself, by the socket's timeout.
            raise error(Reason.MAIL_SERVER_TIMEOUT, err) from None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, future: asyncio.Future) -> None:
        self._running -= 1
        if not future.cancelled():
            future.exception()  # seen, also where nobody waits any more


def timed_out(err: BaseException | None) -> bool:
    """Whether a timeout is at the bottom of it."""
    for _ in range(6):
        if err is None:
            return False
        if isinstance(err, TimeoutError) or "timed out" in str(err).lower():
            return True
        err = err.__cause__ or err.__context__
    return False


def failure(err: BaseException) -> PosternError:
    """What a failed conversation means."""
    late = timed_out(err)
    return error(Reason.MAIL_SERVER_TIMEOUT if late else Reason.MAIL_SERVER_UNREACHABLE, err)
