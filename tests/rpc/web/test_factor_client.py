"""The web's client of auth, where it is about second factors and the trail: over real gRPC, under auth's own
rules of access."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.common.errors import PosternError, Reason, error
from services.common.gen.postern.auth.v1 import account_service_pb2 as a
from services.common.gen.postern.auth.v1 import factor_service_pb2 as f
from services.common.gen.postern.auth.v1 import session_service_pb2 as s
from services.web.model.account import Client
from services.web.model.security import Changed, Enrolment, Event, Factor, Factors, Proof, Question
from tests.rpc.web.scripted import scripted, token

MOMENT, WHEN = Timestamp(seconds=1_800_000_000), datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


@pytest.fixture
async def wired():
    async with scripted() as pair:
        yield pair


async def test_factors(wired):
    script, services = wired
    script.answers["ListFactors"] = f.ListFactorsResponse(
        factors=[
            f.Factor(factor_id="f1", kind=s.FACTOR_KIND_TOTP, display_name="Phone", create_time=MOMENT),
            f.Factor(factor_id="r", kind=s.FACTOR_KIND_RECOVERY_CODE, codes_left=9, last_used_time=MOMENT),
        ],
        required=True,
        offered_kinds=[s.FACTOR_KIND_PASSKEY, s.FACTOR_KIND_TOTP],
    )
    found = await services.auth.factors(token("auth"))
    phone = Factor("f1", "totp", "Phone", WHEN)
    codes = Factor("r", "recovery", last_used=WHEN, codes_left=9)
    assert found == Factors((phone, codes), required=True, offered=("passkey", "totp"))
    assert found.proper == (phone,) and found.recovery == codes and found.find("r") is None


async def test_enrolment(wired):
    script, services = wired
    script.answers["BeginFactorEnrolment"] = f.BeginFactorEnrolmentResponse(
        enrolment_state="st", otpauth_uri="otpauth://totp/x?secret=A"
    )
    begun = await services.auth.begin_enrolment(token("auth"), "Phone", Proof(password="pw"))
    (request,) = script.asked["BeginFactorEnrolment"]
    assert (request.kind, request.display_name) == (s.FACTOR_KIND_TOTP, "Phone")
    assert request.proof.password == "pw" and request.proof.WhichOneof("proof") == "password"
    assert begun == Enrolment("st", "otpauth://totp/x?secret=A") and "secret" not in repr(begun)

    script.answers["FinishFactorEnrolment"] = f.FinishFactorEnrolmentResponse(recovery_codes=["a", "b"])
    assert await services.auth.finish_enrolment(token("auth"), "st", "123456") == Changed(("a", "b"))
    (request,) = script.asked["FinishFactorEnrolment"]
    assert (request.enrolment_state, request.code) == ("st", "123456")
    script.answers["FinishFactorEnrolment"] = error(Reason.AUTHENTICATION_FAILED)
    with pytest.raises(PosternError) as caught:
        await services.auth.finish_enrolment(token("auth"), "st", "000000")
    assert caught.value.reason == Reason.AUTHENTICATION_FAILED


async def test_removal_and_new_codes_carry_the_code(wired):
    script, services = wired
    script.answers["RemoveFactor"] = f.RemoveFactorResponse()
    await services.auth.remove_factor(token("auth"), "f1", Proof(code="123456"))
    (request,) = script.asked["RemoveFactor"]
    assert (request.factor_id, request.proof.code) == ("f1", "123456")
    script.answers["CreateRecoveryCodes"] = f.CreateRecoveryCodesResponse(recovery_codes=["c"])
    assert await services.auth.recovery_codes(token("auth"), Proof(code="1")) == Changed(("c",))
    assert script.asked["CreateRecoveryCodes"][0].proof.code == "1"


async def test_passkeys(wired):
    script, services = wired
    auth, mine = services.auth, token("auth")
    script.answers["BeginFactorEnrolment"] = f.BeginFactorEnrolmentResponse(
        enrolment_state="st", webauthn_options_json="{}"
    )
    proof = Proof(passkey='{"a": 1}', state="ps")
    assert await auth.begin_enrolment(mine, "Key", proof, "passkey") == Enrolment("st", options="{}")
    (request,) = script.asked["BeginFactorEnrolment"]
    assert request.kind == s.FACTOR_KIND_PASSKEY
    assert (request.proof.webauthn_response_json, request.proof.proof_state) == ('{"a": 1}', "ps")
    script.answers["FinishFactorEnrolment"] = f.FinishFactorEnrolmentResponse(session_secret="new")
    done = await auth.finish_enrolment(mine, "st", "", passkey="{}", secret="old")
    assert done == Changed((), "new") and "new" not in repr(done)
    (request,) = script.asked["FinishFactorEnrolment"]
    assert (request.webauthn_response_json, request.session_secret) == ("{}", "old")
    script.answers["BeginFactorProof"] = f.BeginFactorProofResponse(
        proof_state="ps", webauthn_options_json="{}"
    )
    assert await auth.ask_proof(mine) == Question("ps", "{}")
    script.answers["ListSignInMethods"] = s.ListSignInMethodsResponse(
        methods=[s.SIGN_IN_METHOD_PASSWORD, s.SIGN_IN_METHOD_PASSKEY]
    )
    assert await auth.passkeys_offered()
    script.answers["StartSignIn"] = s.StartSignInResponse(
        challenge=s.Challenge(
            sign_in_state="q", factor_kinds=[s.FACTOR_KIND_PASSKEY], webauthn_options_json="{}"
        )
    )
    asked = await auth.ask_passkey(Client())
    assert (asked.state, asked.kinds, asked.options) == ("q", ("passkey",), "{}")
    script.answers["ContinueSignIn"] = s.ContinueSignInResponse(
        challenge=s.Challenge(sign_in_state="w", password_needed=True)
    )
    more = await auth.continue_sign_in("q", "", "", Client(), passkey="{}")
    assert more.password and more.state == "w"
    await auth.continue_sign_in("w", "", "", Client(), password="pw")
    first, second = script.asked["ContinueSignIn"]
    assert first.webauthn_response_json == "{}" and second.password == "pw"


async def test_activity(wired):
    script, services = wired
    row = a.AuditEvent(event_time=MOMENT, action="sign-in", client_address="192.0.2.1", user_agent="B")
    row.details["factor"] = "Phone"
    script.answers["ListAuditEvents"] = a.ListAuditEventsResponse(events=[row], next_page_token="n")
    found = await services.auth.activity(token("auth"), rows=20, page="p")
    assert found.events == (Event(WHEN, "sign-in", "192.0.2.1", "B", {"factor": "Phone"}),)
    assert found.next_token == "n"
    (request,) = script.asked["ListAuditEvents"]
    assert (request.page_size, request.page_token) == (20, "p")


async def test_who_must_enrol_is_told_at_sign_in_and_with_the_tokens(wired):
    script, services = wired
    script.answers["ContinueSignIn"] = s.ContinueSignInResponse(
        signed_in=s.SignedIn(session_secret="s", must_enrol_factor=True)
    )
    assert (await services.auth.continue_sign_in("st", "1", "", Client())).must_enrol
    assert script.asked["ContinueSignIn"][0].factor_kind == s.FACTOR_KIND_UNSPECIFIED
    script.answers["CreateAccessTokens"] = s.CreateAccessTokensResponse(must_enrol_factor=True)
    assert (await services.auth.grant("s", Client())).must_enrol
