"""What became of a message, where it is read: on the person's own, and on the report about it."""

from __future__ import annotations

from services.web.model.mail import MessageRef, ReportRecipient
from services.web.model.outgoing import RecipientFate, Submission
from tests.unit.web.fakes import VALIDITY, StoredMessage, envelope

FATES = (
    RecipientFate("carol@example.org", "accepted", 250),
    RecipientFate("dave@example.org", "failed", 550, "no such <user>"),
)


def sent(fakes, message_id: str) -> Submission:
    one = Submission("s1", "filed", FATES, message_id, "Gates")
    fakes.send.submissions = (one,)
    return one


async def test_on_ones_own_message(alice, fakes):
    mine = envelope("Gates", "alice@example.org")
    fakes.mail.boxes["Sent"][1] = StoredMessage(1, mine)
    sent(fakes, mine.message_id)
    page = await alice.get(f"/mail/Sent/{VALIDITY}.1")
    assert "dave@example.org</bdi></dt><dd>did not arrive" in page.text
    assert "no such &lt;user&gt;" in page.text and "carol@example.org</bdi></dt><dd>" not in page.text


async def test_not_on_a_message_that_borrows_its_id(alice, fakes):
    """The Message-ID of somebody else's mail asks for nothing."""
    theirs = envelope("Gates")
    fakes.mail.add(StoredMessage(1, theirs))
    sent(fakes, theirs.message_id)
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.1")
    assert "did not arrive" not in page.text


async def test_a_report_is_recorded_and_names_its_message(alice, fakes):
    report = (ReportRecipient("dave@example.org", "failed", "5.1.1"),)
    fakes.mail.add(StoredMessage(1, envelope("Undelivered"), report=report))
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.1")
    assert "not delivered" in page.text and "This is about" not in page.text
    fakes.send.reports[MessageRef("INBOX", VALIDITY, 1)] = sent(fakes, "<x@example.org>")
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.1")
    assert "This is about your message “Gates”." in page.text


async def test_ways_of_answering_are_in_the_menu(alice, fakes):
    fakes.mail.add(StoredMessage(1, envelope("Gates")))
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.1")
    assert "/compose?forward-as=" in page.text and "/compose?reply-list=" not in page.text
