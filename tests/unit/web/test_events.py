"""The stream of changes, and answers for a list that changes in place."""

import asyncio
import json
from collections import defaultdict
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

from starlette.requests import Request

from services.web.edge import Edge
from services.web.model.account import Grant
from services.web.model.mail import Change, Envelope, Flags, MailboxView, MessageRef, Row, Use
from services.web.positions import Positions
from services.web.routes import events
from services.web.session import Me
from tests.unit.web.conftest import Browser
from tests.unit.web.fakes import VALIDITY, Fakes, StoredMessage, envelope

ROWS = {"hx_request": "true", "hx_target": "ol#rows"}
INBOX = MailboxView("INBOX", "INBOX", use=Use.INBOX, unread=3, messages=9)


def parsed(text: str) -> list[tuple[str, str, dict]]:
    """(id, event, data) of each event."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in block.splitlines())
        if "event" in fields:
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


async def test_a_change_is_told_with_what_resumes_after_it(alice: Browser, fakes: Fakes) -> None:
    row = Row(MessageRef("INBOX", VALIDITY, 4), Envelope(subject="Line\nbreak"), Flags())
    fakes.mail.to_come = [Change("beat", "t1"), Change("mailbox", "t2", INBOX, (row,), (row,))]
    answer = await alice.get("/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    (begun, (ident, event, data)) = parsed(answer.text)
    assert (begun[0].split()[0], begun[1]) == ("t1", "ready"), "from when on all is told"
    assert (ident.split()[0], event) == ("t2", "mailbox")
    assert (data["unread"], data["messages"], data["added"][0]["subject"]) == (3, 9, "Line\nbreak")
    assert data["changed"] == [{"key": f"{VALIDITY}.4", "unread": True, "starred": False}]


async def test_a_page_says_where_its_stream_goes_on(alice: Browser, fakes: Fakes, edge: Edge) -> None:
    """Taken before anything of the page is read, so that nothing falls between the two."""
    assert 'data-since=""' in (await alice.get("/mail/INBOX")).text
    fakes.mail.to_come = [Change("beat", "t1"), Change("mailbox", "t2", INBOX)]
    await alice.get("/events")
    reading = fakes.mail.messages

    async def messages(*args: object, **asked: object):
        edge.positions.put("alice@example.org", "t9", "s9")
        return await reading(*args, **asked)

    fakes.mail.messages = messages  # type: ignore[method-assign]
    assert 'data-since="t2 "' in (await alice.get("/mail/INBOX")).text
    assert 'data-since="t9 s9"' in (await alice.get("/mail/INBOX")).text


async def test_it_goes_on_from_the_last_event(alice: Browser, fakes: Fakes) -> None:
    await alice.get("/events", last_event_id="t2 s7")
    await alice.get("/events?after=t3%20s8")
    await alice.get("/events", last_event_id="x" * 1000)
    assert [call for call in fakes.mail.calls if call.startswith("watch")] == [
        "watch t2",
        "watch t3",
        "watch",
    ]


async def test_there_are_so_many_streams_in_all(alice: Browser, monkeypatch) -> None:
    monkeypatch.setattr(events, "MOST_STREAMS", 0)
    # What another test's browser has left behind is not this one's.
    monkeypatch.setattr(events, "_open", defaultdict(list))
    assert (await alice.get("/events")).status_code == 429
    assert not events._open, "a stream that was refused or has ended is still counted"


class Reader:
    """A browser's end of a stream, as the ASGI server gives it."""

    def __init__(self, edge: Edge, me: Me) -> None:
        self.left = asyncio.Event()
        request = Request(
            {"type": "http", "method": "GET", "path": "/events", "headers": [], "client": ("127.0.0.1", 1)},
            self._receive,
        )
        self.events = events._events(edge, request, me, me.grant.session_id, "", "")

    async def _receive(self) -> dict[str, str]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def ends(self) -> bool:
        try:
            async with asyncio.timeout(5):
                async for _ in self.events:
                    pass
        except TimeoutError:
            return False
        return True


async def test_who_leaves_is_counted_no_more_and_the_newest_always_has_one(fakes: Fakes, monkeypatch) -> None:
    monkeypatch.setattr(fakes.mail, "watch", never)
    grant = Grant("alice@example.org", {"mailstore": "m", "sender": "s"}, datetime.now(UTC), "s1")
    edge = SimpleNamespace(services=fakes.services(), positions=Positions())
    readers = [Reader(edge, Me("secret", grant)) for _ in range(events.MOST_OF_A_SESSION + 1)]
    for reader in readers:
        assert await anext(reader.events)
    assert await readers[0].ends() and len(events._open["s1"]) == events.MOST_OF_A_SESSION
    for reader in readers[1:]:
        reader.left.set()
        assert await reader.ends()
    assert not events._open


@asynccontextmanager
async def never(token: str, resume: str):
    async def changes():
        await asyncio.Event().wait()
        yield

    yield changes()


async def test_nobody_else_hears_anything(browser: Browser) -> None:
    assert (await browser.get("/events", accept="text/event-stream")).status_code in (303, 401)


async def test_lines_alone_come_with_what_stands_around_them(alice: Browser, fakes: Fakes) -> None:
    for number in range(60):
        fakes.mail.add(StoredMessage(number + 1, envelope(f"Subject {number}")))
    answer = await alice.get("/mail/INBOX?view=messages&at=0", **ROWS)
    assert answer.text.count('class="row-link"') == 50 and "<html" not in answer.text
    assert answer.headers["postern-total"] == "60" and "csrf" not in answer.text
    again = await alice.get("/mail/INBOX?view=messages&at=0", **ROWS, if_none_match=answer.headers["etag"])
    assert again.status_code == 304 and not again.content


async def test_a_line_that_changes_is_drawn_anew(alice: Browser, fakes: Fakes) -> None:
    ref = fakes.mail.add(StoredMessage(1, envelope("Unread yet")))
    assert "is-unread" in (await alice.get("/mail/INBOX", **ROWS)).text
    await alice.get(f"/mail/INBOX/{ref.key}")
    assert "is-unread" not in (await alice.get("/mail/INBOX", **ROWS)).text


async def test_an_act_in_place_answers_with_its_undo_alone(alice: Browser, fakes: Fakes) -> None:
    ref = fakes.mail.add(StoredMessage(1, envelope("Something")))
    await alice.get("/mail/INBOX")
    answer = await alice.http.post(
        "/mail/INBOX/actions",
        data={"csrf": alice.hidden("csrf"), "m": ref.key, "do": "read"},
        headers={"HX-Request": "true", "HX-Target": "div#notices"},
    )
    assert answer.status_code == 200 and 'class="undo"' in answer.text and "<html" not in answer.text
