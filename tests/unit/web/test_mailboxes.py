"""Mailboxes made, renamed, hidden, put away and had back; shared ones and rights; quota and outbox."""

import pytest

from services.web import asides
from services.web.model.mail import Quota, Space
from services.web.model.outgoing import Submission
from tests.unit.web.fakes import VALIDITY, StoredMessage, envelope

LINE = {"HX-Request": "true", "HX-Target": "div#notices"}


@pytest.fixture
def boxes(fakes):
    """A tree with mailboxes of the person's own."""
    for name in ("Projects", "Projects/Castle", "Receipts"):
        fakes.mail.boxes[name] = {}
    fakes.mail.add(StoredMessage(1, envelope("Kept")), "Projects")
    fakes.mail.add(StoredMessage(2, envelope("Kept too")), "Projects/Castle")
    return fakes.mail.boxes


async def manage(alice, name, /, **fields):
    await alice.get(f"/mail/{name.replace('/', '~1')}/manage")
    return await alice.post(f"/mail/{name.replace('/', '~1')}/manage", fields)


async def undo(alice):
    page = await alice.follow()
    names = [name for name in ("do", "to", "made") if f'name="{name}"' in page.text]
    form = page.text[page.text.index('id="undo"') :]
    action = form[form.index('action="') + 8 :].split('"')[0]
    values = {name: form.split(f'name="{name}" value="')[1].split('"')[0] for name in names if name in form}
    return await alice.post(action, values)


async def test_deleting_puts_a_mailbox_into_trash_with_its_mail_and_undo_brings_it_back(alice, boxes):
    page = await alice.get("/mail/Projects/manage")
    assert "It goes to Trash with its 2 messages" in page.text and "1 mailbox below it" in page.text
    await manage(alice, "Projects", do="trash")
    assert "Projects" not in boxes and boxes["Trash/Projects"]
    await undo(alice)
    assert boxes["Projects"] and "Trash/Projects" not in boxes


async def test_a_name_that_is_taken_in_trash_gets_a_number(alice, boxes):
    boxes["Trash/Projects"] = {}
    await manage(alice, "Projects", do="trash")
    assert boxes["Trash/Projects (2)"]


async def test_an_empty_mailbox_is_deleted_and_undo_makes_it_anew(alice, boxes):
    await manage(alice, "Receipts", do="trash")
    assert "Receipts" not in boxes
    await undo(alice)
    assert boxes["Receipts"] == {}


async def test_what_lies_in_trash_goes_forever_and_says_so(alice, boxes):
    boxes["Trash/Old"] = {1: StoredMessage(1, envelope("Old"))}
    page = await alice.get("/mail/Trash~1Old/manage")
    assert "Move to Trash" not in page.text and "Delete forever" in page.text


async def test_renaming_and_moving_to_another_place_can_be_undone(alice, boxes):
    await manage(alice, "Receipts", do="rename", name="Bills", parent="Projects")
    assert "Projects/Bills" in boxes
    await undo(alice)
    assert "Receipts" in boxes and "Projects/Bills" not in boxes
    page = await alice.get("/mail/Projects/manage")
    assert 'value="Projects/Castle"' not in page.text, "a mailbox may not go below itself"


async def test_scripts_hear_what_was_done_or_why_not_and_where_it_is_now(alice, boxes):
    await alice.get("/mail/INBOX")
    token = alice.hidden("csrf")
    data = {"csrf": token, "request_id": "1", "do": "rename", "name": "Bills"}
    answer = await alice.http.post("/mail/Receipts/manage", data=data, headers=LINE)
    assert answer.headers["postern-at"] == "/mail/Bills" and "renamed to Bills" in answer.text
    data = {"csrf": token, "request_id": "2", "name": "Bills", "parent": ""}
    answer = await alice.http.post("/mailboxes", data=data, headers=LINE)
    assert answer.status_code == 409 and "of that name" in answer.text and "<html" not in answer.text


async def test_hidden_mailboxes_are_counted_and_shown_again(alice, boxes, fakes):
    page = await alice.get("/mail/INBOX")
    assert 'href="/mail/Receipts"' in page.text and " hidden</span>" not in page.text
    await manage(alice, "Receipts", do="hide", back="/mail/INBOX")
    page = await alice.get("/mail/INBOX")
    assert 'href="/mail/Receipts"' not in page.text and "1 hidden" in page.text
    assert 'data-mailbox="Receipts"' in (await alice.get("/mail/Receipts")).text, "the open one is shown"
    page = await alice.get("/mailboxes")
    assert "Show Receipts" in page.text
    await alice.post("/mail/Receipts/manage", {"do": "show", "back": "/mailboxes"})
    assert 'href="/mail/Receipts"' in (await alice.get("/mail/INBOX")).text


async def test_above_a_shown_one_all_is_shown_and_who_never_chose_sees_all(alice, boxes, fakes):
    fakes.mail.hidden = {"Projects"}
    assert 'href="/mail/Projects"' in (await alice.get("/mail/INBOX")).text
    fakes.mail.hidden = {"Projects", "Projects/Castle", "Receipts"}
    assert 'href="/mail/Receipts"' in (await alice.get("/mail/Archive")).text


async def test_shared_ones_stand_apart_and_what_rights_forbid_is_greyed_out(alice, boxes, fakes):
    boxes["shared/Team"] = {1: StoredMessage(1, envelope("For all"))}
    fakes.mail.spaces["shared/Team"], fakes.mail.rights_of["shared/Team"] = Space.SHARED, "lrs"
    page = await alice.get("/mail/shared~1Team")
    assert page.text.index('class="mbox-head">Shared') > page.text.index('href="/mail/Receipts"')
    assert 'value="read"' in page.text, "it may mark as read"
    for verb in ("archive", "delete", "star", "label", "move"):
        assert f'value="{verb}"' not in page.text, verb
    assert 'data-full=""' in page.text
    page = await alice.get("/mail/shared~1Team/manage")
    assert "not yours" in page.text and page.text.count("disabled") >= 3
    menu = await alice.get("/mail/shared~1Team/menu")
    assert "data-rename" in menu.text and "disabled" in menu.text and "<html" not in menu.text


@pytest.mark.parametrize("pane", [False, True], ids=["page", "pane"])
async def test_an_open_message_says_what_rights_forbid(alice, boxes, fakes, edge, pane):
    """Greyed out, in words, without a value that could be sent; in the pane alone too."""
    boxes["shared/Team"] = {1: StoredMessage(1, envelope("For all"))}
    fakes.mail.spaces["shared/Team"], fakes.mail.rights_of["shared/Team"] = Space.SHARED, "lrs"
    headers = {"HX_Request": "true", "HX_Target": "section#reading"} if pane else {}
    page = await alice.get(f"/mail/shared~1Team/{VALIDITY}.1", **headers)
    assert ("<html" not in page.text) is pane
    text = page.text[page.text.index("data-open") :]
    for label in ("Archive", "Delete", "Star", "Labels", "Move to", "Mark as junk"):
        said = f"{label}: your rights in this mailbox do not allow it"
        assert f'aria-label="{said}"' in text and f'title="{said}"' in text, label
    for verb in ("archive", "delete", "star", "label", "move", "junk"):
        assert f'value="{verb}"' not in text, verb
    assert 'value="unread"' in text, "it may mark as unread"
    # One's own is as ever, and the pane knows what a mailbox is for.
    fakes.mail.add(StoredMessage(7, envelope("Old")), "Trash")
    page = await alice.get(f"/mail/Trash/{VALIDITY}.7", **headers)
    assert 'value="delete-forever"' in page.text and "do not allow it" not in page.text
    trees = fakes.mail.calls.count("mailboxes")
    assert trees == (1 if pane else 2), "a pane asks for the tree once at most"


async def test_behind_pop3_it_is_said_and_sharing_is_not_offered(alice, boxes, fakes):
    for local in (False, True):
        fakes.mail.local = local
        page = await alice.get("/mail/Projects/manage")
        menu = await alice.get("/mail/Projects/menu")
        assert ("Your mail server has the inbox alone" in page.text) is local
        assert ("/mail/Projects/share" in page.text) is not local
        assert ("/mail/Projects/share" in menu.text) is not local


async def test_what_is_newly_shared_is_seen_until_one_chooses(alice, boxes, fakes):
    for name in ("shared/A", "shared/B"):
        boxes[name] = {}
        fakes.mail.spaces[name] = Space.SHARED
    fakes.mail.hidden = {"shared/A", "shared/B"}
    page = await alice.get("/mail/INBOX")
    assert "/mail/shared~1A" in page.text and "/mail/shared~1B" in page.text
    await manage(alice, "shared/A", do="show", back="/mailboxes")
    page = await alice.get("/mail/INBOX")
    assert "/mail/shared~1A" in page.text and "/mail/shared~1B" not in page.text
    assert "1 hidden" in page.text


async def test_who_can_see_a_mailbox_is_listed_granted_and_revoked(alice, boxes, fakes):
    page = await alice.get("/mail/Projects/share")
    assert "does not offer to share" in page.text
    fakes.mail.acl = {"Projects": {"alice@example.org": "lrswipkxteacd", "anyone": "lr", "-carol": "w"}}
    page = await alice.get("/mail/Projects/share")
    assert "Everybody" in page.text and "Allowed: read" in page.text and "Not allowed: mark" in page.text
    await alice.post("/mail/Projects/share", {"do": "grant", "who": "bob@example.org", "level": "edit"})
    assert fakes.mail.acl["Projects"]["bob@example.org"] == "lrswipte"
    page = await alice.follow()
    assert "bob@example.org can open the mailbox now." in page.text
    assert "Read, add, mark and delete messages" in page.text
    assert "Revoke: alice" not in page.text, "nobody locks themselves out"
    await alice.post("/mail/Projects/share", {"do": "revoke", "who": "bob@example.org"})
    assert "bob@example.org" not in fakes.mail.acl["Projects"]
    await alice.follow()
    page = await alice.post("/mail/Projects/share", {"do": "grant", "who": "-x", "level": "read"})
    assert page.status_code == 400


async def test_quota_is_shown_once_it_is_known(alice, boxes, fakes):
    assert 'class="quota' not in (await alice.get("/mail/INBOX")).text
    fakes.mail.quotas = (Quota("MESSAGE", 10, 1000), Quota("STORAGE", 950_000, 1_000_000))
    lines = await alice.get("/mailboxes/tree?at=INBOX")
    assert "950 kB of 1 MB used" in lines.text and "is-full" in lines.text and 'value="95"' in lines.text
    assert "950 kB of 1 MB used" in (await alice.get("/mail/INBOX")).text


async def test_outbox_is_in_the_tree_while_something_is_in_it_or_one_stands_in_it(alice, fakes, monkeypatch):
    monkeypatch.setattr(asides, "OUTBOX_SECONDS", -1)
    monkeypatch.setattr(asides, "ASK_SECONDS", -1)
    assert 'href="/outbox"' not in (await alice.get("/mail/INBOX")).text
    assert 'href="/outbox"' in (await alice.get("/outbox")).text
    fakes.send.submissions = (Submission("s1", "held"), Submission("s2", "deferred"))
    tree = await alice.get("/mailboxes/tree?at=INBOX")
    assert 'href="/outbox"' in tree.text and ">2<span" in tree.text
    page = await alice.get("/mail/INBOX")
    assert 'href="/outbox"' in page.text
    fakes.send.submissions = ()
    await alice.get("/mailboxes/tree?at=INBOX")
    assert 'href="/outbox"' not in (await alice.get("/mail/INBOX")).text


async def test_the_tree_asks_for_the_outbox_once_in_a_while_and_when_something_became_of_it(
    alice, edge, fakes, monkeypatch
):
    asked = []
    outbox = fakes.send.outbox

    async def counted(*given):
        asked.append(given)
        return await outbox(*given)

    monkeypatch.setattr(fakes.send, "outbox", counted)
    for _ in range(3):
        await alice.get("/mailboxes/tree?at=INBOX")
    assert len(asked) == 1
    edge.asides.changed("alice@example.org")
    fakes.send.submissions = (Submission("s1", "held"),)
    assert 'href="/outbox"' in (await alice.get("/mailboxes/tree?at=INBOX")).text
    assert len(asked) == 2
    # What was asked before the change says nothing of what is after it.
    edge.asides.waits("alice@example.org", 7, 0)
    assert ">7<span" not in (await alice.get("/mailboxes/tree?at=INBOX")).text


async def test_a_page_waits_for_neither_outbox_nor_quota(alice, fakes):
    await alice.get("/mail/INBOX")
    assert sorted(fakes.mail.calls) == ["mailboxes", "messages"]
