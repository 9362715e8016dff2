"""What is shown and what is attached."""

from __future__ import annotations

import pytest

from services.mailstore.mime.filenames import safe_filename
from services.mailstore.mime.model import Part, Selection
from services.mailstore.mime.select import select


def leaf(number: str, media_type: str, **fields: object) -> Part:
    return Part(number, media_type, size=10, **fields)  # type: ignore[arg-type]


def multi(number: str, kind: str, *children: Part, **fields: object) -> Part:
    return Part(number, f"multipart/{kind}", children=children, **fields)  # type: ignore[arg-type]


def view(chosen: Selection) -> tuple[list[str], list[str], list[str]]:
    return (
        [part.number for part in chosen.plain],
        [part.number for part in chosen.html],
        [a.number for a in chosen.attachments],
    )


def test_alternative() -> None:
    root = multi(
        "TEXT", "alternative", leaf("1", "text/plain"), leaf("2", "text/html"), leaf("3", "text/calendar")
    )
    chosen = select(root)
    assert view(chosen) == (["1"], ["2"], ["3"])
    assert chosen.calendar is not None and chosen.calendar.number == "3"
    assert chosen.attachments[0].kind == "calendar"
    assert chosen.has_html and chosen.has_plain


def test_one_form_serves_for_both() -> None:
    assert view(select(leaf("1", "text/html"))) == (["1"], ["1"], [])
    root = multi("TEXT", "alternative", leaf("1", "text/html"))
    assert view(select(root)) == (["1"], ["1"], [])
    assert not select(root).has_plain


def test_an_empty_form_is_not_shown() -> None:
    root = multi("TEXT", "alternative", Part("1", "text/plain"), leaf("2", "text/html"))
    assert [part.number for part in select(root).shown(prefer_html=False)] == ["2"]


def test_several_texts_inside_one_alternative() -> None:
    html = multi(
        "2", "mixed", leaf("2.1", "text/html"), leaf("2.2", "application/pdf"), leaf("2.3", "text/html")
    )
    chosen = select(multi("TEXT", "alternative", leaf("1", "text/plain"), html))
    assert view(chosen) == (["1"], ["2.1", "2.3"], ["2.2"])


def test_related_obeys_start() -> None:
    root = multi(
        "TEXT",
        "related",
        leaf("1", "image/png", content_id="pic"),
        leaf("2", "text/html", content_id="root"),
        params={"start": "<root>"},
    )
    chosen = select(root)
    assert view(chosen) == (["2"], ["2"], ["1"])
    assert chosen.inline["pic"].number == "1"
    assert chosen.attachments[0].inline
    assert not chosen.has_attachments


def test_mixed() -> None:
    root = multi(
        "TEXT",
        "mixed",
        leaf("1", "text/plain"),
        leaf("2", "image/png"),
        leaf("3", "text/plain"),
        leaf("4", "text/plain", filename="notes.txt"),
        leaf("5", "text/html", disposition="attachment"),
        leaf("6", "message/rfc822"),
    )
    chosen = select(root)
    assert view(chosen) == (["1", "3"], ["1", "3"], ["2", "4", "5", "6"])
    assert [a.name for a in chosen.attachments] == [
        "image-2.png",
        "notes.txt",
        "text-5.html",
        "message-6.eml",
    ]
    assert chosen.has_attachments


def test_signed_encrypted_and_reports() -> None:
    signed = select(multi("TEXT", "signed", leaf("1", "text/plain"), leaf("2", "application/pgp-signature")))
    assert view(signed) == (["1"], ["1"], ["2"])
    assert (signed.security, signed.attachments[0].kind, signed.has_attachments) == (
        "signed",
        "signature",
        False,
    )
    assert select(leaf("1", "application/pkcs7-mime")).security == "encrypted"
    report = select(
        multi(
            "TEXT",
            "report",
            leaf("1", "text/plain"),
            leaf("2", "message/delivery-status"),
            leaf("3", "message/rfc822"),
        )
    )
    assert report.report is not None and report.report.number == "2"
    assert view(report)[0] == ["1"]


def test_the_first_part_of_a_report_is_for_people() -> None:
    """RFC 6522 section 3, also where it calls itself a delivery status as the second does."""
    status = "message/delivery-status"
    children = (leaf("1", status), leaf("2", status), leaf("3", "message/rfc822"))
    report = select(multi("TEXT", "report", *children))
    assert report.report is not None and report.report.number == "2"
    assert view(report) == (["1"], ["1"], ["2", "3"])
    # There is one only, and it is what the message is about.
    report = select(multi("TEXT", "report", *children[1:]))
    assert report.report is not None and report.report.number == "2"
    assert view(report)[0] == []


def test_digest() -> None:
    root = multi("TEXT", "digest", leaf("1", "message/rfc822"), leaf("2", "message/rfc822"))
    assert view(select(root)) == ([], [], ["1", "2"])


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\a.doc", "a.doc"),
        ("a\\b.txt", "a_b.txt"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\x00b\r\nc.txt", "abc.txt"),
        ("..", ""),
        (" . ", ""),
        ("con.txt", "_con.txt"),
        ('a"b<c>|?.txt', "a_b_c___.txt"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("/", ""),
        ("grün 人.txt", "grün 人.txt"),
    ],
)
def test_file_names(name: str, safe: str) -> None:
    assert safe_filename(name) == safe
