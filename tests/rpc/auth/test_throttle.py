"""Throttling over gRPC: growing delays, shared by replicas, that do not lock the owner out."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from sqlalchemy import select, update

from services.auth.tables import throttle
from services.auth.throttle import FORGET_MS, KNOWN_MS, Limit, Limits, network
from services.common.errors import PosternError, Reason, error
from tests.rpc.auth.support import FakeChecker, running_auth

STRANGER, HOME = "198.51.100.7", "192.0.2.1"
FEW = Limits(account=Limit(3, 100.0, 900.0), address=Limit(6, 100.0, 900.0), pair=Limit(3, 10.0, 60.0))


async def outcome(awaitable) -> str:
    try:
        await awaitable
    except PosternError as err:
        return err.reason
    return "OK"


async def shift(auth, milliseconds: int, kind: str | None = None) -> None:
    """As if time had passed since the attempts."""
    rows = throttle.c.kind == kind if kind else throttle.c.kind != "known"
    later = {
        "last_ms": throttle.c.last_ms - milliseconds,
        "until_ms": throttle.c.until_ms - milliseconds,
    }
    await auth.service.database.run(
        lambda session: session.execute(update(throttle).where(rows).values(later))
    )


async def test_delays_grow_and_the_mail_server_is_left_alone(database_url: str) -> None:
    checker = FakeChecker()
    async with running_auth(database_url, checker=checker, limits=FEW) as auth:
        assert [await outcome(auth.sign_in(password="no")) for _ in range(3)] == ["AUTHENTICATION_FAILED"] * 3
        with pytest.raises(PosternError) as caught:
            await auth.sign_in()  # also with the right password: nobody asks whether it is
        assert caught.value.reason == "THROTTLED" and 99 <= int(caught.value.metadata["retry_seconds"]) <= 100
        assert len(checker.asked) == 3
        await shift(auth, 100_000)
        assert await outcome(auth.sign_in(password="no")) == "AUTHENTICATION_FAILED"
        with pytest.raises(PosternError) as caught:
            await auth.sign_in()
        assert 199 <= int(caught.value.metadata["retry_seconds"]) <= 200
        await shift(auth, FORGET_MS + 1)
        assert await outcome(auth.sign_in()) == "OK"


async def test_an_unknown_account_is_throttled_like_a_known_one(database_url: str) -> None:
    async with running_auth(database_url, limits=FEW) as auth:
        names = ("alice@example.org", "nobody@example.org")
        answers = [
            [await outcome(auth.sign_in(name, "no", client=f"203.0.113.{place}")) for _ in range(5)]
            for place, name in enumerate(names)
        ]
        assert answers[0] == answers[1] == ["AUTHENTICATION_FAILED"] * 3 + ["THROTTLED"] * 2


async def test_many_at_once_over_replicas_get_no_more_tries(database_url: str) -> None:
    checker = FakeChecker(seconds=0.2)
    async with (
        running_auth(database_url, checker=checker, limits=FEW) as one,
        running_auth(database_url, checker=checker, limits=FEW) as two,
    ):
        tries = [replica.sign_in(password="no") for _ in range(10) for replica in (one, two)]
        answers = await asyncio.gather(*map(outcome, tries))
        assert answers.count("AUTHENTICATION_FAILED") == len(checker.asked) == 3
        assert answers.count("THROTTLED") == 17, answers


async def test_a_stranger_does_not_lock_the_owner_out(database_url: str) -> None:
    async with running_auth(database_url, limits=FEW) as auth:
        assert await outcome(auth.sign_in(client=HOME)) == "OK"
        for _ in range(5):
            await outcome(auth.sign_in(password="no", client=STRANGER))
        assert await outcome(auth.sign_in(client=STRANGER)) == "THROTTLED"
        assert await outcome(auth.sign_in(client="203.0.113.5")) == "THROTTLED"
        assert await outcome(auth.sign_in(client=HOME)) == "OK"
        # A device that is signed in is known as well, wherever it has gone.
        signed = await auth.sign_in(client=HOME)
        assert await outcome(auth.sign_in(client="203.0.113.6", secret=signed.session_secret)) == "OK"
        # Known does not mean free of limits: whoever sits at the same address waits, though never for long.
        for _ in range(3):
            await outcome(auth.sign_in(password="no", client=HOME))
        assert await outcome(auth.sign_in(client=HOME)) == "THROTTLED"
        await shift(auth, 60_000, "pair")
        assert await outcome(auth.sign_in(client=HOME)) == "OK"


async def test_an_address_is_known_for_a_time_only(database_url: str) -> None:
    async with running_auth(database_url, limits=FEW) as auth:
        await auth.sign_in(client=HOME)
        await shift(auth, KNOWN_MS + 1, "known")
        for _ in range(3):
            await outcome(auth.sign_in(password="no", client=STRANGER))
        assert await outcome(auth.sign_in(client=HOME)) == "THROTTLED"


async def test_one_address_that_tries_many_names_is_slowed(database_url: str) -> None:
    async with running_auth(database_url, limits=FEW) as auth:
        answers = [
            await outcome(auth.sign_in(f"name{n}@example.org", "no", client=STRANGER)) for n in range(8)
        ]
        assert answers == ["AUTHENTICATION_FAILED"] * 6 + ["THROTTLED"] * 2
        # Success of their own gives back that attempt and no more.
        assert await outcome(auth.sign_in("name9@example.org", "no", client="2001:db8:1:2::1")) != "THROTTLED"


async def test_what_could_not_be_checked_does_not_count(database_url: str) -> None:
    checker = FakeChecker(error=error(Reason.MAIL_SERVER_UNREACHABLE))
    async with running_auth(database_url, checker=checker, limits=FEW) as auth:
        assert {await outcome(auth.sign_in()) for _ in range(6)} == {"MAIL_SERVER_UNREACHABLE"}
        checker.error = None
        assert await outcome(auth.sign_in()) == "OK"
        rows = await auth.service.database.read(lambda session: session.execute(select(throttle)).all())
        assert {row.kind: row.attempts for row in rows} == {"address": 0, "known": 0}


async def test_who_hangs_up_is_counted(database_url: str) -> None:
    """Else a guess could be taken back as soon as the answer takes as long as a refusal does."""
    checker = FakeChecker(seconds=5.0)
    async with running_auth(database_url, checker=checker, limits=FEW) as auth:
        for number in range(1, 4):
            call = asyncio.create_task(auth.sign_in(password="no"))
            while len(checker.asked) < number:
                await asyncio.sleep(0.01)
            call.cancel()
            await asyncio.sleep(0.2)
        checker.seconds = 0.0
        assert await outcome(auth.sign_in()) == "THROTTLED"


async def test_a_flood_is_refused_quickly(tmp_path) -> None:
    """The figure for the issue is auth.throttled_rejections; here only that it is of the right order."""
    checker = FakeChecker()
    async with running_auth(f"sqlite:///{tmp_path}/a.db", checker=checker, limits=FEW) as auth:
        for _ in range(3):
            await outcome(auth.sign_in(password="no"))
        begun = time.perf_counter()
        answers = await asyncio.gather(*(outcome(auth.sign_in(password="no")) for _ in range(300)))
        rate = 300 / (time.perf_counter() - begun)
        print(f"\nauth.throttled_rejections {rate:.0f} per second")
        assert set(answers) == {"THROTTLED"} and len(checker.asked) == 3
        assert rate > 50


async def test_each_refusal_is_one_line_for_fail2ban(tmp_path, caplog) -> None:
    """Passwords, codes and passkeys, with the expression that docs/operating.md tells operators to use."""
    import re
    from pathlib import Path

    from services.auth.webauthn import RelyingParty
    from services.common.logging import JsonFormatter
    from tests.rpc.auth.test_factors import Person, go_on
    from tests.rpc.auth.test_passkeys import answer, challenge

    documented = re.search(
        r"^failregex = (.+)$",
        (Path(__file__).parents[3] / "docs/operating.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert documented
    # What fail2ban puts in for <ADDR>, in short.
    expression = re.compile(documented[1].replace("<ADDR>", r"(?P<addr>[0-9a-fA-F.:]+)"))
    passkeys = RelyingParty("https://mail.example.org")
    async with running_auth(f"sqlite:///{tmp_path}/a.db", limits=FEW, passkeys=passkeys) as auth:
        me = await Person.at(auth)
        await me.enrol()
        caplog.clear()
        with caplog.at_level("WARNING"):
            for _ in range(4):
                await outcome(auth.sign_in('x", "client_address": "203.0.113.9@example.org', "secretword"))
                await outcome(auth.sign_in(password="secretword", client=STRANGER))
            state = (await auth.start(client="192.0.2.1")).challenge.sign_in_state
            await outcome(go_on(auth, state, "secretword"))
            asked = await challenge(auth)
            await outcome(answer(auth, asked.sign_in_state, webauthn_response_json='{"secretword": 1}'))
    lines = [JsonFormatter("auth").format(record) for record in caplog.records]
    refusals = [line for line in lines if "signin.refused" in line]
    found = [expression.search(line) for line in refusals]
    assert [match and match["addr"] for match in found] == [STRANGER] * 4 + ["192.0.2.1"] * 2
    assert [json.loads(line)["why"] for line in refusals[-2:]] == ["wrong_code", "wrong_passkey"]
    assert "secretword" not in "\n".join(lines)


def test_addresses_are_counted_by_what_one_subscriber_has() -> None:
    assert network("192.0.2.9") == network("::ffff:192.0.2.9") == "192.0.2.9"
    assert network("2001:db8:1:2::5") == network("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    assert network("") == network("nonsense") == "unknown"
