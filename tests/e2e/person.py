"""Somebody at a browser, who finds things by the names that people see (docs: the fixed accessible names)."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Browser, Locator, Page, expect

from tests.support.chromium import PATIENCE
from tests.support.dovecot import MailUser
from tests.support.stack import Stack

SLOW = 30_000  # ms: what goes through the outbox, SMTP and back


class Person:
    """A signed-in (or not yet signed-in) USER at a page of STACK."""

    def __init__(self, page: Page, stack: Stack, user: MailUser) -> None:
        self.page = page
        self.stack = stack
        self.user = user

    async def sign_in(self, password: str | None = None) -> None:
        await self.page.goto(self.stack.url)
        await self.page.get_by_label("Email address", exact=True).fill(self.user.address)
        await self.page.get_by_label("Password", exact=True).fill(password or self.user.password)
        await self.page.get_by_role("button", name="Sign in", exact=True).click()

    async def sign_out(self) -> None:
        await self.page.get_by_role("link", name="Sign out", exact=True).first.click()

    @property
    def messages(self) -> Locator:
        """The list or grid named "Messages"."""
        page = self.page
        return page.get_by_role("list", name="Messages").or_(page.get_by_role("grid", name="Messages"))

    def row(self, subject: str) -> Locator:
        return self.messages.get_by_role("link").filter(has_text=subject)

    async def go_to(self, mailbox: str) -> None:
        """Open a mailbox from the navigation: its name, whatever count stands beside it. A page drawn before
        the mailbox was made does not show it, so it is loaded again."""
        navigation = self.page.get_by_role("navigation", name="Mailboxes")
        link = navigation.get_by_role("link", name=re.compile(rf"^{re.escape(mailbox)}\b"))
        if await link.count() == 0:
            await self.page.goto(self.page.url)
        await link.first.click()
        await expect(self.page.get_by_role("heading", name=mailbox).first).to_be_visible()

    async def wait_for_row(self, subject: str, timeout: float = 20.0) -> None:
        """Reload until the message is in the list that is open."""
        end = time.monotonic() + timeout
        await expect(self.messages).to_be_visible()
        while await self.row(subject).count() == 0:
            assert time.monotonic() < end, f"{self.user.name} does not see {subject!r} after {timeout:.0f} s"
            await self.page.wait_for_timeout(300)
            await self.page.goto(self.page.url)
            await expect(self.messages).to_be_visible()

    async def open(self, subject: str) -> None:
        await self.row(subject).first.click()
        await expect(self.page.get_by_role("heading", name=subject).first).to_be_visible()

    async def press(self, name: str) -> None:
        """A button by its name; long pages repeat some, any of them will do."""
        await self.page.get_by_role("button", name=name, exact=True).first.click()

    def field(self, name: str) -> Locator:
        return self.page.get_by_label(name, exact=True)

    async def compose(self) -> None:
        await self.page.get_by_role("link", name="Compose", exact=True).first.click()
        await expect(self.field("Message")).to_be_visible()

    async def write(self, text: str) -> None:
        """Type above what the composer has put there (the quote, the signature)."""
        box = self.field("Message")
        await box.click()
        await box.press("Control+Home")
        await box.press_sequentially(text)

    async def attach(self, *files: Path) -> None:
        await self.page.locator("input[type=file]").first.set_input_files([str(file) for file in files])

    async def send(self) -> None:
        """Press Send and wait until the composer is gone."""
        await self.press("Send")
        await expect(self.field("Subject")).to_be_hidden(timeout=SLOW)

    async def download(self, name: str) -> bytes:
        """The attachment of that name, by its link."""
        link = self.page.get_by_role("link", name=re.compile(re.escape(name))).first
        async with self.page.expect_download() as started:
            await link.click()
        path = await (await started.value).path()
        return path.read_bytes()


@contextlib.asynccontextmanager
async def somebody(
    browser: Browser, stack: Stack, user: MailUser, *, javascript: bool = True
) -> AsyncIterator[Person]:
    """USER at a browser of their own; a page that reports an error of its scripts fails the test."""
    context = await browser.new_context(
        locale="en-GB",
        viewport={"width": 1280, "height": 800},
        java_script_enabled=javascript,
        accept_downloads=True,
    )
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield Person(page, stack, user)
        assert not errors, errors
    except Exception as error:
        with contextlib.suppress(Exception):
            shown = await page.locator("body").aria_snapshot(timeout=2_000)
            error.add_note(f"{user.name} is at {page.url} and sees:\n{shown}")
        raise
    finally:
        await context.close()
