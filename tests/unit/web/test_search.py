"""Searching: filters, further lines as they come, an end that says what is missing, saved searches."""

import asyncio
import re
from html import unescape

import pytest

from services.common.errors import PosternError, Reason
from services.web import i18n, queries
from services.web.finding import Finding
from services.web.model.account import SavedSearch
from services.web.model.mail import SearchStep
from tests.unit.web.fakes import StoredMessage, envelope


def found(text: str) -> list[str]:
    return [unescape(one) for one in re.findall(r'class="row-subject cut">([^<]*)<', text)]


def links(text: str, css: str) -> list[tuple[str, str]]:
    """(name, address) of the chips."""
    found = re.findall(rf'<a class="{css}" href="([^"]*)"([^>]*)>(.*?)</a>', text)
    return [
        (
            unescape(
                label[1]
                if (label := re.search('aria-label="([^"]*)"', rest))
                else re.sub("<[^>]*>", "", inner)
            ),
            unescape(href),
        )
        for href, rest, inner in found
    ]


def fill(fakes, *subjects: str) -> None:
    for n, subject in enumerate(subjects, 1):
        fakes.mail.add(StoredMessage(n, envelope(subject)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from:bob report", ["From: bob"]),
        (
            'from:"Bob Example" is:unread -has:attachment',
            ["From: Bob Example", "Unread", "Not: With attachments"],
        ),
        ("Re: notes is:odd has:", []),
        (
            "before:2026-01-01 since:7d larger:5M in:INBOX",
            ["Before 2026-01-01", "Since 7d", "Larger than 5M", "In: Inbox"],
        ),
        ("newer_than:2d older_than:1d", ["Since 2d", "Before 1d"]),
        ("x from:a OR from:b OR is:read is:starred", ["From: a or From: b or Read", "Starred"]),
        ("a OR b OR from:c", ["a or b or From: c"]),
        ("x OR y", []),
        ("OR from:a OR", ["From: a"]),
        ("from:a OR OR from:b", ["From: a", "From: b"]),
        ("in:INBOX OR in:Sent from:a", ["In: Inbox or In: Sent", "From: a"]),
        ("from:a OR in:INBOX", ["From: a", "In: Inbox"]),
    ],
)
def test_operators_are_filters_in_words(text, expected):
    i18n.use(i18n.Languages().locale("en", "", ""))
    assert [one.label for one in queries.filters(text, {"INBOX": "Inbox"})] == expected


def test_a_filter_that_is_taken_away_leaves_the_rest_as_it_was_written():
    i18n.use(i18n.Languages().locale("en", "", ""))
    (first, second) = queries.filters('"two words" from:"A B" x is:unread', {})
    assert first.rest == '"two words" x is:unread'
    assert second.rest == '"two words" from:"A B" x'


def test_what_or_joins_is_taken_away_together():
    i18n.use(i18n.Languages().locale("en", "", ""))
    (both, read) = queries.filters("x from:a OR from:b is:read", {})
    assert (both.rest, read.rest) == ("x is:read", "x from:a OR from:b")


def test_or_is_offered_between_terms_alone():
    i18n.use(i18n.Languages().locale("en", "", ""))
    assert [one.value for one in queries.operators("from:a ", "o")] == ["from:a OR "]
    assert queries.operators("", "o") == [] == queries.operators("from:a ", "-o")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("", "", "")),
        ("hello fr", ("hello ", "", "fr")),
        ("x from:bo", ("x ", "from", "bo")),
        ('x -to:"Bob Ex', ("x ", "-to", "Bob Ex")),
        ('"a b', ("", "", '"a b')),
    ],
)
def test_what_is_being_typed_is_the_last_piece(text, expected):
    assert queries.split(text) == expected


async def test_a_quick_search_is_one_page_with_its_filters(fakes, alice):
    fill(fakes, "report one", "report two", "other")
    page = await alice.get("/search?q=report")
    assert found(page.text) == ["report one", "report two"]
    assert "2 found" in page.text and "data-searching" not in page.text
    further = dict(links(page.text, "chip chip-add"))
    assert further["Unread"] == "/search?q=report%20is%3Aunread"
    page = await alice.get("/search?q=report%20from%3Abob&in=INBOX")
    assert links(page.text, "chip") == [
        ("Remove the filter: In: Inbox", "/search?q=report%20from%3Abob"),
        ("Remove the filter: From: bob", "/search?q=report&in=INBOX"),
    ]


async def test_lines_come_while_the_search_runs(fakes, alice, edge):
    """Over the wire: the page goes out in pieces, and the first of them before the search has gone on."""
    fill(fakes, "report one")
    fakes.mail.add(StoredMessage(1, envelope("report two")), "Archive")
    fakes.mail.pace = asyncio.Queue()
    sent, done = await stream(alice, edge, "/search?q=report")
    head = await piece(sent)
    assert found(head) == ["report one"] and "Searching 4 more mailboxes" in head
    assert "</ol>\n<form id" not in head and "2 found" not in head
    for _ in range(len(fakes.mail.boxes)):
        fakes.mail.pace.put_nowait(None)
    await done
    rest = "".join([await piece(sent) for _ in range(sent.qsize())])
    assert found(rest) == ["report two"] and "2 found" in rest and rest.rstrip().endswith("</html>")
    assert fakes.mail.searching == 0


async def test_who_leaves_the_page_ends_the_search(fakes, alice, edge):
    fill(fakes, "report one")
    fakes.mail.pace = asyncio.Queue()
    sent, done = await stream(alice, edge, "/search?q=report")
    await piece(sent)
    assert fakes.mail.searching == 1
    done.leave.set()
    await asyncio.wait_for(done, 5)
    assert fakes.mail.searching == 0


async def test_stopped_it_keeps_what_it_has_and_says_that_there_may_be_more(fakes, alice, monkeypatch):
    monkeypatch.setattr("services.web.routes.search.STOPPED", 0.05)
    fill(fakes, "report one")
    fakes.mail.pace = asyncio.Queue()
    page = await alice.get("/search?q=report&quick=1")
    assert found(page.text) == ["report one"]
    assert "There may be more" in page.text and 'href="/search?q=report">Search on' in page.text
    assert fakes.mail.searching == 0


async def test_stop_ends_the_page_that_comes_with_what_it_has_found(fakes, alice, edge):
    fill(fakes, "report one")
    fakes.mail.add(StoredMessage(1, envelope("report two")), "Drafts")
    fakes.mail.pace = asyncio.Queue()
    sent, done = await stream(alice, edge, "/search?q=report")
    stop = unescape(re.search(r'href="([^"]*quick=1[^"]*)"', await piece(sent))[1])
    fakes.mail.pace.put_nowait(None)
    assert found(await piece(sent)) == ["report two"]
    answer = await alice.get(stop)
    assert answer.headers["postern-stopped"] == "1"
    await asyncio.wait_for(done.task, 5)
    rest = "".join([await piece(sent) for _ in range(sent.qsize())])
    for page in (rest, answer.text):
        assert "Search stopped. There may be more." in page and "</html>" in page
        assert 'href="/search?q=report">Search on' in page
    # The answer by itself is the page for those without scripts: it too has all that was found.
    assert found(answer.text) == ["report one", "report two"] and fakes.mail.searching == 0


async def test_stop_of_another_session_ends_nothing(fakes, alice, edge):
    finding = Finding(fakes.mail.search("t", "x", (), rows=1, page=""))
    name = edge.flows.add("another", finding)
    answer = await alice.get(f"/search?q=report&quick=1&flow={name}")
    assert "postern-stopped" not in answer.headers and not finding.over


async def test_a_search_that_takes_too_long_shows_what_there_is(fakes, alice):
    """Never an error page: many mailboxes that are being indexed make a search slow, not wrong."""
    fakes.mail.fail["search"] = PosternError(Reason.DEADLINE_EXCEEDED)
    page = await alice.get("/search?q=report")
    assert page.status_code == 200 and "There may be more" in page.text and "Nothing found" not in page.text
    fakes.mail.fail["search"] = PosternError(Reason.MAIL_SERVER_TIMEOUT)
    page = await alice.get("/search?q=report")
    assert page.status_code == 200 and "The mail server does not answer" in page.text


async def test_a_message_that_was_found_keeps_its_search_beside_it(fakes, alice):
    fill(fakes, "report one", "other", "report two")
    page = await alice.get("/search?q=report")
    (href, *_more) = re.findall(r'class="row-link" href="([^"]*)"', page.text)
    page = await alice.get(unescape(href))
    assert found(page.text) == ["report one", "report two"]
    assert 'aria-label="Back"' in page.text and 'href="/search?q=report"' in page.text
    pane = await alice.get(unescape(href), HX_Request="true", HX_Target="section#reading")
    assert 'href="/search?q=report"' in pane.text and found(pane.text) == []


async def test_a_search_is_saved_renamed_deleted_and_brought_back(fakes, alice):
    fill(fakes, "report one")
    await alice.get("/search?q=report&in=INBOX")
    await alice.post("/search/saved", {"do": "save", "name": "Reports <1>", "q": "report", "in": "INBOX"})
    (made,) = fakes.auth.preferences.searches
    assert made == SavedSearch(made.search_id, "Reports <1>", "report", ("INBOX",))
    page = await alice.follow()
    assert '<h1><bdi class="cut">Reports &lt;1&gt;</bdi></h1>' in page.text and "1 found" in page.text
    assert f'data-search-id="{made.search_id}"' in page.text and "saved." in page.text
    await alice.post("/search/saved", {"do": "rename", "saved": made.search_id, "name": "R"})
    page = await alice.follow()
    assert fakes.auth.preferences.searches[0].name == "R" and "Search renamed to R." in page.text
    await alice.post("/search/saved", {"do": "delete", "saved": made.search_id})
    assert fakes.auth.preferences.searches == ()
    page = await alice.follow()
    assert "Saved search R deleted." in page.text and 'action="/search/saved"' in page.text
    await alice.post("/search/saved", {"do": "save", "name": "R", "q": "report", "in": "INBOX"})
    assert [one.name for one in fakes.auth.preferences.searches] == ["R"]
    answer = await alice.get("/search/saved/counts")
    assert list(answer.json().values()) == [1]


async def test_settings_leave_saved_searches_alone(fakes, alice):
    fakes.auth.preferences = fakes.auth.preferences.__class__(searches=(SavedSearch("a", "A", "x"),))
    page = await alice.get("/settings")
    fields = dict(
        re.findall(r'<select[^>]*name="(\w+)"[^>]*>.*?<option value="([^"]*)"', page.text, re.DOTALL)
    )
    await alice.post("/settings/preferences", {**fields, "page_rows": "0", "undo_send_seconds": "0"})
    assert [one.name for one in fakes.auth.preferences.searches] == ["A"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("fr", [("from:", "from:", True), ("from:bob@example.org ", "Bob", False)]),
        ("x from:bo", [("x from:bob@example.org ", "Bob", False)]),
        ("in:arch", [("in:Archive ", "Archive", False)]),
        ("has", [("has:attachment ", "has:attachment", False)]),
        ("-is:star", [("-is:starred ", "-is:starred", False)]),
        ("after:7", [("after:7d ", "after:7d", False)]),
    ],
)
async def test_what_is_typed_is_completed(fakes, alice, typed, expected):
    answer = await alice.get("/search/suggest?q=" + typed)
    options = [(one["value"], one["text"], one["more"]) for one in answer.json()]
    assert [one for one in options if one in expected] == expected


async def test_without_contacts_operators_complete_still(fakes, alice):
    fakes.people.fail["all"] = PosternError(Reason.UNAVAILABLE)
    answer = await alice.get("/search/suggest?q=fr")
    assert [one["value"] for one in answer.json()] == ["from:"]


async def test_a_finding_that_is_stopped_in_the_middle_closes_its_steps():
    closed = asyncio.Event()

    async def steps():
        try:
            yield SearchStep((), 1, 2)
            await asyncio.sleep(60)
        finally:
            closed.set()

    finding = Finding(steps())
    await finding.until(0.02)
    assert (finding.searched, finding.mailboxes, finding.over) == (1, 2, False)
    await finding.stop()
    assert closed.is_set() and finding.over and not finding.complete


class Going:
    """A request on its way: awaiting it waits for the answer's end; `leave` is the browser going away."""

    def __init__(self, task: asyncio.Task, leave: asyncio.Event) -> None:
        self.task, self.leave = task, leave

    def __await__(self):
        return self.task.__await__()


async def stream(browser, edge, path: str) -> tuple[asyncio.Queue, Going]:
    """The answer's pieces as the server sends them; httpx's own transport gathers them first."""
    from services.web.app import build

    sent: asyncio.Queue = asyncio.Queue()
    gone = asyncio.Event()
    cookies = "; ".join(f"{one.name}={one.value}" for one in browser.http.cookies.jar)
    where, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": where,
        "raw_path": where.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1:8080"), (b"cookie", cookies.encode())],
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 8080),
        "state": {},
    }
    asked = False

    async def receive():
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.body":
            sent.put_nowait(message["body"])

    task = asyncio.create_task(build(edge)(scope, receive, send))
    return sent, Going(task, gone)


async def piece(sent: asyncio.Queue) -> str:
    return (await asyncio.wait_for(sent.get(), 5)).decode()
