"""The list with scripts: endless, live, changed in place, each act taken back."""

import asyncio
import re
import secrets

import pytest
from playwright.async_api import Browser, Page, Route, expect

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
        selected = she.page.locator("[data-selected]")
        await she.page.locator(".row-check").first.hover()
        await she.page.locator(".row-check input").first.check()
        await she.page.locator(".row-link").nth(3).click(modifiers=["Shift"])
        await expect(selected).to_have_text("4 selected")
        await expect(she.page.locator("#reading [data-open]")).to_have_count(0)
        for key, count in (("*", 4), ("n", 0), ("x", 1), ("Escape", 0)):
            await she.page.keyboard.press(key)
            await expect(selected).to_have_text(f"{count} selected" if count else "")
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
        # From within the pane, too, the line of what is open is the current one.
        await she.page.locator(".row-link").nth(2).click()
        await she.page.get_by_role("link", name="Older message").click()
        await expect(she.page.locator(".row").nth(3)).to_have_class(re.compile("is-current"))
        # What is beside it is what the list shows there: sorted otherwise, and in what a search found.
        await she.page.goto(she.page.url.partition("/mail/")[0] + "/mail/INBOX?sort=size")
        await she.page.locator(".row-link").nth(2).click()
        await she.page.get_by_role("link", name="Next message", exact=True).click()
        await expect(she.page.locator(".row").nth(3)).to_have_class(re.compile("is-current"))
        await she.page.goto(she.page.url.partition("/mail/")[0] + "/search?q=smaller:1M")
        await she.page.goto(await she.page.locator(".row-link").nth(2).evaluate("link => link.href"))
        await she.page.get_by_role("link", name="Older message").click()
        await expect(she.page.locator(".row").nth(3)).to_have_class(re.compile("is-current"))
        await expect(she.page.locator(".row.is-current")).to_have_count(1)
        await she.page.keyboard.press("j")
        await expect(she.page.locator(".row").nth(4)).to_have_class(re.compile("is-current"))


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


async def test_mail_that_comes_while_a_page_is_drawn_is_on_it(stack: Stack, chromium: Browser) -> None:
    """Between the page and the start of its stream: on the first page, on the next, and in a second tab."""
    alice, _ = stack.people()

    def arrive() -> str:
        subject = f"Between {secrets.token_hex(4)}"
        with stack.imap(alice) as imap:
            imap.append("INBOX", f"From: bob@example.org\r\nSubject: {subject}\r\n\r\nx\r\n".encode())
        return subject

    async with somebody(chromium, stack, alice) as person:
        held = asyncio.Event()
        asked: list[str] = []

        async def later(route: Route) -> None:
            asked.append(route.request.url)
            await held.wait()
            await route.continue_()

        async def gap(page: Page) -> None:
            subject = arrive()
            held.set()
            await expect(page.get_by_role("link", name=re.compile(subject))).to_be_visible(timeout=6_000)
            held.clear()

        arrive()  # a list of nothing has no height to be seen by
        await person.page.route("**/events*", later)
        await person.sign_in()
        await expect(person.messages).to_be_visible()
        await gap(person.page)
        await person.page.reload()
        await expect(person.messages).to_be_visible()
        await gap(person.page)
        assert "after=" in asked[-1], "the second page does not go on from where it was drawn"
        # Beside a tab that reads already: what the other heard before this one listened.
        other = await person.page.context.new_page()
        came: list[str] = []

        async def slowly(route: Route) -> None:
            came.append(arrive())
            await expect(person.row(came[0])).to_be_visible(timeout=20_000)
            await route.continue_()

        await other.route("**/app-*.js", slowly)
        await other.goto(f"{stack.url}/mail/INBOX")
        await expect(other.get_by_role("link", name=re.compile(came[0]))).to_be_visible(timeout=6_000)


async def test_an_act_fills_the_list_by_itself_and_notices_what_else_has_happened(
    real: Stack, dovecot: Dovecot, chromium: Browser
) -> None:
    """Without a stream of changes: the line that fills the room comes with the act's answer, and the list is
    read again only where another client has changed it meanwhile."""
    user = dovecot.add_user()
    fill(dovecot, user, 60)
    with real.imap(user) as imap:
        imap.create_folder("Archive")
    async with somebody(chromium, real, user) as she:
        await she.page.route("**/events*", lambda route: route.abort())
        await she.sign_in()
        await expect(she.messages).to_be_visible()
        await she.page.goto(f"{real.url}/mail/INBOX?view=messages")
        await expect(she.page.locator("[data-rows] > .row")).to_have_count(50)
        read: list[str] = []
        she.page.on("request", lambda one: read.append(one.url) if "/INBOX?" in one.url else None)

        async def archive(total: int) -> None:
            await she.page.locator("[data-rows] > .row").nth(1).hover()
            async with she.page.expect_response("**/actions"):
                await she.page.get_by_role("button", name="Archive: this message").click()
            last = she.page.locator("[data-rows] > .row").nth(49)
            await expect(last).to_have_attribute("aria-setsize", str(total))
            assert await positions(she) == list(range(1, 51))
            keys = await she.page.eval_on_selector_all(
                "[data-rows] .row-check input", "all => all.map(e => e.value)"
            )
            assert len(set(keys)) == 50
            await expect(she.page.locator(".list-count")).to_contain_text(f"{total} ")

        await archive(59)
        await archive(58)
        assert not read
        subject = f"Meanwhile {secrets.token_hex(4)}"
        with real.imap(user) as imap:
            imap.append("INBOX", f"From: bob@example.org\r\nSubject: {subject}\r\n\r\nx\r\n".encode())
        await archive(58)
        await expect(she.row(subject)).to_be_visible()
        assert read


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
