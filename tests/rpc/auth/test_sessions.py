"""Sessions over gRPC, on SQLite and MariaDB."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, update

from services.auth.rows import now_ms
from services.auth.sessions import Lifetimes
from services.auth.tables import audit, sessions
from services.common.errors import PosternError
from services.common.gen.postern.auth.v1 import account_service_pb2 as account_pb
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from services.common.sealing import open_credential
from tests.rpc.auth.support import FakeChecker, running_auth
from tests.support.rpc import key_set, sealing_key


async def refused(awaitable) -> PosternError:
    with pytest.raises(PosternError) as caught:
        await awaitable
    return caught.value


async def test_a_session_gives_tokens_that_the_services_can_use(database_url: str) -> None:
    async with running_auth(database_url) as auth:
        signed = await auth.sign_in(" Alice@EXAMPLE.org ", "alice")
        assert signed.account == "alice@example.org"
        assert len(signed.session_secret) == 43
        answer = await auth.access(signed.session_secret)
        assert answer.account == "alice@example.org"
        assert [identity.address for identity in answer.identities] == ["alice@example.org"]
        assert answer.identities[0].is_default and answer.identities[0].etag
        tokens = {item.audience: item.token for item in answer.tokens}
        assert set(tokens) == {"auth", "mailstore", "sender", "contacts"}
        keys = key_set()
        for audience, token in tokens.items():
            identity = await keys.verify(token, audience)
            assert identity.account == "alice@example.org" and identity.session_id == answer.session_id
            assert identity.expires_at - identity.issued_at <= 300
            assert bool(identity.sealed_credential) == (audience in ("mailstore", "sender"))
            assert bool(identity.sealed_filing_credential) == (audience == "sender")
            if identity.sealed_credential:
                opened = open_credential(
                    sealing_key(audience),
                    identity.sealed_credential,
                    account="alice@example.org",
                    audience=audience,
                )
                assert (opened.kind, opened.username, opened.password) == (
                    "password",
                    "alice@example.org",
                    "alice",
                )
        sender = await keys.verify(tokens["sender"], "sender")
        opened = open_credential(
            sealing_key("mailstore"),
            sender.sealed_filing_credential or b"",
            account="alice@example.org",
            audience="mailstore",
        )
        assert opened.password == "alice"


async def test_signing_out_ends_it_and_may_be_said_twice(database_url: str) -> None:
    async with running_auth(database_url) as auth:
        signed = await auth.sign_in()
        for _ in range(2):
            await auth.sessions.EndSession(session_pb.EndSessionRequest(session_secret=signed.session_secret))
        assert (await refused(auth.access(signed.session_secret))).reason == "SESSION_ENDED"
        for nonsense in ("", "x", "A" * 43, "é" * 43):
            assert (await refused(auth.access(nonsense))).reason == "SESSION_ENDED"


async def test_a_wrong_password_and_an_unknown_account_are_answered_alike(database_url: str) -> None:
    async with running_auth(database_url) as auth:
        wrong = await refused(auth.sign_in(password="no"))
        unknown = await refused(auth.sign_in("nobody@example.org", "no"))
        assert wrong.reason == unknown.reason == "AUTHENTICATION_FAILED"
        assert wrong.metadata == unknown.metadata
        assert (await refused(auth.sign_in("no address"))).reason == "INVALID_ARGUMENT"


async def test_rest_and_age_end_a_session(database_url: str) -> None:
    lifetimes = Lifetimes(idle=3_600_000, absolute=7_200_000)
    async with running_auth(database_url, lifetimes=lifetimes) as auth:
        rested, aged = await auth.sign_in(), await auth.sign_in()
        assert rested.idle_seconds == 3600
        rows = (
            (await auth.access(rested.session_secret)).session_id,
            (await auth.access(aged.session_secret)).session_id,
        )

        def age(session) -> None:
            session.execute(
                update(sessions)
                .where(sessions.c.session_id == rows[0])
                .values(last_used_ms=sessions.c.last_used_ms - 3_600_000)
            )
            session.execute(
                update(sessions)
                .where(sessions.c.session_id == rows[1])
                .values(expires_ms=sessions.c.expires_ms - 7_200_000)
            )

        await auth.service.database.run(age)
        for signed in (rested, aged):
            assert (await refused(auth.access(signed.session_secret))).reason == "SESSION_ENDED"
        counts = await auth.service.database.run(auth.service.sweep)
        assert counts["session_count"] == 2


async def test_no_token_outlives_its_session(database_url: str) -> None:
    async with running_auth(database_url, lifetimes=Lifetimes(absolute=60_000)) as auth:
        answer = await auth.access((await auth.sign_in()).session_secret)
        assert answer.expire_time.seconds <= answer.session_expire_time.seconds


async def test_the_last_use_is_written_at_most_once_a_minute(database_url: str) -> None:
    async with running_auth(database_url) as auth:
        signed = await auth.sign_in(client="192.0.2.1")

        def row(session):
            return session.execute(select(sessions)).one()

        before = await auth.service.database.read(row)
        await auth.access(signed.session_secret, client="192.0.2.99")
        assert await auth.service.database.read(row) == before
        await auth.service.database.run(
            lambda session: session.execute(
                update(sessions).values(last_used_ms=before.last_used_ms - 60_001)
            )
        )
        await auth.access(signed.session_secret, client="192.0.2.99")
        after = await auth.service.database.read(row)
        assert after.last_used_ms >= before.last_used_ms and after.client_address == "192.0.2.99"


async def test_devices_are_listed_and_revoked(database_url: str) -> None:
    checker = FakeChecker({"alice@example.org": "alice", "bob@example.org": "bob"})
    async with running_auth(database_url, checker=checker) as auth:
        mine = [await auth.sign_in(agent=f"Agent {number}") for number in range(4)]
        bob = await auth.sign_in("bob@example.org", "bob")
        token = await auth.token(mine[0].session_secret)
        listed, page_token = [], ""
        while True:
            page = await auth.sessions.ListSessions(
                session_pb.ListSessionsRequest(page_size=3, page_token=page_token), token=token
            )
            listed += page.sessions
            page_token = page.next_page_token
            if not page_token:
                break
        assert len(listed) == len({item.session_id for item in listed}) == 4
        assert [item.user_agent for item in listed if item.current] == ["Agent 0"]

        async def revoke(**which) -> int:
            request = session_pb.RevokeSessionsRequest(**which)
            return (await auth.sessions.RevokeSessions(request, token=token)).revoked_count

        bobs = (await auth.access(bob.session_secret)).session_id
        assert await revoke(session_id=bobs) == 0
        assert (await refused(revoke())).reason == "INVALID_ARGUMENT"
        last = (await auth.access(mine[3].session_secret)).session_id
        assert await revoke(session_id=last) == 1
        assert await revoke(session_id=last) == 0
        assert await revoke(all_others=True) == 2
        for signed in mine[1:]:
            assert (await refused(auth.access(signed.session_secret))).reason == "SESSION_ENDED"
        await auth.access(mine[0].session_secret)
        await auth.access(bob.session_secret)


async def test_renewal_keeps_the_place_and_takes_a_new_secret(database_url: str) -> None:
    checker = FakeChecker({"alice@example.org": "alice", "bob@example.org": "bob"})
    async with running_auth(database_url, checker=checker) as auth:
        first = await auth.sign_in()
        place = (await auth.access(first.session_secret)).session_id
        second = await auth.sign_in(secret=first.session_secret)
        assert second.session_secret != first.session_secret
        assert (await auth.access(second.session_secret)).session_id == place
        assert (await refused(auth.access(first.session_secret))).reason == "SESSION_ENDED"
        # Another person at the same browser takes nothing over.
        third = await auth.sign_in("bob@example.org", "bob", secret=second.session_secret)
        assert (await auth.access(third.session_secret)).session_id != place
        assert (await refused(auth.access(second.session_secret))).reason == "SESSION_ENDED"


async def test_any_replica_serves_any_session_also_in_parallel(database_url: str) -> None:
    async with running_auth(database_url) as one, running_auth(database_url) as two:
        signed = await one.sign_in()
        answers = await asyncio.gather(
            *(replica.access(signed.session_secret) for _ in range(20) for replica in (one, two))
        )
        assert len({answer.session_id for answer in answers}) == 1
        token = await two.token(signed.session_secret)

        async def note(number: int) -> None:
            request = account_pb.UpdatePreferencesRequest(
                preferences=session_pb.Preferences(extra={f"key{number}": str(number)})
            )
            request.update_mask.paths.append(f"extra.key{number}")
            await (one, two)[number % 2].account.UpdatePreferences(request, token=token)

        await asyncio.gather(*(note(number) for number in range(20)))
        kept = (await one.access(signed.session_secret)).preferences.extra
        assert kept == {f"key{number}": str(number) for number in range(20)}


async def test_the_trail_tells_of_sign_ins_and_refusals(database_url: str) -> None:
    async with running_auth(database_url) as auth:
        await refused(auth.sign_in(password="wrong"))  # before the account is known: not kept
        signed = await auth.sign_in()
        await refused(auth.sign_in(password="wrong", client="198.51.100.7"))
        other = await auth.sign_in()
        await auth.sessions.EndSession(session_pb.EndSessionRequest(session_secret=other.session_secret))
        token = await auth.token(signed.session_secret)
        page = await auth.account.ListAuditEvents(account_pb.ListAuditEventsRequest(page_size=3), token=token)
        rest = await auth.account.ListAuditEvents(
            account_pb.ListAuditEventsRequest(page_token=page.next_page_token), token=token
        )
        events = [*page.events, *rest.events]
        assert [event.action for event in events] == ["sign-out", "sign-in", "sign-in-refused", "sign-in"]
        assert events[2].client_address == "198.51.100.7"
        stored = await auth.service.database.read(lambda session: session.execute(select(audit)).all())
        assert all(row.account == "alice@example.org" for row in stored)


async def test_what_one_replica_changes_shows_at_the_other_at_once(database_url: str) -> None:
    async with running_auth(database_url) as one, running_auth(database_url) as two:
        secret = (await one.sign_in()).session_secret
        token = await one.token(secret)
        for number in range(3):
            await two.access(secret)  # both remember the settings as they are now
            request = account_pb.UpdatePreferencesRequest(
                preferences=session_pb.Preferences(language=f"de-{number:03d}")
            )
            request.update_mask.paths.append("language")
            await one.account.UpdatePreferences(request, token=token)
            assert (await two.access(secret)).preferences.language == f"de-{number:03d}"
        made = session_pb.Identity(display_name="A", address="alias@example.org")
        identity = (
            await one.account.CreateIdentity(account_pb.CreateIdentityRequest(identity=made), token=token)
        ).identity
        shown = (await two.access(secret)).identities
        assert [each.address for each in shown] == ["alice@example.org", "alias@example.org"]
        await one.account.DeleteIdentity(
            account_pb.DeleteIdentityRequest(identity_id=identity.identity_id), token=token
        )
        assert len((await two.access(secret)).identities) == 1


async def test_tokens_are_given_again_for_a_minute_and_to_no_ended_session(database_url: str) -> None:
    async with running_auth(database_url) as one, running_auth(database_url) as two:
        secret = (await one.sign_in()).session_secret
        first = await one.access(secret)
        assert list((await one.access(secret)).tokens) == list(first.tokens)
        one.service._minter._clock = lambda: now_ms() + 61_000
        later = await one.access(secret)
        assert not {token.token for token in later.tokens} & {token.token for token in first.tokens}
        await two.sessions.EndSession(session_pb.EndSessionRequest(session_secret=secret))
        assert (await refused(one.access(secret))).reason == "SESSION_ENDED"
