"""What a message page says and offers beside the text: the server's word on the sender, leaving a list,
invitations, all attachments at once."""

import io
import zipfile
from dataclasses import replace

import httpx
import pytest

from services.web import i18n, invitation, trust
from services.web.i18n import Languages
from services.web.images import ImageProxy
from services.web.model.mail import Address, Envelope, MessageRef, OpenMessage, Part, Row
from tests.unit.web.conftest import Browser
from tests.unit.web.fakes import Fakes, StoredMessage, envelope

FROM = Envelope(from_=(Address("Bank", "news@bank.example"),))


def opened(*headers: tuple[str, str]) -> OpenMessage:
    return OpenMessage(Row(MessageRef("INBOX", 1, 1), FROM), headers=headers)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("mx.example.org; dmarc=pass header.from=bank.example", True),
        ("mx.example.org 1; spf=pass; dmarc=fail (p=none) header.from=bank.example", False),
        ("mx.example.org; dkim=pass header.d=bank.example", True),
        ("mx.example.org; dkim=pass header.i=@bank.example", True),
        ("mx.example.org; dkim=pass header.d=elsewhere.example", None),
        ("mx.example.org; dkim=fail header.d=bank.example", None),
        ("mx.example.org (dmarc=pass); none", None),
        ("mx.elsewhere.example; dmarc=pass header.from=bank.example", None),
        ("", None),
    ],
)
def test_only_our_own_servers_word_counts(text: str, good: bool | None) -> None:
    found = trust.verdict(opened(("Authentication-Results", text)), {"mx.example.org"})
    assert (found.good if found else None) is good


def test_the_topmost_result_of_our_server_counts_and_without_a_name_none() -> None:
    message = opened(
        ("Authentication-Results", "mx.example.org; dmarc=fail"),
        ("Authentication-Results", "mx.example.org; dmarc=pass"),
    )
    assert trust.verdict(message, {"mx.example.org"}) == trust.Verdict(False, "bank.example")
    assert trust.verdict(message, ()) is None


@pytest.mark.parametrize(
    ("link", "post", "found"),
    [
        (
            "<mailto:x@y.example>, <https://y.example/u?1>",
            "List-Unsubscribe=One-Click",
            "https://y.example/u?1",
        ),
        ("<http://y.example/u>", "List-Unsubscribe=One-Click", ""),
        ("<https://y.example/u>", "", ""),
    ],
)
def test_one_click_is_offered_where_the_list_takes_it(link: str, post: str, found: str) -> None:
    headers = (("List-Unsubscribe", link), ("List-Unsubscribe-Post", post))
    assert trust.unsubscribe_address(opened(*headers)) == found


async def test_leaving_a_list_is_one_bare_post_that_follows_nothing() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(302 if "moved" in str(request.url) else 200, headers={"location": "/other"})

    proxy = ImageProxy(allow_private=True, transport=httpx.MockTransport(answer))
    assert await proxy.unsubscribe("https://127.0.0.1/u?token=1")
    assert not await proxy.unsubscribe("https://127.0.0.1/moved")
    assert not await ImageProxy(transport=httpx.MockTransport(answer)).unsubscribe("https://127.0.0.1/u")
    assert [(one.method, one.content) for one in seen] == [("POST", b"List-Unsubscribe=One-Click")] * 2
    assert "cookie" not in seen[0].headers and "referer" not in seen[0].headers


def event(*lines: str) -> bytes:
    inner = ("BEGIN:VCALENDAR", "METHOD:REQUEST", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR")
    return "\r\n".join(inner).encode()


@pytest.fixture
def english() -> None:
    i18n.use(Languages().locale("en", "", "Europe/Berlin"))


def test_an_invitation_is_readable(english: None) -> None:
    found = invitation.read(
        event(
            "SUMMARY:Stand\\, up\\; and",
            "  go",
            "DTSTART;TZID=America/New_York:20261124T090000",
            "DTEND:20261124T150000Z",
            'ORGANIZER;CN="A: B":mailto:a@example.org',
            "BEGIN:VALARM",
            "SUMMARY:not this one",
            "END:VALARM",
            "LOCATION:Room 1",
        )
    )
    assert found is not None
    assert (found.method, found.summary, found.location) == ("REQUEST", "Stand, up; and go", "Room 1")
    assert found.organizer == "a@example.org"
    assert "15:00" in found.starts or "3:00" in found.starts
    assert "16:00" in found.ends or "4:00" in found.ends


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=WEEKLY;COUNT=5;BYDAY=MO,WE", "every week: Mon and Wed, 5 times"),
        ("FREQ=DAILY;INTERVAL=3", "every 3 days"),
        ("FREQ=YEARLY;UNTIL=20301231T000000Z", "every year, until Tuesday, December 31, 2030"),
        ("FREQ=MONTHLY;INTERVAL=x;COUNT=-1;BYDAY=1MO;UNTIL=never", "every month"),
        ("FREQ=SECONDLY", ""),
        ("nonsense;=;==", ""),
    ],
)
def test_how_often_an_event_takes_place_is_in_words(english: None, rule: str, words: str) -> None:
    found = invitation.read(event("DTSTART:20261124T090000Z", f"RRULE:{rule}"))
    assert found is not None and found.repeats == words


def test_who_is_invited_is_told_with_their_answers(english: None) -> None:
    found = invitation.read(
        event(
            "DTSTART:20261124T090000Z",
            'ATTENDEE;CN="Doe; Jane";PARTSTAT=ACCEPTED:mailto:jane@example.org',
            "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:joe@example.org",
            *(f"ATTENDEE;CN=P{number}:mailto:x" for number in range(30)),
        )
    )
    assert found is not None
    assert found.people[:3] == (("Doe; Jane", "accepted"), ("joe@example.org", ""), ("P0", ""))
    assert len(found.people) == 20 and found.further == 12


async def test_an_attached_message_is_read_beside_the_same_list_and_not_answered_as_the_one_around_it(
    alice: Browser, fakes: Fakes
) -> None:
    ref = fakes.mail.add(
        StoredMessage(1, envelope("Outer"), attachments=(Part("2", "message/rfc822", "inner.eml"),))
    )
    page = await alice.get(f"/mail/INBOX/{ref.key}?filter=is:unread")
    assert 'name="reply"' in page.text
    assert f'href="/mail/INBOX/{ref.key}?within=2&amp;filter=is%3Aunread"' in page.text
    page = await alice.get(f"/mail/INBOX/{ref.key}?within=2&filter=is:unread")
    assert 'name="reply"' not in page.text
    assert f'href="/mail/INBOX/{ref.key}?filter=is%3Aunread"' in page.text


@pytest.mark.parametrize("start", ["99999999", "20261324T000000Z", "x" * 9000, "", "20261124T090000"])
def test_nonsense_in_a_time_is_shown_or_left_out(english: None, start: str) -> None:
    found = invitation.read(event(f"DTSTART;TZID=No/Such:{start}", "DTSTART:20260101"))
    assert found is not None and len(found.starts) < 200


def test_what_is_no_event_is_none() -> None:
    for content in (b"", b"\0\xff" * 100, b"BEGIN:VEVENT\nEND:VEVENT", b"END:VEVENT\nDTSTART:20260101"):
        assert invitation.read(content) is None


async def test_all_attachments_come_as_one_zip(alice: Browser, fakes: Fakes) -> None:
    parts = tuple(
        Part(str(number), "text/plain", name) for number, name in enumerate(("a.txt", "a.txt", "../b"))
    )
    content = {part.part_id: part.part_id.encode() * 5 for part in parts}
    message = StoredMessage(1, envelope("Three files"), attachments=parts, content=content)
    ref = fakes.mail.add(message)
    page = await alice.get(f"/mail/INBOX/{ref.key}")
    assert "attachments.zip" in page.text
    answer = await alice.get(f"/mail/INBOX/{ref.key}/attachments.zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == {
        "a.txt": b"00000",
        "a (2).txt": b"11111",
        "b": b"22222",
    }
    fakes.mail.add(replace(message, uid=2, attachments=()))
    assert (await alice.get("/mail/INBOX/7.2/attachments.zip")).status_code == 404


def test_the_day_of_an_invitation_is_told_once() -> None:
    def ends(value: str) -> str:
        found = invitation.read(event("DTSTART:20261205T100000Z", f"DTEND:{value}"))
        assert found is not None
        return found.ends

    assert "December" not in ends("20261205T113000Z") and ":30" in ends("20261205T113000Z")
    assert "December 6" in ends("20261206T113000Z")


async def test_what_an_invitation_was_read_from_is_no_file_beside_it(fakes, alice) -> None:
    content = event("SUMMARY:Inspection", "DTSTART:20261205T100000Z")
    read_from = Part("2", "text/calendar", "text-1.2.ics", len(content))
    attached = Part("3", "application/ics", "invite.ics", len(content))
    stored = StoredMessage(1, envelope("Come"), attachments=(read_from,), content={"2": content})
    fakes.mail.add(stored)
    page = (await alice.get("/mail/INBOX/7.1")).text
    assert "Inspection" in page and "text-1.2.ics" not in page and "/mail/INBOX/7.1/part/2" in page
    stored.attachments = (read_from, attached)
    page = (await alice.get("/mail/INBOX/7.1")).text
    assert "invite.ics" in page and "text-1.2.ics" not in page and "/part/2" not in page
    assert "attachments.zip" not in page
