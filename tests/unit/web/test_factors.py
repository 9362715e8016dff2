"""Settings, Security: second factors, devices, activity; and an operator who demands a factor."""

import re

from services.common.errors import PosternError, Reason
from services.web.model.security import Event
from tests.unit.web.fake_auth import ANSWER, NOON

APP = "/settings/security/app"


async def begin(person, name="Phone", **proof):
    await person.get(APP)
    return await person.post(APP, {"name": name, **(proof or {"password": "alice"})})


def carried(person, *more):
    return {name: person.hidden(name) for name in ("state", "uri", *more)}


async def test_an_app_is_set_up(alice, fakes):
    page = await alice.get("/settings/security")
    assert "your password alone opens your mail" in page.text
    page = await begin(alice)
    assert page.status_code == 200 and "ABCD EFGH IJKL MNOP" in page.text
    assert re.search(r'<svg [^>]*class="qr"', page.text) and "style=" not in page.text
    page = await alice.post(f"{APP}/confirm", {**carried(alice), "code": "123 456"})
    assert page.status_code == 200
    for code in fakes.auth.recovery:
        assert code in page.text
    page = await alice.get("/settings/security")
    assert "Phone" in page.text and "10 left" in page.text and "Second factor added: Phone" in page.text
    assert not any(code in page.text for code in fakes.auth.recovery)


async def test_a_wrong_password_or_none_begins_nothing(alice, fakes):
    page = await begin(alice, name="My <phone>", password="wrong")
    assert page.status_code == 401 and "This password is not right." in page.text
    assert 'value="My &lt;phone&gt;"' in page.text and not fakes.auth.states
    page = await begin(alice, password="")
    assert page.status_code == 400 and "Type your password." in page.text


async def test_a_wrong_first_code_keeps_the_secret(alice, fakes):
    await begin(alice)
    before = carried(alice)
    page = await alice.post(f"{APP}/confirm", {**before, "code": "000000"})
    assert page.status_code == 401 and "This code is not right" in page.text
    assert carried(alice) == before and "ABCD EFGH IJKL MNOP" in page.text
    assert not fakes.auth.factor_list
    page = await alice.post(f"{APP}/confirm", {**before, "code": ""})
    assert page.status_code == 400 and "Type the code." in page.text


async def test_an_ended_enrolment_is_not_an_ended_session(alice, fakes):
    await begin(alice)
    old = carried(alice)
    fakes.auth.states.clear()
    page = await alice.post(f"{APP}/confirm", {**old, "code": "123456"})
    assert page.status_code == 400 and "This set-up has ended." in page.text
    assert 'name="password"' in page.text and "Your session has ended" not in page.text


async def test_the_drawn_address_is_an_otpauth_one(alice, fakes):
    await begin(alice)
    for uri in ("javascript:alert(1)", "otpauth://totp/x", "otpauth://totp/x?secret=" + "A" * 2000):
        state = next(iter(fakes.auth.states))
        page = await alice.post(f"{APP}/confirm", {"state": state, "uri": uri, "code": "000000"})
        assert page.status_code == 400 and "alert(" not in page.text
        await begin(alice)


async def test_a_second_app_asks_for_a_code_of_the_first(alice, fakes):
    fakes.auth.enrol()
    page = await alice.get(APP)
    assert 'name="password"' not in page.text
    page = await alice.post(APP, {"name": "Tablet", "code": "000000"})
    assert page.status_code == 401 and "This code is not right" in page.text
    await alice.post(APP, {"name": "Tablet", "code": "123456"})
    answer = await alice.post(f"{APP}/confirm", {**carried(alice), "code": "234567"})
    assert answer.status_code == 303
    page = await alice.follow()
    assert "Second factor added." in page.text and "Remove Tablet" in page.text


async def test_removal_asks_for_a_code(alice, fakes):
    fakes.auth.enrol("Old <phone>")
    page = await alice.get("/settings/security/remove?factor=f1")
    assert "Remove Old &lt;phone&gt;" in page.text
    for code, status in (("", 400), ("000000", 401)):
        page = await alice.post("/settings/security/remove", {"factor": "f1", "code": code})
        assert page.status_code == status and fakes.auth.factor_list
    answer = await alice.post("/settings/security/remove", {"factor": "f1", "code": "123456"})
    assert answer.status_code == 303 and not fakes.auth.factor_list
    assert "Second factor removed." in (await alice.follow()).text
    assert (await alice.get("/settings/security/remove?factor=f1")).status_code == 404


async def test_new_codes_end_the_old(alice, fakes):
    old = fakes.auth.enrol()
    await alice.get("/settings/security/codes")
    page = await alice.post("/settings/security/codes", {"code": "999999"})
    assert page.status_code == 401 and tuple(fakes.auth.recovery) == old
    page = await alice.post("/settings/security/codes", {"code": "123456"})
    assert page.status_code == 200 and fakes.auth.recovery[0] in page.text and old[0] not in page.text


async def test_devices_and_activity(alice, fakes):
    fakes.auth.events = [Event(NOON, "sign-in") for _ in range(25)]
    fakes.auth.events.append(Event(NOON, "tea-made", details={"address": "a@<b>"}))
    page = await alice.get("/settings/security")
    assert "Firefox on Android" in page.text and "with a second factor" in page.text
    assert "Something else (tea-made): a@&lt;b&gt;" in page.text
    await alice.post("/settings/sessions", {"session": "s2"})
    assert fakes.auth.revoked == ["s2"]
    page = await alice.get(re.search(r'rel="next" href="([^"]+)"', page.text)[1])
    assert page.text.count("Signed in<") == 6 and 'rel="prev"' in page.text


async def test_auth_down_leaves_the_page_standing(alice, fakes):
    await alice.get("/settings/security")
    fakes.auth.fail = PosternError(Reason.UNAVAILABLE)
    page = await alice.get("/settings/security")
    assert page.status_code == 200 and "not available" in page.text and "Signed-in browsers" in page.text


async def test_a_session_that_ends_amid_enrolment_shows_no_secret(alice, fakes):
    await begin(alice)
    fields = {**carried(alice), "code": "123456"}
    fakes.auth.sessions.clear()
    alice.http.cookies.set("postern", alice.http.cookies["postern"] + "-ended")
    page = await alice.post(f"{APP}/confirm", fields)
    assert page.status_code == 401 and "secret=" not in page.text
    assert alice.hidden("next") == "/settings/security"


# An operator who demands a factor


async def test_only_the_enrolment_is_reachable(browser, fakes):
    fakes.auth.required = True
    await browser.sign_in()
    page = await browser.follow()
    assert page.headers["location"] == APP
    for path in ("/mail/INBOX", "/settings", "/settings/security", "/contacts", "/compose", "/outbox"):
        assert (await browser.get(path)).headers["location"].startswith(APP), path
    page = await browser.get(APP)
    assert page.status_code == 200 and "Your mail needs a second factor" in page.text
    assert "Sign out" in page.text and 'href="/contacts"' not in page.text
    assert fakes.mail.calls == []
    answer = await browser.get("/mail/INBOX", hx_request="true")
    assert answer.status_code == 403 and answer.headers["hx-redirect"] == APP
    await browser.get(APP)
    page = await browser.post("/compose/autosave", {"body": "text"})
    assert page.status_code == 403 and page.json()["title"] == "A second factor is needed first"


async def test_after_the_enrolment_the_way_goes_on(browser, fakes):
    fakes.auth.required = True
    await browser.sign_in()
    await browser.get("/contacts")
    await browser.follow()
    await browser.post(APP, {"name": "", "password": "alice", "next": browser.hidden("next")})
    page = await browser.post(f"{APP}/confirm", {**carried(browser, "next"), "code": "123456"})
    assert page.status_code == 200 and 'href="/contacts"' in page.text
    assert (await browser.get("/contacts")).status_code == 200
    # The same page loaded again says what is the matter and loses nothing.
    page = await browser.get(f"{APP}/confirm")
    assert page.headers["location"] == "/settings/security"


async def test_an_enrolment_seen_by_another_replica_counts(browser, fakes):
    fakes.auth.required = True
    await browser.sign_in()
    assert (await browser.get("/mail/INBOX")).status_code == 303
    fakes.auth.enrol()
    assert (await browser.get("/mail/INBOX")).status_code == 200


async def test_typed_text_waits_behind_the_enrolment(browser, fakes):
    """The operator's word changes while somebody writes: the text waits, and comes back."""
    fakes.auth.seconds = 30  # so short that tokens are asked for anew on each page
    await (alice := browser).sign_in()
    await alice.get("/compose")
    fakes.auth.required = True
    fields = {"to": "bob@example.org", "subject": "Kept", "body": "Every word", "do": "send"}
    page = await alice.post("/compose", fields)
    assert page.status_code == 403 and not fakes.send.sent and "What you were doing waits" in page.text
    waiting = {name: alice.hidden(name) for name in ("kept", "kept_for")}
    await alice.post(APP, {"name": "", "password": "alice", **waiting})
    page = await alice.post(f"{APP}/confirm", {**carried(alice, "kept", "kept_for"), "code": "123456"})
    assert "aaaa-bbbb" in page.text
    page = await alice.post(
        "/settings/security/go-on", {name: alice.hidden(name) for name in ("kept", "kept_for")}
    )
    assert page.status_code == 200 and "Every word" in page.text and 'value="Kept"' in page.text
    assert not fakes.send.sent


# Passkeys and cards


PASSKEY, CARD = "/settings/security/passkey", "/settings/security/card"


async def test_a_passkey_is_added_and_the_session_gets_a_new_secret(alice, fakes):
    before = alice.http.cookies["postern"]
    page = await alice.get(PASSKEY)
    assert "A passkey is kept by your phone" in page.text
    page = await alice.post(PASSKEY, {"name": "Blue", "password": "alice"})
    assert 'data-passkey="create"' in page.text and "data-passkey-now" in page.text
    assert 'data-options="{&#34;challenge&#34;: &#34;&lt;&amp;AAAA&#34;}"' in page.text
    fields = {name: alice.hidden(name) for name in ("state", "options")}
    page = await alice.post(f"{PASSKEY}/confirm", {**fields, "response": ""})
    assert page.status_code == 400 and "Use the button" in page.text
    page = await alice.post(f"{PASSKEY}/confirm", {**fields, "response": "{}"})
    assert page.status_code == 401 and "This passkey was not accepted." in page.text
    assert "data-passkey-now" not in page.text  # not again and again by itself
    page = await alice.post(f"{PASSKEY}/confirm", {**fields, "response": ANSWER})
    assert page.status_code == 200 and fakes.auth.recovery[0] in page.text
    assert "asks for your passkey" in page.text
    after = alice.http.cookies["postern"]
    assert after != before and before not in fakes.auth.sessions
    page = await alice.get("/settings/security")
    assert page.status_code == 200 and "Blue" in page.text


async def test_a_passkey_or_a_recovery_code_proves_presence(alice, fakes):
    codes = fakes.auth.enrol("Blue", "passkey")
    page = await alice.get("/settings/security/remove?factor=f1")
    assert 'data-passkey="get"' in page.text and "It is your last second factor" in page.text
    state = alice.hidden("proof_state")
    page = await alice.post(
        "/settings/security/remove", {"factor": "f1", "proof_state": state, "response": "{}", "code": ""}
    )
    assert page.status_code == 401 and "This passkey was not accepted." in page.text
    answer = await alice.post("/settings/security/codes", {"code": codes[0]})
    assert answer.status_code == 200
    await alice.get("/settings/security/remove?factor=f1")
    state = alice.hidden("proof_state")
    answer = await alice.post(
        "/settings/security/remove", {"factor": "f1", "proof_state": state, "response": ANSWER, "code": ""}
    )
    assert answer.status_code == 303 and not fakes.auth.factor_list
    page = await alice.follow()
    assert "Second factor removed." in page.text and fakes.auth.rotated == 2


async def test_a_card_shows_two_codes_in_a_row(alice, fakes):
    page = await alice.get(CARD)
    assert "Secret of the card" in page.text
    page = await alice.post(CARD, {"name": "", "password": "alice", "secret": "junk"})
    assert page.status_code == 400 and "This is no secret of a card" in page.text
    page = await alice.post(CARD, {"name": "", "password": "alice", "secret": ""})
    assert "Write this secret to the card" in page.text and "<svg" in page.text
    page = await alice.post(CARD, {"name": "", "password": "alice", "secret": "00" * 20})
    assert "ABCD EFGH" not in page.text and "Next code" in page.text
    fields = {name: alice.hidden(name) for name in ("state", "uri", "own")}
    page = await alice.post(f"{CARD}/confirm", {**fields, "code": "123456", "code2": ""})
    assert page.status_code == 400 and "Type the code." in page.text
    page = await alice.post(f"{CARD}/confirm", {**fields, "code": "999999", "code2": "234567"})
    assert page.status_code == 401 and "not two codes in a row" in page.text
    page = await alice.post(f"{CARD}/confirm", {**fields, "code": "123456", "code2": "234567"})
    assert page.status_code == 200 and "a code from your card" in page.text
    assert "Card" in (await alice.get("/settings/security")).text


async def test_where_the_operator_offers_none(alice, fakes):
    fakes.auth.offered = ()
    page = await alice.get("/settings/security")
    assert "Your operator does not offer second factors." in page.text
    assert "Add a" not in page.text
    for path in (APP, PASSKEY, CARD):
        assert (await alice.get(path)).status_code == 501
