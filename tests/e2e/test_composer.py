"""The composer in a real Chromium: what is typed survives, chips, files, formatting, windows."""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest
from playwright.async_api import CDPSession, FilePayload, Locator, Page, expect

from services.web.static import STATIC_DIR
from tests.e2e.test_scripts import Visit, row, visit

__all__ = ["visit"]
pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not (STATIC_DIR / "dist/manifest.json").exists(), reason="no bundle: make assets"),
]
SAVED = "[data-state]"


def text_of(place: Page | Locator) -> Locator:
    """Where one types. Until the editor is there, a formatted letter's plain copy stands in its place,
    read-only: it goes, and whatever was to be done to it would wait for it for ever."""
    return place.get_by_role("textbox", name="Message", exact=True).and_(place.locator(":not([readonly])"))


async def compose(visit: Visit, path: str = "/compose") -> Page:
    await visit.go(path)
    await visit.page.locator("form[data-ready]").wait_for()
    return visit.page


async def kill(page: Page) -> None:
    """The renderer is gone, as when the browser runs out of memory."""
    session: CDPSession = await page.context.new_cdp_session(page)
    with contextlib.suppress(Exception):  # the answer dies with the page
        await asyncio.wait_for(session.send("Page.crash"), 3)


async def test_a_killed_tab_offers_what_was_typed(visit: Visit) -> None:
    page = await compose(visit)
    visit.services.send.fail["save_draft"] = RuntimeError("no drafts today")  # the browser's copy alone
    await page.get_by_label("To", exact=True).fill("bob@example.org")
    await page.get_by_label("Subject").fill("Half a letter")
    await page.get_by_label("Message", exact=True).press_sequentially("Every word of it", delay=20)
    await page.wait_for_timeout(2_000)  # the copy is made
    visit.problems.clear()  # the failing saves
    context = page.context
    await kill(page)
    again = await context.new_page()
    await again.goto(visit.base + "/mail/INBOX")
    del visit.services.send.fail["save_draft"]
    # Nothing of it is readable on the disk.
    raw = await again.evaluate(
        """async () => { const db = await new Promise(r => { const q = indexedDB.open('postern', 1);
        q.onsuccess = () => r(q.result); }); const all = await new Promise(r => { const q =
        db.transaction('letters').objectStore('letters').getAll(); q.onsuccess = () => r(q.result); });
        db.close();
        return all.map(one => new TextDecoder('latin1').decode(one.data) + JSON.stringify(one)) }"""
    )
    assert len(raw) == 1 and "Every word" not in raw[0] and "Half a letter" not in raw[0]
    await again.get_by_role("button", name="Open: Half a letter").click()
    await expect(again.get_by_label("Message", exact=True)).to_have_value("Every word of it")
    await expect(again.get_by_role("list", name="To")).to_contain_text("bob@example.org")
    await again.get_by_role("button", name="Send", exact=True).click()
    await expect(again.get_by_text("Message on its way.")).to_be_visible()
    (sent,) = visit.services.send.sent.values()
    assert sent.text == "Every word of it" and [one.address for one in sent.to] == ["bob@example.org"]
    await again.reload()
    await expect(again.get_by_role("button", name="Open: Half a letter")).to_have_count(0)
    await again.close()


async def test_a_session_that_ends_is_mended_over_the_page(visit: Visit) -> None:
    page = await compose(visit)
    await page.get_by_label("Subject").fill("Long thought")
    visit.services.auth.sessions.clear()
    await page.context.clear_cookies(name="postern")
    await page.get_by_label("Message", exact=True).press_sequentially("I was about to say")
    dialog = page.get_by_role("dialog", name="Sign in")
    await expect(dialog).to_be_visible()
    await expect(dialog.get_by_label("Email address")).to_have_value("alice@example.org")
    await dialog.get_by_label("Password").fill("wrong")
    await dialog.get_by_role("button", name="Sign in").click()
    await expect(dialog.get_by_role("alert")).to_be_visible()
    await dialog.get_by_label("Password").fill("alice")
    await dialog.get_by_role("button", name="Sign in").click()
    await expect(dialog).to_have_count(0)
    assert page.url.endswith("/compose")
    await expect(page.get_by_label("Message", exact=True)).to_have_value("I was about to say")
    await expect(page.locator(SAVED)).to_contain_text("Saved")
    assert visit.services.send.drafts[-1][0].text == "I was about to say"
    visit.problems[:] = [one for one in visit.problems if "401" not in one]


async def test_it_is_mended_at_an_openid_provider_too(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.web.edge.METHODS_SECONDS", -1.0)  # it is asked anew
    visit.services.auth.openid = "Example account"
    page = await compose(visit)
    await page.get_by_label("Subject").fill("Longer thought")
    visit.services.auth.sessions.clear()
    await page.context.clear_cookies(name="postern")
    await page.get_by_label("Message", exact=True).press_sequentially("I was about")
    dialog = page.get_by_role("dialog", name="Sign in")
    await dialog.get_by_role("button", name="Sign in with Example account").click()
    away = dialog.get_by_role("link", name="Go on")
    await expect(away).to_have_attribute("target", "_blank")
    # There and back in the other tab; here nothing is loaded anew.
    tab = await page.context.new_page()
    await tab.goto(f"{visit.base}/sign-in/openid?code=c&state=s")
    await tab.close()
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_label("Message", exact=True)).to_have_value("I was about")
    await expect(page.locator(SAVED)).to_contain_text("Saved")
    visit.problems[:] = [one for one in visit.problems if "401" not in one]


async def test_two_tabs_lose_no_update(visit: Visit) -> None:
    page = await compose(visit)
    await page.get_by_label("Subject").fill("Shared")
    await page.get_by_label("Message", exact=True).fill("first")
    await expect(page.locator(SAVED)).to_contain_text("Saved")
    key = (await page.locator("input[name=draft]").input_value()).split(" ")[1]
    other = await page.context.new_page()
    await other.goto(f"{visit.base}/compose?draft={key}")
    await other.locator("form[data-ready]").wait_for()
    await other.get_by_label("Message", exact=True).fill("theirs")
    await expect(other.locator(SAVED)).to_contain_text("Saved")
    await page.get_by_label("Message", exact=True).fill("mine")
    box = page.locator(".conflict")
    await expect(box).to_contain_text("changed in another window")
    await expect(box).to_contain_text("theirs")
    await expect(page.get_by_label("Message", exact=True)).to_have_value("mine")
    assert [one.texts[0].text for one in visit.services.mail.boxes["Drafts"].values()] == ["theirs"]
    await page.get_by_role("button", name="Keep both").click()
    await expect(page.locator(".conflict")).to_have_count(0)
    kept = sorted(one.texts[0].text for one in visit.services.mail.boxes["Drafts"].values())
    assert kept == ["mine", "theirs"]
    await other.close()
    visit.problems[:] = [one for one in visit.problems if "409" not in one]


async def test_chips_take_lists_and_work_by_keys(visit: Visit) -> None:
    page = await compose(visit)
    to = page.get_by_role("combobox", name="To")
    await to.fill(
        'Ann Lee <ann@x.example>, b@y.example; nobody, "Last, First" <c@z.example>, '
        "Team: d@x.example, e@x.example;,"
    )
    chips = page.get_by_role("list", name="To").get_by_role("listitem")
    await expect(chips).to_have_count(5)
    await expect(page.locator(".recipient.is-invalid")).to_have_text("nobody×")
    await expect(page.get_by_role("button", name="This is not an email address: nobody")).to_be_visible()
    await to.focus()
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Delete")
    await expect(chips).to_have_count(4)
    await page.get_by_label("Subject").fill("x")
    await page.get_by_label("Message", exact=True).fill("Hello")
    await page.get_by_role("button", name="Send", exact=True).click()
    await page.wait_for_url("**/mail/INBOX")
    (sent,) = visit.services.send.sent.values()
    assert [one.address for one in sent.to] == [
        "ann@x.example", "b@y.example", "c@z.example", "d@x.example", "e@x.example"
    ]  # fmt: skip
    assert sent.to[2].name == "Last, First" and sent.to[3].group == "Team"


async def test_files_go_in_pieces_and_take_up_again(visit: Visit) -> None:
    page = await compose(visit)
    content = bytes(range(256)) * 600
    broken = 0

    async def flaky(route) -> None:
        nonlocal broken
        if "offset=0" in route.request.url and broken < 1:
            broken += 1
            await route.abort("connectionreset")
        else:
            await route.continue_()

    await page.route("**/compose/upload/*", flaky)
    await page.get_by_label("Attach files").set_input_files(
        [FilePayload(name="big.bin", mimeType="application/octet-stream", buffer=content)]
    )
    await page.get_by_label("To", exact=True).fill("bob@example.org")
    await page.get_by_label("Subject").fill("File")
    await page.get_by_label("Message", exact=True).fill("Here")
    await page.get_by_role("button", name="Send", exact=True).click()  # waits for the file
    await page.wait_for_url("**/mail/INBOX")
    (sent,) = visit.services.send.sent.values()
    (attachment,) = sent.attachments
    assert broken == 1 and visit.services.send.uploads[attachment.upload_id] == content
    visit.problems[:] = [one for one in visit.problems if "ERR_CONNECTION_RESET" not in one]


async def test_formatting_and_back(visit: Visit) -> None:
    page = await compose(visit)
    await page.get_by_label("To", exact=True).fill("bob@example.org")
    await page.get_by_label("Subject").fill("Form")
    await page.get_by_label("Message", exact=True).fill("one\n\n> quoted\ntwo")
    await page.get_by_role("button", name="Formatting", exact=True).click()
    text = text_of(page)
    await expect(text.locator("blockquote")).to_have_text("quoted")
    await text.press("Control+End")
    await page.get_by_role("button", name="Bold", exact=True).click()
    await page.keyboard.type(" strong")
    await expect(page.get_by_role("button", name="Bold", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    await page.get_by_role("button", name="Formatting", exact=True).click()
    await expect(page.get_by_label("Message", exact=True)).to_have_value("one\n\n> quoted\ntwo strong")
    await page.get_by_role("button", name="Undo").click()
    await expect(text_of(page).locator("b")).to_have_text("strong")
    await page.get_by_role("button", name="Send", exact=True).click()
    await page.wait_for_url("**/mail/INBOX")
    (sent,) = visit.services.send.sent.values()
    assert "<b>" in sent.html and sent.text.rstrip() == "one\n\n> quoted\ntwo strong"


async def test_letters_in_windows(visit: Visit) -> None:
    page = visit.page
    await visit.go("/mail/INBOX")
    await page.get_by_role("link", name="Compose", exact=True).first.click()
    first = page.get_by_role("dialog", name="New message")
    to = first.get_by_label("To", exact=True)
    await expect(to).to_be_focused()
    # However many it goes to, where one types is in sight, and what comes below it.
    await to.fill("".join(f"Guest {number} <guest{number}@example.org>, " for number in range(50)))
    await page.keyboard.type("b")
    for box in (to, first.get_by_label("Subject"), first.get_by_label("Message", exact=True)):
        await expect(box).to_be_in_viewport(ratio=0.5)
    await to.fill("")
    await first.get_by_label("Subject").fill("First")
    await row(page, "Letter 12").click()
    await page.get_by_role("button", name="Reply", exact=True).click()
    second = page.get_by_role("dialog", name="Reply")
    await expect(second.get_by_label("Message", exact=True)).to_be_focused()
    await expect(page.get_by_role("heading", name="Letter 12", exact=True)).to_be_visible()
    await page.keyboard.type("An answer")
    await page.wait_for_timeout(1500)
    # Another page of the same tab: both are there again.
    await page.get_by_role("link", name="Contacts").first.click()
    await expect(page.get_by_role("dialog")).to_have_count(2)
    await expect(page.get_by_role("dialog", name="Reply").locator("textarea[name=body]")).to_have_value(
        re.compile("^An answer")
    )
    await page.get_by_role("dialog", name="Reply").get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_text("Message on its way.")).to_be_visible()
    await expect(page.get_by_role("dialog")).to_have_count(1)
    assert len(visit.services.send.sent) == 1
    # The save at leaving the page, whose answer nobody heard, is found and gone on with.
    visit.problems[:] = [one for one in visit.problems if "409" not in one]


async def test_typing_never_blocks(visit: Visit) -> None:
    page = await compose(visit)
    await page.get_by_label("Message", exact=True).fill("x " * 20_000)
    busy = await page.evaluate(
        """async () => { const area = document.querySelector('textarea[name=body]'); area.focus();
        const worst = []; for (let n = 0; n < 60; n++) { const start = performance.now();
        document.execCommand('insertText', false, 'a'); worst.push(performance.now() - start);
        await new Promise(r => setTimeout(r, 15)) } return worst.sort((a, b) => a - b) }"""
    )
    # Others use this machine too: the median, not the worst.
    assert busy[len(busy) // 2] < 50, busy
