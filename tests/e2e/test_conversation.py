"""The main job, in real Chromium: read, answer with an attachment, see the answer, answer again. And a
conversation as a whole: its messages unfold where they are, and what is done is done to all of it."""

import secrets
from email.message import EmailMessage
from pathlib import Path

import pytest
from imapclient import IMAPClient
from playwright.async_api import Browser, expect

from tests.e2e.person import SLOW, somebody
from tests.support.process import wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
JAVASCRIPT = pytest.mark.parametrize("javascript", [True, False], ids=["js", "nojs"])


def copies(client: IMAPClient, mailbox: str, subject: str) -> list[bytes]:
    """The messages of that subject in a mailbox of the mail server."""
    if mailbox not in [name for _, _, name in client.list_folders()]:
        return []
    client.select_folder(mailbox, readonly=True)
    uids = client.search(["SUBJECT", subject])
    return [data[b"BODY[]"] for data in client.fetch(uids, ["BODY.PEEK[]"]).values()] if uids else []


@JAVASCRIPT
async def test_alice_answers_bob_and_bob_answers(
    stack: Stack, chromium: Browser, javascript: bool, tmp_path: Path
) -> None:
    alice, bob = stack.people()
    mark = secrets.token_hex(4)
    subject, again = f"The gate {mark}", f"Re: The gate {mark}"
    stack.deliver(bob, alice, subject, f"Hello Alice,\n\ncould you send me the plan? {mark}\n\nBob\n")
    plan = tmp_path / "plan of the gate.txt"
    plan.write_bytes(b"A gate, two hinges.\r\n" * 300)

    async with somebody(chromium, stack, alice, javascript=javascript) as she:
        await she.sign_in()
        await she.wait_for_row(subject)
        await she.open(subject)
        await expect(she.page.get_by_text(f"could you send me the plan? {mark}").first).to_be_visible()
        await she.press("Reply")
        await expect(she.field("Subject")).to_have_value(again)
        assert bob.address in await she.page.locator("form").filter(has=she.field("Subject")).inner_html()
        await she.write(f"Here it is. {mark}-answer\n\n")
        await she.attach(plan)
        await she.send()
        with stack.imap(alice) as client:
            assert wait_until(lambda: len(copies(client, "Sent", again)) == 1, SLOW / 1000, 0.2)
            (sent,) = copies(client, "Sent", again)
            assert f"{mark}-answer".encode() in sent
        await she.go_to("Sent")
        await she.wait_for_row(again)
        assert await she.row(again).count() == 1
        await she.sign_out()
        await expect(she.field("Password")).to_be_visible()

    async with somebody(chromium, stack, bob, javascript=javascript) as he:
        await he.sign_in()
        await he.wait_for_row(again)
        await he.open(again)
        await expect(he.page.get_by_text(f"Here it is. {mark}-answer").first).to_be_visible()
        assert await he.download(plan.name) == plan.read_bytes()
        await he.press("Reply")
        await he.write(f"Thank you! {mark}-thanks\n\n")
        await he.send()
        await he.go_to("Sent")
        await he.wait_for_row(again)

    with stack.imap(bob) as client:
        assert wait_until(lambda: len(copies(client, "Sent", again)) == 1, SLOW / 1000, 0.2)
    with stack.imap(alice) as client:
        assert wait_until(lambda: len(copies(client, "INBOX", again)) == 1, SLOW / 1000, 0.2)
        (thanks,) = copies(client, "INBOX", again)
        assert f"{mark}-thanks".encode() in thanks and b"\nIn-Reply-To: <" in thanks
        assert len(copies(client, "Sent", again)) == 1


@JAVASCRIPT
async def test_a_wrong_password_says_what_to_do_and_keeps_the_address(
    stack: Stack, chromium: Browser, javascript: bool
) -> None:
    alice, _ = stack.people()
    async with somebody(chromium, stack, alice, javascript=javascript) as she:
        await she.sign_in("not-the-password")
        await expect(she.page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
        await expect(she.field("Email address")).to_have_value(alice.address)
        await expect(she.page.get_by_role("alert").first).to_be_visible()
        await she.sign_in()
        await expect(she.page.get_by_role("link", name="Compose", exact=True).first).to_be_visible()


async def test_after_signing_out_the_back_button_shows_no_mail(stack: Stack, chromium: Browser) -> None:
    alice, bob = stack.people()
    subject = f"Private {secrets.token_hex(4)}"
    stack.deliver(bob, alice, subject, "For your eyes only.\n")
    async with somebody(chromium, stack, alice) as she:
        await she.sign_in()
        await she.wait_for_row(subject)
        await she.open(subject)
        await she.sign_out()
        await expect(she.field("Password")).to_be_visible()
        await she.page.go_back()
        await expect(she.page.get_by_text("For your eyes only.")).to_have_count(0)


async def test_a_conversation_unfolds_is_walked_through_and_archived_whole(
    real: Stack, chromium: Browser
) -> None:
    alice, bob = real.people()
    subject = f"Masonry {secrets.token_hex(4)}"
    with real.imap(alice) as client:
        client.create_folder("Archive")
        for number in range(3):
            message = EmailMessage()
            message["From"], message["To"] = bob.address, alice.address
            message["Subject"] = f"Re: {subject}" if number else subject
            message["Message-ID"] = f"<{number}.{subject.split()[1]}@example.org>"
            if number:
                message["References"] = f"<0.{subject.split()[1]}@example.org>"
            message.set_content(f"Stone {number}")
            client.append("INBOX", message.as_bytes(), ["\\Seen"] if number == 0 else [])
    async with somebody(chromium, real, alice) as she:
        page = she.page
        await she.sign_in()
        await expect(she.messages).to_be_visible()
        await page.goto(f"{real.url}/mail/INBOX?view=conversations")
        await expect(she.row(subject)).to_have_count(1)
        await she.open(subject)
        pane = page.locator("#reading")
        for text in ("Stone 1", "Stone 2"):  # both unread: the one unfolded, the other open
            await expect(pane.locator("section.message").get_by_text(text)).to_be_visible()
        first = pane.locator("a.fold")
        await expect(first).to_contain_text("Stone 0")
        for key in ("p", "p", "o"):
            await page.keyboard.press(key)
        unfolded = pane.locator("section.message").get_by_text("Stone 0")
        await expect(unfolded).to_be_visible()
        await expect(pane.locator("section.message").first).to_be_focused()
        await page.keyboard.press("o")
        await expect(first).to_be_focused()
        await page.keyboard.press(";")
        await expect(unfolded).to_be_visible()
        await page.keyboard.press("u")
        await expect(she.row(subject)).to_be_focused()
        await expect(page.get_by_text("Select a message to read it.")).to_be_visible()
        await page.keyboard.press("Enter")
        await expect(pane.get_by_role("heading", name=subject)).to_be_visible()
        await page.keyboard.press("e")
        await expect(page.get_by_text("3 messages archived.")).to_be_visible()
        await expect(she.row(subject)).to_have_count(0)
        await page.keyboard.press("z")
        await expect(she.row(subject)).to_have_count(1)
