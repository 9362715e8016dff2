"""Second factors over gRPC, on SQLite and MariaDB."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select, update

from services.auth import cli, totp
from services.auth.policy import FactorMode, FactorPolicy, networks
from services.auth.tables import factors, metadata, states
from services.auth.throttle import Limit, Limits
from services.common.errors import PosternError
from services.common.gen.postern.auth.v1 import account_service_pb2 as account_pb
from services.common.gen.postern.auth.v1 import factor_service_pb2 as factor_pb
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from tests.rpc.auth.support import Auth, FakeChecker, running_auth

TOTP, RECOVERY = session_pb.FACTOR_KIND_TOTP, session_pb.FACTOR_KIND_RECOVERY_CODE
HOTP = session_pb.FACTOR_KIND_HOTP
MANY = Limits(*(Limit(1000, 1.0, 1.0) for _ in range(4)))


async def reason(awaitable) -> str:
    try:
        await awaitable
    except PosternError as err:
        return err.reason
    return "OK"


@dataclass
class Phone:
    """An authenticator: it makes a fresh code each time, by going on to the next step where it must."""

    secret: bytes
    shown: set[int] = field(default_factory=set)

    def code(self) -> str:
        if time.time() % 30 > 28.5:
            time.sleep(1.6)  # the step before this one is about to be too old
        now = int(time.time()) // 30
        step = next(step for step in (now - 1, now, now + 1) if step > max(self.shown, default=0))
        self.shown.add(step)
        return totp.code_at(self.secret, step)


class Person:
    """Somebody signed in with the password alone."""

    def __init__(self, auth: Auth, token: str) -> None:
        self.auth, self.token = auth, token

    @classmethod
    async def at(cls, auth: Auth) -> Person:
        return cls(auth, await auth.token((await auth.sign_in()).session_secret))

    async def begin(self, **proof) -> factor_pb.BeginFactorEnrolmentResponse:
        request = factor_pb.BeginFactorEnrolmentRequest(
            kind=TOTP, display_name="Phone ✓", proof=factor_pb.FactorProof(**proof)
        )
        return await self.auth.factors.BeginFactorEnrolment(request, token=self.token)

    async def finish(self, state: str, code: str) -> factor_pb.FinishFactorEnrolmentResponse:
        request = factor_pb.FinishFactorEnrolmentRequest(enrolment_state=state, code=code)
        return await self.auth.factors.FinishFactorEnrolment(request, token=self.token)

    async def enrol(self, **proof) -> tuple[Phone, list[str], str]:
        """The authenticator, the recovery codes, the factor's id."""
        begun = await self.begin(**(proof or {"password": "alice"}))
        phone = Phone(base64.b32decode(parse_qs(urlsplit(begun.otpauth_uri).query)["secret"][0]))
        done = await self.finish(begun.enrolment_state, phone.code())
        return phone, list(done.recovery_codes), done.factor.factor_id

    async def list(self) -> factor_pb.ListFactorsResponse:
        return await self.auth.factors.ListFactors(factor_pb.ListFactorsRequest(), token=self.token)

    async def remove(self, factor_id: str, **proof) -> None:
        request = factor_pb.RemoveFactorRequest(factor_id=factor_id, proof=factor_pb.FactorProof(**proof))
        await self.auth.factors.RemoveFactor(request, token=self.token)


async def go_on(auth: Auth, state: str, code: str, agent: str = "Test/1") -> session_pb.SignedIn:
    request = session_pb.ContinueSignInRequest(
        sign_in_state=state, code=code, client=session_pb.Client(address="192.0.2.1", user_agent=agent)
    )
    return (await auth.sessions.ContinueSignIn(request)).signed_in


async def test_enrol_sign_in_and_remove(database_url: str) -> None:
    async with running_auth(database_url) as auth:
        me = await Person.at(auth)
        phone, codes, factor_id = await me.enrol()
        assert len(set(codes)) == 10
        listed = await me.list()
        assert [(item.kind, item.display_name) for item in listed.factors] == [
            (TOTP, "Phone ✓"),
            (RECOVERY, ""),
        ]
        assert listed.factors[1].codes_left == 10 and not listed.required

        answer = await auth.start()
        assert not answer.HasField("signed_in") and list(answer.challenge.factor_kinds) == [TOTP, RECOVERY]
        signed = await go_on(auth, answer.challenge.sign_in_state, phone.code())
        assert (await auth.access(signed.session_secret)).account == "alice@example.org"
        tokens = await auth.access(signed.session_secret)
        assert {item.audience for item in tokens.tokens} == {"auth", "mailstore", "sender", "contacts"}
        sessions = (
            await auth.sessions.ListSessions(session_pb.ListSessionsRequest(), token=me.token)
        ).sessions
        assert sorted(list(item.factor_kinds) for item in sessions) == [[], [TOTP]]

        # A recovery code stands in, once.
        state = (await auth.start()).challenge.sign_in_state
        await go_on(auth, state, codes[0].upper().replace("-", " "))
        state = (await auth.start()).challenge.sign_in_state
        assert await reason(go_on(auth, state, codes[0])) == "AUTHENTICATION_FAILED"
        assert (await me.list()).factors[1].codes_left == 9

        assert await reason(me.remove(factor_id, password="alice")) == "INVALID_ARGUMENT"
        assert await reason(me.remove(factor_id, code="000000")) == "AUTHENTICATION_FAILED"
        assert await reason(me.remove("unknown", code=codes[1])) == "NOT_FOUND"
        await me.remove(factor_id, code=codes[2])
        assert not (await me.list()).factors
        assert (await auth.start()).HasField("signed_in")
        events = await auth.account.ListAuditEvents(account_pb.ListAuditEventsRequest(), token=me.token)
        actions = {event.action for event in events.events}
        assert {"factor-enrolled", "factor-removed", "factor-refused", "sign-in"} <= actions


async def test_replays_and_wrong_codes_are_refused(database_url: str) -> None:
    async with running_auth(database_url, limits=MANY) as auth:
        me = await Person.at(auth)
        phone, codes, _ = await me.enrol()
        code = phone.code()
        first, second = [(await auth.start()).challenge.sign_in_state for _ in range(2)]
        await go_on(auth, first, code)
        assert await reason(go_on(auth, second, code)) == "AUTHENTICATION_FAILED"
        assert await reason(go_on(auth, first, codes[0])) == "SESSION_ENDED"  # a state is used once
        # One code for many at once: one of them.
        many = [(await auth.start()).challenge.sign_in_state for _ in range(6)]
        results = await asyncio.gather(*(reason(go_on(auth, state, codes[1])) for state in many))
        assert sorted(results) == ["AUTHENTICATION_FAILED"] * 5 + ["OK"]
        # Five attempts end the state, so that the sixth is not looked at though it is right.
        state = (await auth.start()).challenge.sign_in_state
        for _ in range(5):
            assert await reason(go_on(auth, state, "000000")) == "AUTHENTICATION_FAILED"
        assert await reason(go_on(auth, state, codes[2])) == "SESSION_ENDED"


async def test_a_state_is_bound_to_the_browser_and_short_lived(database_url: str) -> None:
    async with running_auth(database_url, limits=MANY) as auth:
        me = await Person.at(auth)
        _, codes, _ = await me.enrol()
        state = (await auth.start()).challenge.sign_in_state
        assert await reason(go_on(auth, state, codes[0], agent="Another/2")) == "SESSION_ENDED"
        assert await reason(go_on(auth, "A" * 43, codes[0])) == "SESSION_ENDED"
        assert await reason(go_on(auth, "", codes[0])) == "SESSION_ENDED"
        await auth.service.database.run(
            lambda session: session.execute(update(states).values(expires_ms=states.c.expires_ms - 600_001))
        )
        assert await reason(go_on(auth, state, codes[0])) == "SESSION_ENDED"
        counts = await auth.service.database.run(auth.service.sweep)
        assert counts["state_count"] == 1
        # An enrolment's state is no sign-in's, and another account's opens nothing.
        begun = await me.begin(code=codes[1])
        assert await reason(go_on(auth, begun.enrolment_state, codes[2])) == "SESSION_ENDED"


async def test_guessing_codes_is_throttled_also_over_many_sign_ins(tmp_path) -> None:
    checker = FakeChecker()
    async with running_auth(f"sqlite:///{tmp_path}/a.db", checker=checker) as auth:
        me = await Person.at(auth)
        await me.enrol()
        outcomes = []
        for _ in range(8):
            try:
                state = (await auth.start()).challenge.sign_in_state
            except PosternError as err:
                outcomes.append(err.reason)
                continue
            outcomes.append(await reason(go_on(auth, state, "000000")))
        # A right password in between does not wipe the count out.
        assert outcomes[-1] == "THROTTLED" and outcomes.count("AUTHENTICATION_FAILED") <= 5


async def test_enrolment_needs_proof(database_url: str) -> None:
    async with running_auth(database_url, limits=MANY) as auth:
        me = await Person.at(auth)
        assert await reason(me.begin()) == "INVALID_ARGUMENT"
        assert await reason(me.begin(code="123456")) == "INVALID_ARGUMENT"
        assert await reason(me.begin(password="wrong")) == "AUTHENTICATION_FAILED"
        begun = await me.begin(password="alice")
        assert await reason(me.finish(begun.enrolment_state, "000000")) == "AUTHENTICATION_FAILED"
        assert (await auth.start()).HasField("signed_in")  # not enrolled before its first code
        phone, codes, _ = await me.enrol()
        assert await reason(me.begin(password="alice")) == "INVALID_ARGUMENT"
        _, none, _ = await me.enrol(code=codes[0])
        assert none == []  # recovery codes come once
        assert phone.code()
        request = factor_pb.CreateRecoveryCodesRequest(proof=factor_pb.FactorProof(code=codes[1]))
        fresh = (await auth.factors.CreateRecoveryCodes(request, token=me.token)).recovery_codes
        assert len(set(fresh) | set(codes)) == 20
        state = (await auth.start()).challenge.sign_in_state
        assert await reason(go_on(auth, state, codes[5])) == "AUTHENTICATION_FAILED"
        assert await reason(go_on(auth, state, fresh[5])) == "OK"


async def test_required_means_enrol_before_anything_else(database_url: str) -> None:
    policy = FactorPolicy(FactorMode.REQUIRED, networks("10.0.0.0/8"))
    async with running_auth(database_url, factors=policy) as auth:
        assert not (await auth.sign_in(client="10.1.2.3")).must_enrol_factor
        signed = await auth.sign_in()
        assert signed.must_enrol_factor
        answer = await auth.access(signed.session_secret)
        assert answer.must_enrol_factor and [item.audience for item in answer.tokens] == ["auth"]
        assert not (await auth.access(signed.session_secret, client="10.1.2.3")).must_enrol_factor
        me = Person(auth, answer.tokens[0].token)
        assert (await me.list()).required
        await me.enrol()
        answer = await auth.access(signed.session_secret)
        assert not answer.must_enrol_factor and len(answer.tokens) == 4


async def test_off_means_not_offered_and_not_asked_for(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    async with running_auth(url) as auth:
        await (await Person.at(auth)).enrol()
    async with running_auth(url, factors=FactorPolicy(FactorMode.OFF)) as auth:
        me = await Person.at(auth)
        assert await reason(me.begin(password="alice")) == "UNSUPPORTED"


async def test_a_waiting_sign_in_gives_no_password_away(database_url: str) -> None:
    password = "Eisvogel-unmistakable"
    async with running_auth(database_url, checker=FakeChecker({"alice@example.org": password})) as auth:
        me = Person(auth, await auth.token((await auth.sign_in(password=password)).session_secret))
        phone, codes, _ = await me.enrol(password=password)
        state = (await auth.start(password=password)).challenge.sign_in_state

        def values(session) -> list[bytes]:
            rows = [row for table in metadata.sorted_tables for row in session.execute(select(table))]
            return [
                value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row
            ]

        dump = b"\0".join(await auth.service.database.read(values))
        for secret in (password.encode(), state.encode(), phone.secret, *(code.encode() for code in codes)):
            assert secret not in dump
        waiting = await auth.service.database.read(lambda session: session.execute(select(states)).one())
        sealed = await auth.service.database.read(lambda session: session.execute(select(factors)).one())
        assert waiting.sealed_content and sealed.sealed_secret


@pytest.mark.parametrize("kind", [session_pb.FACTOR_KIND_RECOVERY_CODE, 99])
async def test_kinds_that_are_not_served_say_so(tmp_path, kind: int) -> None:
    async with running_auth(f"sqlite:///{tmp_path}/a.db") as auth:
        me = await Person.at(auth)
        request = factor_pb.BeginFactorEnrolmentRequest(kind=kind)  # type: ignore[arg-type]
        call = auth.factors.BeginFactorEnrolment(request, token=me.token)
        assert await reason(call) == "UNSUPPORTED"


class Card:
    """A card with a button: each press is the next code."""

    def __init__(self, secret: bytes, counter: int = 0) -> None:
        self.secret, self.counter = secret, counter

    def press(self, times: int = 1) -> str:
        self.counter += times
        return totp.code_at(self.secret, self.counter - 1)


async def test_a_card_from_enrolment_over_its_drift_to_removal(database_url: str) -> None:
    async with running_auth(database_url, limits=MANY) as auth:
        me, card = await Person.at(auth), Card(b"card-secret-of-20-by", counter=33)

        def begin(secret: str, **proof):
            return auth.factors.BeginFactorEnrolment(
                factor_pb.BeginFactorEnrolmentRequest(
                    kind=HOTP,
                    display_name="Card",
                    otp_secret=secret,
                    proof=factor_pb.FactorProof(**(proof or {"password": "alice"})),
                ),
                token=me.token,
            )

        assert await reason(begin("too short")) == "INVALID_ARGUMENT"
        begun = await begin(card.secret.hex())
        one = card.press()
        assert await reason(me.finish(begun.enrolment_state, one)) == "AUTHENTICATION_FAILED"
        assert await reason(me.finish(begun.enrolment_state, f"{one} {one}")) == "AUTHENTICATION_FAILED"
        done = await me.finish(begun.enrolment_state, f"{one} {card.press()}")
        assert done.factor.kind == HOTP and len(done.recovery_codes) == 10

        async def signs_in(code: str) -> str:
            asked = (await auth.start()).challenge
            assert list(asked.factor_kinds) == [HOTP, RECOVERY]
            return await reason(go_on(auth, asked.sign_in_state, code))

        assert await signs_in(one) == "AUTHENTICATION_FAILED"
        code = card.press()
        assert await signs_in(code) == "OK"
        assert await signs_in(code) == "AUTHENTICATION_FAILED"
        assert await signs_in(card.press(8)) == "OK"  # some presses went nowhere
        # In a drawer with something on the button: two in a row, also over two sign-ins.
        assert await signs_in(card.press(90)) == "AUTHENTICATION_FAILED"
        assert await signs_in(card.press()) == "OK"
        # One code for many at once: one of them.
        code = card.press()
        many = [(await auth.start()).challenge.sign_in_state for _ in range(5)]
        results = await asyncio.gather(*(reason(go_on(auth, state, code)) for state in many))
        assert sorted(results) == ["AUTHENTICATION_FAILED"] * 4 + ["OK"]

        made = await begin("", code=card.press())  # Postern makes the secret for a card that can be written
        uri = urlsplit(made.otpauth_uri)
        assert uri.netloc == "hotp"
        other = Card(base64.b32decode(parse_qs(uri.query)["secret"][0]))
        await me.finish(made.enrolment_state, f"{other.press()} {other.press()}")
        assert await signs_in(other.press()) == "OK"
        await me.remove(done.factor.factor_id, code=card.press())
        assert await signs_in(card.press()) == "AUTHENTICATION_FAILED"


async def test_the_operator_lets_somebody_in_who_lost_the_phone_and_the_codes(
    database_url: str, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("POSTERN_DATABASE_URL", database_url)
    async with running_auth(database_url) as auth:
        me = await Person.at(auth)
        await me.enrol()
        assert not (await auth.start()).HasField("signed_in")
        assert await asyncio.to_thread(cli.main, ["accounts", "reset-factors", "alice@example.org"]) == 0
        assert capsys.readouterr().out == "1 removed\n"
        again = await auth.start()
        assert again.HasField("signed_in")
        assert not (await me.list()).factors
        events = await auth.account.ListAuditEvents(account_pb.ListAuditEventsRequest(), token=me.token)
        removed = [event for event in events.events if event.action == "factor-removed"]
        assert removed[0].details["by"] == "operator" and removed[0].details["factor"] == "Phone ✓"
