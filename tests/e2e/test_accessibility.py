"""axe-core over every page, light and dark, wide and on a phone: no rule of WCAG 2.2 AA is broken."""

import pytest
from playwright.async_api import Browser, Page

from tests.support import audit
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES = [
    "/mail/INBOX",
    "/mail/INBOX?view=conversations",
    "/mail/Drafts",
    "/search?q=the",
    "/search?q=nothing-has-this-word",
    "/compose",
    "/contacts",
    "/contacts/new",
    "/compose?template=new&edit=1",
    "/outbox?view=all",
    "/settings",
    "/settings/templates",
    "/settings/security",
    "/settings/labels",
    "/mailboxes",
    "/mail/Projects/manage",
    "/mail/Projects/share",
    "/mail/Projects/import",
    "/mail/Projects/export",
    "/mail/Trash/empty",
    "/mail/INBOX/no-such-message",
]


async def open_message(page: Page, url: str) -> None:
    await page.goto(f"{url}/mail/INBOX")
    await page.goto(url + str(await page.locator("[data-rows] .row-link").first.get_attribute("href")))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["wide", "phone"])
async def test_no_page_breaks_a_rule(
    embedded: Stack, chromium: Browser, scheme: str, size: tuple[int, int]
) -> None:
    context = await chromium.new_context(
        locale="en-GB",
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": size[0], "height": size[1]},
    )
    page = await context.new_page()
    alice, _ = embedded.people()
    broken: dict[str, list[str]] = {}
    try:
        await page.goto("data:text/html,<img src=x>")
        assert any(one.startswith("image-alt") for one in await audit.violations(page)), "axe sees nothing"
        await page.goto(embedded.url)
        broken["/sign-in"] = await audit.violations(page)
        await page.get_by_label("Email address", exact=True).fill(alice.address)
        await page.get_by_label("Password", exact=True).fill(alice.password)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.wait_for_selector("[data-rows]")
        # The dark, wide page has the same structure as the light one: there only the colours are new.
        for path in PAGES:
            await page.goto(embedded.url + path)
            broken[path] = await audit.violations(page)
        await page.goto(f"{embedded.url}/mail/INBOX#mailboxes")
        await page.get_by_role("button", name="What to do with Projects").press("Enter")
        await page.wait_for_selector(".mbox-menu")
        broken["a mailbox's menu"] = await audit.violations(page)
        await page.goto(f"{embedded.url}/mail/INBOX")
        await page.locator(".row-check input").first.check()
        for key in ("v", "l"):
            await page.keyboard.press(key)
            await page.wait_for_selector("dialog[open]")
            broken[f"the dialog of {key}"] = await audit.violations(page)
            await page.keyboard.press("Escape")
        await open_message(page, embedded.url)
        broken["a message"] = await audit.violations(page)
    finally:
        await context.close()
    assert {path: found for path, found in broken.items() if found} == {}
