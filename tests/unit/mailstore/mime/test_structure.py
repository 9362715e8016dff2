"""BODYSTRUCTURE and raw octets give the same tree, numbered as RFC 3501 6.4.5 says."""

from __future__ import annotations

from imapclient.response_parser import parse_fetch_response

from services.mailstore.mime.model import Part
from services.mailstore.mime.parse import parse_message
from services.mailstore.mime.structure import from_bodystructure, from_envelope, is_doubtful, refine

# The example of RFC 3501 6.4.5, in short.
NESTED = b"""Content-Type: multipart/mixed; boundary=o

--o

first
--o
Content-Type: application/octet-stream

second
--o
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/mixed; boundary=i

--i

3.1
--i
Content-Type: application/octet-stream

3.2
--i--
--o
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: image/gif

4.1
--m
Content-Type: message/rfc822

From: a@x
Content-Type: multipart/mixed; boundary=n

--n

4.2.1
--n
Content-Type: multipart/alternative; boundary=p

--p

4.2.2.1
--p
Content-Type: text/html

4.2.2.2
--p--
--n--
--m
Content-Type: message/rfc822

Subject: single

4.3.1
--m--
--o--
"""


def numbers(root: Part) -> list[str]:
    return [part.number for part in root.walk()]


def test_numbers_from_octets() -> None:
    message = parse_message(NESTED)
    assert numbers(message.root) == (
        "TEXT 1 2 3 3.TEXT 3.1 3.2 4 4.1 4.2 4.2.TEXT 4.2.1 4.2.2 4.2.2.1 4.2.2.2 4.3 4.3.1"
    ).split(" ")
    for number in ("3.1", "3.2", "4.1", "4.2.1", "4.2.2.1", "4.2.2.2", "4.3.1"):
        assert message.content(number) == number.encode()
    inner = message.root.find("3")
    assert inner is not None and inner.envelope is not None and inner.envelope.subject == "inner"
    assert message.content("9") is None


def test_header_sections() -> None:
    root = parse_message(NESTED).root
    assert root.header_section == "HEADER"
    assert [root.find(n).header_section for n in ("1", "4.2.TEXT", "4.2.1")] == [
        "1.MIME",
        "4.2.HEADER",
        "4.2.1.MIME",
    ]


def structure(text: bytes) -> Part | None:
    parsed = parse_fetch_response([b"1 (UID 1 BODYSTRUCTURE " + text + b")"])
    return from_bodystructure(parsed[1][b"BODYSTRUCTURE"])


def test_numbers_from_bodystructure() -> None:
    text = b'("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 5 1 NIL NIL NIL NIL)'
    envelope = b'(NIL "s" ((NIL NIL "a" "x")) NIL NIL NIL NIL NIL NIL "<i@x>")'
    alternative = b"(" + text + text + b' "alternative" ("boundary" "b") NIL NIL NIL)'
    nested = (
        b'("message" "rfc822" NIL NIL NIL "7bit" 99 ' + envelope + b" " + alternative + b" 9 NIL NIL NIL NIL)"
    )
    single = b'("message" "rfc822" NIL NIL NIL "7bit" 99 ' + envelope + b" " + text + b" 9)"
    root = structure(b"(" + text + nested + single + b' "mixed" ("boundary" "a") NIL NIL NIL)')
    assert root is not None
    assert numbers(root) == ["TEXT", "1", "2", "2.TEXT", "2.1", "2.2", "3", "3.1"]
    part = root.find("2")
    assert part is not None and part.envelope is not None
    assert (part.envelope.subject, part.envelope.from_[0].addr) == ("s", "a@x")
    assert part.envelope.message_id == "i@x"
    assert root.find("1").params == {"charset": "utf-8"}
    assert numbers(structure(text)) == ["1"]
    assert numbers(structure(single)) == ["1", "1.1"]


def test_fields_from_bodystructure() -> None:
    root = structure(
        b'("IMAGE" "PNG" ("name*0*" "utf-8\'\'%C3%A4" "name*1" ".png") "<c@x>" "=?utf-8?q?d=C3=A4?=" '
        b'"BASE64" 400 NIL ("INLINE" ("filename" "../x.png")) ("de" "en") "http://x/y")'
    )
    assert root is not None
    assert (root.media_type, root.params, root.content_id) == ("image/png", {"name": "ä.png"}, "c@x")
    assert (root.description, root.encoding, root.size) == ("dä", "base64", 400)
    assert (root.disposition, root.filename, root.language) == ("inline", "x.png", ("de", "en"))
    assert root.location == "http://x/y"


def test_answers_that_make_little_sense() -> None:
    assert from_bodystructure(None) is None
    assert from_bodystructure(()) is None
    assert from_bodystructure(b"x") is None
    nothing = from_bodystructure((None, None, None, None, None, None, None))
    assert nothing is not None and is_doubtful(nothing)
    assert from_bodystructure((b"text", b"plain")).number == "1"
    assert from_bodystructure((None, b"mixed", None, None, None)).children == ()
    assert (
        from_bodystructure((b"text", b"plain", b"NIL", 5, 6, 7, b"x", (b"attachment",), (), ())) is not None
    )
    loop: tuple = (b"text", b"plain", None, None, None, b"7bit", 1, 1)
    for _ in range(200):
        loop = (loop, b"mixed")
    assert from_bodystructure(loop) is not None
    wide = from_bodystructure(((b"text", b"plain", None, None, None, b"7bit", 1, 1),) * 5000 + (b"mixed",))
    assert len(list(wide.walk())) <= 1000


def test_envelope_groups() -> None:
    group = (
        (None, None, b"team", None),
        (b"=?utf-8?q?J=C3=B6?=", None, b"j", b"x"),
        (None, None, None, None),
    )
    empty = ((None, None, b"undisclosed", None), (None, None, None, None))
    envelope = from_envelope(
        (b"bad date", b"=?utf-8?q?=C3=A4?=", None, None, None, group, empty, None, None, None)
    )
    assert [(a.name, a.addr, a.group) for a in envelope.to] == [("Jö", "j@x", "team")]
    assert [(a.name, a.addr, a.group) for a in envelope.cc] == [("", "", "undisclosed")]
    assert (envelope.subject, envelope.date) == ("ä", None)


def test_refine_reads_what_the_server_could_not() -> None:
    root = structure(
        b'(("text" "plain" NIL NIL NIL "7bit" 5 1)("a" "b" ("name" "This") NIL NIL "7bit" 3) "mixed")'
    )
    assert root is not None
    header = b"Content-Type: a/b; name=This is a test.txt\r\nContent-Transfer-Encoding: base64;\r\n\r\n"
    better = refine(root, {"2": header})
    part = better.find("2")
    assert part is not None
    assert (part.filename, part.encoding, part.size, part.number) == ("This is a test.txt", "base64", 3, "2")
    assert better.find("1") == root.find("1")


def test_boundaries() -> None:
    similar = (
        b"Content-Type: multipart/mixed; boundary=ab\n\n--ab\nContent-Type: multipart/mixed; boundary=a\n\n"
    )
    root = parse_message(similar + b"--a\n\none\n--ab\n\ntwo\n--ab--\n").root
    assert numbers(root) == ["TEXT", "1", "1.1", "2"]
    prefix = parse_message(b"Content-Type: multipart/mixed; boundary=a\n\n--a tail\n\nx\n--a--\n")
    assert prefix.content("1") == b"x"
    guessed = parse_message(b"Content-Type: multipart/mixed\n\n--zz\nContent-Type: text/html\n\nx\n--zz--\n")
    assert guessed.root.find("1").media_type == "text/html"
    never = parse_message(b"Content-Type: multipart/mixed; boundary=a\n\nsome text\n")
    assert (never.root.number, never.root.media_type) == ("1", "text/plain")
    assert never.content("1") == b"some text\n"


def test_a_message_in_base64_is_opened() -> None:
    raw = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeAoKYm9keQ==\n"
    message = parse_message(raw)
    assert numbers(message.root) == ["1", "1.1"]
    assert message.root.envelope.subject == "x"
    assert message.content("1.1") == b"body"


def test_bounds() -> None:
    many = parse_message(b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\nx\n" * 5000)
    assert len(list(many.root.walk())) <= 1000
    deep = parse_message(b"Content-Type: message/rfc822\n\n" * 5000)
    assert len(list(deep.root.walk())) <= 60
    long = parse_message(b"X: " + b"y\n z" * 200_000 + b"\n\nbody")
    assert long.content("1") == b"body"
