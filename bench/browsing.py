"""A browser before the whole of Postern and a large mailbox."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

from playwright.async_api import Page

from bench.figures import full
from bench.mailboxes import fill
from tests.support.chromium import chromium
from tests.support.dovecot import MailUser, dovecot
from tests.support.mariadb import mariadb
from tests.support.postfix import postfix
from tests.support.stack import Stack, real_stack


@contextlib.contextmanager
def large() -> Iterator[tuple[Stack, MailUser]]:
    """Postern beside Dovecot, Postfix and MariaDB; a user with 100,000 messages (FULL=1), else with 5,000."""
    with dovecot() as mail, postfix(mail) as smtp, mariadb() as database:
        user = mail.add_user()
        fill(mail, user, 100_000 if full() else 5_000)
        with real_stack(mail, smtp, database, POSTERN_LOG_LEVEL="WARNING") as stack:
            yield stack, user


@contextlib.asynccontextmanager
async def signed_in(stack: Stack, user: MailUser, script: str = "") -> AsyncIterator[Page]:
    """The list of the inbox in headless Chromium; SCRIPT runs in every page before its own."""
    async with chromium() as browser:
        context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
        await context.add_init_script(script)
        page = await context.new_page()
        await page.goto(stack.url)
        await page.get_by_label("Email address", exact=True).fill(user.address)
        await page.get_by_label("Password", exact=True).fill(user.password)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.wait_for_selector("[data-rows] .row-link", timeout=60_000)
        yield page
