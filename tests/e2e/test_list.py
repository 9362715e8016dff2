"""The list with scripts: endless, live, changed in place, each act taken back."""

import re
import secrets

import pytest
from playwright.async_api import Browser, expect

from bench.mailboxes import fill
from tests.e2e.person import Person, somebody
from tests.support.dovecot import Dovecot
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
MANY = 700
HEIGHT = "document.querySelector('.list').scrollHeight"
ROWS = "document.querySelectorAll('[data-rows] > .row').length"


async def positions(person: Person) -> list[int]:
    return await person.page.evaluate(
        "[...document.querySelectorAll('[data-rows] > .row')].map(row => Number(row.ariaPosInSet))"
    )


async def test_a_long_list_is_scrolled_through_with_few_lines_in_the_page(
    real: Stack, dovecot: Dovecot, chromium: Browser
) -> None:
    user = dovecot.add_user()
    fill(dovecot, user, MANY)
    async with somebody(chromium, real, user) as she:
        await she.sign_in()
        await expect(she.messages).to_be_visible()
        height = await she.page.evaluate(HEIGHT)
        row = await she.page.evaluate("document.querySelector('[data-rows] > .row').offsetHeight")
        assert abs(height - MANY * row) < 500, "the scroll bar does not stand for the whole mailbox"
        for share in (0.1, 0.5, 0.52, 1.0, 0.0):
            await she.page.evaluate(f"document.querySelector('.list').scrollTop = {share} * {height}")
            want = max(1, int(share * (MANY - 12)))
            await expect(she.page.locator(f'[data-rows] > .row[aria-posinset="{want}"]')).to_be_attached()
            assert await she.page.evaluate(ROWS) <= 300
            shown = await positions(she)
            assert shown == list(range(shown[0], shown[0] + len(shown)))


async def test_everything_that_matches_can_be_selected_and_acted_on_and_taken_back(
    real: Stack, dovecot: Dovecot, chromium: Browser
) -> None:
    user = dovecot.add_user()
    fill(dovecot, user, 150)
    async with somebody(chromium, real, user) as she:
        await she.sign_in()
        await she.page.locator(".row-check").first.hover()
        await she.page.locator(".row-check input").first.check()
        await she.page.get_by_label("Select all on this page").check()
        await she.page.get_by_role("button", name="Select all 150").click()
        await expect(she.page.get_by_text("150 selected")).to_be_visible()
        await she.page.get_by_role("button", name="Star", exact=True).first.click()
        # Some were starred before: those are neither counted nor taken back.
        await expect(she.page.get_by_text(re.compile(r"1[45]\d messages starred\."))).to_be_visible()
        with real.imap(user) as client:
            client.select_folder("INBOX", readonly=True)
            assert len(client.search(["FLAGGED"])) == 150


async def test_new_mail_comes_into_the_list_and_the_counts_by_itself(stack: Stack, chromium: Browser) -> None:
    alice, bob = stack.people()
    first, second = (f"Pushed {secrets.token_hex(4)}" for _ in range(2))
    stack.deliver(bob, alice, first, "Hello\n")
    async with somebody(chromium, stack, alice) as she:
        await she.sign_in()
        await she.wait_for_row(first)
        await she.open(first)
        await she.page.evaluate("window.same = true")
        stack.deliver(bob, alice, second, "Hello again\n")
        await expect(she.row(second)).to_be_visible(timeout=20_000)
        await expect(she.page).to_have_title(re.compile(r"^\(\d+\) "))
        assert await she.page.evaluate("window.same"), "the page was loaded again"
        await expect(she.page.get_by_role("heading", name=first).first).to_be_visible()
        await she.open(second)  # a line that came later opens beside the list as the others do
        assert await she.page.evaluate("window.same"), "the page was loaded again"


async def test_an_act_changes_the_list_in_place_and_z_takes_it_back(
    embedded: Stack, chromium: Browser
) -> None:
    stack = embedded
    alice, bob = stack.people()
    subject = f"To be archived {secrets.token_hex(4)}"
    stack.deliver(bob, alice, subject, "Hello\n")
    async with somebody(chromium, stack, alice) as she:
        await she.sign_in()
        await she.wait_for_row(subject)
        await she.page.evaluate("window.same = true")
        await she.row(subject).hover()
        await she.page.get_by_role("button", name="Archive: this message").click()
        await expect(she.row(subject)).to_have_count(0)
        await expect(she.page.get_by_text("1 message archived.")).to_be_visible()
        await she.page.keyboard.press("z")
        await expect(she.row(subject)).to_be_visible()
        assert await she.page.evaluate("window.same"), "the page was loaded again"
