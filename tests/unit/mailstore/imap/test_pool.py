"""The pool's bounds and its line, with connections that only pretend."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import pytest

from services.common.endpoint import TlsMode
from services.common.errors import PosternError
from services.common.rpc.context import use_deadline
from services.mailstore.imap import pool as module
from services.mailstore.imap.connect import Account, ImapServer, ServerBusy
from services.mailstore.imap.failure import ConnectionLost
from services.mailstore.imap.pool import Pool, PoolLimits

SERVER = ImapServer("127.0.0.1", 1, TlsMode.PLAIN, None)


class Pretended:
    """As much of a Session as the pool looks at."""

    def __init__(self) -> None:
        self.selected = None
        self.opened_at = self.last_used = time.monotonic()
        self.uses = 0
        self.selected_at = 0.0
        self.usable = True

    def close(self) -> None:
        self.usable = False

    async def logout(self) -> None:
        self.close()


def account(name: str = "a") -> Account:
    return Account(name, name, "secret")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Connections that were opened; an exception in `refusals` is raised instead."""
    made: list[Any] = []

    async def connect(server: ImapServer, who: Account) -> Any:
        await asyncio.sleep(0)
        made.append(Pretended())
        return made[-1]

    monkeypatch.setattr(module, "connect", connect)
    return made


def pool(**limits: Any) -> Pool:
    return Pool(SERVER, PoolLimits(**limits))


async def use(of: Pool, who: Account, seconds: float = 0.01) -> None:
    async with of.lease(who):
        await asyncio.sleep(seconds)


async def test_reuses_and_bounds(opened: list[Any]) -> None:
    of = pool(per_account=2)
    await asyncio.gather(*(use(of, account()) for _ in range(10)))
    assert len(opened) == 2
    assert of.open_connections == of.idle_connections == 2
    await use(of, account())
    assert len(opened) == 2


async def test_no_connection_is_kept_for_ever(opened: list[Any]) -> None:
    of = pool(kept_for=100)
    await use(of, account())
    opened[0].opened_at -= 99
    await use(of, account())
    assert len(opened) == 1
    opened[0].opened_at -= 2
    await use(of, account())
    assert len(opened) == 2 and not opened[0].usable
    assert of.open_connections == of.idle_connections == 1


async def test_another_credential_gets_another_connection(opened: list[Any]) -> None:
    of = pool()
    await use(of, account())
    await use(of, Account("a", "a", "changed"))
    assert len(opened) == 2


async def test_common_bound_takes_from_the_idle(opened: list[Any]) -> None:
    of = pool(in_all=2)
    for name in "abcd":
        await use(of, account(name))
    assert of.open_connections == 2


async def test_who_waits_for_the_common_bound_gets_what_others_give_back(opened: list[Any]) -> None:
    of = pool(in_all=2, wait_at_most=2)
    start = time.monotonic()
    await asyncio.gather(*(use(of, account(name), 0.02) for name in "abcdef"))
    assert time.monotonic() - start < 1
    assert of.open_connections <= 2


async def test_wait_ends_with_the_deadline(opened: list[Any]) -> None:
    of = pool(per_account=1)
    async with of.lease(account()):
        with use_deadline(0.1), pytest.raises(PosternError, match="MAIL_SERVER_TIMEOUT"):
            await use(of, account())


async def test_line_is_bounded(opened: list[Any]) -> None:
    of = pool(per_account=1, waiting_per_account=2)
    async with of.lease(account()):
        waiting = [asyncio.create_task(use(of, account())) for _ in range(2)]
        await asyncio.sleep(0.01)
        with pytest.raises(PosternError, match="RATE_LIMITED"):
            await use(of, account())
    await asyncio.gather(*waiting)


async def test_cancelled_turn_goes_to_the_next(opened: list[Any]) -> None:
    of = pool(per_account=1, wait_at_most=2)
    async with of.lease(account()):
        first = asyncio.create_task(use(of, account()))
        second = asyncio.create_task(use(of, account()))
        await asyncio.sleep(0.01)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    await asyncio.wait_for(second, 1)


async def test_broken_connection_is_not_lent_again(opened: list[Any]) -> None:
    of = pool()
    async with of.lease(account()) as session:
        session.close()
    assert of.open_connections == 0
    await use(of, account())
    assert len(opened) == 2


async def test_dead_kept_connection_is_retried_once_for_reads(opened: list[Any]) -> None:
    of = pool()
    await use(of, account())
    calls = 0

    async def work(session: Any) -> str:
        nonlocal calls
        calls += 1
        if session is opened[0]:
            session.close()
            raise ConnectionLost("dead")
        return "answer"

    assert await of.run(account(), work) == "answer"
    assert (calls, of.open_connections) == (2, 1)

    async def never(session: Any) -> None:
        session.close()
        raise ConnectionLost("dead")

    with pytest.raises(PosternError, match="MAIL_SERVER_UNREACHABLE"):
        await of.run(account(), never)
    assert of.open_connections == 0


async def test_servers_limit_is_remembered(opened: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    connect, asked = module.connect, 0

    async def limited(server: ImapServer, who: Account) -> Any:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise ServerBusy("limit")
        return await connect(server, who)

    monkeypatch.setattr(module, "connect", limited)
    of = pool(wait_at_most=2)
    await asyncio.gather(*(use(of, account()) for _ in range(5)))
    assert len(opened) == 1
    of.sweep()
    assert of.open_connections == 1


async def test_a_server_that_still_counts_a_closed_connection_is_asked_again(
    opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, refusals = module.connect, 2

    async def counting(server: ImapServer, who: Account) -> Any:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise ServerBusy("limit")
        return await connect(server, who)

    monkeypatch.setattr(module, "connect", counting)
    monkeypatch.setattr(module, "REFUSED_WAIT", 0.01)
    await use(pool(), account())
    assert len(opened) == 1
    refusals = 100
    with pytest.raises(PosternError, match="MAIL_SERVER_UNREACHABLE"):
        await use(pool(), account())
    assert refusals == 100 - 1 - module.MOST_REFUSED


async def test_sweep_and_close(opened: list[Any]) -> None:
    of = pool(idle_for=0.0)
    await use(of, account())
    await asyncio.sleep(0.01)
    of.sweep()
    assert of.open_connections == 0
    assert not of._slots
    await use(of, account())
    await of.close()
    assert of.open_connections == 0
    with pytest.raises(PosternError, match="UNAVAILABLE"):
        await use(of, account())
