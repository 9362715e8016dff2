"""What the scripts add, in a real Chromium over the edge with fakes behind it, under the page's policy."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import BrowserContext, FilePayload, Page, expect

from services.web.app import build, build_edge
from services.web.static import STATIC_DIR
from tests.unit.web import fakes as fake
from tests.unit.web.conftest import RENDERER, STATIC, settings

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not (STATIC_DIR / "dist/manifest.json").exists(), reason="no bundle: make assets"),
]
READY = "[data-rows][data-ready]"  # the list, once the page's scripts have begun


@dataclass
class Visit:
    """A signed-in page; `requests` are those to our pages, `problems` what the console says."""

    page: Page
    services: fake.Fakes
    base: str
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    async def go(self, path: str) -> None:
        await self.page.goto(self.base + path)
        self.requests.clear()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser_context: BrowserContext) -> AsyncIterator[Visit]:
    services = fake.Fakes()
    for uid in range(1, 13):
        envelope = fake.envelope(f"Letter {uid}", date=fake.NOON - timedelta(hours=20 - uid))
        services.mail.add(fake.StoredMessage(uid, envelope))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = build(build_edge(settings(public_url=base), services.services(), STATIC, RENDERER))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        page = await browser_context.new_page()
        it = Visit(page, services, base)
        page.on("request", lambda r: "/static/" in r.url or it.requests.append(r.url.removeprefix(base)))
        page.on("console", lambda m: m.type == "error" and it.problems.append(m.text))
        page.on("pageerror", lambda error: it.problems.append(str(error)))
        try:
            await page.goto(base + "/sign-in")
            await page.get_by_label("Email address").fill("alice@example.org")
            await page.get_by_label("Password").fill("alice")
            await page.get_by_role("button", name="Sign in").click()
            await page.locator(READY).wait_for()
            it.requests.clear()
            yield it
            # Not one breach of the policy, and no script that failed.
            assert not it.problems
        finally:
            server.should_exit = True
            await serving


def row(page: Page, subject: str):
    return page.get_by_role("list", name="Messages").get_by_role("link", name=subject)


async def test_a_message_opens_beside_the_list_and_back_works(visit: Visit) -> None:
    page = visit.page
    await row(page, "Letter 12").click()
    await expect(page.get_by_role("heading", name="Letter 12")).to_be_visible()
    # The pane alone; the counts of the tree and the stream of changes come beside it.
    own = [one for one in visit.requests if not one.startswith(("/mailboxes/tree", "/events"))]
    assert own == ["/mail/INBOX/7.12"]
    assert page.url.endswith("/mail/INBOX/7.12")
    await expect(page.locator(".row.is-current")).to_contain_text("Letter 12")
    await expect(page.locator(".row.is-current")).not_to_contain_text("Unread")
    await page.go_back()
    await expect(page.get_by_role("heading", name="Letter 12")).to_have_count(0)
    await page.go_forward()
    await expect(page.get_by_role("heading", name="Letter 12")).to_be_visible()


async def test_keys(visit: Visit) -> None:
    page = visit.page
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Letter 11")).to_be_visible()
    await page.keyboard.press("j")
    await expect(page.get_by_role("heading", name="Letter 10")).to_be_visible()
    await page.keyboard.press("/")
    await page.keyboard.type("c")  # in a field a key is a letter
    await expect(page.get_by_label("Search mail")).to_have_value("c")
    await page.keyboard.press("Tab")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Next message")
    await page.get_by_role("checkbox", name="Single-key shortcuts").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("c")
    await page.wait_for_timeout(100)
    assert "/compose" not in page.url


async def test_selection(visit: Visit) -> None:
    page = visit.page
    boxes = page.locator(".row-check input")
    await expect(page.get_by_role("button", name="Delete", exact=True)).to_be_hidden()
    await boxes.nth(1).check()
    await boxes.nth(4).click(modifiers=["Shift"])
    await expect(page.locator("[data-selected]")).to_have_text("4 selected")
    await page.get_by_label("Select all on this page").check()
    await expect(page.locator("[data-selected]")).to_have_text("12 selected")
    await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(page.locator("#undo")).to_be_visible()
    await page.keyboard.press("z")
    await expect(row(page, "Letter 12")).to_be_visible()


async def test_composer_saves_by_itself_and_sends_by_key(visit: Visit) -> None:
    page = visit.page
    await visit.go("/compose")
    await page.locator("form[data-ready]").wait_for()
    await page.get_by_role("combobox", name="To").fill("bob@example.org")
    await page.get_by_role("button", name="Bcc").click()
    await page.keyboard.type("carol@example.org")
    await page.get_by_label("Subject").fill("Wall")
    await page.get_by_label("Message", exact=True).fill("Is the wall dry?")
    await expect(page.locator("[data-state]")).to_contain_text("Saved")
    # Together, after a pause; a busy machine may be that slow between two of the four.
    assert 1 <= visit.requests.count("/compose/autosave") < 4
    assert await page.locator("input[name=draft]").input_value()
    files = [FilePayload(name=name, mimeType="text/plain", buffer=b"x") for name in ("a.txt", "b.txt")]
    await page.get_by_label("Attach files").set_input_files(files)
    await page.get_by_role("button", name="Remove a.txt").click()
    await page.get_by_label("Message", exact=True).press("Control+Enter")
    await page.wait_for_url("**/mail/INBOX")
    (sent,) = visit.services.send.sent.values()
    assert [one.filename for one in sent.attachments] == ["b.txt"]
    assert [one.address for one in sent.bcc] == ["carol@example.org"]


async def test_people_are_suggested(visit: Visit) -> None:
    page = visit.page
    await visit.go("/compose")
    await page.locator("form[data-ready]").wait_for()
    to = page.get_by_role("combobox", name="To")
    await to.fill("carol@example.org, ")
    await to.press_sequentially("bo")
    await expect(page.get_by_role("option")).to_have_count(1)
    await to.press("ArrowDown")
    await to.press("Enter")
    chips = page.get_by_role("list", name="To").get_by_role("listitem")
    await expect(chips).to_have_count(2)
    assert await page.locator("input[name=to]").input_value() == "carol@example.org, Bob <bob@example.org>"
    assert not visit.services.send.sent


async def test_who_writes_before_the_scripts_are_there_goes_on_writing(visit):
    """The letter gets its place for the cursor unless somebody has taken one already."""
    page, come = visit.page, asyncio.Event()

    async def later(route):
        await come.wait()
        await route.continue_()

    await page.route("**/static/**/*.js", later)
    await page.goto(f"{visit.base}/compose?reply=7.1.INBOX", wait_until="commit")
    box = page.get_by_label("Message", exact=True)
    await box.click()
    await box.press("Control+Home")
    await box.press_sequentially("And ")
    come.set()
    await expect(page.locator("input[role=combobox]").first).to_be_visible()
    await box.press_sequentially("more")
    assert (await box.input_value()).startswith("And more")
