import re
from html import unescape

from services.common.errors import PosternError, Reason, error
from services.web.model.account import Preferences
from services.web.model.mail import Flags, MessageRef, Part, TextPart, Use
from tests.unit.web.fakes import VALIDITY, StoredMessage, envelope


def fill(fakes, count=3):
    for uid in range(1, count + 1):
        fakes.mail.add(StoredMessage(uid, envelope(f"Subject {uid}")))


async def test_list_shows_rows_newest_first(alice, fakes):
    fill(fakes)
    page = await alice.get("/mail/INBOX")
    assert page.text.index("Subject 3") < page.text.index("Subject 1")
    assert 'aria-label="Messages"' in page.text
    assert "3 unread, 3 messages" in page.text


async def test_list_costs_one_call_for_each_thing(alice, fakes):
    fill(fakes, 60)
    await alice.get("/mail/INBOX")
    assert sorted(fakes.mail.calls) == ["mailboxes", "messages"]


async def test_pages_of_a_list(alice, fakes):
    fill(fakes, 120)
    page = await alice.get("/mail/INBOX?page=50")
    assert "Subject 70<" in page.text and "Subject 71<" not in page.text
    assert 'rel="prev"' in page.text and "page=100" in page.text


async def test_hostile_subjects_and_names_are_text(alice, fakes):
    fakes.mail.add(StoredMessage(1, envelope("<script>alert(1)</script>", '"><img src=x>@example.org')))
    for path in ("/mail/INBOX", f"/mail/INBOX/{VALIDITY}.1"):
        page = await alice.get(path)
        assert "<script>alert" not in page.text and "<img src=x>" not in page.text


async def test_list_is_not_drawn_again_when_nothing_changed(alice, fakes):
    fill(fakes)
    tag = (await alice.get("/mail/INBOX")).headers["etag"]
    again = await alice.get("/mail/INBOX", if_none_match=tag)
    assert again.status_code == 304 and not again.content
    fakes.mail.changes += 1
    assert (await alice.get("/mail/INBOX", if_none_match=tag)).status_code == 200


async def test_opening_marks_as_read_and_shows_the_list_beside(alice, fakes):
    fill(fakes)
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.2")
    assert page.status_code == 200
    assert "Hello" in page.text and "Subject 3" in page.text
    assert fakes.mail.boxes["INBOX"][2].flags.seen
    assert "2 unread, 3 messages" in page.text
    assert fakes.mail.calls.count("message") == 1


async def test_htmx_gets_the_reading_pane_alone(alice, fakes):
    fill(fakes)
    await alice.get("/mail/INBOX")
    fakes.mail.calls.clear()
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.2", hx_request="true", hx_target="section#reading")
    assert "<html" not in page.text and "data-open" in page.text and "<title>Subject 2" in page.text
    assert fakes.mail.calls == ["message"]


async def test_prefetching_does_not_mark_as_read(alice, fakes):
    fill(fakes)
    await alice.get(f"/mail/INBOX/{VALIDITY}.2", sec_purpose="prefetch")
    assert not fakes.mail.boxes["INBOX"][2].flags.seen


async def test_gone_and_renumbered_messages_are_told(alice, fakes):
    fill(fakes)
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.99")
    assert page.status_code == 410 and "not here any more" in page.text
    page = await alice.get(f"/mail/INBOX/{VALIDITY + 1}.1")
    assert page.status_code == 409 and "made anew" in page.text


async def test_unknown_mailbox_is_told(alice):
    page = await alice.get("/mail/Nowhere")
    assert page.status_code == 404 and "does not exist" in page.text


async def test_mailbox_names_of_all_kinds_have_addresses(alice, fakes):
    for name in ("A/B & C", "ünï <x>", 'quote"s', "..", "~1", "a.b/7.1", "per%2Fcent", "日本"):
        fakes.mail.add(StoredMessage(5, envelope("Found it")), name)
        from services.web import urls

        page = await alice.get(urls.mailbox(name))
        assert page.status_code == 200 and "Found it" in page.text, name
        page = await alice.get(f"{urls.mailbox(name)}/{VALIDITY}.5")
        assert page.status_code == 200 and "Hello" in page.text, name


async def test_mail_server_down_is_a_page_with_a_way_on(alice, fakes):
    fakes.mail.fail = {
        name: PosternError(Reason.MAIL_SERVER_UNREACHABLE) for name in ("messages", "mailboxes")
    }
    page = await alice.get("/mail/INBOX")
    assert page.status_code == 503
    assert "cannot be reached" in page.text and "Try again" in page.text and "Reference:" in page.text


async def test_a_message_is_shown_though_its_list_is_not(alice, fakes):
    fill(fakes)
    fakes.mail.fail = {"messages": PosternError(Reason.MAIL_SERVER_TIMEOUT)}
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.1")
    assert page.status_code == 200 and "Hello" in page.text and "does not answer" in page.text


async def test_unforeseen_failure_says_nothing_of_the_inside(alice, fakes):
    fakes.mail.fail = {"messages": RuntimeError("imap.internal.example 10.0.0.7 password")}
    page = await alice.get("/mail/INBOX")
    assert page.status_code == 500 and "internal.example" not in page.text
    assert "Something went wrong" in page.text


# Actions


async def act(alice, verb, uids, mailbox="INBOX", **fields):
    await alice.get(f"/mail/{mailbox}")
    data = {"do": verb, "m": [f"{VALIDITY}.{uid}" for uid in uids], "back": f"/mail/{mailbox}", **fields}
    return await alice.post(f"/mail/{mailbox}/actions", data)


async def test_delete_moves_to_trash_and_is_taken_back(alice, fakes):
    fill(fakes)
    answer = await act(alice, "delete", [1, 3])
    assert answer.status_code == 303 and answer.headers["location"] == "/mail/INBOX"
    assert set(fakes.mail.boxes["INBOX"]) == {2} and len(fakes.mail.boxes["Trash"]) == 2
    page = await alice.follow()
    assert "2 messages moved to Trash." in page.text and "Undo" in page.text
    fields = {name: alice.hidden(name) for name in ("to0", "from0", "what0", "back")}
    await alice.post("/undo", fields)
    assert len(fakes.mail.boxes["INBOX"]) == 3 and not fakes.mail.boxes["Trash"]
    page = await alice.follow()
    assert "Undone." in page.text
    assert "Undone." not in (await alice.get("/mail/INBOX")).text


async def test_an_act_brings_the_lines_that_fill_its_room(alice, fakes):
    """For a page that changes its list in place; the act is done though they cannot be read."""
    fill(fakes)
    await alice.get("/mail/INBOX")
    headers = {"HX-Request": "true", "HX-Target": "div#notices"}
    data = {"csrf": alice.hidden("csrf"), "do": "delete", "m": f"{VALIDITY}.3", "back": "/mail/INBOX"}
    data["shown"] = "view=messages&use=inbox&at=1&rows=1"
    answer = await alice.http.post("/mail/INBOX/actions", data=data, headers=headers)
    assert "1 message moved to Trash." in answer.text and 'class="undo"' in answer.text
    assert answer.text.count("data-brought") == 1 and answer.text.count('class="row-link"') == 1
    assert f'value="{VALIDITY}.1"' in answer.text.partition("data-brought")[2]
    assert (answer.headers["postern-total"], answer.headers["postern-position"]) == ("2", "1")
    assert "etag" not in answer.headers and answer.headers["cache-control"] == "no-store"
    fakes.mail.fail = {"messages": error(Reason.UNAVAILABLE)}
    data["m"] = f"{VALIDITY}.2"
    answer = await alice.http.post("/mail/INBOX/actions", data=data, headers=headers)
    assert "1 message moved to Trash." in answer.text and "data-brought" not in answer.text
    assert "postern-total" not in answer.headers and set(fakes.mail.boxes["INBOX"]) == {1}


async def test_no_trash_is_a_question_and_nothing_is_deleted(alice, fakes):
    fill(fakes)
    del fakes.mail.boxes["Trash"]
    page = await act(alice, "delete", [1])
    assert page.status_code == 409 and len(fakes.mail.boxes["INBOX"]) == 3
    for choice in ("Create Trash and move", "Delete forever", "Cancel"):
        assert choice in page.text
    fields = {"do": "delete", "create": "trash", "m": alice.hidden("m"), "back": alice.hidden("back")}
    answer = await alice.post("/mail/INBOX/actions", fields)
    assert answer.status_code == 303
    assert len(fakes.mail.boxes["Trash"]) == 1 and len(fakes.mail.boxes["INBOX"]) == 2


async def test_no_archive_is_a_question(alice, fakes):
    fill(fakes)
    del fakes.mail.boxes["Archive"]
    page = await act(alice, "archive", [1])
    assert page.status_code == 409 and "Create Archive and move" in page.text
    assert "Delete forever" not in page.text and len(fakes.mail.boxes["INBOX"]) == 3


async def test_read_star_and_back(alice, fakes):
    fill(fakes)
    await act(alice, "read", [1])
    await act(alice, "star", [1])
    assert fakes.mail.boxes["INBOX"][1].flags == Flags(seen=True, flagged=True)
    page = await alice.follow()
    assert "1 message starred." in page.text
    fields = {name: alice.hidden(name) for name in ("flags", "from0", "what0", "back")}
    await alice.post("/undo", fields)
    assert fakes.mail.boxes["INBOX"][1].flags == Flags(seen=True)


async def test_move_and_the_button_of_one_row(alice, fakes):
    fill(fakes)
    await act(alice, "move", [1], to="Archive")
    await act(alice, f"archive:{VALIDITY}.2", [])
    assert len(fakes.mail.boxes["Archive"]) == 2 and set(fakes.mail.boxes["INBOX"]) == {3}


async def test_delete_forever_is_offered_in_trash_alone(alice, fakes):
    fill(fakes)
    assert "delete-forever" not in (await alice.get("/mail/INBOX")).text
    fakes.mail.add(StoredMessage(9, envelope("Old")), "Trash")
    assert "delete-forever" in (await alice.get("/mail/Trash")).text
    await act(alice, "delete-forever", [9], "Trash")
    assert not fakes.mail.boxes["Trash"]


async def test_nothing_selected_says_so(alice, fakes):
    fill(fakes)
    await act(alice, "delete", [])
    assert "Select messages first." in (await alice.follow()).text


async def test_a_failed_action_is_a_page_and_moves_nothing(alice, fakes):
    fill(fakes)
    fakes.mail.fail = {"delete": error(Reason.MAILBOX_CHANGED)}
    page = await act(alice, "delete", [1])
    assert page.status_code == 409 and "nothing was done" in page.text


# Parts


async def test_html_is_sanitised_and_framed(alice, fakes):
    html = (
        '<p onclick="x()">Hi</p><script>bad()</script><img src="cid:pic"><img src="http://out.example/p.gif">'
    )
    fakes.mail.add(
        StoredMessage(
            1,
            envelope("Designed"),
            texts=(
                TextPart("1.1", "text/plain", "Plain words", alternative=1),
                TextPart("1.2", "text/html", html, alternative=1),
            ),
            inline=(Part("2", "image/png", "pic.png", 4, content_id="pic"),),
            content={"2": b"\x89PNG"},
        )
    )
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.1")
    assert f'src="/mail/INBOX/{VALIDITY}.1/html/1.2"' in page.text and "sandbox=" in page.text
    assert "Plain words" not in page.text and "Images from elsewhere are not loaded" in page.text
    assert "unsafe-inline" not in page.headers["content-security-policy"]
    frame = await alice.get(f"/mail/INBOX/{VALIDITY}.1/html/1.2")
    assert "bad()" not in frame.text and "onclick" not in frame.text and "out.example" not in frame.text
    assert "default-src 'none'" in frame.headers["content-security-policy"]
    assert "sandbox" in frame.headers["content-security-policy"]
    assert fakes.mail.calls.count("message") == 1  # the frame did not fetch it again
    source = frame.text.partition('src="/inline/')[2].partition('"')[0]
    alice.http.cookies.clear()  # the frame has an opaque origin and sends none
    picture = await alice.get(f"/inline/{source}", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")
    assert picture.content == b"\x89PNG" and picture.headers["content-type"] == "image/png"
    assert picture.headers["cross-origin-resource-policy"] == "cross-origin"
    assert (await alice.get(f"/inline/{source[:-2]}AA")).status_code == 404


async def test_plain_text_is_a_switch_away(alice, fakes):
    texts = (
        TextPart("1.1", "text/plain", "Plain words", alternative=1),
        TextPart("1.2", "text/html", "<p>Designed words</p>", alternative=1),
    )
    fakes.mail.add(StoredMessage(1, envelope("Both"), texts=texts))
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.1?as=text")
    assert "Plain words" in page.text and "<iframe" not in page.text


async def test_attachments_are_downloads_and_never_active(alice, fakes):
    content = b"<script>alert(1)</script>" * 10_000
    fakes.mail.add(
        StoredMessage(
            1,
            envelope("With a file"),
            attachments=(Part("2", "text/html", 'Bericht "ü"\r\n.html', len(content)),),
            content={"2": content},
        )
    )
    answer = await alice.get(f"/mail/INBOX/{VALIDITY}.1/part/2?show=1")
    assert answer.content == content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith('attachment; filename="Bericht _')
    assert "filename*=UTF-8''Bericht%20%22%C3%BC%22%0D%0A.html" in answer.headers["content-disposition"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; sandbox")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await alice.get(f"/mail/INBOX/{VALIDITY}.1/part/3")).status_code == 404


async def test_source_is_text(alice, fakes):
    fill(fakes)
    answer = await alice.get(f"/mail/INBOX/{VALIDITY}.1/source")
    assert answer.text.startswith("Subject: x") and answer.headers["content-type"].startswith("text/plain")


# Search and mailboxes


async def test_search_finds_and_acts_across_mailboxes(alice, fakes):
    fill(fakes, 2)
    fakes.mail.add(StoredMessage(8, envelope("Subject 8")), "Archive")
    page = await alice.get("/search?q=subject")
    assert "3 found" in page.text and "Archive" in page.text
    keys = [f"{VALIDITY}.1.INBOX", f"{VALIDITY}.8.Archive"]
    await alice.post("/search/actions", {"do": "delete", "m": keys, "back": "/search?q=subject"})
    assert len(fakes.mail.boxes["Trash"]) == 2
    assert "2 messages moved" in (await alice.follow()).text


async def test_search_without_a_find_says_what_was_searched(alice):
    page = await alice.get("/search?q=nothing&in=Sent")
    assert "Nothing found for “nothing”." in page.text and "Search in all mailboxes" in page.text


async def test_mailbox_is_created_renamed_deleted(alice, fakes):
    await alice.get("/mailboxes")
    await alice.post("/mailboxes", {"name": "Projects", "parent": ""})
    assert "Projects" in fakes.mail.boxes
    await alice.get("/mail/Projects/manage")
    await alice.post("/mail/Projects/manage", {"do": "rename", "name": "Work"})
    assert "Work" in fakes.mail.boxes and "Projects" not in fakes.mail.boxes
    fakes.mail.add(StoredMessage(1, envelope("Kept")), "Work")
    await alice.get("/mail/Work/manage")
    page = await alice.post("/mail/Work/manage", {"do": "delete"})
    assert page.status_code == 409 and "not empty" in page.text and fakes.mail.boxes["Work"]
    await alice.get("/mail/Work/manage")
    await alice.post("/mail/Work/manage", {"do": "delete", "with_messages": "1"})
    assert "Work" not in fakes.mail.boxes


async def test_names_of_mailboxes_are_checked(alice, fakes):
    for name, problem in (("", "Type a name."), ("a/b", "may not contain"), ("Sent", "of that name")):
        await alice.get("/mailboxes")
        page = await alice.post("/mailboxes", {"name": name})
        assert page.status_code in (400, 409) and problem in page.text, name
    assert fakes.mail.uses["INBOX"] is Use.INBOX


async def test_the_rest_of_the_conversation_is_beside_the_message(alice, fakes):
    fill(fakes)
    fakes.auth.preferences = Preferences(conversations=True)
    alice.http.cookies.clear()
    await alice.sign_in()
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.2")
    assert "Earlier in this conversation" in page.text and "Later in this conversation" in page.text
    assert "before these" not in page.text
    fakes.mail.conversation_total = 603
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.2")
    assert "600 messages before these: search for them" in page.text
    assert 'href="/search?q=subject%3A%22Subject%202%22"' in page.text
    fakes.mail.fail["thread"] = PosternError(Reason.UNSUPPORTED)
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.2")
    assert page.status_code == 200 and "Earlier in this conversation" not in page.text


async def test_acts_on_an_open_conversation_are_on_all_of_it(alice, fakes):
    """Archive, delete, move and labels; star and unread are the open message's own."""
    fill(fakes)
    fakes.auth.preferences = Preferences(conversations=True)
    alice.http.cookies.clear()
    await alice.sign_in()
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.3")
    one, keys = f"{VALIDITY}.3", " ".join(f"{VALIDITY}.{uid}" for uid in (1, 2, 3))
    assert f'name="m" value="{keys}"' in page.text
    assert f'value="star:{one}"' in page.text and f'value="unread:{one}"' in page.text
    assert f'value="delete:{one}"' in page.text
    await alice.post("/mail/INBOX/actions", {"do": f"star:{one}", "m": keys})
    assert [uid for uid, one in fakes.mail.boxes["INBOX"].items() if one.flags.flagged] == [3]
    # Read by itself (sorted by something else, or found by a search) it is one message.
    for path in ("?sort=subject", "?view=messages", "?find=Subject"):
        page = await alice.get(f"/mail/INBOX/{VALIDITY}.3{path}")
        assert f'name="m" value="{one}"' in page.text and 'value="star"' in page.text, path


async def test_a_message_comes_alone_where_its_line_in_the_conversation_was(alice, fakes):
    fill(fakes)
    fakes.auth.preferences = Preferences(conversations=True)
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.2", hx_request="true", hx_target="section#message")
    assert page.text.count("<section") == 1 and "Hello" in page.text and "<article" not in page.text
    assert "thread" not in fakes.mail.calls and fakes.mail.boxes["INBOX"][2].flags.seen


async def test_what_lies_beside_a_message_is_what_its_list_shows_beside_it(alice, fakes):
    """Not what its number in the mailbox says, where the list has an order of its own or not all of it."""
    fill(fakes)
    fakes.mail.boxes["INBOX"][2].about = {"newer": MessageRef("INBOX", VALIDITY, 9)}
    fakes.mail.add(StoredMessage(1, envelope("Subject elsewhere")), "Archive")

    async def beside(path):
        page = await alice.get(path)
        links = re.findall('<a [^>]*rel="(?:prev|next)"[^>]*>', page.text.partition('id="reading"')[2])
        current = re.findall('class="row[^"]* is-current', page.text)
        assert len(current) == ("elsewhere" not in path)
        return {
            re.search('rel="(.*?)"', tag)[1]: unescape(re.search('href="(.*?)"', tag)[1]) for tag in links
        }

    own = f"/mail/INBOX/{VALIDITY}"
    assert await beside(f"{own}.2") == {"prev": f"{own}.9"}
    for query in ("sort=subject", "filter=is%3Aunread"):
        assert await beside(f"{own}.2?{query}") == {"prev": f"{own}.3?{query}", "next": f"{own}.1?{query}"}
        assert await beside(f"{own}.1?{query}") == {"prev": f"{own}.2?{query}"}
    # The search finds 1, 2, 3 in this order, then the one in another mailbox of the same number.
    find = "find=subject"
    assert await beside(f"{own}.1?{find}") == {"next": f"{own}.2?{find}"}
    archived = f"/mail/Archive/{VALIDITY}.1?{find}"
    assert await beside(f"{own}.3?{find}") == {"prev": f"{own}.2?{find}", "next": archived}
    assert await beside(archived) == {"prev": f"{own}.3?{find}"}
    assert await beside(f"{own}.3?find=elsewhere") == {}
