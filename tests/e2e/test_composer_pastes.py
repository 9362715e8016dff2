"""What people paste into the composer, and what happens to files and text when they leave it too soon."""

from __future__ import annotations

import base64
import json

import pytest
from playwright.async_api import FilePayload, Page, Route, expect

from services.web.static import STATIC_DIR
from tests.e2e.stage import PNG
from tests.e2e.test_composer import compose
from tests.e2e.test_scripts import Visit, visit

__all__ = ["visit"]
pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not (STATIC_DIR / "dist/manifest.json").exists(), reason="no bundle: make assets"),
]
PASTE = """(element, [texts, picture]) => {
  const data = new DataTransfer();
  for (const [type, text] of Object.entries(texts)) data.setData(type, text);
  if (picture) {
    const raw = Uint8Array.from(atob(picture), (c) => c.charCodeAt(0));
    data.items.add(new File([raw], "image.png", { type: "image/png" }));
  }
  element.focus();
  const pasted = { clipboardData: data, bubbles: true, cancelable: true };
  element.dispatchEvent(new ClipboardEvent("paste", pasted));
}"""
PICTURE = base64.b64encode(PNG).decode()
SHEET = (
    '<table border="1" style="border-collapse:collapse"><tr><td style="border:1px solid #ccc">Lime</td>'
    "<td>40</td></tr><tr><td><p>Sand</p></td><td><p>7</p></td></tr></table>"
    "<ul><li><p>one</p></li><li><p>two</p></li></ul>"
)


async def fields(page: Page) -> dict[str, list[str]]:
    found: dict[str, list[str]] = await page.evaluate(
        """() => { const out = {}; for (const [name, value] of new FormData(document.querySelector(
        'form.composer'))) (out[name] ??= []).push(String(value)); return out }"""
    )
    return found


async def test_lists_of_people_from_elsewhere(visit: Visit) -> None:
    page = await compose(visit)
    listed = (
        'Ann Lee <ann@x.example>\nDoe, John <john@x.example>; "Roe, Jo" <jo@x.example>, Cy <cy@x.example>\n'
        "Dee\tFay\tdee@x.example\neve@x.example fay@x.example"
    )
    await page.get_by_role("combobox", name="To").evaluate(PASTE, [{"text/plain": listed}, None])
    await expect(page.locator(".recipient.is-invalid")).to_have_count(0)
    assert (await fields(page))["to"] == [
        'Ann Lee <ann@x.example>, "Doe, John" <john@x.example>, "Roe, Jo" <jo@x.example>, '
        "Cy <cy@x.example>, Dee Fay <dee@x.example>, eve@x.example, fay@x.example"
    ]


async def test_pictures_and_tables_from_pages_and_programs(visit: Visit) -> None:
    page = await compose(visit)
    await page.get_by_role("button", name="Formatting", exact=True).click()
    text = page.locator(".composer-rich")  # once the editor is there
    await text.evaluate(PASTE, [{"text/html": SHEET, "text/plain": "Lime\t40"}, PICTURE])
    await expect(text.locator("td").first).to_have_css("border-top-width", "1px")
    await expect(text.locator("li")).to_have_count(2)
    now = await fields(page)
    assert now["body"] == ["Lime\t40\nSand\t7\n- one\n- two\n"]
    assert "attachment" not in now
    # A picture copied on a page comes with HTML that only names where it was.
    await text.evaluate(PASTE, [{"text/html": '<img src="https://example.com/gate.png">'}, PICTURE])
    await expect(text.locator("img[data-cid]")).to_have_count(1)
    (picture,) = (await fields(page))["attachment"]
    assert f'src="cid:{json.loads(picture)["c"]}"' in (await fields(page))["html"][0]
    # Its handles are no part of the letter.
    await text.locator("img").click()
    await expect(text.locator(".squire-resize-handle")).to_have_count(8)
    assert "squire-" not in (await fields(page))["html"][0]
    # Without anything to paste it is chosen; sizes and colours show, also after they were taken back.
    await text.press("Control+End")
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Picture").click()
    await (await chooser.value).set_files([FilePayload(name="2.png", mimeType="image/png", buffer=PNG)])
    await expect(text.locator("img[data-cid]")).to_have_count(2)
    await page.get_by_label("Text colour").select_option("Red")
    await page.get_by_label("Text size").select_option("Large")
    await page.keyboard.type("red")
    large = text.locator("span span", has_text="red").or_(text.get_by_text("red", exact=True)).last
    await expect(large).to_have_css("font-size", "18px")
    await expect(large).to_have_css("color", "rgb(209, 36, 47)")
    for key, there in (("z", 0), ("y", 1)):
        await page.keyboard.press(f"Control+{key}")
        await page.keyboard.press(f"Control+{key}")
        await expect(large).to_have_count(there)
    await expect(large).to_have_css("font-size", "18px")
    await text.locator('img[alt="2.png"]').evaluate("picture => picture.remove()")
    # Plain text shows it among the files; taken out of the text, it does not go along.
    chip = page.get_by_role("button", name="Remove image.png")
    await expect(chip).to_be_hidden()
    await page.get_by_role("button", name="Formatting", exact=True).click()
    await expect(chip).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(chip).to_be_hidden()
    await text.locator("img").evaluate("picture => picture.remove()")
    assert "attachment" not in await fields(page)
    # The editor says where the handles stand in a way that the policy forbids; our style sheet says it too.
    visit.problems[:] = [one for one in visit.problems if "inline style" not in one]


async def test_a_window_that_cannot_be_saved_stays(visit: Visit) -> None:
    page = visit.page
    await visit.go("/mail/INBOX")
    await page.get_by_role("link", name="Compose", exact=True).first.click()
    window = page.get_by_role("dialog", name="New message")
    visit.services.send.fail["save_draft"] = RuntimeError("no drafts today")
    await window.get_by_label("Message", exact=True).fill("Not to be lost")
    await window.get_by_role("button", name="Save and close").click()
    await expect(window.get_by_role("alert")).to_contain_text("Not saved yet")
    del visit.services.send.fail["save_draft"]
    await window.get_by_role("button", name="Save and close").click()
    await expect(window).to_have_count(0)
    assert visit.services.send.drafts[-1][0].text == "Not to be lost"
    visit.problems.clear()  # the failing saves


async def test_files_that_do_not_arrive(visit: Visit) -> None:
    page = visit.page
    held: list[Route] = []
    await visit.go("/mail/INBOX")
    await page.get_by_role("link", name="Compose", exact=True).first.click()
    window = page.get_by_role("dialog", name="New message")
    await window.get_by_label("Message", exact=True).fill("With a file")
    refuse = {"status": 413, "json": {"text": "It is too large."}}
    await page.route("**/compose/upload", lambda route: route.fulfill(**refuse))
    file = FilePayload(name="plan.pdf", mimeType="application/pdf", buffer=b"%PDF-1.4")
    await window.get_by_label("Attach files").set_input_files([file])
    await expect(window.get_by_text("It is too large.")).to_be_visible()
    await window.get_by_role("button", name="Send", exact=True).click()
    await expect(window.get_by_role("alert")).to_contain_text("A file is not there yet.")
    # Once more, over a line that hangs: closing waits, discarding does not.
    await page.unroute("**/compose/upload")
    await page.route("**/compose/upload", lambda route: held.append(route))
    await window.get_by_role("button", name="Try again: plan.pdf").click()
    await window.get_by_role("button", name="Save and close").click()
    await page.wait_for_timeout(300)
    await window.get_by_role("button", name="Open again").click()
    await window.get_by_role("button", name="Discard", exact=True).click()
    await expect(window).to_have_count(0)
    assert len(held) == 1 and visit.services.send.sent == {}
    visit.problems.clear()  # 413


async def test_a_letter_that_did_not_go_is_told_on_any_page_once(visit: Visit) -> None:
    page = visit.page
    told = """() => document.dispatchEvent(new CustomEvent("postern:outbox", { detail: {
        id: "s1", wrong: "“Roof”: Refused", open: "Outbox", href: "/outbox" } }))"""
    for times in (1, 0):
        await visit.go("/contacts")
        await page.wait_for_load_state("load")
        await page.evaluate(told)
        await expect(page.get_by_role("alert").filter(has_text="“Roof”: Refused")).to_have_count(times)
