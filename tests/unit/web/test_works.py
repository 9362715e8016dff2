"""Long work: acts on all that match, with progress, Stop and a way back; labels; exports and imports."""

import asyncio
import re

import pytest

from services.common.errors import PosternError, Reason
from services.web import labels, works
from services.web.model.mail import ExportStep, Flags, Matching
from services.web.routes.transfer import _octets
from services.web.works import Work
from tests.unit.web.fakes import VALIDITY, StoredMessage, envelope

LINE = {"hx_request": "true", "hx_target": "div#notices"}


def fill(fakes, count, mailbox="INBOX"):
    for uid in range(1, count + 1):
        fakes.mail.add(StoredMessage(uid, envelope(f"Subject {uid}")), mailbox)


@pytest.fixture
def slow(fakes, monkeypatch):
    """Steps of ten messages, each of which waits to be let through."""
    monkeypatch.setattr(works, "PATIENCE", 0.01)
    monkeypatch.setattr(works.settle, "__defaults__", (0.01,))
    fakes.mail.slow, fakes.mail.step = asyncio.Semaphore(0), 10
    return fakes.mail.slow


def let(slow, steps):
    for _ in range(steps):
        slow.release()


async def all_of(alice, verb, mailbox="INBOX", **fields):
    await alice.get(f"/mail/{mailbox}")
    return await alice.post(f"/mail/{mailbox}/actions", {"do": verb, "all": "1", **fields})


async def until(condition):
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come about")


async def test_all_that_match_go_at_once_where_that_is_soon_and_come_back(alice, fakes):
    fill(fakes, 30)
    answer = await all_of(alice, "archive", back="/mail/INBOX")
    assert answer.headers["location"] == "/mail/INBOX"
    page = await alice.follow()
    assert "30 messages archived." in page.text
    await alice.post("/undo", {name: alice.hidden(name) for name in ("to0", "from0", "what0", "back")})
    assert len(fakes.mail.boxes["INBOX"]) == 30 and not fakes.mail.boxes["Archive"]


async def test_what_takes_long_has_a_page_with_progress_and_stop(alice, fakes, slow):
    fill(fakes, 40)
    answer = await all_of(alice, "delete", back="/mail/INBOX")
    where = answer.headers["location"]
    assert where.startswith("/works/")
    slow.release()
    await until(lambda: len(fakes.mail.boxes["Trash"]) == 10)
    page = await alice.get(where)
    assert page.headers["refresh"] == "1" and "Moving to Trash: 10 of 40" in page.text
    assert "Moving to Trash: 10 of 40" in (await alice.get("/mail/Archive")).text, "other pages show it"
    await alice.get(where)
    slow.release()
    answer = await alice.post(f"{where}/stop", {})
    assert answer.headers["location"] == where
    page = await alice.follow()
    assert "refresh" not in page.headers and "Stopped. 20 messages moved to Trash." in page.text
    assert len(fakes.mail.boxes["INBOX"]) == 20
    fakes.mail.slow = None
    await alice.post("/undo", {name: alice.hidden(name) for name in ("to0", "from0", "what0", "back")})
    assert len(fakes.mail.boxes["INBOX"]) == 40 and not fakes.mail.boxes["Trash"]


async def test_scripts_get_the_line_alone_until_it_says_what_was_done(alice, fakes, slow):
    fill(fakes, 20)
    await alice.get("/mail/INBOX")
    data = {"do": "star", "all": "1", "csrf": alice.hidden("csrf"), "back": "/mail/INBOX"}
    headers = {name.replace("_", "-"): value for name, value in LINE.items()}
    answer = await alice.http.post("/mail/INBOX/actions", data=data, headers=headers)
    assert answer.status_code == 202 and "<html" not in answer.text
    where = re.search(r'data-work="([^"]+)"', answer.text)[1]
    slow.release()
    slow.release()
    await until(lambda: all(one.flags.flagged for one in fakes.mail.boxes["INBOX"].values()))
    await asyncio.sleep(0.01)
    line = await alice.get(where, **LINE)
    assert "20 messages starred." in line.text and "data-undo" in line.text and "<html" not in line.text


async def test_work_goes_on_where_mailstore_cannot_be_told_to_stop_no_further_than_its_step(
    alice, fakes, slow
):
    fill(fakes, 40)
    fakes.mail.stops = False
    where = (await all_of(alice, "read", back="/mail/INBOX")).headers["location"]
    await alice.get(where)
    await alice.post(f"{where}/stop", {})
    fakes.mail.stopped.clear()
    let(slow, 4)
    await until(lambda: sum(one.flags.seen for one in fakes.mail.boxes["INBOX"].values()) == 10)
    assert "Stopped." in (await alice.get(where)).text


async def test_work_is_its_own_sessions_and_bounded(alice, browser, edge, fakes, slow):
    fill(fakes, 20)
    where = (await all_of(alice, "archive")).headers["location"]
    work = edge.works.get(next(iter(edge.works._works.values())).session, where.removeprefix("/works/"))
    assert work is not None and edge.works.get("another", work.work_id) is None
    assert (await alice.get("/works/unknown")).status_code == 404
    for _ in range(works.MOST_OF_A_SESSION - 1):
        assert (await all_of(alice, "star")).status_code == 303
    assert (await all_of(alice, "star")).status_code == 429
    let(slow, 100)


async def test_only_those_that_change_are_touched_so_that_undo_takes_back_no_more(alice, fakes):
    fill(fakes, 6)
    fakes.mail.boxes["INBOX"][2].flags = Flags(seen=True)
    page = await all_of(alice, "all-read")
    assert fakes.mail.matched == [Matching("INBOX", "is:unread")]
    page = await alice.follow()
    assert "5 messages marked as read." in page.text
    fields = {name: alice.hidden(name) for name in ("flags", "from0", "what0", "back")}
    await alice.post("/undo", fields)
    seen = [uid for uid, one in fakes.mail.boxes["INBOX"].items() if one.flags.seen]
    assert seen == [2]


# All that a search finds


async def search_all(alice, verb, text="subject", **fields):
    await alice.get(f"/search?q={text}")
    data = {"do": verb, "all": "1", "q": alice.hiddens("q")[1], "in": alice.hidden("in"), **fields}
    return await alice.post("/search/actions", {"back": f"/search?q={text}", **data})


async def test_all_that_a_search_finds_are_those_of_its_pages_in_every_mailbox(alice, fakes, monkeypatch):
    monkeypatch.setattr("services.web.acts.FOUND_AT_ONCE", 7)
    fill(fakes, 10)
    fill(fakes, 5, "Sent")
    fill(fakes, 3, "Archive")
    fakes.mail.add(StoredMessage(90, envelope("Another")))
    answer = await search_all(alice, "archive", archive="Archive")
    assert answer.headers["location"] == "/search?q=subject"
    page = await alice.follow()
    assert "15 messages archived." in page.text, "those that are there already stay where they are"
    assert list(fakes.mail.boxes["INBOX"]) == [90] and not fakes.mail.boxes["Sent"]
    names = [f"{kind}{n}" for n in range(2) for kind in ("to", "from", "what")]
    await alice.post("/undo", {name: alice.hidden(name) for name in (*names, "back")})
    assert [len(fakes.mail.boxes[name]) for name in ("INBOX", "Sent", "Archive")] == [11, 5, 3]


async def test_a_mark_on_all_that_is_found_touches_those_that_change(alice, fakes):
    fill(fakes, 4)
    fakes.mail.boxes["INBOX"][2].flags = Flags(seen=True)
    await search_all(alice, "read")
    assert "3 messages marked as read." in (await alice.follow()).text
    fields = {name: alice.hidden(name) for name in ("flags", "from0", "what0", "back")}
    await alice.post("/undo", fields)
    assert [uid for uid, one in fakes.mail.boxes["INBOX"].items() if one.flags.seen] == [2]


async def test_deleting_all_that_is_found_leaves_what_is_in_trash_and_asks_without_one(alice, fakes):
    fill(fakes, 4)
    fill(fakes, 2, "Trash")
    await search_all(alice, "delete")
    assert "4 messages moved to Trash." in (await alice.follow()).text
    assert len(fakes.mail.boxes["Trash"]) == 6
    fill(fakes, 1)
    del fakes.mail.boxes["Trash"]
    page = await search_all(alice, "delete")
    assert page.status_code == 409 and 'action="/search/actions"' in page.text
    assert fakes.mail.calls[-1] == "ensure_special", "nothing is gathered before"
    fields = {name: alice.hiddens(name)[-1] for name in ("create", "all", "q", "in", "back")}
    await alice.post("/search/actions", {**fields, "do": "delete"})
    assert len(fakes.mail.boxes["Trash"]) == 1


async def test_where_to_is_asked_for_all_that_is_found(alice, fakes):
    fill(fakes, 3)
    page = await search_all(alice, "move")
    assert '<option value="Archive">' in page.text and 'action="/search/actions"' in page.text
    fields = {name: alice.hiddens(name)[-1] for name in ("all", "q", "in", "back")}
    await alice.post("/search/actions", {**fields, "do": "move", "to": "Archive"})
    assert len(fakes.mail.boxes["Archive"]) == 3


async def test_gathering_all_shows_how_many_and_can_be_stopped_with_nothing_done(alice, fakes, slow):
    fill(fakes, 3)
    await alice.get("/search?q=subject")
    fakes.mail.pace = asyncio.Queue()
    data = {"do": "archive", "all": "1", "q": "subject", "archive": "Archive", "back": "/search?q=subject"}
    where = (await alice.post("/search/actions", data)).headers["location"]
    page = await alice.get(where)
    assert "Archiving: finding the messages, 3 so far" in page.text
    await alice.post(f"{where}/stop", {})
    for _ in range(2):
        page = await alice.get(where)
        if "Stopped. 0 messages archived." in page.text:
            break
        await asyncio.sleep(0.6)
    assert "Stopped. 0 messages archived." in page.text
    assert len(fakes.mail.boxes["INBOX"]) == 3 and fakes.mail.searching == 0


async def test_a_search_that_does_not_end_changes_nothing(alice, fakes):
    fill(fakes, 3)
    await alice.get("/search?q=subject")
    fakes.mail.fail["search"] = PosternError(Reason.DEADLINE_EXCEEDED)
    data = {"do": "archive", "all": "1", "q": "subject", "archive": "Archive", "back": "/"}
    assert (await alice.post("/search/actions", data)).status_code == 504
    assert len(fakes.mail.boxes["INBOX"]) == 3


async def test_what_fails_in_the_midst_tells_what_was_done_and_takes_it_back(alice, fakes):
    fill(fakes, 3)
    fill(fakes, 2, "Sent")
    moving = fakes.mail.move

    async def move(token, messages, *rest):
        if messages.mailbox == "Sent":
            raise PosternError(Reason.PERMISSION_DENIED)
        return await moving(token, messages, *rest)

    fakes.mail.move = move
    await search_all(alice, "archive", archive="Archive")
    page = await alice.follow()
    assert "Stopped. 3 messages archived." in page.text and 'name="what0"' in page.text


async def test_emptying_asks_with_the_number_and_a_button_that_says_forever(alice, fakes):
    fill(fakes, 12, "Trash")
    page = await alice.get("/mail/Trash")
    assert "/mail/Trash/empty" in page.text and "/empty" not in (await alice.get("/mail/INBOX")).text
    page = await alice.get("/mail/Trash/empty")
    assert "12 messages will be deleted. This cannot be undone." in page.text
    await alice.post(
        "/mail/Trash/actions", {"do": "delete-forever", "all": "1", "back": alice.hidden("back")}
    )
    assert not fakes.mail.boxes["Trash"]


# Moving and labels


async def test_move_and_label_without_a_target_ask_for_it(alice, fakes):
    fill(fakes, 3)
    await alice.get("/mail/INBOX")
    key = f"{VALIDITY}.2"
    page = await alice.post("/mail/INBOX/actions", {"do": "move", "m": key, "back": "/mail/INBOX"})
    assert page.status_code == 200 and '<option value="Archive">' in page.text and key in page.text
    page = await alice.post("/mail/INBOX/actions", {"do": "label", "m": key, "back": "/mail/INBOX"})
    assert page.status_code == 200 and 'name="new_label"' in page.text


async def test_labels_of_any_script_are_made_shown_filtered_and_taken_off(alice, fakes, edge):
    fill(fakes, 3)
    name = "Überprüfung 山"
    await alice.get("/mail/INBOX")
    key = f"{VALIDITY}.2"
    data = {"do": "label", "m": key, "new_label": f"  {name} ", "back": "/mail/INBOX"}
    await alice.post("/mail/INBOX/actions", data)
    assert fakes.mail.boxes["INBOX"][2].flags.labels == (name,)
    page = await alice.follow()
    assert f"1 message labelled {name}." in page.text
    assert 'class="tag label label-red"' in page.text
    fields = {field: alice.hidden(field) for field in ("remove_label", "from0", "what0", "back")}
    opened = await alice.get(f"/mail/INBOX/{key}")
    assert "filter=label%3A%22%C3%9Cberpr" in opened.text
    await alice.post("/undo", fields)
    assert fakes.mail.boxes["INBOX"][2].flags.labels == ()
    for verb in ("label", "unlabel"):
        await alice.get("/mail/INBOX")
        await alice.post("/mail/INBOX/actions", {"do": verb, "m": key, "label": name, "back": "/"})
        assert fakes.mail.boxes["INBOX"][2].flags.labels == ((name,) if verb == "label" else ())


async def test_a_label_gets_another_name_and_colour_without_touching_messages(alice, fakes):
    fill(fakes, 2)
    fakes.mail.boxes["INBOX"][1].flags = Flags(labels=("proj", "$Label1"))
    assert "Important" in (await alice.get("/mail/INBOX")).text
    await alice.get("/settings/labels")
    await alice.post("/settings/labels", {"do": "save", "label": "", "name": "proj", "colour": "teal"})
    await alice.follow()
    await alice.post(
        "/settings/labels", {"do": "save", "label": "proj", "name": "Projects", "colour": "blue"}
    )
    page = await alice.get("/mail/INBOX")
    assert "label-blue" in page.text and ">Projects<" in page.text
    assert fakes.mail.boxes["INBOX"][1].flags.labels == ("proj", "$Label1")
    await alice.get("/settings/labels")
    page = await alice.post("/settings/labels", {"do": "save", "label": "", "name": "projects"})
    assert page.status_code == 409
    await alice.post("/settings/labels", {"do": "remove", "label": "proj"})
    assert ">proj<" in (await alice.get("/mail/INBOX")).text


def test_labels_in_the_preferences_are_bounded_and_what_is_malformed_counts_as_none():
    known = labels.Labels(tuple(labels.Label(f"k{n}", f"name {n}", "red") for n in range(50)))
    assert labels.parse(known.text()).known == known.known
    for text in ("{}", "[1]", "not json", '[["a"]]'):
        assert labels.parse(text).known == ()
    with pytest.raises(Exception, match="too_many"):
        known.with_(labels.Label("more", "more")).text()


# Files in and out


async def test_a_mailbox_is_exported_as_one_file(alice, fakes):
    fill(fakes, 3)
    page = await alice.get("/mail/INBOX/export")
    assert "3 messages go into one file." in page.text
    work = alice.hidden("work")
    answer = await alice.post("/mail/INBOX/export", {"all": "1", "kind": "mbox", "work": work})
    assert answer.headers["content-type"] == "application/mbox" and "Inbox.mbox" in str(answer.headers)
    assert answer.content.count(b"From x") == 3
    assert "3 messages exported." in (await alice.get(f"/works/{work}")).text


async def test_a_selection_is_exported_and_one_message_is_an_eml(alice, fakes):
    fill(fakes, 3)
    for keys, kind in (([1, 3], "zip"), ([2], "eml")):
        await alice.get("/mail/INBOX")
        data = {"m": [f"{VALIDITY}.{uid}" for uid in keys]}
        answer = await alice.post("/mail/INBOX/export", data)
        assert answer.content.count(b"From x") == len(keys) and f"Inbox.{kind}" in str(answer.headers)
    await alice.get("/mail/INBOX")
    assert (await alice.post("/mail/INBOX/export", {})).status_code == 303


async def test_a_stopped_export_is_broken_off_so_that_nobody_takes_it_for_whole(alice, fakes, slow):
    fill(fakes, 5)
    await alice.get("/mail/INBOX/export")
    work, csrf = alice.hidden("work"), alice.hidden("csrf")
    let(slow, 2)
    data = {"all": "1", "kind": "mbox", "work": work, "csrf": csrf}
    download = asyncio.create_task(alice.http.post("/mail/INBOX/export", data=data))
    await asyncio.sleep(0.05)
    line = await alice.get(f"/works/{work}", **LINE)
    assert "Exporting: 2 of 5" in line.text
    await alice.post(f"/works/{work}/stop", {})
    let(slow, 5)
    await download
    page = await alice.get(f"/works/{work}")
    assert "Stopped. 2 messages exported." in page.text


async def test_octets_of_a_stopped_export_end_with_an_error():
    async def steps():
        for number in (2, 3):
            yield ExportStep(b"x", number, 3)

    work = Work("1", "s", "export", "/")
    chunks = _octets(work, ExportStep(b"x", 1, 3), steps())
    assert await anext(chunks) == b"x"
    work.stopping = True
    with pytest.raises(PosternError):
        await anext(chunks)
    assert work.notice is not None and work.notice.stopped


async def test_files_are_imported_with_what_takes_them_back(alice, fakes):
    page = await alice.get("/mail/Archive/import")
    action = re.search(r'action="([^"]+/import[^"]*)"', page.text)[1].replace("&amp;", "&")
    files = [("file", ("a.mbox", b"From a\n\nx\nFrom b\n\ny\n")), ("file", ("b.mbox", b"From c\n\nz\n"))]
    answer = await alice.post(action, {}, files=files)
    assert answer.status_code == 303 and answer.headers["location"].startswith("/works/")
    assert "3 messages imported." in (await alice.follow()).text
    assert len(fakes.mail.boxes["Archive"]) == 3


async def test_an_import_without_a_file_or_with_nothing_of_use_says_so(alice, fakes):
    await alice.get("/mail/Archive/import")
    page = await alice.post("/mail/Archive/import?work=x", {}, files=[("file", ("", b""))])
    assert page.status_code == 400 and "Choose a file first." in page.text
    await alice.post("/mail/Archive/import?work=x", {}, files=[("file", ("a.mbox", b"nothing"))])
    assert "0 messages imported; others" in (await alice.follow()).text


async def test_an_import_beyond_the_limit_is_refused(alice, fakes, edge):
    object.__setattr__(edge.settings, "max_import_bytes", 1000)
    await alice.get("/mail/Archive/import")
    page = await alice.post("/mail/Archive/import", {}, files=[("file", ("a.mbox", b"From " * 1000))])
    assert page.status_code == 413
    assert not fakes.mail.boxes["Archive"]


async def test_a_forged_import_takes_nothing(alice, fakes):
    files = [("file", ("a.mbox", b"From a\n\nx\n"))]
    answer = await alice.http.post("/mail/Archive/import", data={"csrf": "no"}, files=files)
    assert answer.status_code == 403 and not fakes.mail.boxes["Archive"]
