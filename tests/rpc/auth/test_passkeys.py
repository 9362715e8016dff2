"""Passkeys over gRPC, on SQLite and MariaDB: as second factor, as the only one, and what must be refused."""

from __future__ import annotations

import asyncio
import json

import pytest
from sqlalchemy import select, update

from services.auth.policy import FactorMode, FactorPolicy
from services.auth.tables import factors, passkeys, states
from services.auth.webauthn import RelyingParty
from services.common.gen.postern.auth.v1 import account_service_pb2 as account_pb
from services.common.gen.postern.auth.v1 import factor_service_pb2 as factor_pb
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from tests.rpc.auth.passkey import ORIGIN, Passkey
from tests.rpc.auth.support import Auth, FakeChecker, running_auth
from tests.rpc.auth.test_factors import MANY, reason

PASSKEY, RECOVERY = session_pb.FACTOR_KIND_PASSKEY, session_pb.FACTOR_KIND_RECOVERY_CODE
AGENT = "Test/1"


def auth_at(database_url: str, **options):
    return running_auth(database_url, limits=MANY, passkeys=RelyingParty(ORIGIN), **options)


class Owner:
    """Somebody signed in, who enrols passkeys."""

    def __init__(self, auth: Auth, secret: str, token: str) -> None:
        self.auth, self.secret, self.token = auth, secret, token

    @classmethod
    async def at(cls, auth: Auth) -> Owner:
        secret = (await auth.sign_in()).session_secret
        return cls(auth, secret, await auth.token(secret))

    async def begin(self, **proof) -> factor_pb.BeginFactorEnrolmentResponse:
        request = factor_pb.BeginFactorEnrolmentRequest(
            kind=PASSKEY, display_name="Key", proof=factor_pb.FactorProof(**(proof or {"password": "alice"}))
        )
        return await self.auth.factors.BeginFactorEnrolment(request, token=self.token)

    async def finish(self, state: str, answer: str) -> factor_pb.FinishFactorEnrolmentResponse:
        request = factor_pb.FinishFactorEnrolmentRequest(
            enrolment_state=state, webauthn_response_json=answer, session_secret=self.secret
        )
        done = await self.auth.factors.FinishFactorEnrolment(request, token=self.token)
        self.secret = done.session_secret
        return done

    async def enrol(self, key: Passkey, **proof) -> factor_pb.FinishFactorEnrolmentResponse:
        begun = await self.begin(**proof)
        return await self.finish(begun.enrolment_state, key.create(begun.webauthn_options_json))

    async def proof(self, key: Passkey) -> dict[str, str]:
        asked = await self.auth.factors.BeginFactorProof(
            factor_pb.BeginFactorProofRequest(), token=self.token
        )
        answer = key.get(asked.webauthn_options_json)
        return {"proof_state": asked.proof_state, "webauthn_response_json": answer}

    async def remove(self, factor_id: str, **proof) -> None:
        request = factor_pb.RemoveFactorRequest(factor_id=factor_id, proof=factor_pb.FactorProof(**proof))
        await self.auth.factors.RemoveFactor(request, token=self.token)

    async def actions(self) -> list[str]:
        found = await self.auth.account.ListAuditEvents(account_pb.ListAuditEventsRequest(), token=self.token)
        return [one.action for one in found.events]


async def challenge(auth: Auth, agent: str = AGENT) -> session_pb.Challenge:
    request = session_pb.StartSignInRequest(
        passkey=session_pb.StartSignInRequest.Passkey(), client=session_pb.Client(user_agent=agent)
    )
    return (await auth.sessions.StartSignIn(request)).challenge


async def answer(auth: Auth, state: str, agent: str = AGENT, **proof) -> session_pb.ContinueSignInResponse:
    client = session_pb.Client(address="192.0.2.1", user_agent=agent)
    request = session_pb.ContinueSignInRequest(sign_in_state=state, client=client, **proof)
    return await auth.sessions.ContinueSignIn(request)


async def alone(auth: Auth, key: Passkey) -> session_pb.ContinueSignInResponse:
    """Sign in with the passkey and nothing else."""
    asked = await challenge(auth)
    return await answer(
        auth, asked.sign_in_state, webauthn_response_json=key.get(asked.webauthn_options_json)
    )


async def test_a_passkey_signs_in_alone_with_the_password_that_its_prf_opens(database_url: str) -> None:
    async with auth_at(database_url) as auth:
        me, key = await Owner.at(auth), Passkey()
        before = me.secret
        done = await me.enrol(key)
        assert done.factor.can_sign_in and done.factor.kind == PASSKEY and len(done.recovery_codes) == 10
        # Rotated: the secret from before the enrolment opens nothing, the new one the same session.
        assert await reason(auth.access(before)) == "SESSION_ENDED"
        assert (await auth.access(me.secret)).account == "alice@example.org"

        methods = await auth.sessions.ListSignInMethods(session_pb.ListSignInMethodsRequest())
        assert list(methods.methods) == [
            session_pb.SIGN_IN_METHOD_PASSWORD,
            session_pb.SIGN_IN_METHOD_PASSKEY,
        ]
        for _ in range(2):
            signed = (await alone(auth, key)).signed_in
            opened = await auth.access(signed.session_secret)
            assert {one.audience for one in opened.tokens} == {"auth", "mailstore", "sender", "contacts"}
        listed = await auth.sessions.ListSessions(session_pb.ListSessionsRequest(), token=me.token)
        assert sorted(list(one.factor_kinds) for one in listed.sessions) == [[], [PASSKEY], [PASSKEY]]


async def test_without_prf_the_password_is_asked_once_for_the_session(database_url: str) -> None:
    async with auth_at(database_url) as auth:
        me, key = await Owner.at(auth), Passkey(prf=False)
        await me.enrol(key)
        for _ in range(2):
            asked = (await alone(auth, key)).challenge
            assert asked.password_needed and not asked.factor_kinds
            wrong = answer(auth, asked.sign_in_state, password="wrong")
            assert await reason(wrong) == "AUTHENTICATION_FAILED"
            other = answer(auth, asked.sign_in_state, agent="Another/2", password="alice")
            assert await reason(other) == "SESSION_ENDED"
            signed = (await answer(auth, asked.sign_in_state, password="alice")).signed_in
            assert (await auth.access(signed.session_secret)).account == "alice@example.org"
            again = answer(auth, asked.sign_in_state, password="alice")
            assert await reason(again) == "SESSION_ENDED"
        row = await auth.service.database.read(lambda session: session.execute(select(passkeys)).one())
        assert row.sealed_credential is None


async def test_a_changed_password_is_asked_for_and_kept_anew(tmp_path) -> None:
    checker = FakeChecker()
    async with auth_at(f"sqlite:///{tmp_path}/a.db", checker=checker) as auth:
        me, key = await Owner.at(auth), Passkey()
        await me.enrol(key)
        checker.passwords["alice@example.org"] = "changed"
        asked = (await alone(auth, key)).challenge
        assert asked.password_needed
        await answer(auth, asked.sign_in_state, password="changed")
        assert (await alone(auth, key)).HasField("signed_in")


async def test_as_second_factor_and_sealed_at_its_first_use(database_url: str) -> None:
    async with auth_at(database_url) as auth:
        me, key, other = await Owner.at(auth), Passkey(), Passkey()
        begun = await me.begin()
        created = json.loads(key.create(begun.webauthn_options_json))
        del created["clientExtensionResults"]["prf"]  # as authenticators that evaluate it from get() on
        await me.finish(begun.enrolment_state, json.dumps(created))
        assert (await alone(auth, key)).challenge.password_needed

        asked = (await auth.start()).challenge
        assert list(asked.factor_kinds) == [PASSKEY, RECOVERY] and asked.webauthn_options_json
        allowed = json.loads(asked.webauthn_options_json)["allowCredentials"]
        assert [one["transports"] for one in allowed] == [["hybrid", "internal"]]
        stranger = other.get(asked.webauthn_options_json)
        refused = answer(auth, asked.sign_in_state, webauthn_response_json=stranger)
        assert await reason(refused) == "AUTHENTICATION_FAILED"
        good = key.get(asked.webauthn_options_json)
        signed = await answer(auth, asked.sign_in_state, webauthn_response_json=good)
        assert signed.HasField("signed_in")
        assert (await alone(auth, key)).HasField("signed_in")  # it was sealed on the way


async def test_one_that_does_not_verify_its_holder_is_a_second_factor_only(tmp_path) -> None:
    async with auth_at(f"sqlite:///{tmp_path}/a.db") as auth:
        me, key = await Owner.at(auth), Passkey(verifies=False)
        done = await me.enrol(key)
        assert not done.factor.can_sign_in
        assert await reason(alone(auth, key)) == "AUTHENTICATION_FAILED"
        key.verifies = True  # also not when it does so later: it was not enrolled for that
        assert await reason(alone(auth, key)) == "AUTHENTICATION_FAILED"
        asked = (await auth.start()).challenge
        good = key.get(asked.webauthn_options_json)
        assert (await answer(auth, asked.sign_in_state, webauthn_response_json=good)).HasField("signed_in")


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://mail.example.org.evil.example"},
        {"origin": "http://mail.example.org"},
        {"origin": "https://sub.mail.example.org"},
        {"challenge": "A" * 43},
        {"type": "webauthn.create"},
        {"crossOrigin": True},
        {"rp_id": "evil.example"},
    ],
    ids=lambda one: "-".join(one),
)
async def test_answers_for_something_else_are_refused(tmp_path, changes: dict) -> None:
    async with auth_at(f"sqlite:///{tmp_path}/a.db") as auth:
        me, key = await Owner.at(auth), Passkey()
        await me.enrol(key)
        asked = await challenge(auth)
        bad = key.get(asked.webauthn_options_json, **changes)
        refused = answer(auth, asked.sign_in_state, webauthn_response_json=bad)
        assert await reason(refused) == "AUTHENTICATION_FAILED"
        if "rp_id" not in changes:
            begun = await me.begin(**await me.proof(key))
            made = Passkey().create(begun.webauthn_options_json, **(changes | {"type": "webauthn.get"}))
            assert await reason(me.finish(begun.enrolment_state, made)) == "AUTHENTICATION_FAILED"


async def test_a_challenge_is_used_once_and_by_its_browser(database_url: str) -> None:
    async with auth_at(database_url) as auth:
        me, key = await Owner.at(auth), Passkey()
        await me.enrol(key)
        asked = await challenge(auth)
        good = key.get(asked.webauthn_options_json)
        other = answer(auth, asked.sign_in_state, agent="Another/2", webauthn_response_json=good)
        assert await reason(other) == "SESSION_ENDED"
        results = await asyncio.gather(
            *(reason(answer(auth, asked.sign_in_state, webauthn_response_json=good)) for _ in range(5))
        )
        assert sorted(results) == ["OK", *["SESSION_ENDED"] * 4]
        # A challenge for another purpose, one that was made up, one that was cut.
        proof = await auth.factors.BeginFactorProof(factor_pb.BeginFactorProofRequest(), token=me.token)
        for state in (proof.proof_state, "A" * 80, "", asked.sign_in_state[:-4]):
            answered = key.get(asked.webauthn_options_json)
            refused = answer(auth, state, webauthn_response_json=answered)
            assert await reason(refused) == "SESSION_ENDED"
        # Nothing is written for who only asks.
        before = await auth.service.database.read(lambda session: len(session.execute(select(states)).all()))
        for _ in range(20):
            await challenge(auth)
        after = await auth.service.database.read(lambda session: len(session.execute(select(states)).all()))
        assert before == after


async def test_a_counter_that_goes_back_is_refused_and_told_to_the_owner(database_url: str) -> None:
    async with auth_at(database_url) as auth:
        me, key = await Owner.at(auth), Passkey()
        await me.enrol(key)
        await alone(auth, key)
        await alone(auth, key)
        key.count -= 1  # a copy that has not seen the last use
        assert await reason(alone(auth, key)) == "AUTHENTICATION_FAILED"
        assert "passkey-counter" in await me.actions()
        asked = (await auth.start()).challenge
        key.count -= 1
        copied = answer(
            auth, asked.sign_in_state, webauthn_response_json=key.get(asked.webauthn_options_json)
        )
        assert await reason(copied) == "AUTHENTICATION_FAILED"
        assert (await alone(auth, key)).HasField("signed_in")
        synced = Passkey(counts=False)
        await me.enrol(synced, **await me.proof(key))
        assert (await alone(auth, synced)).HasField("signed_in")
        assert (await alone(auth, synced)).HasField("signed_in")


async def test_several_are_named_told_apart_and_removed_with_a_proof(database_url: str) -> None:
    async with auth_at(database_url) as auth:
        me, first, second = await Owner.at(auth), Passkey(), Passkey()
        one = await me.enrol(first)
        begun = await me.begin(**await me.proof(first))
        options = json.loads(begun.webauthn_options_json)
        assert len(options["excludeCredentials"]) == 1
        two = await me.finish(begun.enrolment_state, second.create(begun.webauthn_options_json))
        assert first.user_handle == second.user_handle and not two.recovery_codes
        twice = await me.begin(**await me.proof(first))
        made = second.create(twice.webauthn_options_json)
        assert await reason(me.finish(twice.enrolment_state, made)) == "CONFLICT"

        listed = await auth.factors.ListFactors(factor_pb.ListFactorsRequest(), token=me.token)
        assert [row.kind for row in listed.factors] == [PASSKEY, PASSKEY, RECOVERY]
        assert all(row.can_sign_in for row in listed.factors[:2]) and listed.factors[0].last_used_time.seconds
        assert await reason(me.remove(one.factor.factor_id, password="alice")) == "INVALID_ARGUMENT"
        used = await me.proof(second)
        await me.remove(one.factor.factor_id, **used)
        assert await reason(me.remove(two.factor.factor_id, **used)) == "AUTHENTICATION_FAILED"
        assert await reason(alone(auth, first)) == "AUTHENTICATION_FAILED"
        assert (await alone(auth, second)).HasField("signed_in")
        await me.remove(two.factor.factor_id, **await me.proof(second))
        assert (await auth.start()).HasField("signed_in")
        left = await auth.service.database.read(lambda session: session.execute(select(passkeys)).all())
        assert not left


async def test_junk_is_refused_and_counted(tmp_path) -> None:
    async with running_auth(f"sqlite:///{tmp_path}/a.db", passkeys=RelyingParty(ORIGIN)) as auth:
        asked = await challenge(auth)
        outcomes = [
            await reason(answer(auth, asked.sign_in_state, webauthn_response_json=junk))
            for junk in ("", "{}", "[]", "null", "x" * 20_000, '{"rawId": 1}', '{"rawId": "AAAA"}') * 4
        ]
        assert outcomes[0] == "AUTHENTICATION_FAILED" and outcomes[-1] == "THROTTLED"


async def test_where_passkeys_are_not_to_be_had(tmp_path) -> None:
    async with running_auth(f"sqlite:///{tmp_path}/a.db") as auth:  # no public address
        assert await reason(challenge(auth)) == "UNSUPPORTED"
        me = await Owner.at(auth)
        assert await reason(me.begin()) == "UNSUPPORTED"
        listed = await auth.factors.ListFactors(factor_pb.ListFactorsRequest(), token=me.token)
        assert PASSKEY not in listed.offered_kinds
    off = FactorPolicy(FactorMode.OFF)
    async with auth_at(f"sqlite:///{tmp_path}/a.db", factors=off) as auth:
        assert await reason(challenge(auth)) == "UNSUPPORTED"
        methods = await auth.sessions.ListSignInMethods(session_pb.ListSignInMethodsRequest())
        assert list(methods.methods) == [session_pb.SIGN_IN_METHOD_PASSWORD]
        listed = await auth.factors.ListFactors(
            factor_pb.ListFactorsRequest(), token=(await Owner.at(auth)).token
        )
        assert not listed.offered_kinds


async def test_another_accounts_passkey_is_no_second_factor(tmp_path) -> None:
    checker = FakeChecker({"alice@example.org": "alice", "bob@example.org": "bob"})
    async with auth_at(f"sqlite:///{tmp_path}/a.db", checker=checker) as auth:
        me, key, bobs = await Owner.at(auth), Passkey(), Passkey()
        await me.enrol(key)
        secret = (await auth.sign_in("bob@example.org", "bob")).session_secret
        bob = Owner(auth, secret, await auth.token(secret))
        begun = await bob.begin(password="bob")
        await bob.finish(begun.enrolment_state, bobs.create(begun.webauthn_options_json))
        asked = (await auth.start()).challenge
        foreign = answer(
            auth, asked.sign_in_state, webauthn_response_json=bobs.get(asked.webauthn_options_json)
        )
        assert await reason(foreign) == "AUTHENTICATION_FAILED"
        question = await auth.factors.BeginFactorProof(factor_pb.BeginFactorProofRequest(), token=me.token)
        proof = {
            "proof_state": question.proof_state,
            "webauthn_response_json": bobs.get(question.webauthn_options_json),
        }
        assert await reason(me.begin(**proof)) == "AUTHENTICATION_FAILED"
        # A handle that names another account than the passkey's own.
        bobs.user_handle = key.user_handle
        assert await reason(alone(auth, bobs)) == "AUTHENTICATION_FAILED"


async def test_what_is_sealed_follows_the_server_key(tmp_path) -> None:
    async with auth_at(f"sqlite:///{tmp_path}/a.db") as auth:
        me, key = await Owner.at(auth), Passkey()
        await me.enrol(key)
        # As when the operator has withdrawn the key: the password is asked for again.
        await auth.service.database.run(
            lambda session: session.execute(update(passkeys).values(server_key_id="0" * 16))
        )
        assert (await alone(auth, key)).challenge.password_needed
        await auth.service.database.run(
            lambda session: session.execute(update(factors).values(server_key_id="0" * 16))
        )
        assert (await alone(auth, key)).challenge.password_needed
