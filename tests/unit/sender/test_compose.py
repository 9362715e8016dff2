"""What is composed is what was meant, read back by Python's email package."""

from __future__ import annotations

import re
from email.header import decode_header, make_header

import pytest

from services.common.errors import PosternError
from services.sender.compose import checks
from services.sender.model import EmailAddress, Priority
from tests.unit.sender.composed import Attached, compose, parse, utf8_of
from tests.unit.sender.fakes import letter

PNG = b"\x89PNG\r\n\x1a\n" + bytes(300)


def test_a_plain_message() -> None:
    wire, full, _ = compose(letter(text="Good morning\n\nBob\n"))
    assert wire == full and wire.isascii()
    message = parse(wire)
    assert message.defects == []
    assert (
        message.get_content_type() == "text/plain" and message.get_content() == "Good morning\r\n\r\nBob\r\n"
    )
    assert message["content-type"].params["format"] == "flowed"
    assert message["date"] == "Sun, 01 Mar 2026 12:30:00 +0000"
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", message["message-id"])
    assert set(message.keys()) == {
        *("Date", "From", "To", "Subject", "Message-ID", "MIME-Version"),
        *("Content-Type", "Content-Transfer-Encoding"),
    }


def test_bcc_is_in_the_copy_and_never_on_the_wire() -> None:
    bcc = (EmailAddress("Carol", "carol@example.org"), EmailAddress("", "dan@example.org"))
    wire, full, _ = compose(letter(bcc=bcc))
    assert b"carol" not in wire and b"dan@" not in wire and b"Bcc" not in wire
    assert [a.addr_spec for a in parse(full)["bcc"].addresses] == ["carol@example.org", "dan@example.org"]


def test_bcc_alone_has_a_to_that_names_nobody() -> None:
    wire, _, _ = compose(letter(to=(), bcc=(EmailAddress("", "dan@example.org"),)))
    assert b"To: undisclosed-recipients:;\r\n" in wire


def test_the_same_person_twice_is_one_recipient() -> None:
    people = (EmailAddress("B", "bob@Example.ORG"), EmailAddress("", "bob@example.org"))
    checked = checks.check(letter(to=people, cc=people[:1], bcc=people[1:]))
    assert [mailbox.address for mailbox in checked.recipients] == ["bob@example.org"]


def test_html_has_its_text_alternative_and_its_pictures() -> None:
    html = '<p>Hello <b>Bob</b></p><img src="cid:pic@x" alt="a cat">'
    wire, _, _ = compose(
        letter(text="", html=html),
        Attached(PNG, "cat.png", "image/png", "pic@x"),
        Attached(b"%PDF", "plan.pdf", "application/pdf"),
    )
    message = parse(wire)
    assert message.get_content_type() == "multipart/mixed"
    alternative, attachment = message.iter_parts()
    plain, related = alternative.iter_parts()
    assert plain.get_content() == "Hello Bob\r\n\r\na cat"
    assert related.get_content_type() == "multipart/related" and related.get_param("type") == "text/html"
    root, picture = related.iter_parts()
    assert html in root.get_content()
    assert picture["content-id"] == "<pic@x>" and picture.get_content_disposition() == "inline"
    assert picture.get_content() == PNG
    assert attachment.get_filename() == "plan.pdf" and attachment.get_content() == b"%PDF"


def test_a_message_is_attached_as_it_is() -> None:
    """RFC 2046, 5.2.1: never in base64; its line ends right, its long lines folded, its NULs gone."""
    original = b"Subject: in\x00ner\n\n" + b"x" * 2500 + b"\r.\rend"
    wire, _, built = compose(letter(), Attached(original, "m.eml", "message/rfc822"))
    _, attached = parse(wire).iter_parts()
    assert attached.get_content_type() == "message/rfc822" and attached["content-transfer-encoding"] == "7bit"
    assert attached.get_content()["subject"] == "inner" and not built.eight_bit
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    assert wire.count(b"\n") == wire.count(b"\r") == wire.count(b"\r\n")
    eight, _, built = compose(letter(), Attached("Subject: é\r\n\r\nà".encode(), "m.eml", "message/rfc822"))
    assert built.eight_bit
    assert eight.count(b"Content-Transfer-Encoding: 8bit") == 2


def test_threads_priority_receipt_and_reply_to() -> None:
    ids = tuple(f"<{number}@example.net>" for number in range(100))
    wire, _, _ = compose(
        letter(
            in_reply_to=("<99@example.net>", "garbage", "<a b>"),
            references=ids,
            priority=Priority.HIGH,
            request_read_receipt=True,
            reply_to=(EmailAddress("", "list@example.org"),),
        )
    )
    message = parse(wire)
    assert message["in-reply-to"] == "<99@example.net>"
    references = message["references"].split()
    assert len(references) == 60 and references[0] == ids[0] and references[-1] == ids[-1]
    assert message["importance"] == "high" and message["x-priority"] == "1"
    assert message["disposition-notification-to"] == "alice@example.org"
    assert message["reply-to"] == "list@example.org"


def test_fields_of_another_program_s_draft() -> None:
    """A draft keeps all; what is sent leaves out a program's notes and what says who carried it."""
    fields = (
        ("X-Mozilla-Draft-Info", "internal/draft; vcard=0; receipt=0; DSN=0"),
        ("X-Identity-Key", "id1"),
        ("Fcc", "imap://alice@mail.example.org/Sent"),
        ("Sender", "boss@example.org"),
        ("Resent-Bcc", "eve@example.net"),
        ("Received", "from inside"),
        ("In-Reply-To", "Your message of Monday <a@example.net>"),
        ("X-Project", "the east gate " * 20 + "end"),
        ("Organization", "Gärtnerei"),
        ("Keywords", "=?utf-8?q?g=C3=A4te?="),
        ("X-Long", "x" * 3000),
    )
    content = letter(extra_fields=fields, in_reply_to=("<a@example.net>",))
    _, full, _ = compose(content, draft_id="d1")
    draft = parse(full)
    for name, value in fields:
        found = draft.get_all(name)
        assert found is not None and len(found) == 1, name
        if name not in ("Keywords", "X-Long"):
            assert str(found[0]) == value.strip(), name
    assert str(draft["X-Long"]).replace(" ", "") == "x" * 3000
    assert b"=?utf-8?q?g=C3=A4te?=" in full
    wire, _, _ = compose(content)
    sent = parse(wire)
    assert {name for name, _ in fields if name in sent} == {
        "In-Reply-To",
        "X-Project",
        "Organization",
        "Keywords",
        "X-Long",
    }
    assert sent["In-Reply-To"] == "<a@example.net>"
    assert max(map(len, wire.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("Bcc", "eve@example.net", "name"),
        ("FROM", "eve@example.net", "name"),
        ("Content-Type", "text/html", "name"),
        ("X-Postern-Draft-Id", "d2", "name"),
        ("X Odd", "x", "name"),
        ("X-Odd:", "x", "name"),
        ("", "x", "name"),
        ("X-Odd", "x\r\nBcc: eve@example.net", "value"),
        ("X-Odd", "x\x00", "value"),
        ("X-Odd", "x" * 16_001, "value"),
    ],
)
def test_fields_that_are_none(name: str, value: str, field: str) -> None:
    with pytest.raises(PosternError) as caught:
        compose(letter(extra_fields=((name, value),)))
    assert caught.value.metadata["field"] == f"content.extra_fields[0].{field}"


def test_groups() -> None:
    people = (
        EmailAddress("", "a@example.org", "Team, blue"),
        EmailAddress("B", "b@example.org", "Team, blue"),
        EmailAddress("", "c@example.org"),
        EmailAddress("", "", "Nobody"),
        EmailAddress("", "d@example.org", "Ünder"),
    )
    wire, _, _ = compose(letter(to=people))
    groups = parse(wire)["to"].groups
    assert [(group.display_name, [a.addr_spec for a in group.addresses]) for group in groups] == [
        ("Team, blue", ["a@example.org", "b@example.org"]),
        (None, ["c@example.org"]),
        ("Nobody", []),
        ("Ünder", ["d@example.org"]),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "plain.txt",
        'quo"te\\back.txt',
        "Übersicht – März 2026.pdf",
        "日本語のファイル名" * 20 + ".txt",
        "a" * 240,
        "semi;colon.txt",
        "100%.txt",
        "it's.txt",
    ],
)
def test_file_names(name: str) -> None:
    wire, _, _ = compose(letter(), Attached(b"x", name, "text/x-anything"))
    assert next(parse(wire).iter_attachments()).get_filename() == name
    assert max(map(len, wire.split(b"\r\n"))) <= 78


def test_a_draft_keeps_what_is_not_finished() -> None:
    content = letter(
        to=(EmailAddress("Bob", "bob@"), EmailAddress("", "x")),
        bcc=(EmailAddress("", "b@c.example"),),
        subject="",
    )
    wire, _, _ = compose(content, draft_id="d1")
    message = parse(wire)
    assert [group.display_name for group in message["to"].groups] == ["Bob bob@", "x"]
    assert message["bcc"] == "b@c.example" and message["x-postern-draft-id"] == "d1"
    with pytest.raises(PosternError):
        compose(content)


def test_smtputf8_is_asked_for_by_local_parts_alone() -> None:
    people = (EmailAddress("Jürgen", "juergen@bücher.example"),)
    assert not checks.check(letter(to=people)).needs_smtputf8
    wire, _, _ = compose(letter(to=people))
    assert wire.isascii() and b"xn--bcher-kva.example" in wire
    utf8 = letter(to=(EmailAddress("", "用户@例子.example"),))
    assert checks.check(utf8).needs_smtputf8
    wire, _, _ = compose(utf8)
    assert utf8_of(parse(wire)["to"].addresses[0].addr_spec) == "用户@xn--fsqu00a.example"


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "address_missing"),
        ("bob", "address_without_at"),
        ("@example.org", "address_local_part"),
        ("bob@", "address_domain"),
        ("a b@example.org", "address_local_part"),
        ("a..b@example.org", "address_local_part"),
        (".a@example.org", "address_local_part"),
        ("a@-x.example", "address_domain"),
        ("a@x..example", "address_domain"),
        ("a@x.example.", "address_domain"),
        ("a@[127.0.0.1]", "address_domain"),
        ("a@ex ample.org", "address_domain"),
        ("a@example.org>", "address_domain"),
        ("<a@example.org", "address_local_part"),
        ("a,b@example.org", "address_local_part"),
        ("a" * 65 + "@example.org", "address_local_part"),
        ("a@" + ".".join(["x" * 60] * 5), "address_domain"),
        ("abcde@" + ".".join(["x" * 62] * 4), "address_too_long"),
        ("a\x00@example.org", "line_break_or_nul"),
        ("a@example.org\r\nRCPT TO:<x@y>", "line_break_or_nul"),
        ('"a"b"@example.org', "address_local_part"),
        ("a\u2028b@example.org", "address_local_part"),
        ("ab@exam\u2028ple.org", "address_domain"),
    ],
)
def test_bad_addresses(address: str, problem: str) -> None:
    with pytest.raises(PosternError) as caught:
        checks.check(letter(to=(EmailAddress("", address),)))
    assert caught.value.metadata["problem"] == problem
    assert caught.value.metadata["field"] == "content.to[0].address"


@pytest.mark.parametrize(
    "address",
    [
        *("a@b", "first.last+tag@example.org", "!#$%&'*+/=?^_`{|}~-@example.org", '"a b"@example.org'),
        *("a@xn--bcher-kva.example", "a@EXAMPLE.org", "x@faß.example", "δοκιμή@παράδειγμα.example"),
    ],
)
def test_good_addresses(address: str) -> None:
    wire, _, _ = compose(letter(to=(EmailAddress("Name", address),)))
    assert utf8_of(parse(wire)["to"].addresses[0].username) == address.rpartition("@")[0].strip('"')


@pytest.mark.parametrize(
    "name", ["日本語のファイル名" * 5, "Ünïcödé " * 9 + "x", "é a b c d e f g h i j k l m n o p q r s é"]
)
def test_long_names(name: str) -> None:
    wire, _, _ = compose(letter(to=(EmailAddress(name, "bob@example.org"),), subject=name))
    raw = re.search(rb"\r\nTo: (.*?) <bob", wire, re.DOTALL)
    assert raw and str(make_header(decode_header(raw[1].decode()))) == name
    assert parse(wire)["subject"] == name
    assert max(map(len, wire.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 78
