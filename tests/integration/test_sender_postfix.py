"""The sender against real servers: Postfix takes the message, Dovecot has it, the copy is what was sent."""

from __future__ import annotations

import email
import email.policy
import os
import time

import imapclient
import pytest

from services.common.endpoint import Endpoint, TlsMode
from services.sender.acceptance import Order, Writer
from services.sender.model import Attachment, Content, EmailAddress, Fate, State
from services.sender.storage import submissions
from services.sender.uploads import Start
from services.sender.verifying.verifying import VerifySettings
from tests.support import rpc
from tests.support.dovecot import Dovecot, MailUser
from tests.support.postfix import Postfix, SmtpSink
from tests.unit.sender.fakes import Fixture, octets_of, sender_on


def writer_for(user: MailUser, password: str | None = None) -> Writer:
    token = rpc.mint("sender", "mail.send", account=user.address, password=password or user.password)
    return Writer(user.address, token, "mailstore-token")


def received(dovecot: Dovecot, user: MailUser, subject: str, seconds: float = 20.0) -> bytes:
    """The one message with that subject in the user's INBOX, as soon as it is there."""
    until = time.monotonic() + seconds
    while True:
        with imapclient.IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False, timeout=20) as client:
            client.login(user.address, user.password)
            client.select_folder("INBOX", readonly=True)
            uids = client.search(["SUBJECT", subject])
            if uids:
                assert len(uids) == 1
                return client.fetch(uids, ["BODY.PEEK[]"])[uids[0]][b"BODY[]"]
        assert time.monotonic() < until, "the message did not arrive"
        time.sleep(0.2)


async def send(it: Fixture, user: MailUser, content: Content, password: str | None = None):
    accepted = await it.sender.acceptance.accept(writer_for(user, password), Order("r1", content))
    await it.settle(1)
    return await it.sender.db.read(lambda s: submissions.get(s, user.address, id=accepted.id))


def endpoint(postfix: Postfix, mode: TlsMode) -> Endpoint:
    port = postfix.submissions_port if mode is TlsMode.IMPLICIT else postfix.submission_port
    return Endpoint("smtp", "127.0.0.1" if mode is TlsMode.PLAIN else "localhost", port, mode)


@pytest.mark.parametrize("mode", list(TlsMode))
async def test_from_send_to_inbox(
    database_url: str, dovecot: Dovecot, postfix: Postfix, mail_user: MailUser, mode: TlsMode
) -> None:
    other = dovecot.add_user()
    data = os.urandom(1_500_000)
    subject = f"Übung {mode.value}"
    async with sender_on(database_url, smtp=endpoint(postfix, mode), mail_ca_file=postfix.ca_file) as it:
        blob = await it.sender.uploads.take(
            mail_user.address, Start(filename="Bericht – März.bin"), octets_of(data)
        )
        content = Content(
            sender=EmailAddress("Ämilia, the writer", mail_user.address),
            to=(EmailAddress("Otto", other.address),),
            bcc=(EmailAddress("", mail_user.address),),
            subject=subject,
            text="Line\n.\n..dots\nFrom here\n" + "word " * 400,
            attachments=(Attachment(upload_id=blob.id),),
        )
        done = await send(it, mail_user, content)
        assert (done.state, done.problem) == (State.FILED, ""), done
        copy = it.mailstore.sent[done.message_id]
        for user in (other, mail_user):
            raw = received(dovecot, user, mode.value)
            message = email.message_from_bytes(raw, policy=email.policy.default)
            assert message["subject"] == subject and message["message-id"] == done.message_id
            assert message["from"].addresses[0].display_name == "Ämilia, the writer"
            assert message["bcc"] is None
            body = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
            assert body.startswith("Line\n.\n..dots\n From here\n")
            (attachment,) = message.iter_attachments()
            assert attachment.get_filename() == "Bericht – März.bin" and attachment.get_content() == data
        assert email.message_from_bytes(copy, policy=email.policy.default)["bcc"] == mail_user.address


async def test_a_recipient_who_is_not_there(
    tmp_path, dovecot: Dovecot, postfix: Postfix, mail_user: MailUser
) -> None:
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}", smtp=endpoint(postfix, TlsMode.PLAIN)) as it:
        people = (EmailAddress("", mail_user.address), EmailAddress("", "unknown-x@example.org"))
        done = await send(
            it, mail_user, Content(sender=EmailAddress("", mail_user.address), to=people, subject="half")
        )
        assert done.state is State.FILED
        assert [person.fate for person in done.recipients] == [Fate.ACCEPTED, Fate.REFUSED]
        assert done.recipients[1].smtp_code == 550 and done.recipients[1].enhanced_status.startswith("5.1.")


async def test_a_code_that_cannot_be_delivered_comes_back_to_nobody(
    tmp_path, dovecot: Dovecot, postfix: Postfix, mail_user: MailUser
) -> None:
    """Whoever names an address that bounces must not read the code in the bounce: the envelope has no sender.
    Beside it an ordinary message to such an address, whose bounce comes."""
    async with sender_on(
        f"sqlite:///{tmp_path / 's.db'}",
        smtp=endpoint(postfix, TlsMode.PLAIN),
        verify=VerifySettings(on=True),
    ) as it:
        account, token = mail_user.address, writer_for(mail_user).token
        for name in ("one", "two"):
            await it.sender.verifying.start(account, token, f"gone-{name}@example.org", subject="The code")
        people = (EmailAddress("", "gone-three@example.org"),)
        content = Content(sender=EmailAddress("", account), to=people, subject="ordinary")
        assert (await send(it, mail_user, content)).state is State.FILED
        bounce = received(dovecot, mail_user, "Undelivered")
        assert b"gone-three@example.org" in bounce
        other = dovecot.add_user()
        await it.sender.verifying.start(account, token, other.address, subject="The code")
        assert b"Auto-Submitted: auto-generated" in received(dovecot, other, "The code")
        until = time.monotonic() + 10
        while "gone-" in postfix.queue() and time.monotonic() < until:
            time.sleep(0.2)
        assert received(dovecot, mail_user, "Undelivered") == bounce  # one, as `received` asks


async def test_the_wrong_password_waits_for_a_better_one(
    tmp_path, postfix: Postfix, mail_user: MailUser
) -> None:
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}", smtp=endpoint(postfix, TlsMode.PLAIN)) as it:
        content = Content(
            sender=EmailAddress("", mail_user.address), to=(EmailAddress("", mail_user.address),)
        )
        done = await send(it, mail_user, content, password="not it")
        assert (done.state, done.problem) == (State.DEFERRED, "AUTHENTICATION_FAILED")


async def test_larger_than_postfix_takes(tmp_path, postfix: Postfix, mail_user: MailUser) -> None:
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}", smtp=endpoint(postfix, TlsMode.PLAIN)) as it:
        blob = await it.sender.uploads.take(
            mail_user.address, Start(filename="big"), octets_of(bytes(10_000_000))
        )
        content = Content(
            sender=EmailAddress("", mail_user.address),
            to=(EmailAddress("", mail_user.address),),
            attachments=(Attachment(upload_id=blob.id),),
        )
        done = await send(it, mail_user, content)
        assert (done.state, done.problem) == (State.REFUSED, "TOO_LARGE")


async def test_internationalised_addresses_and_eight_bit_forwards(
    tmp_path, postfix: Postfix, mail_user: MailUser, smtp_sink: SmtpSink
) -> None:
    """Postfix offers SMTPUTF8 and 8BITMIME; what it took for another domain is at the sink."""
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}", smtp=endpoint(postfix, TlsMode.PLAIN)) as it:
        original = "Subject: été\r\nFrom: x@example.net\r\n\r\nvoilà\r\n".encode()
        blob = await it.sender.uploads.take(
            mail_user.address, Start(filename="m.eml", media_type="message/rfc822"), octets_of(original)
        )
        content = Content(
            sender=EmailAddress("", mail_user.address),
            to=(EmailAddress("", "j@bücher.example"),),
            subject="idn",
            attachments=(Attachment(upload_id=blob.id),),
        )
        done = await send(it, mail_user, content)
        assert done.state is State.FILED
        until = time.monotonic() + 20
        while not (found := [m for m in smtp_sink.messages() if done.message_id.encode() in m]):
            assert time.monotonic() < until
            time.sleep(0.2)
        assert b"xn--bcher-kva.example" in found[0]
