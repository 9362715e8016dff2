"""What the composer knows of besides text: urgency, receipts, mailto: links, what a careful friend would
say, the reader's zone, the address that writes. One stay of one person."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.e2e.person import SLOW
from tests.e2e.test_four_ways import Mouse
from tests.e2e.test_writing import found, press, unfold, until
from tests.support.chromium import PATIENCE
from tests.support.pages import browsing, csrf_of
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
TOKYO = ZoneInfo("Asia/Tokyo")
# Chromium asks its user; here it is only told what would be asked.
TELL = "navigator.registerProtocolHandler = (scheme, url) => { window.handled = [scheme, url] }"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def she(embedded: Stack, chromium: Browser) -> AsyncIterator[Mouse]:
    """Alice, in Tokyo."""
    context = await chromium.new_context(
        locale="en-GB", timezone_id="Asia/Tokyo", viewport={"width": 1280, "height": 800}
    )
    context.set_default_timeout(PATIENCE)
    await context.add_init_script(TELL)
    page = await context.new_page()
    person = Mouse(page, embedded, embedded.people()[0])
    await person.sign_in()
    await expect(person.messages).to_be_visible()
    yield person
    await context.close()


async def test_a_message_with_everything(she: Mouse, embedded: Stack) -> None:
    page, (alice, bob), url = she.page, embedded.people(), embedded.url
    word = secrets.token_hex(4)

    # Links on other pages lead here, and fill the composer.
    await page.goto(f"{url}/settings")
    await press(she, "Open them in Postern")
    scheme, handler = await page.evaluate("window.handled")
    assert scheme == "mailto" and handler == f"{url.rstrip('/')}/compose?mailto=%s"
    link = (
        f"mailto:{bob.address}?subject=Urgent%20{word}&cc=carol%40example.org&body=One%0D%0Atwo%20%26%20three"
    )
    await page.goto(handler.replace("%s", quote(link, safe="")))
    await page.locator("form[data-ready]").wait_for()
    await expect(page.get_by_role("list", name="Recipients: To")).to_contain_text(bob.address)
    await expect(page.get_by_role("list", name="Recipients: Cc")).to_contain_text("carol@example.org")
    await expect(she.field("Message")).to_have_value("One\ntwo & three")

    # Urgent, with a receipt; the mention of an attachment is asked about once.
    await unfold(she, "Options")
    await page.get_by_label("High", exact=True).check()
    await page.get_by_label("Ask for a read receipt").check()
    await page.keyboard.press("Escape")
    await she.write("See the attached plan. ")
    await press(she, "Send")
    await expect(page.get_by_text("You write of an attachment, but there is none.")).to_be_visible()
    assert found(embedded, alice, "Sent", f"Urgent {word}") == []
    await press(she, "Send")
    await expect(she.field("Subject")).to_be_hidden()
    sent = await until(she, embedded, alice, "Sent", f"Urgent {word}")
    assert alice.address in sent["disposition-notification-to"]
    assert sent["importance"].lower() == "high" or sent["x-priority"].startswith("1")


async def test_an_address_that_looks_like_another(she: Mouse, embedded: Stack) -> None:
    page, word = she.page, secrets.token_hex(4)
    await page.goto(f"{embedded.url}/compose?to=bob@exmaple.org&subject=Slip%20{word}&body=Hello")
    await page.locator("form[data-ready]").wait_for()
    await press(she, "Send")
    await expect(page.get_by_text("“exmaple.org” looks like “example.org”")).to_be_visible()
    await page.get_by_role("button", name="Edit bob@exmaple.org").click()
    await page.get_by_role("combobox", name="To").fill("bob@example.org")
    await press(she, "Send")
    await expect(she.field("Subject")).to_be_hidden()
    await until(she, embedded, embedded.people()[1], "INBOX", f"Slip {word}")


async def test_later_is_in_the_readers_zone(she: Mouse, embedded: Stack) -> None:
    page, (alice, bob), word = she.page, embedded.people(), secrets.token_hex(4)
    await page.goto(f"{embedded.url}/compose?to={bob.address}&subject=Morning%20{word}&body=Hello")
    await page.locator("form[data-ready]").wait_for()
    there = (datetime.now(TOKYO) + timedelta(days=2)).replace(hour=7, minute=40, second=0, microsecond=0)
    await unfold(she, "Send later")
    await she.field("Send on").fill(there.strftime("%Y-%m-%dT%H:%M"))
    await press(she, "Send later")
    await expect(she.field("Subject")).to_be_hidden()
    await page.goto(f"{embedded.url}/outbox")
    entry = page.get_by_role("region", name=f"Morning {word}")
    await expect(entry).to_contain_text("07:40")
    with browsing(embedded, alice, cookies={"tz": "UTC"}) as pages:
        shown = pages.get("/outbox").text
        assert there.astimezone(UTC).strftime('value="%Y-%m-%dT22:40"') in shown
        # Taken back in another browser: this page says so by itself.
        submission = await entry.get_attribute("data-submission")
        done = pages.post(f"/outbox/{submission}", {"csrf": csrf_of(shown), "do": "drop"})
    assert done.status_code == 200 and "The message is in Drafts." in done.text
    await expect(entry).to_contain_text("Cancelled", timeout=SLOW)
    await expect(entry.get_by_role("button")).to_have_count(0)
    assert len(found(embedded, alice, "Drafts", f"Morning {word}")) == 1


async def test_another_address_becomes_the_default(she: Mouse, embedded: Stack) -> None:
    page, (alice, bob), word = she.page, embedded.people(), secrets.token_hex(4)
    other = alice.address.replace("@", f"+{word}@")
    await page.goto(f"{embedded.url}/settings")
    form = page.locator("form").filter(has=page.get_by_role("heading", name="Another address"))
    await form.get_by_label("Address", exact=True).fill(other)
    await form.get_by_label("Your name").fill("Alice at work")
    await press(she, "Add the address")
    mine = page.get_by_role("form", name=other)
    await mine.get_by_role("button", name="Make it the default").click()
    await expect(mine.get_by_text("Default", exact=True)).to_be_visible()
    try:
        await page.goto(f"{embedded.url}/compose?to={bob.address}&subject=Work%20{word}&body=Hello")
        await page.locator("form[data-ready]").wait_for()
        await press(she, "Send")
        await expect(she.field("Subject")).to_be_hidden()
        # The demo's mail server lets nobody write under another address: the outbox says so as it happens.
        await page.goto(f"{embedded.url}/outbox")
        entry = page.get_by_role("region", name=f"Work {word}")
        await expect(entry).to_contain_text(f"You may send as {alice.address} only", timeout=SLOW)
        await entry.get_by_role("button", name="Move it to Drafts").click()
        await expect(page.get_by_text("The message is in Drafts.")).to_be_visible()
        ((_flags, draft),) = found(embedded, alice, "Drafts", f"Work {word}")
        assert draft["from"] == f"Alice at work <{other}>"
    finally:
        await page.goto(f"{embedded.url}/settings")
        first = page.get_by_role("form", name=alice.address)
        await first.get_by_role("button", name="Make it the default").click()
        await expect(first.get_by_text("Default", exact=True)).to_be_visible()
        await mine.get_by_role("button", name="Remove this address").click()
        await expect(mine).to_have_count(0)
