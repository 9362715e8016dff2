"""The outbox page: what waits, why, for whom, and what may be done about it."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.web import formats, i18n
from services.web.model.account import Preferences
from services.web.model.outgoing import RecipientFate, Submission
from services.web.routes import events
from tests.unit.web.fake_auth import NOON
from tests.unit.web.test_compose import compose

LIST = {"Postern_Fragment": "outbox"}


async def test_it_lists_and_settles(alice, fakes):
    fakes.send.submissions = (Submission("s9", "unknown", subject="Lost"),)
    page = await alice.get("/outbox")
    assert "Lost" in page.text and "Not known whether it was sent" in page.text
    for button in ("It arrived", "Send it again", "Give it up"):
        assert button in page.text
    for verb in ("sent", "again", "give-up"):
        await alice.get("/outbox")
        assert (await alice.post("/outbox/s9", {"do": verb})).status_code == 303
    assert [one[0] for one in fakes.send.acts] == ["sent", "again", "give-up"]


async def test_each_recipient_and_the_progress(alice, fakes):
    people = (
        RecipientFate("bob@example.org", "accepted", 250, "Queued"),
        RecipientFate("eve@example.org", "pending", 451, "Try <later>"),
    )
    fakes.send.submissions = (
        Submission("s1", "deferred", people, subject="Two", attempts=3, next_attempt=NOON),
    )
    page = await alice.get("/outbox")
    assert "Try &lt;later&gt;" in page.text and "tried 3 times" in page.text
    assert 'max="2" value="1"' in page.text and "1 of 2 recipients" in page.text


async def test_the_list_alone_names_what_each_looks_like(alice, fakes):
    fakes.send.submissions = (Submission("s1", "held", subject="One"),)
    first = (await alice.get("/outbox", **LIST)).text
    assert "<html" not in first and 'data-submission="s1"' in first
    version = first.partition('data-version="')[2][:12]
    assert version in (await alice.get("/outbox", **LIST)).text
    fakes.send.submissions = (Submission("s1", "submitting", subject="One"),)
    assert version not in (await alice.get("/outbox", **LIST)).text


async def test_another_time_is_in_the_readers_zone(alice, fakes):
    fakes.auth.preferences = Preferences(time_zone="Asia/Tokyo")
    alice.http.cookies.clear()
    await alice.sign_in()
    later = formats.now() + timedelta(days=2)
    fakes.send.submissions = (Submission("s1", "held", subject="One", send_at=later, scheduled=True),)
    page = await alice.get("/outbox")
    shown = later.astimezone(ZoneInfo("Asia/Tokyo")).strftime("%Y-%m-%dT%H:%M")
    assert f'value="{shown}"' in page.text
    await alice.post("/outbox/s1", {"do": "reschedule", "send_at": "2099-07-01T09:30"})
    ((verb, _id, at),) = fakes.send.acts
    assert verb == "reschedule" and at == datetime(2099, 7, 1, 9, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    page = await alice.follow()
    assert "The message will be sent on" in page.text and "2099" in page.text and "9:30" in page.text


async def test_a_time_that_is_past_is_told_beside_the_message(alice, fakes):
    fakes.send.submissions = (Submission("s1", "held", subject="One"),)
    await alice.get("/outbox")
    page = await alice.post("/outbox/s1", {"do": "reschedule", "send_at": "2001-01-01T00:00"})
    assert page.status_code == 400 and "still to come" in page.text and not fakes.send.acts


async def test_what_is_taken_back_may_stay_a_draft(alice, fakes):
    await compose(alice)
    fakes.send.submissions = (Submission("sub1", "held", subject="Plans"),)
    await alice.get("/outbox")
    answer = await alice.post("/outbox/sub1", {"do": "drop"})
    assert answer.headers["location"] == "/outbox" and len(fakes.send.drafts) == 1
    assert "The message is in Drafts." in (await alice.follow()).text


async def test_all_of_the_last_weeks_in_pages(alice, fakes):
    fakes.send.submissions = tuple(Submission(f"s{n}", "filed", subject=f"Gone {n}") for n in range(2))
    page = await alice.get("/outbox?view=all")
    assert "Gone 0" in page.text and "Gone 1" not in page.text and "/outbox?view=all&amp;page=1" in page.text
    assert "Gone 1" in (await alice.get("/outbox?view=all&page=1")).text


def test_what_its_writer_must_know_is_told_anywhere():
    i18n.use(i18n.Languages().locale())
    people = tuple(RecipientFate(f"{n}@x.example", "refused" if n else "accepted") for n in range(5))
    for state in ("refused", "unknown", "suspended"):
        kind, told = events._outbox_event(Submission("s1", state, people, subject="Roof"))
        assert kind == "outbox" and told["wrong"].startswith("“Roof”: ") and told["href"] == "/outbox"
    _kind, told = events._outbox_event(Submission("s1", "filed", people, subject=""))
    assert told["wrong"] == (
        "“(no subject)” was not taken for 1@x.example, 2@x.example, 3@x.example, …."
    ) and told["href"].endswith("view=all")
    for state, some in (("filed", people[:1]), ("deferred", people), ("cancelled", people)):
        assert "wrong" not in events._outbox_event(Submission("s1", state, some, subject="Roof"))[1]
