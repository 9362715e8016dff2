from dataclasses import replace

import pytest

from services.common.errors import PosternError, Reason
from services.common.gen.postern.contacts.v1 import types_pb2 as t
from services.web.convert import account as convert
from services.web.convert.people import write_into
from services.web.model.account import Preferences
from services.web.model.outgoing import Standing
from services.web.model.people import Contact, Labelled
from tests.unit.web.fakes import VALIDITY, StoredMessage, envelope


async def test_contact_is_added_edited_deleted_and_brought_back(alice, fakes):
    await alice.get("/contacts/new")
    fields = {
        "name": "Zoë",
        "email": ["zoe@example.org", ""],
        "email_label": ["work", ""],
        "phone": "",
        "phone_label": "",
    }
    answer = await alice.post("/contacts/save", fields)
    assert answer.headers["location"] == "/contacts/c1"
    assert "Contact saved." in (await alice.follow()).text
    await alice.get("/contacts/c1/edit")
    fields |= {"contact_id": "c1", "etag": alice.hidden("etag"), "name": "Zoë Q"}
    await alice.post("/contacts/save", fields)
    assert fakes.people.people["c1"].name == "Zoë Q"
    assert fakes.people.people["c1"].emails == (Labelled("zoe@example.org", "work"),)
    await alice.get("/contacts/c1")
    await alice.post("/contacts/actions", {"do": "delete", "contact": "c1"})
    assert not fakes.people.people
    page = await alice.follow()
    assert "1 contact deleted." in page.text
    await alice.post("/contacts/actions", {"do": "undelete", "contact": alice.hidden("contact")})
    assert "c1" in fakes.people.people


async def test_kinds_that_every_program_knows_are_shown_in_ones_language(alice, fakes):
    emails = (Labelled("zoe@example.org", "work"), Labelled("z@example.org", "Bowls club"))
    fakes.people.people["c1"] = Contact(contact_id="c1", name="Zoë", etag="1", emails=emails)
    alice.http.headers["accept-language"] = "de"
    page = (await alice.get("/contacts/c1")).text
    assert "<dt>Arbeit</dt>" in page and "<dt>Bowls club</dt>" in page
    assert 'value="Arbeit"' in (await alice.get("/contacts/c1/edit")).text
    fields = {"contact_id": "c1", "etag": alice.hidden("etag"), "name": "Zoë"}
    fields |= {"email": ["zoe@example.org", "z@example.org"], "email_label": ["arbeit", "Bowls club"]}
    await alice.post("/contacts/save", fields)
    assert fakes.people.people["c1"].emails == emails  # as others write it, not in German


@pytest.mark.parametrize(("was", "typed", "kept"), [("cell", "mobile", "cell"), ("home", "work", "work")])
def test_a_word_for_the_same_kind_stays(was, typed, kept):
    message = t.Contact(phones=[t.LabelledValue(value="1", label=was)])
    write_into(message, Contact(phones=(Labelled("1", typed),)))
    assert message.phones[0].label == kept


async def test_bad_contact_keeps_what_was_typed(alice, fakes):
    await alice.get("/contacts/new")
    page = await alice.post("/contacts/save", {"name": "Zoë", "email": "no address", "email_label": ""})
    assert page.status_code == 400 and "no address" in page.text and "Zoë" in page.text
    page = await alice.post("/contacts/save", {"name": ""})
    assert page.status_code == 400 and "Type a name or an email address." in page.text


async def test_a_change_elsewhere_is_no_lost_update(alice, fakes):
    fakes.people.people["c1"] = Contact("c1", "Bob", etag="e2")
    await alice.get("/contacts/c1/edit")
    page = await alice.post("/contacts/save", {"contact_id": "c1", "etag": "e1", "name": "Robert"})
    assert page.status_code == 409 and "Robert" in page.text and fakes.people.people["c1"].name == "Bob"


async def test_contacts_down_is_told_in_its_pane(alice, fakes):
    fakes.people.fail["all"] = PosternError(Reason.UNAVAILABLE)
    page = await alice.get("/contacts")
    assert page.status_code == 200 and "not available" in page.text


async def test_suggestions_are_json(alice, fakes):
    assert (await alice.get("/contacts/suggest?q=b")).json() == [
        {"name": "Bob", "address": "bob@example.org", "members": [], "source": "book"}
    ]
    assert (await alice.get("/contacts/suggest")).json() == []
    fakes.people.fail["suggest"] = PosternError(Reason.UNAVAILABLE)
    answer = await alice.get("/contacts/suggest?q=b")
    assert answer.status_code == 503 and answer.json()["error"] == "UNAVAILABLE"


async def test_preferences_take_effect_at_once(alice, fakes):
    await alice.get("/settings")
    fields = {"language": "de", "time_zone": "Europe/Berlin", "theme": "dark", "density": "compact"}
    answer = await alice.post("/settings/preferences", fields)
    assert answer.status_code == 303
    page = await alice.follow()
    assert 'lang="de"' in page.text and "Einstellungen gespeichert." in page.text
    assert 'data-theme="dark"' in page.text and 'data-density="compact"' in page.text


async def test_made_up_preferences_are_refused(alice, fakes):
    await alice.get("/settings")
    page = await alice.post("/settings/preferences", {"language": "xx"})
    assert page.status_code == 400 and fakes.auth.preferences.language == ""


async def test_identity_and_sessions(alice, fakes):
    await alice.get("/settings")
    fields = {"identity_id": "i1", "etag": "", "name": "Alice A.", "signature": "Yours"}
    await alice.post("/settings/identity", fields)
    assert fakes.auth.identities[0].name == "Alice A."
    page = await alice.get("/compose")
    assert "-- \nYours" in page.text
    await alice.get("/settings/security")
    await alice.post("/settings/sessions", {})
    assert "2 sessions ended." in (await alice.follow()).text


async def test_language_follows_the_browser(browser):
    page = await browser.get("/sign-in", accept_language="de-DE,de;q=0.9")
    assert 'lang="de"' in page.text and "Anmelden" in page.text


async def test_time_zone_follows_the_browser_until_one_is_chosen(alice, fakes):
    fakes.mail.add(StoredMessage(1, envelope("S")))
    for zone, shown in (("Asia/Tokyo", "9:00"), ("Nowhere/Land", "12:00")):
        alice.http.cookies.set("tz", zone)
        page = await alice.get(f"/mail/INBOX/{VALIDITY}.1")
        assert f"November 24, 2026, {shown}" in page.text, zone


async def test_addresses_to_write_as(alice, fakes):
    page = await alice.get("/settings")
    assert "Another address" in page.text and "Remove this address" not in page.text
    fields = {"request_id": "r1", "address": "sales@example.org", "name": "Sales", "do": "save"}
    assert (await alice.post("/settings/identity", {**fields, "address": "no address"})).status_code == 400
    assert (await alice.post("/settings/identity", fields)).status_code == 303
    assert [one.address for one in fakes.auth.identities] == ["alice@example.org", "sales@example.org"]
    made = fakes.auth.identities[1]
    page = await alice.get("/settings")
    assert "Remove this address" in page.text
    remove = {"request_id": "r2", "identity_id": made.identity_id, "do": "remove"}
    assert (await alice.post("/settings/identity", remove)).status_code == 303
    assert len(fakes.auth.identities) == 1


async def test_a_code_opens_an_address(alice, fakes):
    """Added, told that nothing goes under it, a code sent, a wrong one, the right one: each a plain form."""
    await alice.get("/settings")
    fields = {"request_id": "r1", "address": "sales@example.net", "name": "Sales", "do": "save"}
    await alice.post("/settings/identity", fields)
    made = fakes.auth.identities[1].identity_id
    fakes.send.standing["sales@example.net"] = Standing("refused")
    page = await alice.get("/settings")
    assert "No message goes under sales@example.net yet" in page.text and "Send a code" in page.text
    await alice.post("/settings/identity/code", {"identity_id": made, "do": "send"})
    ((address, subject, text),) = fakes.send.codes
    assert address == "sales@example.net" and text.count("{code}") == 1 and "{code}" not in subject
    assert "alice@example.org" in text
    page = await alice.follow()
    assert "A code is on its way to sales@example.net." in page.text and "Confirm the address" in page.text
    confirm = {"identity_id": made, "do": "confirm", "code": "no"}
    wrong = await alice.post("/settings/identity/code", confirm)
    assert wrong.status_code == 400 and "You have 1 more try." in wrong.text
    await alice.post("/settings/identity/code", {**confirm, "code": "ABCD-EFGH"})
    page = await alice.follow()
    assert "You may write as sales@example.net now." in page.text
    assert "Confirm the address" not in page.text and "No message goes under" not in page.text
    await alice.post("/settings/identity", {"request_id": "r2", "identity_id": made, "do": "remove"})
    assert fakes.send.standing["sales@example.net"].state == "refused"


async def test_codes_that_cannot_be_sent(alice, fakes):
    await alice.get("/settings")
    identity = {"identity_id": "i1", "do": "send"}
    fakes.send.fail["code"] = PosternError("RATE_LIMITED", metadata={"limit": "codes", "retry_seconds": "90"})
    page = await alice.post("/settings/identity/code", identity)
    assert page.status_code == 429 and "Wait 2 minutes, then try again." in page.text
    fakes.send.fail["code"] = PosternError("MAIL_SERVER_REFUSED")
    page = await alice.post("/settings/identity/code", identity)
    assert "did not take the message with the code" in page.text
    assert (await alice.post("/settings/identity/code", {**identity, "identity_id": "x"})).status_code == 404
    # Where the operator has no codes, and where sender does not answer.
    fakes.send.standing["alice@example.org"], fakes.send.codes_offered = Standing("refused"), False
    page = await alice.get("/settings")
    assert "Ask whoever runs it." in page.text and "Send a code" not in page.text
    fakes.send.fail["standings"] = PosternError("UNAVAILABLE")
    page = await alice.get("/settings")
    assert page.status_code == 200 and "No message goes under" not in page.text


async def test_conversations_stay_chosen(alice, fakes):
    await alice.get("/mail/INBOX?sort=size&filter=is:unread&view=messages")
    answer = await alice.post(
        "/settings/view",
        {"view": "conversations", "back": "/mail/INBOX?page=x&filter=is:unread&view=messages"},
    )
    assert answer.headers["location"] == "/mail/INBOX?filter=is%3Aunread"
    assert fakes.auth.preferences.conversations
    assert "Show single messages" in (await alice.follow()).text
    await alice.post("/settings/view", {"view": "messages", "back": "https://elsewhere.example/"})
    assert alice.page.headers["location"] == "/"
    assert not fakes.auth.preferences.conversations
    assert (await alice.get("/mail/INBOX")) and (
        await alice.post("/settings/view", {"view": "?"})
    ).status_code == 400


async def test_first_steps_are_shown_until_put_away(alice, fakes):
    fakes.auth.preferences = Preferences()
    alice.http.cookies.clear()
    await alice.sign_in()
    assert "First steps" in (await alice.get("/mail/INBOX")).text
    assert "First steps" not in (await alice.get("/mail/INBOX?filter=is:unread")).text
    await alice.post("/settings/greeted", {"back": "/mail/INBOX"})
    assert "First steps" not in (await alice.follow()).text
    assert fakes.auth.preferences.greeted


async def test_settings_lead_to_import_and_export_of_a_mailbox(alice, fakes):
    assert "Import and export" in (await alice.get("/settings")).text
    answer = await alice.get("/settings/transfer?mailbox=Projects/Roof&to=export")
    assert answer.headers["location"] == "/mail/Projects~1Roof/export"
    assert (await alice.get("/settings/transfer?mailbox=INBOX&to=elsewhere")).status_code == 400
    assert (await alice.get("/settings/transfer?to=import")).status_code == 400


@pytest.mark.parametrize(("signature", "kept"), [("Alice\r\nCastle", "<b>Alice</b><br>Castle"), ("A.", "")])
async def test_a_formatted_signature_of_another_program_stays(alice, fakes, signature, kept):
    own = replace(
        fakes.auth.identities[0], signature="Alice\nCastle", signature_html="<b>Alice</b><br>Castle"
    )
    assert convert.identity(convert.identity_message(own)) == own
    fakes.auth.identities = (own,)
    alice.http.cookies.clear()
    await alice.sign_in()
    await alice.get("/settings")
    fields = {"identity_id": own.identity_id, "etag": own.etag, "name": "Alice E.", "signature": signature}
    await alice.post("/settings/identity", fields)
    assert fakes.auth.identities[0].name == "Alice E."
    assert fakes.auth.identities[0].signature_html == kept
