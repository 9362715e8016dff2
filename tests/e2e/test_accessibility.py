"""axe-core over every page and state: no rule of WCAG 2.2 AA is broken, and nothing is wider than a narrow
telephone (WCAG 1.4.10).

Light and wide, and dark on a telephone: between them each colour and each layout is seen.
"""

import contextlib
import re

import pytest
from playwright.async_api import Browser, Page

from services.web.app import build_edge, routes
from tests.e2e.scenes_apart import SCENES
from tests.e2e.stage import Stage, stage
from tests.support import audit
from tests.support.stack import ROOT, Stack
from tests.unit.web.conftest import settings

pytestmark = pytest.mark.asyncio(loop_scope="session")

# With real mail behind them: designed messages, conversations, what the demo's people wrote.
PAGES = [
    "/mail/INBOX",
    "/mail/INBOX?view=conversations",
    "/mail/Drafts",
    "/search?q=the",
    "/compose",
    "/contacts/new",
    "/compose?template=new&edit=1",
    "/mail/Trash/empty",
]
LOOKS = pytest.mark.parametrize(
    ("scheme", "size"), [("light", (1440, 900)), ("dark", (390, 844))], ids=["light-wide", "dark-phone"]
)
NARROW = 320
# Documents in which no script runs, ours neither: they are looked at elsewhere,
PRINTED = {"message-printed", "message-in-html-printed"}
# and those in which nothing is ours.
FOREIGN = {"message-source", "attachment-picture", "attachment-pdf", "attachment-text"}
# Addresses that never answer with a page of their own: data, files, and ways on to another page.
NO_PAGES = {
    "/",
    "/compose/key",
    "/compose/links",
    "/compose/links/{link}",
    "/compose/upload/{upload}",
    "/contacts/suggest",
    "/events",
    "/favicon.ico",
    "/image/{capability}",
    "/inline/{capability}",
    "/links/{link}",
    "/mail/{mailbox}/{key}/attachments.zip",
    "/mail/{mailbox}/{key}/part/{part}",
    "/mail/{mailbox}/{key}/source",
    "/search/saved/counts",
    "/search/suggest",
    "/session",
    "/settings/security/app/confirm",
    "/settings/security/card/confirm",
    "/settings/security/passkey/confirm",
    "/settings/transfer",
    "/sign-in/code",
    "/sign-in/go-on",
    "/sign-in/passkey",
    "/static/{path:path}",
}


async def wrong(page: Page) -> list[str]:
    """What breaks a rule, and by how much the page is too wide for a telephone."""
    found = await audit.violations(page)
    size = page.viewport_size
    if size and size["width"] < 800:
        await page.set_viewport_size({"width": NARROW, "height": size["height"]})
        over = await page.evaluate(
            """() => [document.documentElement, ...document.querySelectorAll('.pane')].filter(one =>
            one.scrollWidth > one.clientWidth && getComputedStyle(one).overflowX !== 'hidden').map(one =>
            `${one.id || one.className || 'page'} is ${one.scrollWidth - one.clientWidth} px too wide`)"""
        )
        found += over
        await page.set_viewport_size(size)
    return found


@LOOKS
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
        await page.goto("data:text/html,<!doctype html><img src=x><p style='width: 500px'>x")
        found = await wrong(page)
        assert any(one.startswith("image-alt") for one in found), "axe sees nothing"
        assert size[0] > 800 or any(one.startswith("page is") for one in found), "width is not seen"
        await page.goto(embedded.url)
        broken["/sign-in"] = await wrong(page)
        await page.get_by_label("Email address", exact=True).fill(alice.address)
        await page.get_by_label("Password", exact=True).fill(alice.password)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.wait_for_selector("[data-rows]")
        for path in PAGES:
            await page.goto(embedded.url + path)
            broken[path] = await wrong(page)
        await page.goto(f"{embedded.url}/mail/INBOX")
        for subject in ("The Drawbridge", "Photos from the wall", "Invitation", "Undelivered"):
            link = page.locator("[data-rows] .row-link", has_text=subject).first
            await page.goto(embedded.url + str(await link.get_attribute("href")))
            broken[subject] = await wrong(page)
            await page.goto(f"{embedded.url}/mail/INBOX")
    finally:
        await context.close()
    assert {path: found for path, found in broken.items() if found} == {}


@LOOKS
async def test_no_state_breaks_a_rule(chromium: Browser, scheme: str, size: tuple[int, int]) -> None:
    context = await chromium.new_context(
        locale="en-GB",
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": size[0], "height": size[1]},
        has_touch=size[0] < 800,
        reduced_motion="reduce",
    )
    context.set_default_timeout(10_000)
    page = await context.new_page()
    broken: dict[str, list[str]] = {}
    try:
        async with stage(page) as here:
            await here.sign_in()
            for name, scene in SCENES.items():
                try:
                    async with contextlib.aclosing(scene(here)) as standing:
                        async for _ in standing:
                            if name in PRINTED:
                                text = await (await page.request.get(page.url)).text()
                                await page.goto("about:blank")
                                await page.set_content(text)
                            if name not in FOREIGN:
                                broken[name] = await wrong(page)
                except Exception as problem:
                    problem.add_note(f"in the scene {name}")
                    raise
            if size[0] > 800:  # all scenes are played there
                assert unseen(here) == []
    finally:
        await context.close()
    assert {name: found for name, found in broken.items() if found} == {}


def unseen(here: Stage) -> list[str]:
    """Pages without a scene: templates that nothing drew, addresses that nobody came to."""

    def words(pattern: str, files: str) -> set[str]:
        text = "\n".join(path.read_text() for path in (ROOT / "services/web").glob(files))
        return set(re.findall(pattern, text))

    # What is a part of another page has been seen with it.
    templates = words(r'"(\w+\.html)"', "**/*.py") - words(r'include "(\w+\.html)"', "templates/**/*.html")
    paths = {
        route.path
        for route in routes(build_edge(settings(), here.services.services()))
        if "GET" in (route.methods or ())
    }
    stale = NO_PAGES & here.shown.routes
    return sorted((templates - here.shown.templates) | (paths - here.shown.routes - NO_PAGES) | stale)
