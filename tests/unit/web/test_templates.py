"""Templates: kept from a message, listed, used, changed, deleted; by forms alone."""

from dataclasses import replace

from services.web import templating
from services.web.composition import Composition
from services.web.model.account import Identity, Preferences
from services.web.model.mail import Address
from services.web.model.outgoing import Outgoing
from tests.unit.web.fakes import StoredMessage, envelope
from tests.unit.web.test_compose import WHOLE, carried

ALICE = Address("Alice", "alice@example.org")
OFFER = Outgoing(
    ALICE, to=(Address("", "sales@example.org"),), subject="Offer", text="Dear friends,\n\nhere it is."
)


def fields(alice, **more: str) -> dict:
    names = ("template", "template_replace", "confirmed")
    found = {name: values[0] for name in names if (values := alice.hiddens(name))}
    return {**carried(alice), **WHOLE, **found, **more}


async def test_a_message_becomes_a_template_and_is_still_there(alice, fakes):
    await alice.get("/compose")
    page = await alice.post("/compose", fields(alice, do="template", template_name="Weekly  report"))
    assert "Saved as the template “Weekly report”." in page.text and "Line two" in page.text
    ((name, content),) = fakes.send.kept.values()
    assert name == "Weekly report" and content.text == "Line one\nLine two" and not fakes.send.drafts
    await alice.post("/compose", fields(alice, do="send"))
    assert len(fakes.send.sent) == 1


async def test_another_template_of_the_name_is_replaced_only_when_asked_twice(alice, fakes):
    fakes.send.kept["t1"] = "Plans", OFFER
    await alice.get("/compose")
    page = await alice.post("/compose", fields(alice, do="template"))
    assert page.status_code == 400 and "There is a template of this name." in page.text
    assert fakes.send.kept["t1"][1] == OFFER
    await alice.post("/compose", fields(alice, do="template"))
    assert fakes.send.kept["t1"][1].text == "Line one\nLine two"


async def test_a_template_is_chosen_in_the_composer_and_goes_above_what_is_written(alice, fakes):
    fakes.send.kept["t1"] = "Offer", OFFER
    fakes.mail.add(StoredMessage(9, envelope("Wall")))
    await alice.get("/compose?reply=7.9.INBOX")
    typed = {"to": "bob@example.org", "subject": "Re: Wall", "body": "\n\n> Hello"}
    page = await alice.post("/compose", {**fields(alice), **typed, "do": "templates"})
    assert 'value="use:t1"' in page.text
    await alice.post("/compose", {**fields(alice), **typed, "do": "use:t1"})
    await alice.post("/compose", {**fields(alice), **typed, "body": body(alice), "do": "send"})
    (sent,) = fakes.send.sent.values()
    assert sent.text == "Dear friends,\n\nhere it is.\n\n> Hello" and sent.subject == "Re: Wall"
    assert [one.address for one in sent.to] == ["bob@example.org"] and sent.answered is not None


async def test_a_new_message_from_a_template(alice, fakes):
    fakes.send.kept["t1"] = "Offer", OFFER
    page = await alice.get("/compose?template=t1")
    assert "sales@example.org" in page.text and body(alice).startswith("Dear friends,\n\nhere it is.")
    assert (await alice.get("/compose?template=gone")).status_code == 404


async def test_a_template_is_changed_and_renamed(alice, fakes):
    fakes.send.kept["t1"] = "Offer", OFFER
    page = await alice.get("/compose?template=t1&edit=1")
    assert 'value="send"' not in page.text and 'data-autosave-url=""' in page.text
    answer = await alice.post("/compose", fields(alice, do="template", template_name="Better offer"))
    assert answer.headers["location"] == "/settings/templates"
    ((name, content),) = fakes.send.kept.values()
    assert name == "Better offer" and content.subject == "Plans"
    assert "Better offer" in (await alice.follow()).text
    await alice.get("/compose?template=new&edit=1")
    page = await alice.post("/compose", fields(alice, do="template", template_name=" "))
    assert page.status_code == 400 and "Give the template a name" in page.text
    page = await alice.post("/compose", fields(alice, do="send"))
    assert page.status_code == 400 and not fakes.send.sent  # a template is not sent by mistake


async def test_the_page_lists_and_deletes(alice, fakes):
    assert "There are no templates yet." in (await alice.get("/settings/templates")).text
    fakes.send.kept["t1"] = "<b>Offer", OFFER
    page = await alice.get("/settings/templates")
    assert "&lt;b&gt;Offer" in page.text and "Delete forever" in page.text
    await alice.post("/settings/templates", {"template": "t1", "do": "delete"})
    assert not fakes.send.kept


async def test_formatting_is_kept_and_comes_back(alice, fakes):
    fakes.send.kept["t1"] = "Rich", replace(OFFER, html="<div>Dear <b>friends</b><script>x</script></div>")
    page = await alice.get("/compose?template=t1")
    assert "&lt;b&gt;friends&lt;/b&gt;" in page.text and "script&gt;x" not in page.text
    fakes.auth.preferences = Preferences(write="rich")
    alice.http.cookies.clear()
    await alice.sign_in()
    await alice.get("/compose?template=t1")
    assert "Dear friends" in body(alice)


def test_a_signature_is_not_kept_twice():
    me = Identity("i1", "alice@example.org", "Alice", signature="Alice & Co\nRome")
    drawn = (
        "<div>Hello</div><div><br></div><div>-- <br></div>"
        "<div>Alice &amp; Co</div><div>Rome</div><div>P.S.</div>"
    )
    kept = templating.to_keep(replace(OFFER, text="Hello\n\n-- \nAlice & Co\nRome\n", html=drawn), me)
    assert kept.text == "Hello" and kept.html == "<div>Hello</div><div>P.S.</div>"
    begun = templating.begun(Composition(), replace(kept, html="", identity_id="i1"), (me,))
    assert begun.text == "Hello\n\n-- \nAlice & Co\nRome\n" and begun.identity == "i1"


def body(alice) -> str:
    import re
    from html import unescape

    return unescape(re.search(r'name="body"[^>]*>\n(.*?)</textarea>', alice.page.text, re.DOTALL)[1])
