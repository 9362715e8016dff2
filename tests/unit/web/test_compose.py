import asyncio
import re
from dataclasses import replace
from html import unescape

from services.common.errors import PosternError, Reason, error, too_large
from services.web import signing
from services.web.model.account import Identity, Preferences
from services.web.model.mail import Address, Part, TextPart
from tests.unit.web.fakes import VALIDITY, StoredMessage, envelope

WHOLE = {
    "to": "Bob <bob@example.org>",
    "cc": "",
    "bcc": "",
    "subject": "Plans",
    "body": "Line one\r\nLine two",
}


def carried(browser) -> dict:
    """The hidden fields of the composer on the page."""
    names = ("draft", "answered", "forwarded", "in_reply_to", "references", "request_id", "back", "identity")
    names = (*names, "reply_to", "extra_fields")
    fields = {name: values[0] for name in names if (values := browser.hiddens(name))}
    return {**fields, "attachment": browser.hiddens("attachment")}


async def compose(alice, path="/compose", files=None, **fields):
    await alice.get(path)
    return await alice.post("/compose", {**carried(alice), **WHOLE, "do": "send", **fields}, files)


async def test_sending(alice, fakes):
    answer = await compose(alice)
    assert answer.status_code == 303
    (sent,) = fakes.send.sent.values()
    assert sent.to == (Address("Bob", "bob@example.org"),)
    assert sent.text == "Line one\nLine two" and sent.subject == "Plans"
    assert sent.sender == Address("Alice Example", "alice@example.org") and sent.identity_id == "i1"
    await asyncio.sleep(0)
    assert fakes.people.used == [("Bob", "bob@example.org")]
    await alice.follow()


async def test_a_second_click_is_no_second_message(alice, fakes):
    await alice.get("/compose")
    fields = {**carried(alice), **WHOLE, "do": "send", "csrf": alice.hidden("csrf")}
    for _ in range(2):
        await alice.http.post("/compose", data=fields)
    assert len(fakes.send.sent) == 1
    # The page back from the history, written anew, is another message.
    await alice.http.post("/compose", data={**fields, "body": "Something else"})
    assert len(fakes.send.sent) == 2


async def test_bad_address_is_named_and_everything_kept(alice, fakes):
    page = await compose(alice, to="bob@example.org, nobody at home", subject='A "quoted" subject')
    assert page.status_code == 400 and not fakes.send.sent
    assert "nobody at home" in page.text and "This is not an email address" in page.text
    assert "Line two" in page.text and "A &#34;quoted&#34; subject" in page.text


async def test_no_recipient_is_told(alice, fakes):
    page = await compose(alice, to="")
    assert page.status_code == 400 and "Type at least one recipient." in page.text


async def test_sender_down_keeps_everything(alice, fakes):
    fakes.send.fail["send"] = PosternError(Reason.UNAVAILABLE)
    page = await compose(alice)
    assert page.status_code == 503
    assert "Line two" in page.text and "will not be sent twice" in page.text
    del fakes.send.fail["send"]
    answer = await alice.post("/compose", {**carried(alice), **WHOLE, "do": "send"})
    assert answer.status_code == 303


async def test_an_unforeseen_failure_keeps_everything(alice, fakes):
    fakes.send.fail["send"] = RuntimeError("secret inside")
    page = await compose(alice)
    assert page.status_code == 500 and "Line two" in page.text and "secret inside" not in page.text


async def test_sender_refusing_an_address_names_the_field(alice, fakes):
    fakes.send.fail["send"] = error(
        Reason.INVALID_ARGUMENT, field="content.cc[0].address", problem="malformed"
    )
    page = await compose(alice)
    assert page.status_code == 400 and 'id="c-cc-error"' in page.text


async def test_contacts_down_does_not_hinder(alice, fakes):
    fakes.people.fail["all"] = PosternError(Reason.UNAVAILABLE)
    assert (await compose(alice)).status_code == 303
    await asyncio.sleep(0)


async def test_mailstore_down_composer_stands(alice, fakes):
    fakes.mail.fail["mailboxes"] = PosternError(Reason.UNAVAILABLE)
    page = await alice.get("/compose")
    assert page.status_code == 200 and "not available" in page.text


async def test_files_are_streamed_and_kept_through_the_form(alice, fakes):
    content = bytes(range(256)) * 500
    page = await compose(
        alice, files=[("attachments", ("a.bin", content)), ("attachments", ("b.txt", b"b"))], do="attach"
    )
    assert page.status_code == 200 and not fakes.send.sent
    assert fakes.send.uploads == {"u0": content, "u1": b"b"} and "a.bin" in page.text
    page = await alice.post("/compose", {**carried(alice), **WHOLE, "do": "remove:0"})
    assert set(fakes.send.uploads) == {"u1"} and "a.bin" not in page.text
    await alice.post("/compose", {**carried(alice), **WHOLE, "do": "send"})
    (sent,) = fakes.send.sent.values()
    assert [one.filename for one in sent.attachments] == ["b.txt"]


async def test_too_large_a_file_is_told_with_the_limit_and_the_text_kept(alice, fakes):
    files = [("attachments", ("big.iso", b"x" * 300_000)), ("attachments", ("ok.txt", b"ok"))]
    page = await compose(alice, files=files)
    assert page.status_code == 413 and not fakes.send.sent
    assert "“big.iso” was not attached." in page.text and "200 kB" in page.text
    assert "Line two" in page.text and "ok.txt" in page.text


async def test_the_senders_own_limit_is_told(alice, fakes):
    fakes.send.fail["upload"] = too_large(1000)
    page = await compose(alice, files=[("attachments", ("a.bin", b"x" * 5000))])
    assert page.status_code == 413 and "1 kB" in page.text and "Line two" in page.text


async def test_draft_is_saved_and_gone_on_with(alice, fakes):
    page = await compose(alice, do="save")
    assert page.status_code == 200 and "Saved" in page.text
    await alice.post("/compose", {**carried(alice), **WHOLE, "body": "More", "do": "save"})
    (_first, none), (second, replaced) = fakes.send.drafts
    assert none is None and replaced is not None and replaced.uid == 1
    assert second.text == "More" and second.draft_id == _first.draft_id != ""


async def test_autosave_answers_the_new_name(alice, fakes):
    await alice.get("/compose")
    fields = {**carried(alice), **WHOLE, "csrf": alice.hidden("csrf")}
    answer = await alice.http.post("/compose/autosave", data=fields)
    assert answer.json()["draft"].endswith(f" {VALIDITY}.1.Drafts")
    answer = await alice.http.post("/compose/autosave", data={**fields, "draft": answer.json()["draft"]})
    assert fakes.send.drafts[1][1].uid == 1
    answer = await alice.http.post("/compose/autosave", data={"csrf": fields["csrf"], "body": " "})
    assert len(fakes.send.drafts) == 2


async def test_discard_can_be_taken_back(alice, fakes):
    fakes.mail.add(StoredMessage(1, envelope("A draft")), "Drafts")
    answer = await compose(alice, f"/compose?draft={VALIDITY}.1.Drafts", do="discard")
    assert answer.status_code == 303 and not fakes.mail.boxes["Drafts"]
    page = await alice.follow()
    assert "Draft discarded." in page.text and 'action="/compose/restore"' in page.text
    names = ("to0", "from0", "what0", "back")
    back = {name: alice.hidden(name) for name in names if alice.hiddens(name)}
    answer = await alice.post("/compose/restore", back)
    assert "Drafts" in answer.headers["location"] and len(fakes.mail.boxes["Drafts"]) == 1
    assert 'value="A draft"' in (await alice.follow()).text
    # What is not there any more cannot come back.
    answer = await alice.post("/compose/restore", back)
    assert answer.headers["location"].startswith("/mail")


async def test_what_was_never_saved_is_not_lost_by_discarding(alice, fakes):
    fakes.mail.add(StoredMessage(1, envelope("A draft")), "Drafts")  # what saving makes of it
    await compose(alice, do="discard")
    assert fakes.send.drafts[0][0].text == "Line one\nLine two"
    assert len(fakes.mail.boxes["Trash"]) == 1


async def test_discarding_makes_the_trash_that_is_missing(alice, fakes):
    fakes.mail.add(StoredMessage(1, envelope("A draft")), "Drafts")
    del fakes.mail.boxes["Trash"]
    answer = await compose(alice, f"/compose?draft={VALIDITY}.1.Drafts", do="discard")
    assert answer.status_code == 303 and not fakes.mail.boxes["Drafts"]
    assert len(fakes.mail.boxes["Trash"]) == 1


async def test_a_delivery_report_is_asked_for_through_drafts_and_undo(alice, fakes):
    noted = ("X-Draft-Delivery-Report", "yes")
    await compose(alice, do="save", report="1")
    assert fakes.send.drafts[0][0].extra_fields == (noted,)
    ours = ("X-Postern-Draft-Id", "d1")
    fakes.mail.add(StoredMessage(1, envelope("Ours"), headers=(noted, ours)), "Drafts")
    theirs = ("X-Mozilla-Draft-Info", "internal/draft; receipt=0; DSN=1; uuencode=0")
    fakes.mail.add(StoredMessage(2, envelope("Theirs"), headers=(theirs,)), "Drafts")
    fakes.mail.add(StoredMessage(3, envelope("Not now"), headers=(theirs, ours)), "Drafts")
    for uid, asked in ((1, True), (2, True), (3, False)):
        page = await alice.get(f"/compose?draft={VALIDITY}.{uid}.Drafts")
        box = re.search(r'<input[^>]*name="report"[^>]*>', page.text)[0]
        assert ("checked" in box) is asked and "X-Draft-Delivery" not in page.text
    await compose(alice, report="1")
    (sent,) = fakes.send.sent.values()
    assert sent.delivery_report and sent.extra_fields == (noted,)
    await alice.get("/compose")
    await alice.post("/outbox/sub1", {"do": "cancel"})
    assert fakes.send.drafts[-1][0].extra_fields == (noted,)


async def test_a_time_that_is_offered_is_taken(alice, fakes):
    page = await alice.get("/compose")
    offered = re.findall(r'value="later:([0-9T:-]+)"', page.text)
    assert len(offered) >= 1
    past = await alice.post("/compose", {**carried(alice), **WHOLE, "do": "later:2020-01-01T08:00"})
    assert past.status_code == 400
    await alice.post("/compose", {**carried(alice), **WHOLE, "do": f"later:{offered[-1]}"})
    assert "will be sent on" in (await alice.follow()).text and len(fakes.send.sent) == 1


async def test_undo_of_sending_brings_the_text_back(alice, fakes):
    fakes.auth.preferences = Preferences(undo_send_seconds=10)
    alice.http.cookies.clear()
    await alice.sign_in()
    await compose(alice)
    page = await alice.follow()
    assert "will be sent in 10 seconds" in page.text and 'action="/outbox/sub1"' in page.text
    await alice.post("/outbox/sub1", {"do": "cancel"})
    page = await alice.follow()
    assert "Line two" in page.text and "Sending was cancelled." in page.text


async def test_reply_quotes_threads_and_addresses(alice, fakes):
    text = "What do you think?\n> earlier\n\n-- \nBob"
    fakes.mail.add(
        StoredMessage(
            1,
            envelope("Plans", message_id="<m2@x>", references=("<m1@x>",)),
            texts=(TextPart("1", "text/plain", text),),
        )
    )
    page = await alice.get(f"/compose?reply={VALIDITY}.1.INBOX")
    assert 'value="Re: Plans"' in page.text and 'value="Bob &lt;bob@example.org&gt;"' in page.text
    assert "Bob wrote:" in page.text and "&gt; What do you think?" in page.text
    assert "&gt;&gt; earlier" in page.text and "-- " not in page.text
    await compose(alice, f"/compose?reply={VALIDITY}.1.INBOX")
    (sent,) = fakes.send.sent.values()
    assert sent.in_reply_to == ("<m2@x>",) and sent.references == ("<m1@x>", "<m2@x>")
    assert sent.answered is not None and sent.answered.uid == 1


async def test_forward_takes_attachments_by_reference(alice, fakes):
    fakes.mail.add(
        StoredMessage(1, envelope("Report"), attachments=(Part("2", "application/pdf", "r.pdf", 10),))
    )
    await compose(alice, f"/compose?forward={VALIDITY}.1.INBOX", subject="Fwd: Report")
    (sent,) = fakes.send.sent.values()
    (attachment,) = sent.attachments
    assert attachment.part_id == "2" and attachment.message.uid == 1 and attachment.filename == "r.pdf"
    assert sent.forwarded.uid == 1


async def test_mailto_and_addresses_fill_the_composer(alice):
    page = await alice.get(
        "/compose?mailto=mailto%3Acarol%40example.org%3Fsubject%3DHi%2520there%26body%3DYes"
    )
    assert 'value="carol@example.org"' in page.text and 'value="Hi there"' in page.text and "Yes" in page.text


async def test_sender_down_mail_is_still_read(alice, fakes):
    fakes.send.fail["outbox"] = PosternError(Reason.UNAVAILABLE)
    assert (await alice.get("/mail/INBOX")).status_code == 200
    assert (await alice.get("/outbox")).status_code == 503


async def test_a_draft_keeps_what_is_no_address_yet(alice, fakes):
    page = await compose(alice, to="bob@example.org, carol at home", do="save")
    assert page.status_code == 200 and "This is not an email address: carol at home" in page.text
    assert [one.address for one in fakes.send.drafts[0][0].to] == ["bob@example.org", "carol at home"]


async def test_what_another_program_s_draft_has_beside_goes_along(alice, fakes):
    """Through open, autosave, a page, undo and send: unknown fields, and where answers should go."""
    about = replace(envelope("Wall", "alice@example.org"), reply_to=(Address("", "office@example.org"),))
    about = replace(about, in_reply_to=("<a@example.net>",), references=("<a@example.net>",))
    fields = (
        ("From", "alice@example.org"),
        ("X-Mozilla-Draft-Info", "internal/draft;\t vcard=0"),
        ("In-Reply-To", "Your message <a@example.net>"),
        ("References", "<a@example.net>"),
        ("Content-Type", "text/plain"),
        ("X-Note", 'a "quoted" <b>ä</b>'),
    )
    fakes.mail.add(StoredMessage(1, about, headers=fields), "Drafts")
    page = await alice.get(f"/compose?draft={VALIDITY}.1.Drafts")
    assert page.status_code == 200
    kept = (
        ("X-Mozilla-Draft-Info", "internal/draft; vcard=0"),
        ("In-Reply-To", "Your message <a@example.net>"),
        ("X-Note", 'a "quoted" <b>ä</b>'),
    )
    await alice.post("/compose", {**carried(alice), **WHOLE, "do": "save"})
    await alice.post("/compose", {**carried(alice), **WHOLE, "do": "send"})
    (sent,) = fakes.send.sent.values()
    for written in (fakes.send.drafts[0][0], sent):
        assert written.extra_fields == kept
        assert [one.address for one in written.reply_to] == ["office@example.org"]
    await alice.get("/compose")
    await alice.post("/outbox/sub1", {"do": "cancel"})
    assert fakes.send.drafts[-1][0].extra_fields == kept
    # What no page of ours has made goes nowhere.
    await alice.get("/compose")
    for odd in ("[", "{}", '[["a"]]', "[1]", '[["X-A", "\\ud800"]]'):
        answer = await alice.post("/compose", {**carried(alice), **WHOLE, "extra_fields": odd, "do": "save"})
        assert answer.status_code < 500, odd


async def test_a_reopened_draft_is_still_an_answer(alice, fakes):
    ref = fakes.mail.add(StoredMessage(9, envelope("Wall")))
    await alice.get("/compose?reply=7.9.INBOX")
    await alice.post(
        "/compose", {**carried(alice), "to": "bob@", "body": "Half", "subject": "S", "do": "save"}
    )
    page = await alice.get("/compose?draft=7.1.Drafts")
    assert "Half" in page.text and "bob@" in page.text
    await alice.post("/compose", {**carried(alice), **WHOLE, "do": "send"})
    (sent,) = fakes.send.sent.values()
    assert sent.answered == ref and sent.in_reply_to and sent.references == sent.in_reply_to
    assert sent.draft_id == fakes.send.drafts[0][0].draft_id


async def test_what_is_taken_back_is_the_same_draft_and_saved(alice, fakes):
    await alice.get("/compose")
    await alice.post("/compose", {**carried(alice), **WHOLE, "do": "save"})
    await alice.post("/compose", {**carried(alice), **WHOLE, "do": "send"})
    await alice.follow()
    await alice.post("/outbox/sub1", {"do": "cancel"})
    page = await alice.follow()
    assert "Line two" in page.text and "Saved" in page.text
    first, again = fakes.send.drafts
    assert again[0].draft_id == first[0].draft_id != ""
    assert alice.hidden("draft") == f"{first[0].draft_id} 7.2.Drafts"


async def test_taking_back_with_drafts_out_of_reach_keeps_the_text(alice, fakes):
    await compose(alice)
    await alice.follow()
    fakes.send.fail["save_draft"] = PosternError(Reason.UNAVAILABLE)
    page = await alice.post("/outbox/sub1", {"do": "cancel"})
    assert page.status_code == 200 and "Line two" in page.text and "could not be saved" in page.text


async def test_a_draft_that_is_too_long_is_not_cut_off(alice, fakes):
    texts = (TextPart("1", "text/plain", "The beginning", truncated=True),)
    fakes.mail.add(StoredMessage(5, envelope("Long"), texts), "Drafts")
    page = await alice.get("/compose?draft=7.5.Drafts")
    assert "too long to be changed here" in page.text
    await alice.post("/compose", {**carried(alice), **WHOLE, "do": "save"})
    ((_content, replaced),) = fakes.send.drafts
    assert replaced is None and 5 in fakes.mail.boxes["Drafts"]


async def test_a_draft_of_another_program_keeps_its_formatting(alice, fakes):
    html = "<p style=\"font-family: 'Noto Sans'; font-size: 14px\">A <font color='#aa0000'>red</font> one</p>"
    texts = (TextPart("1", "text/plain", "A red one"), TextPart("2", "text/html", html, alternative=1))
    part = Part("3", "plan.pdf", "application/pdf", 900)
    head = envelope("Theirs", bcc=(Address("", "eve@example.org"),), references=("<a@b>",))
    fakes.mail.add(StoredMessage(5, head, texts, (part,), headers=(("X-Mozilla-Draft-Info", "x"),)), "Drafts")
    await alice.get("/compose?draft=7.5.Drafts")
    await alice.post("/compose", {**carried(alice), **WHOLE, "html": _html(alice), "live": "1", "do": "save"})
    ((content, replaced),) = fakes.send.drafts
    assert replaced.uid == 5 and [one.part_id for one in content.attachments] == ["3"]
    assert (
        "font-size: 14px" in content.html
        and 'color="#aa0000"' in content.html
        and "Noto Sans" in content.html
    )


def _html(alice) -> str:
    match = re.search(r"<textarea name=\"html\"[^>]*>\n(.*?)</textarea>", alice.page.text, re.DOTALL)
    return unescape(match[1])


async def test_without_scripts_the_signature_follows_the_identity(alice, fakes):
    fakes.auth.identities = (
        Identity("i1", "alice@example.org", "Alice", signature="Alice", is_default=True),
        Identity("i2", "work@example.org", "Alice", signature="Alice\nThe Gate"),
    )
    alice.http.cookies.clear()
    await alice.sign_in()
    await alice.get("/compose")
    body = "Hello\n-- \nAlice in Wonderland\n\n-- \nAlice\n"
    fields = {
        **carried(alice),
        **WHOLE,
        "signed_as": alice.hidden("signed_as"),
        "identity": "i2",
        "body": body,
    }
    await alice.post("/compose", {**fields, "do": "send"})
    (sent,) = fakes.send.sent.values()
    assert sent.text == "Hello\n-- \nAlice in Wonderland\n\n-- \nAlice\nThe Gate\n"
    assert sent.sender.address == "work@example.org"


def test_signatures_to_the_letter():
    assert signing.in_text("a\n-- \nAlice B", "Alice", "New") == "a\n-- \nAlice B"
    assert signing.in_text("a\n\n-- \nAlice\n\n> q", "Alice", "") == "a\n\n\n\n> q"
    html = "<div>a</div><div>-- <br></div><div>A &amp; B</div><div>more</div>"
    assert signing.in_html(html, "A & B", "C") == "<div>a</div><div>--\xa0</div><div>C</div><div>more</div>"
    assert signing.in_html(html, "A", "C") == html
