"""The second step of signing in: a code after the password."""

import pytest

from services.common.errors import PosternError, Reason, error
from tests.unit.web.fake_auth import ANSWER

CARRIED = ("state", "kinds", "email")


@pytest.fixture
def codes(fakes):
    return fakes.auth.enrol()


async def to_code_page(browser):
    page = await browser.sign_in()
    assert page.status_code == 200 and "Second step" in page.text
    return {name: browser.hidden(name) for name in CARRIED}


async def test_a_code_opens_the_inbox_and_the_password_alone_nothing(browser, fakes, codes):
    carried = await to_code_page(browser)
    assert not fakes.auth.sessions and "postern" not in browser.http.cookies
    answer = await browser.post("/sign-in/code", {**carried, "code": "123 456"})
    assert answer.headers["location"] == "/mail/INBOX"
    assert (await browser.follow()).status_code == 200


async def test_names_of_the_page(browser, codes):
    await to_code_page(browser)
    text = browser.page.text
    assert ">Code</label>" in text and "<span>Continue</span>" in text
    assert 'autocomplete="one-time-code"' in text and 'inputmode="numeric"' in text
    assert "alice@example.org" in text and 'type="password"' not in text


async def test_a_wrong_code_says_what_to_do(browser, fakes, codes):
    carried = await to_code_page(browser)
    page = await browser.post("/sign-in/code", {**carried, "code": "000 000"})
    assert page.status_code == 401 and "This code is not right" in page.text and "next one" in page.text
    assert browser.hidden("state") == carried["state"] and not fakes.auth.sessions
    page = await browser.post("/sign-in/code", {**carried, "code": " "})
    assert page.status_code == 400 and "Type the code." in page.text


async def test_a_recovery_code_works_once(browser, fakes, codes):
    for wanted in (303, 401):
        carried = await to_code_page(browser)
        answer = await browser.post("/sign-in/code", {**carried, "code": codes[0]})
        assert answer.status_code == wanted
        browser.http.cookies.clear()


async def test_recovery_codes_are_asked_for_on_request(browser, codes):
    carried = await to_code_page(browser)
    page = await browser.post("/sign-in/code", {**carried, "do": "recovery", "code": ""})
    assert page.status_code == 200 and "recovery codes that you printed" in page.text
    assert "inputmode" not in page.text and browser.hidden("recovery") == "1"
    page = await browser.post("/sign-in/code", {**carried, "recovery": "1", "code": "zzzz"})
    assert page.status_code == 401 and "recovery codes that you printed" in page.text
    assert "Try another one." in page.text


async def test_after_too_many_wrong_codes_the_sign_in_begins_again(browser, fakes, codes):
    carried = await to_code_page(browser)
    for _ in range(6):
        page = await browser.post("/sign-in/code", {**carried, "code": "000000"})
    assert page.status_code == 401 and "Sign in again." in page.text
    assert 'type="password"' in page.text and 'value="alice@example.org"' in page.text


async def test_throttled_says_how_long(browser, fakes, codes):
    carried = await to_code_page(browser)
    fakes.auth.fail = error(Reason.THROTTLED, retry_seconds="61")
    page = await browser.post("/sign-in/code", {**carried, "code": "123456"})
    assert page.status_code == 429 and "Wait 2 minutes, then try again." in page.text
    fakes.auth.fail = PosternError(Reason.UNAVAILABLE)
    page = await browser.post("/sign-in/code", {**carried, "code": "123456"})
    assert page.status_code == 503 and browser.hidden("state") == carried["state"]


async def test_the_page_of_another_browser_is_refused(browser, fakes, codes):
    carried = await to_code_page(browser)
    browser.http.cookies.clear()
    answer = await browser.post("/sign-in/code", {**carried, "code": "123456"})
    assert answer.status_code == 403 and not fakes.auth.sessions


async def test_the_way_back_survives_the_second_step(browser, codes):
    await browser.get("/sign-in?next=%2Fcontacts")
    fields = {"email": "alice@example.org", "password": "alice", "next": "/contacts"}
    await browser.post("/sign-in", fields)
    carried = {name: browser.hidden(name) for name in (*CARRIED, "next")}
    answer = await browser.post("/sign-in/code", {**carried, "code": "123456"})
    assert answer.headers["location"] == "/contacts"


async def test_typed_text_survives_the_second_step(alice, fakes):
    await alice.get("/compose")
    fakes.auth.sessions.clear()
    fakes.auth.enrol()
    alice.http.cookies.set("postern", alice.http.cookies["postern"] + "-ended")
    fields = {"to": "bob@example.org", "subject": "Kept", "body": 'Every "word" & <more>', "do": "send"}
    await alice.post("/compose", fields)
    alice.http.cookies.delete("postern")
    kept = {name: alice.hidden(name) for name in ("kept", "kept_for")}
    await alice.post("/sign-in", {"email": "alice@example.org", "password": "alice", **kept})
    # A wrong code on the way loses nothing either.
    for code in ("000000", "123456"):
        carried = {name: alice.hidden(name) for name in (*CARRIED, "kept", "kept_for")}
        page = await alice.post("/sign-in/code", {**carried, "code": code})
    assert page.status_code == 200 and "nothing was sent yet" in page.text
    assert "Every &#34;word&#34; &amp; &lt;more&gt;" in page.text and not fakes.send.sent


# Passkeys


async def test_a_passkey_alone(browser, fakes):
    page = await browser.get("/sign-in")
    assert "Use a passkey" in page.text
    page = await browser.post("/sign-in/passkey", {})
    assert page.status_code == 200 and "data-passkey-now" in page.text and 'type="password"' not in page.text
    carried = {name: browser.hidden(name) for name in ("state", "kinds", "options", "first")}
    page = await browser.post("/sign-in/code", {**carried, "response": "{}"})
    assert page.status_code == 401 and "This passkey was not accepted." in page.text
    assert "Use a passkey" in page.text
    answer = await browser.post("/sign-in/code", {**carried, "response": ANSWER})
    assert answer.headers["location"] == "/mail/INBOX"


async def test_a_passkey_without_the_password_asks_for_it(browser, fakes):
    fakes.auth.carries_password = False
    await browser.get("/sign-in")
    await browser.post("/sign-in/passkey", {})
    carried = {name: browser.hidden(name) for name in ("state", "kinds", "options", "first")}
    page = await browser.post("/sign-in/code", {**carried, "response": ANSWER})
    assert "Your mail password" in page.text and 'type="password"' in page.text
    fields = {name: browser.hidden(name) for name in ("state", "asks")}
    page = await browser.post("/sign-in/code", {**fields, "password": ""})
    assert page.status_code == 400 and "Type your password." in page.text
    page = await browser.post("/sign-in/code", {**fields, "password": "wrong"})
    assert page.status_code == 401 and "This password is not right." in page.text
    answer = await browser.post("/sign-in/code", {**fields, "password": "alice"})
    assert answer.headers["location"] == "/mail/INBOX"


async def test_a_passkey_as_second_step(browser, fakes):
    fakes.auth.enrol("Blue", "passkey")
    fakes.auth.enrol("Phone")
    page = await browser.sign_in()
    assert "Use a passkey" in page.text and ">Code</label>" in page.text
    assert "data-passkey-now" not in page.text  # there is a choice
    carried = {name: browser.hidden(name) for name in (*CARRIED, "options")}
    answer = await browser.post("/sign-in/code", {**carried, "code": "", "response": ANSWER})
    assert answer.headers["location"] == "/mail/INBOX"


async def test_a_state_belongs_to_the_browser_that_got_it(browser, fakes, codes):
    carried = await to_code_page(browser)
    browser.http.cookies.clear()
    await browser.get("/sign-in")
    page = await browser.post("/sign-in/code", {**carried, "code": "123456"})
    assert page.status_code == 401 and "Sign in again." in page.text and not fakes.auth.sessions


async def test_no_passkeys_are_offered_where_there_are_none(browser, fakes):
    fakes.auth.offered = ()
    page = await browser.get("/sign-in")
    assert "passkey" not in page.text
    answer = await browser.get("/sign-in/passkey")
    assert answer.status_code == 303
