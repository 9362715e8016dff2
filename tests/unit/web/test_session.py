"""How long an answer about a session serves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.common.errors import PosternError, Reason
from services.web import formats
from services.web.model.account import Client, Grant, SignedIn
from services.web.session import LOOK_AGAIN, Sessions
from tests.unit.web.fake_auth import FakeAuth

CLIENT = Client()


@pytest.fixture
def clock(monkeypatch):
    moment = [datetime.now(UTC)]
    monkeypatch.setattr(formats, "now", lambda: moment[0])
    return moment


async def begun() -> tuple[FakeAuth, Sessions, str]:
    auth = FakeAuth()
    signed = await auth.sign_in("alice@example.org", "alice", CLIENT)
    assert isinstance(signed, SignedIn)
    sessions = Sessions(auth, 10)
    await sessions.open(signed.secret, CLIENT)
    return auth, sessions, signed.secret


async def test_a_session_that_ended_elsewhere_ends_here_soon(clock) -> None:
    auth, sessions, secret = await begun()
    auth.sessions.clear()
    await sessions.open(secret, CLIENT)
    clock[0] += LOOK_AGAIN + timedelta(seconds=1)
    with pytest.raises(PosternError, match="SESSION_ENDED"):
        await sessions.open(secret, CLIENT)
    assert len(sessions) == 0


async def test_its_tokens_serve_on_while_auth_is_away_and_no_longer_than_they_live(clock) -> None:
    auth, sessions, secret = await begun()

    async def away(secret: str, client: Client) -> Grant:
        raise PosternError(Reason.UNAVAILABLE)

    answers, auth.grant = auth.grant, away
    clock[0] += timedelta(seconds=200)
    assert (await sessions.open(secret, CLIENT)).account == "alice@example.org"
    clock[0] += timedelta(seconds=60)
    with pytest.raises(PosternError, match="UNAVAILABLE"):
        await sessions.open(secret, CLIENT)
    auth.grant = answers
    assert (await sessions.open(secret, CLIENT)).account == "alice@example.org"


async def test_auth_is_asked_once_in_that_time(clock) -> None:
    auth, sessions, secret = await begun()
    before = auth.grants
    for _ in range(10):
        clock[0] += timedelta(seconds=6)
        await sessions.open(secret, CLIENT)
    assert auth.grants - before == 1
