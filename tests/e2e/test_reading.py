"""Reading at a browser: quotes of HTML mail unfold in their frame, a PDF opens in the browser's own viewer, a
message is printed as a document by itself."""

from __future__ import annotations

import secrets
from email.message import EmailMessage

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.person import somebody
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

PDF = b"""%PDF-1.1
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 200 200]>>endobj
3 0 obj<</Type/Page/Parent 2 0 R>>endobj
trailer<</Root 1 0 R>>
"""
QUOTED = (
    "<style>h1{display:none}p{color:#333}</style><p>The answer</p>"
    '<div class="moz-cite-prefix">On Monday Bob wrote:</div><blockquote type="cite">The question</blockquote>'
)


def deliver(stack: Stack, subject: str) -> None:
    alice, bob = stack.people()
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = bob.address, alice.address, subject
    message.set_content("The answer\n\n> The question\n")
    message.add_alternative(QUOTED, subtype="html")
    message.add_attachment(PDF, maintype="application", subtype="pdf", filename="plan.pdf")
    with stack.imap(alice) as imap:
        imap.append("INBOX", message.as_bytes())


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
async def test_quotes_unfold_a_pdf_opens_and_the_whole_is_printed(
    embedded: Stack, chromium: Browser, javascript: bool
) -> None:
    alice, _ = embedded.people()
    subject = f"Plan {secrets.token_hex(4)}"
    deliver(embedded, subject)
    async with somebody(chromium, embedded, alice, javascript=javascript) as person:
        page = person.page
        await person.sign_in()
        await person.wait_for_row(subject)
        await person.open(subject)
        frame = page.frame_locator("iframe.message-frame")
        await expect(frame.get_by_text("The answer")).to_be_visible()
        await expect(frame.get_by_text("The question")).to_be_hidden()
        fold = frame.locator("summary")
        await expect(fold).to_have_attribute("aria-label", "Show the quoted text")
        await fold.focus()
        await fold.press("Enter")
        await expect(frame.get_by_text("The question")).to_be_visible()

        reading = page.locator("#reading")
        address = await reading.get_by_role("link", name="Look at plan.pdf").get_attribute("href")
        answer = await page.context.request.get(f"{embedded.url}{address}")
        assert answer.headers["content-type"] == "application/pdf" and (await answer.body()).startswith(
            b"%PDF-"
        )

        await reading.locator("details.menu > summary").first.click()
        async with page.context.expect_page() as opening:
            await reading.get_by_role("link", name="Print").click()
        printed = await opening.value
        await printed.wait_for_load_state()
        await expect(printed.get_by_role("heading", name=subject)).to_be_visible()
        await expect(printed.get_by_text("The question")).to_be_visible()
        await expect(printed.get_by_text("plan.pdf")).to_be_visible()
        await printed.emulate_media(media="print")
        await expect(printed.get_by_text("bob@").first).to_be_visible()
