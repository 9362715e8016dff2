"""Writing four ways, with a mouse, with the keyboard alone, by touch and without scripts: an answer that is
gone on with from Drafts, a forward with its file, Send taken back, a message for later cancelled."""

from __future__ import annotations

import email
import email.policy
import secrets
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import make_msgid

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.test_four_ways import Keyboard, Mouse, NoScripts, Touch, somebody
from tests.support.dovecot import MailUser
from tests.support.pages import browsing, csrf_of
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATIENCE = 20.0
CONTENT = b"%PDF-1.4\n\x00\xff four ways\n"


def choose(stack: Stack, user: MailUser, **preferences: str) -> None:
    """Settings of USER, those not named as they are at first."""
    with browsing(stack, user) as pages:
        form = dict.fromkeys(("language", "time_zone", "theme", "density", "write", "spell"), "")
        form |= {"page_rows": "0", "undo_send_seconds": "0", "csrf": csrf_of(pages.get("/settings").text)}
        assert pages.post("/settings/preferences", {**form, **preferences}).status_code == 200


@pytest.fixture
def undoing(embedded: Stack) -> Iterator[Stack]:
    """Alice has five seconds to take back what she sent."""
    alice, _ = embedded.people()
    choose(embedded, alice, undo_send_seconds="5")
    yield embedded
    choose(embedded, alice)


def letter_with_a_file(stack: Stack, subject: str) -> str:
    """From Bob in Alice's inbox; its Message-ID."""
    alice, bob = stack.people()
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = bob.address, alice.address, subject
    message["Message-ID"] = make_msgid(domain="example.org")
    message.set_content("Here is the plan.\n")
    message.add_attachment(CONTENT, maintype="application", subtype="pdf", filename="plan.pdf")
    with stack.imap(alice) as client:
        client.append("INBOX", message.as_bytes(policy=email.policy.SMTP))
    return str(message["Message-ID"])


def found(
    stack: Stack, user: MailUser, mailbox: str, subject: str
) -> list[tuple[tuple[bytes, ...], EmailMessage]]:
    """(flags, message) of those with SUBJECT, as the mail server has them."""
    with stack.imap(user) as client:
        if not client.folder_exists(mailbox):
            return []
        client.select_folder(mailbox, readonly=True)
        numbers = client.search(["SUBJECT", subject])
        answers = client.fetch(numbers, ["FLAGS", "BODY.PEEK[]"]) if numbers else {}
    parsed = [
        (one[b"FLAGS"], email.message_from_bytes(one[b"BODY[]"], policy=email.policy.default))
        for one in answers.values()
    ]
    return [(flags, message) for flags, message in parsed if message["subject"] == subject]


async def until(she: Mouse, stack: Stack, user: MailUser, mailbox: str, subject: str) -> EmailMessage:
    """The one message of that subject, once it is there."""
    end = time.monotonic() + PATIENCE
    while not (there := found(stack, user, mailbox, subject)):
        assert time.monotonic() < end, f"{subject!r} is not in {mailbox}"
        await she.page.wait_for_timeout(250)
    assert len(there) == 1, f"{len(there)} × {subject!r} in {mailbox}"
    return there[0][1]


async def compose(she: Mouse) -> None:
    if isinstance(she, Keyboard):
        await she.page.keyboard.press("c")
    else:
        link = she.page.get_by_role("link", name="Compose", exact=True).locator("visible=true")
        await she.use(link.first)
    await expect(she.field("Message")).to_be_visible()


async def fill(she: Mouse, name: str, text: str) -> None:
    if isinstance(she, Keyboard):
        await she.field(name).focus()
        await she.page.keyboard.type(text)
    else:
        await she.field(name).fill(text)


async def press(she: Mouse, name: str) -> None:
    await she.use(she.page.get_by_role("button", name=name, exact=True).locator("visible=true").first)


async def unfold(she: Mouse, name: str) -> None:
    await she.use(she.page.locator("summary").and_(she.page.get_by_label(name, exact=True)).last)


async def answer_later(she: Mouse, stack: Stack, subject: str) -> None:
    """An answer is begun, left, and gone on with from Drafts: it is still an answer."""
    page = she.page
    await she.wait_for_row(subject)
    await she.read(subject)
    if isinstance(she, Keyboard):
        await page.keyboard.press("r")
    else:
        await press(she, "Reply")
    await expect(she.field("Message")).to_be_visible()
    await she.write(f"Half of it, {type(she).__name__}. ")
    if isinstance(she, NoScripts):
        await press(she, "Save draft")
    await expect(page.locator("[data-state]")).to_contain_text("Saved")
    await page.goto(f"{stack.url}/mail/Drafts")
    await she.wait_for_row(f"Re: {subject}")
    await she.use(she.row(f"Re: {subject}").first)
    await expect(she.field("Message")).to_be_visible()
    assert (await she.field("Message").input_value()).startswith("Half of it")
    await she.write("And more. ")
    await press(she, "Send")
    await expect(she.field("Subject")).to_be_hidden()


async def has_answered(she: Mouse, stack: Stack, subject: str, message_id: str) -> None:
    alice, _bob = stack.people()
    sent = await until(she, stack, alice, "Sent", f"Re: {subject}")
    assert sent["in-reply-to"] == message_id and sent["references"] == message_id
    assert sent.get_body(("plain",)).get_content().startswith("And more. Half of it")
    assert found(stack, alice, "Drafts", f"Re: {subject}") == []
    ((flags, _message),) = found(stack, alice, "INBOX", subject)
    assert b"\\Answered" in flags


async def forward_the_file(she: Mouse, stack: Stack, subject: str) -> None:
    page, (_alice, bob) = she.page, stack.people()
    await page.goto(f"{stack.url}/mail/INBOX")
    await she.read(subject)
    if isinstance(she, Keyboard):
        await page.keyboard.press("f")
    else:
        await press(she, "Forward")
    await expect(she.field("Message")).to_be_visible()
    await expect(page.get_by_text("plan.pdf").last).to_be_visible()
    await fill(she, "To", bob.address)
    await press(she, "Send")
    await expect(she.field("Subject")).to_be_hidden()


async def has_forwarded(she: Mouse, stack: Stack, subject: str) -> None:
    there = await until(she, stack, stack.people()[1], "INBOX", f"Fwd: {subject}")
    (file,) = there.iter_attachments()
    assert file.get_filename() == "plan.pdf" and file.get_content() == CONTENT


async def take_back(she: Mouse, stack: Stack, subject: str) -> None:
    """Send, Undo, a word more, Send: one message, and no draft is left."""
    page, (_alice, bob) = she.page, stack.people()
    await page.goto(f"{stack.url}/mail/INBOX")
    await compose(she)
    await fill(she, "To", bob.address)
    await fill(she, "Subject", subject)
    await she.write("Too soon. ")
    await press(she, "Send")
    await expect(page.get_by_text("The message will be sent in 5 seconds.")).to_be_visible()
    await press(she, "Undo")
    await expect(she.field("Message")).to_be_visible()
    assert (await she.field("Message").input_value()).startswith("Too soon.")
    await expect(page.locator("[data-state]")).to_contain_text("Saved")
    await she.write("Now. ")
    await press(she, "Send")
    await expect(she.field("Subject")).to_be_hidden()


async def has_sent_once(she: Mouse, stack: Stack, subject: str) -> None:
    alice, bob = stack.people()
    there = await until(she, stack, bob, "INBOX", subject)
    assert there.get_body(("plain",)).get_content().startswith("Now. Too soon.")
    await until(she, stack, alice, "Sent", subject)
    assert found(stack, alice, "Drafts", subject) == []


async def send_later(she: Mouse, stack: Stack, subject: str) -> None:
    page, (alice, bob) = she.page, stack.people()
    await page.goto(f"{stack.url}/mail/INBOX")
    await compose(she)
    await fill(she, "To", bob.address)
    await fill(she, "Subject", subject)
    await she.write("For tomorrow. ")
    tomorrow = datetime.now() + timedelta(days=1)
    await unfold(she, "Send later")
    await she.field("Send on").fill(tomorrow.strftime("%Y-%m-%dT08:30"))
    await press(she, "Send later")
    await expect(page.get_by_text("The message will be sent on")).to_be_visible()
    await page.goto(f"{stack.url}/outbox")
    entry = page.get_by_role("region", name=subject)
    await expect(entry).to_contain_text("08:30")
    await she.use(entry.locator("summary"))
    await entry.get_by_label("Send on").fill(tomorrow.strftime("%Y-%m-%dT21:45"))
    await she.use(entry.get_by_role("button", name="Change the time"))
    await expect(page.get_by_text("The message will be sent on")).to_be_visible()
    await expect(entry).to_contain_text("21:45")
    await she.use(entry.get_by_role("button", name="Cancel and edit"))
    await expect(she.field("Message")).to_be_visible()
    assert (await she.field("Message").input_value()).startswith("For tomorrow.")
    letter = page.locator("form.composer")
    await expect(letter.get_by_label("Send on")).to_have_value(tomorrow.strftime("%Y-%m-%dT21:45"))
    await press(she, "Discard")
    await expect(she.field("Subject")).to_be_hidden()
    await page.goto(f"{stack.url}/outbox")
    await expect(entry).to_have_count(0)
    assert found(stack, alice, "Drafts", subject) == []
    assert len(found(stack, alice, "Trash", subject)) == 1


@pytest.mark.parametrize("kind", [Mouse, Keyboard, Touch, NoScripts])
async def test_writing(undoing: Stack, chromium: Browser, kind: type[Mouse]) -> None:
    word = f"{kind.__name__} {secrets.token_hex(4)}"
    message_id = letter_with_a_file(undoing, f"The plan {word}")
    async with somebody(kind, chromium, undoing) as she:
        await she.sign_in()
        await answer_later(she, undoing, f"The plan {word}")
        await forward_the_file(she, undoing, f"The plan {word}")
        await take_back(she, undoing, f"Too soon {word}")
        await send_later(she, undoing, f"Tomorrow {word}")
        # Each waited its five seconds meanwhile.
        await has_answered(she, undoing, f"The plan {word}", message_id)
        await has_forwarded(she, undoing, f"The plan {word}")
        await has_sent_once(she, undoing, f"Too soon {word}")
