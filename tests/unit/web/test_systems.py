"""App tokens' page, and signing in by an OpenID provider."""

from __future__ import annotations

from tests.unit.web.conftest import Browser
from tests.unit.web.fakes import Fakes

NEW = {"name": "Backup", "mail.read": "1", "mail.send": "1", "days": "90", "password": "alice"}


async def test_a_token_is_shown_once_and_revoked(browser: Browser, fakes: Fakes) -> None:
    await browser.sign_in()
    page = await browser.get("/settings/apps")
    assert page.status_code == 200 and "No program has one." in page.text
    page = await browser.post("/settings/apps", NEW)
    assert page.status_code == 200 and browser.hidden("secret") == "postern-app-secret"
    assert fakes.auth.tokens[0].scopes == ("mail.read", "mail.send")
    assert "Read and search mail, Send mail" in page.text
    page = await browser.get("/settings/apps")
    assert "postern-app-secret" not in page.text and "Backup" in page.text
    await browser.post("/settings/apps/revoke", {"token": browser.hidden("token")})
    page = await browser.follow()
    assert "Token revoked" in page.text and not fakes.auth.tokens


async def test_what_is_missing_is_said(browser: Browser, fakes: Fakes) -> None:
    await browser.sign_in()
    for change, words in (
        ({"name": " "}, "Give it a name."),
        ({"mail.read": "", "mail.send": ""}, "Choose what it may do."),
        ({"password": ""}, "Type your password."),
        ({"password": "wrong"}, "This password is not right."),
    ):
        await browser.get("/settings/apps")
        page = await browser.post("/settings/apps", {**NEW, **change})
        assert page.status_code in (400, 401) and words in page.text, words
        assert 'value="alice"' not in page.text and 'value="wrong"' not in page.text
    assert not fakes.auth.tokens


async def test_there_and_back(browser: Browser, fakes: Fakes) -> None:
    fakes.auth.openid = "Example account"
    page = await browser.get("/sign-in?next=/contacts")
    assert "Sign in with Example account" in page.text
    page = await browser.post("/sign-in/openid", {"email": "alice@example.org", "next": "/contacts"})
    assert page.headers["refresh"] == "0; url=https://id.example.org/auth?x=1&y=2"
    assert 'href="https://id.example.org/auth?x=1&amp;y=2"' in page.text
    cookie = page.headers["set-cookie"]
    assert "HttpOnly" in cookie and "samesite=lax" in cookie.lower()
    page = await browser.get("/sign-in/openid?code=c&state=s")
    assert page.status_code == 303 and page.headers["location"] == "/contacts"
    assert "postern=" in page.headers["set-cookie"]
    # The same answer again is nobody's.
    browser.http.cookies.delete("postern")
    page = await browser.get("/sign-in/openid?code=c&state=s")
    assert page.status_code == 400 and "It took too long" in page.text


async def test_what_was_typed_stays_while_one_signs_in_at_the_provider(
    browser: Browser, fakes: Fakes
) -> None:
    """A session that ended while writing, without scripts: the page that holds the text is not left."""
    fakes.auth.openid = "Example account"
    await browser.get("/sign-in")
    page = await browser.http.post("/compose", data={"subject": "Long thought", "body": "Half of it"})
    assert page.status_code == 401 and "what you typed is kept" in page.text
    browser.page = page
    waits = {name: browser.hidden(name) for name in ("kept", "kept_for")}
    page = await browser.post("/sign-in/openid", {"email": "alice@example.org", **waits})
    assert "refresh" not in page.headers and 'target="_blank"' in page.text
    assert browser.hidden("kept") == waits["kept"]
    # Too early: it is still kept.
    page = await browser.post("/sign-in/go-on", waits)
    assert page.status_code == 401 and "You are not signed in yet." in page.text
    assert browser.hidden("kept") == waits["kept"]
    mine = browser.page
    page = await browser.get("/sign-in/openid?code=c&state=s")
    assert page.status_code == 303 and page.headers["location"] == "/mail/INBOX"
    browser.page = mine
    page = await browser.post("/sign-in/go-on", waits)
    assert page.status_code == 200 and "Long thought" in page.text and "Half of it" in page.text
    # A page of somebody else's cannot do so.
    page = await browser.http.post("/sign-in/go-on", data={**waits, "csrf": "x"})
    assert page.status_code == 403


async def test_an_answer_needs_the_browser_that_asked(browser: Browser, fakes: Fakes) -> None:
    fakes.auth.openid = ""
    page = await browser.get("/sign-in")
    assert "Sign in with your organisation" in page.text
    page = await browser.get("/sign-in/openid?code=c&state=s")
    assert page.status_code == 400 and "set-cookie" in page.headers
    await browser.get("/sign-in")
    page = await browser.post("/sign-in/openid", {"email": "eve@example.net"})
    assert page.status_code == 501 and "This address signs in with its password." in page.text
    page = await browser.http.post("/sign-in/openid", data={"email": "alice@example.org", "csrf": "x"})
    assert page.status_code == 403
    await browser.get("/sign-in")
    await browser.post("/sign-in/openid", {"email": "alice@example.org"})
    page = await browser.get("/sign-in/openid?error=access_denied&state=s")
    assert page.status_code == 401 and "You did not sign in there." in page.text


async def test_no_provider_no_button(browser: Browser, fakes: Fakes) -> None:
    page = await browser.get("/sign-in")
    assert "/sign-in/openid" not in page.text


async def test_who_has_no_password_types_none(browser: Browser, fakes: Fakes) -> None:
    fakes.auth.by_sign_in = True
    await browser.sign_in()
    page = await browser.get("/settings/apps")
    assert 'name="signed-in"' in page.text and 'name="password"' not in page.text
    new = {name: value for name, value in NEW.items() if name != "password"} | {"signed-in": "1"}
    page = await browser.post("/settings/apps", new)
    assert page.status_code == 200 and browser.hidden("secret") == "postern-app-secret"
    page = await browser.get("/settings/security/app")
    assert 'name="signed-in"' in page.text and 'name="password"' not in page.text
    fakes.auth.signed_in_long_ago = True
    page = await browser.post("/settings/security/app", {"name": "Phone", "signed-in": "1"})
    assert page.status_code == 401 and "Sign out and in again" in page.text
