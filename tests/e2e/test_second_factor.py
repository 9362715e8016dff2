"""Second factors as a person meets them: set up, signed in with, lost, removed; with scripts and without."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.authenticator import Authenticator
from tests.e2e.person import Person, somebody
from tests.support.stack import Stack, embedded_stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """A Postern of our own: the session's people shall go on signing in with a password alone."""
    with embedded_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def strict() -> Iterator[Stack]:
    """One whose operator demands a second factor."""
    with embedded_stack(POSTERN_SECOND_FACTOR="required") as stack:
        yield stack


async def set_up(person: Person, name: str) -> tuple[Authenticator, list[str]]:
    """From the page that asks for name and password to the recovery codes."""
    page = person.page
    await expect(page.get_by_role("heading", name="Add an authenticator app")).to_be_visible()
    await person.field("Name").fill(name)
    await person.field("Password").fill(person.user.password)
    await person.press("Continue")
    await expect(page.get_by_role("img", name="QR code")).to_be_visible()
    app = Authenticator(await page.locator("code.secret").inner_text())
    await person.field("Code").fill("000000")
    await person.press("Continue")
    await expect(page.get_by_role("alert")).to_contain_text("This code is not right")
    await person.field("Code").fill(await app.code())
    await person.press("Continue")
    await expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    codes = await page.get_by_role("list", name="Recovery codes").get_by_role("listitem").all_inner_texts()
    assert len(set(codes)) == 10
    return app, codes


async def to_security(person: Person) -> None:
    await person.page.goto(person.stack.url)
    await person.page.get_by_role("link", name="Settings", exact=True).first.click()
    await person.page.get_by_role("link", name="Security", exact=True).click()
    await expect(person.page.get_by_role("heading", name="Second factor")).to_be_visible()


async def with_code(person: Person, code: str) -> None:
    """Sign in with the password, then the code."""
    await person.sign_in()
    await expect(person.page.get_by_role("heading", name="Second step")).to_be_visible()
    await person.field("Code").fill(code)
    await person.press("Continue")


async def signed_out(person: Person) -> None:
    await person.sign_out()
    await expect(person.field("Password")).to_be_visible()


@pytest.mark.parametrize(("who", "javascript"), [(0, True), (1, False)], ids=["scripts", "no-scripts"])
async def test_from_setting_up_to_removal(own: Stack, chromium: Browser, who: int, javascript: bool) -> None:
    async with somebody(chromium, own, own.people()[who], javascript=javascript) as person:
        page = person.page
        await person.sign_in()
        await to_security(person)
        await page.get_by_role("link", name="Add an authenticator app").click()
        app, codes = await set_up(person, "Phone")
        await expect(page.get_by_role("button", name="Print")).to_be_visible(visible=javascript)
        await page.get_by_role("link", name="Done").click()
        await expect(page.get_by_text("10 left")).to_be_visible()
        await signed_out(person)

        await with_code(person, await app.code())
        await expect(person.messages).to_be_visible()
        await signed_out(person)

        # The phone is lost: a recovery code stands in, once.
        await with_code(person, codes[0].upper())
        await expect(person.messages).to_be_visible()
        await signed_out(person)
        await with_code(person, codes[0])
        await expect(page.get_by_role("alert")).to_contain_text("This code is not right")
        await person.press("Use a recovery code")
        await person.field("Code").fill(codes[1].replace("-", " "))
        await person.press("Continue")
        await expect(person.messages).to_be_visible()

        await to_security(person)
        await expect(page.get_by_text("8 left")).to_be_visible()
        await expect(page.get_by_text("Right password, but a wrong code").first).to_be_visible()
        await page.get_by_role("link", name="Make new codes").click()
        await person.field("Code").fill(codes[2])
        await person.press("Make new codes")
        await expect(page.get_by_text("The old codes do not work any more.")).to_be_visible()
        fresh = (
            await page.get_by_role("list", name="Recovery codes").get_by_role("listitem").all_inner_texts()
        )
        assert not set(fresh) & set(codes)

        await to_security(person)
        await page.get_by_role("link", name="Remove Phone").click()
        await person.field("Code").fill(codes[3])
        await person.press("Remove")
        await expect(page.get_by_role("alert")).to_contain_text("This code is not right")
        await person.field("Code").fill(fresh[0])
        await person.press("Remove")
        await expect(page.get_by_text("Second factor removed.")).to_be_visible()
        await signed_out(person)
        await person.sign_in()
        await expect(person.messages).to_be_visible()
    for log, text in own.logs().items():
        assert not [one for one in (app.secret, *codes, *fresh) if one in text], log


async def test_codes_are_copied(own: Stack, chromium: Browser) -> None:
    async with somebody(chromium, own, own.people()[0]) as person:
        await person.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await person.sign_in()
        await person.page.goto(own.url + "/settings/security/app")
        _app, codes = await set_up(person, "Phone")
        await person.press("Copy")
        await expect(person.page.get_by_text("Copied")).to_be_visible()
        copied = await person.page.evaluate("navigator.clipboard.readText()")
        assert copied.split() == codes
        await to_security(person)
        await person.page.get_by_role("link", name="Remove Phone").click()
        await person.field("Code").fill(codes[0])
        await person.press("Remove")
        await expect(person.page.get_by_text("Second factor removed.")).to_be_visible()


@pytest.mark.parametrize(("who", "javascript"), [(0, True), (1, False)], ids=["scripts", "no-scripts"])
async def test_an_operator_demands_a_factor(
    strict: Stack, chromium: Browser, who: int, javascript: bool
) -> None:
    """Nothing but the enrolment is reachable before; after it everything, and typed text survives a session
    that ended, through the second step."""
    word = f"kept-{secrets.token_hex(4)}"
    async with somebody(chromium, strict, strict.people()[who], javascript=javascript) as person:
        page = person.page
        await person.sign_in()
        heading = page.get_by_role("heading", name="Add an authenticator app")
        await expect(heading).to_be_visible()
        for path in ("/mail/INBOX", "/compose", "/settings", "/contacts"):
            await page.goto(strict.url + path)
            await expect(heading).to_be_visible()
        app, _codes = await set_up(person, "Phone")
        await page.get_by_role("link", name="Done").click()
        await expect(page.get_by_role("heading", name="Contacts")).to_be_visible()

        await page.goto(strict.url)
        await person.compose()
        await person.write(word)
        await page.context.clear_cookies()
        await person.press("Send")
        await expect(person.field("Password")).to_be_visible()
        await person.field("Email address").fill(person.user.address)
        await person.field("Password").fill(person.user.password)
        await person.press("Sign in")
        await person.field("Code").fill(await app.code())
        await person.press("Continue")
        await expect(person.field("Message")).to_contain_text(word)
