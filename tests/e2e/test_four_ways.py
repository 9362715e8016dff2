"""The main job four ways: with a mouse, with the keyboard alone, by touch on a phone, and without scripts.

Signing in, finding and reading a message, archiving it and taking that back, searching for it, answering it.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.e2e.person import SLOW, Person
from tests.support.chromium import PATIENCE
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Mouse(Person):
    """Clicks."""

    options: dict = {"viewport": {"width": 1280, "height": 800}}

    async def use(self, target: Locator) -> None:
        await target.click()

    async def read(self, subject: str) -> None:
        await self.use(self.row(subject).first)
        await expect(self.page.get_by_role("heading", name=subject).first).to_be_visible()

    async def archive_and_back(self, subject: str) -> None:
        await self.use(self.page.locator("#reading").get_by_role("button", name="Archive", exact=True).first)
        await expect(self.page.get_by_text("1 message archived.")).to_be_visible()
        await expect(self.row(subject)).to_have_count(0)
        await self.use(self.page.get_by_role("button", name="Undo", exact=True))
        await expect(self.row(subject).first).to_be_visible()

    async def search(self, words: str) -> None:
        box = self.page.get_by_role("searchbox", name="Search mail")
        await self.use(box)
        await box.fill(words)
        await box.press("Enter")

    async def answer(self, text: str) -> None:
        await self.press("Reply")
        await expect(self.field("Message")).to_be_visible()
        await self.write(text)
        await self.send()


class Touch(Mouse):
    """Taps, one pane at a time."""

    options = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

    async def use(self, target: Locator) -> None:
        await target.tap()

    async def search(self, words: str) -> None:
        await self.use(self.page.get_by_role("navigation", name="Main").get_by_role("link", name="Search"))
        await expect(self.page.get_by_role("heading", name="Search")).to_be_visible()
        await super().search(words)


class NoScripts(Mouse):
    """Links and forms alone."""

    options = {"viewport": {"width": 1280, "height": 800}, "java_script_enabled": False}


class Keyboard(Mouse):
    """Keys alone: nothing is clicked."""

    async def sign_in(self, password: str | None = None) -> None:
        await self.page.goto(self.stack.url)
        await self.field("Email address").focus()
        await self.page.keyboard.type(self.user.address)
        await self.page.keyboard.press("Tab")
        await self.page.keyboard.type(password or self.user.password)
        await self.page.keyboard.press("Enter")

    async def use(self, target: Locator) -> None:
        await target.focus()
        await target.press("Enter")

    async def read(self, subject: str) -> None:
        for _ in range(30):
            await self.page.keyboard.press("j")
            focused = await self.page.evaluate("document.activeElement.textContent")
            if subject in focused:
                break
        await self.page.keyboard.press("o")
        await expect(self.page.get_by_role("heading", name=subject).first).to_be_visible()

    async def archive_and_back(self, subject: str) -> None:
        await self.page.keyboard.press("x")
        await self.page.keyboard.press("e")
        await expect(self.page.get_by_text("1 message archived.")).to_be_visible()
        await expect(self.row(subject)).to_have_count(0)
        assert await self.page.evaluate("document.activeElement !== document.body"), "the focus is lost"
        await self.page.keyboard.press("z")
        await expect(self.row(subject).first).to_be_visible()

    async def search(self, words: str) -> None:
        await self.page.keyboard.press("/")
        await self.page.keyboard.type(words)
        await self.page.keyboard.press("Enter")

    async def answer(self, text: str) -> None:
        await self.page.keyboard.press("r")
        await expect(self.field("Message")).to_be_visible()
        await expect(self.field("Message")).to_be_focused()
        await self.page.keyboard.type(text)
        await self.page.keyboard.press("Control+Enter")
        await expect(self.field("Subject")).to_be_hidden(timeout=SLOW)


@contextlib.asynccontextmanager
async def somebody(kind: type[Mouse], browser: Browser, stack: Stack) -> AsyncIterator[Mouse]:
    context = await browser.new_context(locale="en-GB", **kind.options)
    context.set_default_timeout(PATIENCE)
    page: Page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield kind(page, stack, stack.people()[0])
        assert not errors, errors
    finally:
        await context.close()


@pytest.mark.parametrize("kind", [Mouse, Keyboard, Touch, NoScripts])
async def test_reading_filing_finding_and_answering(
    embedded: Stack, chromium: Browser, kind: type[Mouse]
) -> None:
    alice, bob = embedded.people()
    word = secrets.token_hex(4)
    subject = f"Four ways {word}"
    embedded.deliver(bob, alice, subject, f"Which one is it? {word}\n")
    async with somebody(kind, chromium, embedded) as she:
        await she.sign_in()
        await she.wait_for_row(subject)
        await she.read(subject)
        await expect(she.page.locator("#reading").get_by_text(f"Which one is it? {word}")).to_be_visible()
        await she.archive_and_back(subject)
        await she.search(f"subject:{word}")
        await expect(she.page).to_have_url(re.compile(r"/search\?"))
        await she.use(she.row(subject).first)
        await expect(she.page.get_by_role("heading", name=subject).first).to_be_visible()
        await she.answer(f"This one, {kind.__name__}. {word}\n")
        await she.page.goto(f"{embedded.url}/mail/Sent")
        await she.wait_for_row(f"Re: {subject}")
