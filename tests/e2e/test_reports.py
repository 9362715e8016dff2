"""What becomes of a message after it was taken, by real reports: a bounce and a success that Postfix writes
(RFC 3464), a read receipt as a mail program writes it (RFC 8098). Each comes back by LMTP, is read where it
lies, and then shows on the sent message and on the outbox page."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid

import pytest

from services.common.gen.postern.sender.v1 import submission_service_pb2 as pb
from services.common.gen.postern.sender.v1 import types_pb2
from tests.integration.test_sender_stack import Signed, signed_in
from tests.support.dovecot import MailUser
from tests.support.pages import Pages, browsing, text_of
from tests.support.postfix import Postfix
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
State, Fate = pb.SubmissionState, pb.RecipientState

RECEIPT = """From: Bob <{reader}>
To: {writer}
Subject: Return Receipt (displayed) - {subject}
Date: Mon, 30 Nov 2026 10:00:00 +0100
Message-ID: <{id}@mail.example.org>
References: {message_id}
In-Reply-To: {message_id}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification;
 boundary="------------mdn080602070600"

This is a multi-part message in MIME format.
--------------mdn080602070600
Content-Type: text/plain; charset=UTF-8; format=flowed
Content-Transfer-Encoding: 8bit

This is a return receipt for the mail that you sent to Bob.

--------------mdn080602070600
Content-Type: message/disposition-notification; name="MDNPart2.txt"
Content-Disposition: inline
Content-Transfer-Encoding: 7bit

Reporting-UA: mail.example.org; A Mail Program 128.0
Final-Recipient: rfc822;{reader}
Original-Message-ID: {message_id}
Disposition: manual-action/MDN-sent-manually; displayed

--------------mdn080602070600
Content-Type: text/rfc822-headers; name="MDNPart3.txt"
Content-Transfer-Encoding: 7bit
Content-Disposition: inline

From: <{writer}>
Message-ID: {message_id}
Subject: {subject}

--------------mdn080602070600--
"""


async def sent(it: Signed, people: list[str], subject: str, **fields: bool) -> pb.Submission:
    """A message that was taken and filed."""
    content = types_pb2.MessageContent(
        to=[types_pb2.EmailAddress(address=one) for one in people], subject=subject, text="Good morning\n"
    )
    request = pb.SendMessageRequest(request_id=uuid.uuid4().hex, content=content, **fields)
    answer = await it.submission.SendMessage(request, token=it.token, metadata=it.metadata)
    done = await it.settled(answer.submission.submission_id)
    assert done.state == State.SUBMISSION_STATE_FILED
    return done


async def inbox(stack: Stack, user: MailUser, pages: Pages, words: str, subject: str) -> str:
    """The page of the message in the inbox that has these words, about that subject, once it came."""
    with stack.imap(user) as client:
        until = time.monotonic() + 30
        while True:
            validity = client.select_folder("INBOX", readonly=True)[b"UIDVALIDITY"]
            uids = client.search(["SUBJECT", words, "TEXT", subject])
            if uids:
                break
            assert time.monotonic() < until, f"{words!r} did not come"
            await asyncio.sleep(0.3)
    page = await asyncio.to_thread(pages.get, f"/mail/INBOX/{validity}.{uids[-1]}")
    assert page.status_code == 200
    return text_of(page.text)


async def sent_page(stack: Stack, user: MailUser, pages: Pages, subject: str) -> str:
    with stack.imap(user) as client:
        validity = client.select_folder("Sent", readonly=True)[b"UIDVALIDITY"]
        (uid,) = client.search(["SUBJECT", subject])
    return text_of((await asyncio.to_thread(pages.get, f"/mail/Sent/{validity}.{uid}")).text)


async def fate(it: Signed, id: str, address: str) -> tuple[str, str]:
    found = {one.address: one for one in (await it.state(id)).recipients}[address]
    return Fate.Name(found.state).removeprefix("RECIPIENT_STATE_"), found.enhanced_status


async def test_a_bounce(real: Stack) -> None:
    alice, bob = real.people()
    word = secrets.token_hex(6)
    # Postfix takes it, Dovecot knows nobody of that name.
    nobody, subject = f"gone-{word}@example.org", f"The gate {word}"
    async with signed_in(real, alice) as it:
        done = await sent(it, [nobody, bob.address], subject)
        with browsing(real, alice) as pages:
            assert "did not arrive" not in await sent_page(real, alice, pages, subject)
            report = await inbox(real, alice, pages, "Undelivered", subject)
            assert f"This is about your message “{subject}”." in report
            assert nobody in report and "not delivered" in report
            shown = await sent_page(real, alice, pages, subject)
            assert nobody in shown and "did not arrive" in shown
            history = text_of((await asyncio.to_thread(pages.get, "/outbox?view=all")).text)
            assert nobody in history and "did not arrive" in history
        assert await fate(it, done.submission_id, nobody) == ("FAILED", "5.1.1")
        assert (await fate(it, done.submission_id, bob.address))[0] == "ACCEPTED"


async def test_success_is_told_on_request(real: Stack) -> None:
    """NOTIFY=SUCCESS: the last server that reports is Postfix, since LMTP to Dovecot knows no reports."""
    alice, bob = real.people()
    subject = f"The tower {secrets.token_hex(6)}"
    async with signed_in(real, alice) as it:
        done = await sent(it, [bob.address], subject, request_delivery_report=True)
        with browsing(real, alice) as pages:
            report = await inbox(real, alice, pages, "Successful", subject)
            passed_on = "passed on to a server that does not report back"
            assert f"This is about your message “{subject}”." in report and passed_on in report
            shown = await sent_page(real, alice, pages, subject)
            assert bob.address in shown and passed_on in shown
        assert (await fate(it, done.submission_id, bob.address))[0] == "RELAYED"


async def test_a_read_receipt(real: Stack, postfix: Postfix) -> None:
    alice, bob = real.people()
    subject = f"The bridge {secrets.token_hex(6)}"
    async with signed_in(real, alice) as it:
        done = await sent(it, [bob.address], subject)
        receipt = RECEIPT.format(
            reader=bob.address,
            writer=alice.address,
            subject=subject,
            id=uuid.uuid4().hex,
            message_id=done.message_id,
        )
        await asyncio.to_thread(
            postfix.deliver, receipt.replace("\n", "\r\n").encode(), alice.address, bob.address
        )
        with browsing(real, alice) as pages:
            page = await inbox(real, alice, pages, "Return Receipt", subject)
            assert f"This is about your message “{subject}”." in page and "opened by its recipient" in page
            shown = await sent_page(real, alice, pages, subject)
            assert bob.address in shown and "shown to its reader" in shown
            history = text_of((await asyncio.to_thread(pages.get, "/outbox?view=all")).text)
            assert "shown to its reader" in history
        assert (await fate(it, done.submission_id, bob.address))[0] == "DISPLAYED"
