"""Delivery reports and read receipts, read from their octets and written to the submission they are about."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from services.common.errors import PosternError
from services.sender import reports
from services.sender.model import EmailAddress, Fate, State
from services.sender.ports import PartHead
from services.sender.storage import reported
from services.sender.storage.tables import recipients, submissions
from tests.unit.sender.fakes import ALICE, NAME, sender_on, state_of, writer
from tests.unit.sender.smtp_peer import smtp_peer

BOB, CAROL = "bob@example.org", "carol@example.org"


def dsn(
    recipient: str, action: str, *, envelope_id: str = "", message_id: str = "", status: str = "5.1.1"
) -> bytes:
    """As Postfix writes them."""
    envid = f"Original-Envelope-Id: {envelope_id}\r\n" if envelope_id else ""
    return (
        "From: MAILER-DAEMON@example.org\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\r\n\r\n'
        "--B\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--B\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mail.example.org\r\n{envid}\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 nobody\r\n    of that name\r\n"
        "--B\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"Subject: x\r\nMessage-ID: {message_id}\r\n\r\n--B--\r\n"
    ).encode()


def mdn(recipient: str, message_id: str, disposition: str) -> bytes:
    return (
        "From: bob@example.org\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="B"\r\n\r\n'
        "--B\r\n\r\nSeen.\r\n--B\r\nContent-Type: message/disposition-notification\r\n\r\n"
        f"Final-Recipient: rfc822;{recipient}\r\nOriginal-Message-ID: {message_id}\r\n"
        f"Disposition: {disposition}\r\n--B--\r\n"
    ).encode()


def test_what_is_read() -> None:
    found = reports.read(dsn(BOB, "failed", envelope_id="a" * 32, message_id="<m@example.org>"))
    assert found is not None and (found.envelope_id, found.message_id) == ("a" * 32, "<m@example.org>")
    (line,) = found.lines
    assert (line.addresses, line.fate, line.status) == ((BOB,), Fate.FAILED, "5.1.1")
    assert line.text == "550 5.1.1 nobody of that name"
    seen = "manual-action/MDN-sent-manually; displayed"
    assert reports.read(mdn(BOB, "<m@x>", seen)).lines[0].fate is Fate.DISPLAYED
    assert reports.read(mdn(BOB, "<m@x>", "automatic-action/MDN-sent-automatically; deleted")) is None
    passed_on = reports.read(dsn(BOB, "relayed", envelope_id="a" * 32))
    assert passed_on is not None and passed_on.lines[0].fate is Fate.RELAYED
    for other in (
        b"",
        b"Subject: x\r\n\r\nhello",
        dsn(BOB, "relayed"),
        dsn(BOB, "expanded", envelope_id="a" * 32),
        dsn("", "failed"),
        dsn(BOB, "failed"),
    ):
        assert reports.read(other) is None
    whole = dsn(BOB, "failed", envelope_id="a" * 32)
    for cut in range(0, len(whole), 7):
        reports.read(whole[:cut])
        reports.read(whole[:cut] + b"\x00\xff\r\n--B" + whole[cut:])


async def test_reports_reach_their_recipient_and_no_other_account(database_url: str) -> None:
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        sent = await it.send("r1", to=(EmailAddress("", BOB), EmailAddress("", CAROL)))
        await it.settle()

        async def take(raw: bytes, account: str = ALICE):
            it.mailstore.parts[NAME, ""] = (PartHead("", "message/rfc822", len(raw)), raw)
            return await it.sender.acceptance.report(writer(account), NAME)

        def fates(submission) -> list[Fate]:
            return [one.fate for one in submission.recipients]

        late = dsn(BOB, "delayed", envelope_id=sent.id, status="4.4.1")
        assert fates(await take(late)) == [Fate.DELAYED, Fate.ACCEPTED]
        done = await take(dsn("Bob@Example.org", "failed", message_id=sent.message_id))
        assert fates(done) == [Fate.FAILED, Fate.ACCEPTED] and done.state is State.FILED
        assert done.recipients[0].enhanced_status == "5.1.1" and "nobody" in done.recipients[0].server_text
        assert fates(await take(late)) == [Fate.FAILED, Fate.ACCEPTED]
        seen = mdn(CAROL, sent.message_id, "manual-action/MDN-sent-manually; displayed")
        again = await take(seen)
        assert fates(again) == [Fate.FAILED, Fate.DISPLAYED]
        assert (await take(seen)).version == again.version and await state_of(it, sent.id) == again
        for raw, account in ((seen, BOB), (dsn("eve@example.org", "failed", envelope_id=sent.id), ALICE)):
            with pytest.raises(PosternError) as caught:
                await take(raw, account)
            assert caught.value.reason == "NOT_FOUND"
        with pytest.raises(PosternError) as caught:
            await take(b"Subject: hello\r\n\r\nno report")
        assert caught.value.metadata["problem"] == "not_a_report"


async def unknown(it) -> str:
    sent = await it.send("r1")

    def lose(session) -> None:
        session.execute(update(submissions).values(state=State.UNKNOWN, due_at=None, dot_sent=True))
        session.execute(update(recipients).values(fate=Fate.UNKNOWN))

    await it.sender.db.run(lose)
    return sent.id


async def test_a_report_settles_what_was_unknown(database_url: str) -> None:
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        id = await unknown(it)
        report = reports.Report(id, "", (reports.Line((BOB,), Fate.DELIVERED),))
        after = await it.sender.db.run(lambda s: reported.record(s, ALICE, report, 1))
        assert after.state is State.ACCEPTED
        await it.settle()
        done = await state_of(it, id)
        assert (done.state, done.recipients[0].fate) == (State.FILED, Fate.DELIVERED)
        assert not peer.taken and it.mailstore.appended == 1


async def test_a_look_settles_what_was_unknown(database_url: str) -> None:
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        id = await unknown(it)
        assert (await it.sender.acceptance.look(writer(), id)).state is State.UNKNOWN
        it.mailstore.elsewhere.add((await state_of(it, id)).message_id)
        assert (await it.sender.acceptance.look(writer(), id)).state is State.ACCEPTED
        await it.settle()
        assert (await state_of(it, id)).state is State.FILED and not peer.taken
        with pytest.raises(PosternError):
            await it.sender.acceptance.look(writer(), id)
