"""What is looked at without being downloaded, what is printed, and in whose name one answers."""

from __future__ import annotations

import re
from html import unescape

import pytest

from services.web.model.account import Identity
from services.web.model.mail import Address, Part, TextPart
from tests.unit.web.fakes import StoredMessage, envelope

BASE = "/mail/INBOX/7.1"
HTML = '<style>h1{display:none}</style><h1>Inside</h1><p onclick="x()">Text</p><script>bad()</script>'


def attach(fakes, name: str, kind: str, content: bytes) -> None:
    part = Part("2", kind, name, len(content))
    fakes.mail.add(StoredMessage(1, envelope("Files"), attachments=(part,), content={"2": content}))


async def test_a_pdf_opens_in_the_browsers_own_viewer(fakes, alice) -> None:
    attach(fakes, "plan.pdf", "application/pdf", b"%PDF-1.7 and more")
    page = await alice.get(BASE)
    assert "Look at plan.pdf" in page.text
    shown = await alice.get(f"{BASE}/part/2?show=1")
    assert shown.headers["content-type"] == "application/pdf" and shown.content == b"%PDF-1.7 and more"
    assert shown.headers["content-disposition"].startswith("inline")
    policy = shown.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "sandbox" not in policy and "script" not in policy
    assert shown.headers["x-content-type-options"] == "nosniff"
    plain = await alice.get(f"{BASE}/part/2")
    assert plain.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in plain.headers["content-security-policy"]


async def test_what_only_says_that_it_is_a_pdf_is_a_download(fakes, alice) -> None:
    attach(fakes, "plan.pdf", "application/pdf", b"<html><script>bad()</script>")
    shown = await alice.get(f"{BASE}/part/2?show=1")
    assert shown.headers["content-type"] == "application/octet-stream"
    assert shown.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in shown.headers["content-security-policy"]


@pytest.mark.parametrize("kind", ["text/csv", "text/x-patch", "application/json", "text/calendar"])
async def test_text_of_any_kind_is_shown_as_plain_text(fakes, alice, kind: str) -> None:
    attach(fakes, "a.txt", kind, b"<script>x</script>")
    shown = await alice.get(f"{BASE}/part/2?show=1")
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"
    assert "sandbox" in shown.headers["content-security-policy"]


@pytest.mark.parametrize(
    "kind", ["image/svg+xml", "text/html", "application/x-msdownload", "application/xhtml+xml"]
)
async def test_nothing_else_is_shown(fakes, alice, kind: str) -> None:
    attach(fakes, "a.bin", kind, b"x")
    page = await alice.get(BASE)
    assert "Look at" not in page.text
    shown = await alice.get(f"{BASE}/part/2?show=1")
    assert shown.headers["content-type"] == "application/octet-stream"


async def test_a_message_is_printed_whole_and_its_styles_stay_within_it(fakes, alice) -> None:
    part = Part("3", "application/pdf", "plan.pdf", 10)
    fakes.mail.add(
        StoredMessage(1, envelope("A & B"), (TextPart("1", "text/html", HTML),), (part,), content={"3": b""})
    )
    page = await alice.get(BASE)
    (href,) = re.findall(r'href="([^"]*/print)"', page.text)
    shown = await alice.get(unescape(href))
    assert (
        "<title>A &amp; B</title>" in shown.text
        and "plan.pdf" in shown.text
        and "bob@example.org" in shown.text
    )
    assert "script" not in shown.text.replace("allow-scripts", "") and "onclick" not in shown.text
    head, shadow = shown.text.split('<template shadowrootmode="open">')
    assert "h1{display:none}" not in head and "Inside" in shadow
    assert "sandbox" in shown.headers["content-security-policy"]
    assert "default-src 'none'" in shown.headers["content-security-policy"]


async def test_plain_text_is_printed_with_its_quotes_open(fakes, alice) -> None:
    text = "Answer\n\n> old words\n"
    fakes.mail.add(StoredMessage(1, envelope("Hello"), (TextPart("1", "text/plain", text),)))
    shown = await alice.get(f"{BASE}/print")
    assert "Answer" in shown.text and "old words" in shown.text and "details-content" in shown.text


async def test_quotes_of_an_answer_are_folded_and_those_of_a_forward_are_not(fakes, alice) -> None:
    html = '<p>See below</p><div class="gmail_quote">old</div>'
    for uid, subject in ((1, "Re: Plan"), (2, "WG: Plan"), (3, "Fwd: Plan")):
        fakes.mail.add(StoredMessage(uid, envelope(subject), (TextPart("1", "text/html", html),)))
    folded = await alice.get("/mail/INBOX/7.1/html/1")
    assert '<details class="postern-quote"><summary title="Show the quoted text"' in folded.text
    for key in ("7.2", "7.3"):
        assert "<details" not in (await alice.get(f"/mail/INBOX/{key}/html/1")).text


def written_by(text: str) -> str:
    """Whom the composer writes as."""
    chosen = re.search(r'<option value="[^"]*" selected>([^<]*@[^<]*)<', text)
    return unescape(chosen[1]) if chosen else ""


@pytest.mark.parametrize(
    ("to", "identity"),
    [
        ("sales@example.org", "sales@example.org"),
        ("Sales@Example.org", "sales@example.org"),
        ("alice+shop@example.org", "alice+shop@example.org"),
        ("someone@example.net", "alice@example.org"),
    ],
)
async def test_an_answer_comes_from_the_address_that_received_it(
    fakes, browser, to: str, identity: str
) -> None:
    fakes.auth.identities = (
        Identity("i1", "alice@example.org", "Alice", is_default=True),
        Identity("i2", "sales@example.org", "Sales"),
    )
    fakes.mail.add(StoredMessage(1, envelope("Order", to=(Address("", to),))))
    await browser.sign_in()
    page = await browser.get("/compose?reply=7.1.INBOX")
    assert f"<{identity}>" in written_by(page.text), written_by(page.text)
    await browser.post(
        "/compose",
        {**composed(page.text), "do": "send", "to": "bob@example.org", "subject": "x", "body": "y"},
    )
    assert [one.sender.address for one in fakes.send.sent.values()] == [identity]


def composed(text: str) -> dict[str, str]:
    """The composer's hidden fields, and whom it writes as."""
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', text)
    chosen = re.search(r'name="identity"[^>]*>.*?<option value="([^"]*)" selected', text, re.DOTALL)
    assert chosen
    return {name: unescape(value) for name, value in fields} | {"identity": unescape(chosen[1])}


async def test_nobody_elses_tag_is_written_as(fakes, alice) -> None:
    """A form that names what is not one's own is written as the default identity."""
    await alice.get("/compose")
    fields = {
        "identity": "bob+x@example.org",
        "do": "send",
        "to": "bob@example.org",
        "subject": "x",
        "body": "y",
    }
    await alice.post("/compose", {"request_id": alice.hidden("request_id"), **fields})
    assert [one.sender.address for one in fakes.send.sent.values()] == ["alice@example.org"]


async def test_headers_and_source_are_there_on_demand(fakes, alice) -> None:
    fakes.mail.add(StoredMessage(1, envelope("Order", cc=(Address("Carol", "carol@example.org"),))))
    page = await alice.get(BASE)
    assert "to me and 1 other" in page.text
    assert re.search(r"<dt>Cc</dt><dd><bdi>Carol &lt;carol@example.org&gt;", page.text)
    source = await alice.get(f"{BASE}/source")
    assert source.headers["content-type"] == "text/plain; charset=utf-8" and "Subject: x" in source.text
