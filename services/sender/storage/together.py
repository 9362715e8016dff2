"""Group commit: what several calls want written goes into one transaction, each is answered after its commit.

One transaction runs at a time; whatever is asked for meanwhile goes into the next. So one call alone waits
for nobody, and many at once share the trips to the database and the write to its disk.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from services.common.database import Database
from services.common.errors import PosternError, Reason

T = TypeVar("T")
R = TypeVar("R")

# How long a busy writer waits for others to join, in seconds.
LINGER = 0.002
MOST = 64


class Together(Generic[T, R]):
    """`work(session, items)` gives one result for each item, in order. A result that is an exception is
    raised to the one that it belongs to: that item must have changed nothing.

    Where `work` raises, nothing of the transaction stays, and each item is tried again by itself, so that
    one that cannot be written hinders nobody else.
    """

    def __init__(
        self,
        db: Database,
        work: Callable[[Session, Sequence[T]], Sequence[R | Exception]],
        *,
        most: int = MOST,
        linger: float = LINGER,
    ) -> None:
        self._db, self._work, self._most, self._linger = db, work, most, linger
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._runner: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """The item's result, once committed. A caller that is cancelled leaves its item to be written."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._runner is None:
            # Not in the caller's context: its deadline is not everybody's.
            self._runner = asyncio.create_task(self._run(), context=contextvars.Context())
        return await future

    async def _run(self) -> None:
        shared = False
        try:
            while self._waiting:
                if shared and len(self._waiting) < self._most:
                    await asyncio.sleep(self._linger)
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                shared = len(batch) > 1
                await self._write(batch)
        finally:
            self._runner = None

    async def _write(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        items = [item for item, _ in batch]
        try:
            results: Sequence[R | Exception] = await self._db.run(lambda s: self._work(s, items))
        except Exception as err:
            away = isinstance(err, PosternError) and err.reason == Reason.UNAVAILABLE
            if len(batch) > 1 and not away:
                for one in batch:
                    await self._write([one])
                return
            results = [err] * len(batch)
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
