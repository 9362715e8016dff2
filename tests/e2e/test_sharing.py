"""A mailbox shared between two people: given to read, seen, what is not allowed greyed out, taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.person import somebody
from tests.integration.test_mailstore_sharing import SHARING
from tests.support.dovecot import Dovecot, DovecotOptions
from tests.support.postfix import Postfix
from tests.support.stack import imap_stack

WHY = "your rights in this mailbox do not allow it"
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_mailbox_is_shared_seen_and_taken_back(
    dovecot_with: Callable[[DovecotOptions], Dovecot], postfix: Postfix, chromium: Browser
) -> None:
    server = dovecot_with(SHARING)
    owner, guest = server.add_user(), server.add_user()
    with server.connect(owner) as imap:
        imap.create_folder("Team")
        imap.append("Team", b"From: ann@example.org\r\nSubject: For the team\r\n\r\nHello\r\n")
    with imap_stack(server, postfix) as stack:
        async with (
            somebody(chromium, stack, owner, javascript=False) as she,
            somebody(chromium, stack, guest) as he,
        ):
            await she.sign_in()
            await she.page.goto(f"{stack.url}/mail/Team/share")
            await she.page.get_by_label("With").fill(guest.address)
            await she.page.get_by_role("button", name="Share", exact=True).click()
            revoke = she.page.get_by_role("button", name=f"Revoke: {guest.address}")
            await expect(revoke).to_be_visible()

            await he.sign_in()
            tree = he.page.get_by_role("navigation", name="Mailboxes")
            team = tree.get_by_role("link", name="Team")
            await expect(tree.get_by_text("From other people")).to_be_visible()
            await team.click()
            await he.open("For the team")
            pane = he.page.locator("#reading")
            await expect(pane.get_by_role("heading", name="For the team")).to_be_visible()
            for label in ("Archive", "Delete", "Star"):
                greyed = pane.get_by_role("button", name=f"{label}: {WHY}")
                await expect(greyed).to_be_disabled()
            await expect(pane.get_by_role("button", name="Reply", exact=True).first).to_be_enabled()

            await revoke.click()
            await expect(revoke).to_have_count(0)
            # A connection keeps the rights that it found at first (Dovecot).
            server.daemon.stop()
            server.daemon.start()
            async with asyncio.timeout(20):
                while await team.count():
                    await he.page.wait_for_timeout(300)
                    await he.page.goto(f"{stack.url}/mail/INBOX")
