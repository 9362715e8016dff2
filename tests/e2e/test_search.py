"""Searching at a browser: the box completes itself, filters come off, a search is saved; with a mouse, with
keys alone, by touch, without scripts. A search that takes long is stopped and keeps what it found."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, expect

from services.web.app import build, build_edge
from tests.e2e.person import Person, somebody
from tests.support import audit
from tests.support.process import free_port
from tests.support.stack import Stack
from tests.unit.web.conftest import RENDERER, STATIC, settings
from tests.unit.web.fakes import Fakes, StoredMessage, envelope

pytestmark = pytest.mark.asyncio(loop_scope="session")


def box(person: Person):
    return person.page.get_by_role("searchbox", name="Search mail")


def options(person: Person):
    return person.page.get_by_role("listbox", name="Suggestions").get_by_role("option")


async def test_the_box_completes_itself_by_keys_alone(embedded: Stack, chromium: Browser) -> None:
    alice, bob = embedded.people()
    mark = secrets.token_hex(4)
    embedded.deliver(bob, alice, f"Plan {mark}", "x\n")
    async with somebody(chromium, embedded, alice) as person:
        await person.sign_in()
        await person.wait_for_row(f"Plan {mark}")
        await person.page.keyboard.press("/")
        await person.page.keyboard.type(f"{mark} subj")
        await expect(options(person).first).to_contain_text("subject:")
        await person.page.keyboard.press("ArrowDown")
        await expect(box(person)).to_have_attribute("aria-activedescendant", "search-option-0")
        assert await audit.violations(person.page) == []
        await person.page.keyboard.press("Enter")
        await expect(box(person)).to_have_value(f"{mark} subject:")
        await person.page.keyboard.type("plan in:inb")
        await expect(options(person).first).to_contain_text("Inbox")
        await person.page.keyboard.press("ArrowDown")
        await person.page.keyboard.press("Tab")
        await expect(box(person)).to_have_value(f"{mark} subject:plan in:INBOX ")
        await person.page.keyboard.press("Enter")
        await expect(person.row(f"Plan {mark}")).to_have_count(1)
        await expect(person.page.get_by_role("link", name="Remove the filter: Subject: plan")).to_be_visible()


async def test_filters_come_off_and_a_search_is_saved_without_scripts(
    embedded: Stack, chromium: Browser
) -> None:
    alice, bob = embedded.people()
    mark = secrets.token_hex(4)
    embedded.deliver(bob, alice, f"Invoice {mark}", "x\n")
    async with somebody(chromium, embedded, alice, javascript=False) as person:
        page = person.page
        await person.sign_in()
        await person.wait_for_row(f"Invoice {mark}")
        await box(person).fill(f"{mark} has:attachment")
        await box(person).press("Enter")
        await expect(page.get_by_text("Nothing found")).to_be_visible()
        await page.get_by_role("link", name="Remove the filter: With attachments").click()
        await expect(person.row(f"Invoice {mark}")).to_have_count(1)
        await page.get_by_label("Save this search").click()
        await page.get_by_label("Name of the search").fill(f"Invoices {mark}")
        await page.get_by_role("button", name="Save search").click()
        saved = page.get_by_role("navigation", name="Mailboxes").get_by_role("link", name=f"Invoices {mark}")
        await expect(saved).to_have_attribute("aria-current", "page")
        await page.goto(f"{embedded.url}/mail/INBOX")
        await saved.click()
        await expect(page.get_by_role("heading", name=f"Invoices {mark}")).to_be_visible()
        await person.row(f"Invoice {mark}").click()
        await expect(page.get_by_role("heading", name=f"Invoice {mark}")).to_be_visible()
        await expect(person.messages).to_contain_text(f"Invoice {mark}")
        await page.go_back()
        await page.get_by_label("Saved search", exact=True).click()
        await page.get_by_role("button", name="Delete saved search").click()
        await expect(saved).to_have_count(0)
        await page.get_by_role("button", name="Undo").click()
        await expect(saved).to_be_visible()


async def test_saved_searches_have_their_numbers(embedded: Stack, chromium: Browser) -> None:
    alice, bob = embedded.people()
    mark = secrets.token_hex(4)
    for n in range(2):
        embedded.deliver(bob, alice, f"Report {n} {mark}", "x\n")
    async with somebody(chromium, embedded, alice) as person:
        page = person.page
        await person.sign_in()
        await person.wait_for_row(f"Report 1 {mark}")
        await page.goto(f"{embedded.url}/search?q=subject:{mark}")
        await page.get_by_label("Save this search").click()
        await page.get_by_role("button", name="Save search").click()
        saved = page.get_by_role("navigation", name="Mailboxes").get_by_role("link", name=f"subject:{mark} 2")
        await expect(saved).to_be_visible()
        # A message opens beside the results.
        await person.row(f"Report 0 {mark}").click()
        await expect(page.locator("#reading").get_by_role("heading", name=f"Report 0 {mark}")).to_be_visible()
        await expect(person.row(f"Report 1 {mark}")).to_be_visible()
        await page.reload()
        await expect(person.row(f"Report 1 {mark}")).to_be_visible()


async def test_all_that_a_search_finds_is_selected_acted_on_and_taken_back_in_place(
    slow: tuple[str, Fakes], chromium: Browser
) -> None:
    url, fakes = slow
    fakes.mail.pace = None
    for n in range(70):
        fakes.mail.add(StoredMessage(100 + n, envelope(f"report {n}")), "Archive" if n % 2 else "INBOX")
    context = await chromium.new_context(
        locale="en-GB", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = await context.new_page()
    try:
        await page.goto(url)
        await page.get_by_label("Email address").fill("alice@example.org")
        await page.get_by_label("Password").fill("alice")
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.goto(f"{url}/search?q=report")
        await page.locator(".row-check").first.tap()
        # With a finger: every action 44 px wide and high, and none beside the screen.
        bar = page.get_by_role("toolbar", name="Selected messages")
        for button in await bar.locator(".btn").all():
            size = await button.bounding_box()
            assert size and min(size["width"], size["height"]) >= 44, size
            assert size["x"] >= 0 and size["x"] + size["width"] <= 390, size
        await page.get_by_label("Select all on this page").check()
        await expect(page.get_by_text("All that match")).to_be_hidden()  # for those without scripts
        await page.get_by_role("button", name="Select all 73").tap()
        await expect(page.get_by_text("73 selected")).to_be_visible()
        await bar.get_by_role("button", name="Star", exact=True).tap()
        await expect(page.get_by_text("73 messages starred.")).to_be_visible()
        starred = page.get_by_role("list", name="Messages").get_by_label("Starred")
        await expect(starred).to_have_count(50)
        await page.get_by_role("button", name="Undo").tap()
        await expect(page.get_by_text("Undone.")).to_be_visible()
        await expect(starred).to_have_count(0)
    finally:
        await context.close()


async def test_by_touch_an_option_is_tapped(embedded: Stack, chromium: Browser) -> None:
    alice, _ = embedded.people()
    context = await chromium.new_context(
        locale="en-GB", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    person = Person(await context.new_page(), embedded, alice)
    try:
        await person.sign_in()
        await person.page.get_by_role("navigation", name="Main").get_by_role("link", name="Search").tap()
        await box(person).tap()
        await options(person).filter(has_text="is:unread").tap()
        await expect(box(person)).to_have_value("is:unread ")
        await box(person).press("Enter")
        chip = person.page.get_by_role("link", name="Remove the filter: Unread")
        await expect(chip).to_be_visible()
        size = await chip.bounding_box()
        assert size and size["height"] >= 24 and size["x"] + size["width"] <= 390
        await chip.tap()
        await expect(person.page.get_by_role("heading", name="Search")).to_be_visible()
    finally:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def slow() -> AsyncIterator[tuple[str, Fakes]]:
    """An edge over services in memory whose search goes on when the test says so."""
    fakes, port = Fakes(), free_port()
    fakes.mail.pace = asyncio.Queue()
    fakes.mail.add(StoredMessage(1, envelope("report one")))
    fakes.mail.add(StoredMessage(2, envelope("report two")), "Drafts")
    fakes.mail.add(StoredMessage(3, envelope("report three")), "Trash")
    url = f"http://127.0.0.1:{port}"
    edge = build_edge(settings(public_url=url), fakes.services(), STATIC, RENDERER)
    server = uvicorn.Server(uvicorn.Config(build(edge), port=port, log_level="critical", lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield url, fakes
    finally:
        server.should_exit = server.force_exit = True
        await running


def url_of(address: str) -> str:
    """Without the server, and without the name of the search that was stopped."""
    return "/" + address.split("/", 3)[3].split("&flow=")[0]


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
async def test_a_long_search_shows_what_it_finds_and_can_be_stopped(
    slow: tuple[str, Fakes], chromium: Browser, javascript: bool
) -> None:
    url, fakes = slow
    context = await chromium.new_context(locale="en-GB", java_script_enabled=javascript)
    page = await context.new_page()
    try:
        await page.goto(url)
        await page.get_by_label("Email address").fill("alice@example.org")
        await page.get_by_label("Password").fill("alice")
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.get_by_role("searchbox", name="Search mail").fill("report")
        await page.get_by_role("searchbox", name="Search mail").press("Enter", no_wait_after=True)
        rows = page.get_by_role("list", name="Messages").get_by_role("link")
        await expect(rows).to_have_count(1)
        await expect(page.get_by_text("Searching 4 more mailboxes")).to_be_visible()
        assert fakes.mail.pace is not None
        fakes.mail.pace.put_nowait(None)
        await expect(rows).to_have_count(2)
        await page.get_by_role("link", name="Stop").click(no_wait_after=True)
        # What was found stays, with the whole of its page around it, and a way on.
        await expect(page.get_by_text("Search stopped. There may be more.")).to_be_visible()
        await expect(rows).to_have_count(2)
        assert url_of(page.url) == ("/search?q=report" if javascript else "/search?q=report&quick=1")
        await expect(page.get_by_role("link", name="Search on")).to_have_attribute("href", "/search?q=report")
        await rows.first.click()
        await expect(page.locator("#reading").get_by_role("heading", name="report one")).to_be_visible()
        for _ in range(150):
            if not fakes.mail.searching:
                break
            await asyncio.sleep(0.1)
        assert fakes.mail.searching == 0, "the search goes on though nobody waits for it"
        fakes.mail.pace = None
        await page.goto(f"{url}/search?q=report")
        await expect(page.get_by_text("3 found")).to_be_visible()
    finally:
        await context.close()


async def test_what_is_archived_from_a_search_gives_way_to_the_next_result(
    slow: tuple[str, Fakes], chromium: Browser
) -> None:
    url, fakes = slow
    fakes.mail.pace = None
    for n in range(4):
        fakes.mail.add(StoredMessage(300 + n, envelope(f"ledger {n}")), "INBOX")
    page = await chromium.new_page(locale="en-GB", viewport={"width": 1440, "height": 900})
    try:
        await page.goto(url)
        await page.get_by_label("Email address").fill("alice@example.org")
        await page.get_by_label("Password").fill("alice")
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.goto(f"{url}/search?q=ledger+in:inbox")
        lines = page.locator("[data-rows] > .row")
        await expect(lines).to_have_count(4)
        subjects = await page.locator("[data-rows] .row-subject").all_text_contents()
        heading = page.locator("#reading .thread-head h1")
        await lines.nth(1).locator(".row-link").click()
        for key, at in (("e", 2), ("#", 3)):
            await expect(heading).to_contain_text(subjects[at - 1])
            await page.keyboard.press(key)
            await expect(heading).to_contain_text(subjects[at])
            await expect(page.locator(".row.is-current .row-subject")).to_contain_text(subjects[at])
        await expect(lines.filter(has_text="Archive")).to_have_count(1)  # the search was made again
        assert "ledger" in await page.locator("[data-search]").input_value()
        # A letter that was refused is told until somebody has read it.
        await page.evaluate(
            """() => document.dispatchEvent(new CustomEvent("postern:outbox",
            {detail: {id: "s1", wrong: "Refused.", open: "Open", href: "/outbox"}}))"""
        )
        await page.get_by_role("alert").get_by_role("button", name="Close").click()
        await expect(page.get_by_text("Refused.")).to_have_count(0)
    finally:
        await page.close()
