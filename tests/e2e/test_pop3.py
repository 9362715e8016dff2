"""The main job behind a POP3 server, without scripts: read, archive and undo, find, answer, delete."""

from __future__ import annotations

import asyncio
import secrets
from email.message import EmailMessage

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.test_four_ways import NoScripts, somebody
from tests.support.dovecot import Dovecot
from tests.support.postfix import Postfix
from tests.support.stack import Stack, pop3_stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


def in_maildrop(stack: Stack, person: NoScripts) -> int:
    with stack.imap(person.user) as imap:
        return len(imap.search()) if imap.select_folder("INBOX")[b"EXISTS"] else 0


async def test_the_main_job(dovecot: Dovecot, postfix: Postfix, chromium: Browser) -> None:
    word = secrets.token_hex(4)
    subject = f"Over POP3 {word}"
    message = EmailMessage()
    message["From"], message["Subject"], message["Message-ID"] = "bob@example.org", subject, f"<{word}@x>"
    message.set_content(f"Which one is it? {word}\n")
    message.add_attachment(
        b"some data " * 1000, maintype="application", subtype="octet-stream", filename="a.bin"
    )
    with pop3_stack(dovecot, postfix) as stack:
        async with somebody(NoScripts, chromium, stack) as she:
            message["To"] = she.user.address
            with stack.imap(she.user) as imap:
                imap.append("INBOX", message.as_bytes())
            await she.sign_in()
            await she.wait_for_row(subject)
            await she.read(subject)
            await expect(she.page.locator("#reading").get_by_text(f"Which one is it? {word}")).to_be_visible()
            assert await she.download("a.bin") == b"some data " * 1000
            await she.page.goto(f"{stack.url}/mailboxes")
            await expect(she.page.get_by_text("Your mail server has the inbox alone")).to_be_visible()
            await she.page.goto(stack.url)
            await she.read(subject)
            await she.archive_and_back(subject)
            assert await asyncio.to_thread(in_maildrop, stack, she) == 0
            await she.search(f"subject:{word}")
            await she.use(she.row(subject).first)
            await she.answer(f"This one. {word}\n")
            await she.page.goto(f"{stack.url}/mail/Sent")
            await she.wait_for_row(f"Re: {subject}")
            await she.page.goto(stack.url)
            await she.read(subject)
            await she.press("Delete")
            await she.page.goto(f"{stack.url}/mail/Trash")
            await she.wait_for_row(subject)
