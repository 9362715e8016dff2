"""The main job, in real Chromium: read, answer with an attachment, see the answer, answer again."""

import secrets
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
