"""Writes that may be sent twice: the same request id gives the same answer and acts once.

Kept in memory, bounded in number and time: it covers a caller's retry after a lost answer. What must hold
across a restart of this process does not rest on it (see `append.unless_message_id` and the draft id).
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from services.common.errors import Reason, error, invalid_argument
from services.common.rpc.context import client_address, enter_call
from services.mailstore.imap.deadline import time_left

T = TypeVar("T")
MAX_ID = 200
# A write that was begun is finished though its caller has gone, within this many seconds.
FINISH_WITHIN = 120.0


@dataclass
class _Entry:
    task: asyncio.Task[Any] | None = None
    steps: list[Any] = field(default_factory=list)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    done: bool = False
    stopping: bool = False
    since: float = field(default_factory=time.monotonic)


class Requests:
    """Answers to writes lately done, by account, method and request id. `on_write` hears the account of each
    write, also of one that failed midway, before its caller hears of it; and the one mailbox that it changed
    something in, empty where there may be several.
    """

    def __init__(
        self,
        on_write: Callable[[str, str], object] = lambda account, mailbox: None,
        *,
        most: int = 10_000,
        keep: float = 600.0,
        most_steps: int = 200,
    ) -> None:
        self._on_write = on_write
        self._entries: OrderedDict[tuple[str, str, str], _Entry] = OrderedDict()
        self._most, self._keep, self._most_steps = most, keep, most_steps

    async def once(self, account: str, method: str, request_id: str, work: Callable[[], Awaitable[T]]) -> T:
        """The answer of `work`, done once for this id; without an id, done each time.

        The work goes on to its end though the caller is cancelled. A failure is not kept: the write may be
        tried again. MAIL_SERVER_TIMEOUT where the caller's deadline comes first.
        """
        key = self._key(account, method, request_id)
        entry = self._get(key) if request_id else None
        if entry is None or entry.task is None:
            entry = _Entry()
            context = contextvars.copy_context()
            context.run(
                enter_call,
                deadline=time.monotonic() + FINISH_WITHIN,
                peer=frozenset(),
                client=client_address(),
            )
            entry.task = asyncio.get_running_loop().create_task(_run(work), context=context)
            entry.task.add_done_callback(lambda _: self._on_write(account, ""))
            if request_id:
                self._put(key, entry)
                entry.task.add_done_callback(lambda task: self._forget_failure(key, task))
            else:
                entry.task.add_done_callback(_retrieve)
        try:
            async with asyncio.timeout(time_left(FINISH_WITHIN)):
                return await asyncio.shield(entry.task)
        except TimeoutError:
            raise error(Reason.MAIL_SERVER_TIMEOUT, "the write goes on without its caller") from None

    async def stream(
        self,
        account: str,
        method: str,
        request_id: str,
        work: Callable[[], AsyncIterator[T]],
        within: str = "",
    ) -> AsyncIterator[T]:
        """The steps of `work`, or those of the earlier time with the same id. Cancelled, the work stops
        between two steps and what was done is not kept: sent again, it goes on with what is left. So it does
        where `stop` ended it after a step. `within`: the one mailbox that `work` changes, where there is one.
        """
        key = self._key(account, method, request_id)
        entry = self._get(key) if request_id else None
        if entry is not None:
            await entry.finished.wait()
            if entry.done:
                for step in entry.steps:
                    yield step
                return
        entry = _Entry()
        if request_id:
            self._put(key, entry)
        try:
            async with aclosing(work()) as steps:  # type: ignore[type-var]
                async for step in steps:
                    if len(entry.steps) >= self._most_steps:
                        # Bounded; the last one, which says how far it came, is always kept.
                        entry.steps.pop()
                    entry.steps.append(step)
                    self._on_write(account, within)
                    yield step
                    if entry.stopping:
                        break
                else:
                    entry.done = True
        finally:
            self._on_write(account, within)
            entry.finished.set()
            if not entry.done and self._entries.get(key) is entry:
                del self._entries[key]

    def stop(self, account: str, request_id: str) -> bool:
        """End the streams of this id after the step that they are at; whether there was one."""
        found = False
        for (owner, _, known), entry in self._entries.items():
            if (
                owner == account
                and known == request_id
                and not entry.finished.is_set()
                and entry.task is None
            ):
                entry.stopping = found = True
        return found

    @staticmethod
    def _key(account: str, method: str, request_id: str) -> tuple[str, str, str]:
        if len(request_id) > MAX_ID:
            raise invalid_argument("request_id", "too_long")
        return (account, method, request_id)

    def _get(self, key: tuple[str, str, str]) -> _Entry | None:
        now = time.monotonic()
        while self._entries:
            first = next(iter(self._entries.values()))
            if now - first.since < self._keep:
                break
            self._entries.popitem(last=False)
        return self._entries.get(key)

    def _put(self, key: tuple[str, str, str], entry: _Entry) -> None:
        self._entries[key] = entry
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def _forget_failure(self, key: tuple[str, str, str], task: asyncio.Task[Any]) -> None:
        if task.cancelled() or task.exception() is not None:
            entry = self._entries.get(key)
            if entry is not None and entry.task is task:
                del self._entries[key]


class Locks:
    """One at a time for each account and key, within this process."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, account: str, key: str) -> AsyncIterator[None]:
        """An empty key holds nothing."""
        if not key:
            yield
            return
        name = (account, key)
        lock, users = self._held.get(name, (asyncio.Lock(), 0))
        self._held[name] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._held.pop(name)
            if users > 1:
                self._held[name] = (lock, users - 1)


async def _run(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


def _retrieve(task: asyncio.Task[Any]) -> None:
    """A failure that nobody waits for any more is no warning of asyncio's."""
    if not task.cancelled():
        task.exception()
