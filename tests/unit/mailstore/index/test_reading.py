"""The quick readers agree with the general ones on whatever comes."""

from __future__ import annotations

import email
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from services.mailstore import convert as outward
from services.mailstore.imap.parser import RawFetch, has_uid, is_flag_change, parse_response
from services.mailstore.imap.parser import parse_lazily as lazily
from services.mailstore.index import schema
from services.mailstore.index.coding import decode_part, encode_part
from services.mailstore.index.convert import conversation_id, decode_envelope, encode
from services.mailstore.index.envelopes import quick_envelope
from services.mailstore.index.fetched import read_entry, read_flag_change, read_flags
from services.mailstore.index.model import Entry, TextPart
from services.mailstore.mime.headers import parse_headers, read_envelope
from services.mailstore.mime.model import Address, Envelope
from services.mailstore.names import Flags, MessageName
from services.mailstore.reading.rows import Row, gather_responses, read_row
from services.mailstore.threads import ids
from tests.support.corpora import corpora

_NAMES = [
    b"Subject",
    b"From",
    b"To",
    b"Cc",
    b"Date",
    b"Message-ID",
    b"References",
    b"In-Reply-To",
    b"Sender",
    b"X-Y",
]
_VALUES = [
    b"Hello  world",
    b" padded ",
    b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
    "roh äö".encode(),
    b"Ann <ann@example.org>",
    b'"Smith, Tim" <tim@example.org>, bob@example.org',
    b'"Trailing " <t@example.org>',
    b"group: a@b, c@d;",
    b"<a@b> <c@d>\r\n <e@f>",
    b"<a@b><c@d>",
    b"broken a@b",
    b"Tue, 24 Nov 2026 10:00:00 +0100",
    b"Tue, 24 Nov 2026 10:00:61 -0000",
    b"24 Nov 26 10:00 GMT",
    b"Tue, 31 Feb 2026 10:00:00 +0000",
    b"",
    b"folded\r\n\tvalue",
]
blocks = st.lists(
    st.tuples(
        st.sampled_from(_NAMES),
        st.sampled_from([b": ", b":", b" : ", b":\t"]),
        st.one_of(st.sampled_from(_VALUES), st.binary(max_size=40)),
    ),
    max_size=8,
).map(lambda fields: b"".join(name + colon + value + b"\r\n" for name, colon, value in fields) + b"\r\n")


@settings(max_examples=400, deadline=None)
@given(st.one_of(blocks, st.binary(max_size=300)))
def test_envelopes_agree(block: bytes) -> None:
    assert quick_envelope(block) == read_envelope(parse_headers(block))


def test_envelopes_of_real_mail_agree() -> None:
    checked = 0
    for path in sorted(corpora("mime").rglob("*.eml")):
        raw = path.read_bytes()
        head = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].replace(b"\n", b"\r\n") + b"\r\n\r\n"
        assert quick_envelope(head) == read_envelope(parse_headers(head)), path.name
        checked += 1
    assert checked > 20


@settings(max_examples=200, deadline=None)
@given(blocks)
def test_envelopes_survive_the_file(block: bytes) -> None:
    envelope = read_envelope(parse_headers(block))
    entry = Entry(7, 1, None, 1_700_000_000, 1234, envelope, attachment=True)
    encoded = encode(entry)
    assert decode_envelope(encoded) == envelope
    name = MessageName("Work", 3, 7)
    assert conversation_id(encoded, name) == ids.conversation_id(envelope, name)
    # A list out of the index is word for word the one that comes from the server.
    for flags in (Flags(), Flags(seen=True, flagged=True), Flags(answered=True, labels=("later",))):
        plain = Row(name, envelope, flags, datetime.fromtimestamp(1_700_000_000, UTC), 1234, attachment=True)
        known = Row(name, flags=flags, size=1234, attachment=True, encoded=encoded)
        assert outward.row_to(known) == outward.row_to(plain)
        assert outward.row_to(known).HasField("flags")


def test_long_lists_are_cut_and_keep_the_root() -> None:
    many = tuple(f"{number}@x" for number in range(150))
    people = tuple(Address("", f"{number}@example.org") for number in range(150))
    envelope = Envelope(to=people, in_reply_to=many, references=many)
    found = decode_envelope(encode(Entry(1, 0, None, 0, 0, envelope)))
    assert found.to == people[:100] and found.in_reply_to == many[:100]
    assert found.references == (many[0], *many[51:])


def test_parts_survive_the_file() -> None:
    for part in (
        TextPart("1.2", "text/html", "quoted-printable", "utf-8"),
        TextPart("1", "text/plain", "7bit", ""),
    ):
        assert decode_part(encode_part(part)) == part


HEADER = b"Subject: Hi\r\nFrom: Ann <a@b.c>\r\n\r\n"
STRUCTURES = [
    b'("text" "plain" ("charset" "utf-8") NIL NIL "8bit" 20 2 NIL NIL NIL NIL)',
    b'(("text" "plain" NIL NIL NIL "7bit" 9 1 NIL NIL NIL NIL)("application" "pdf" ("name" "a (1).pdf") NIL '
    b'NIL "base64" 400 NIL ("attachment" ("filename" "a (1).pdf")) NIL NIL) "mixed" ("boundary" "x\\"y") '
    b"NIL NIL NIL)",
    b'("text" "html" ("charset" "utf-8") NIL NIL "8bit" 0 0 NIL NIL NIL NIL)',
    b"NIL",
    b'("image" "png" NIL NIL NIL "base64" 400 NIL NIL NIL NIL)',
]


def responses(structure: bytes, flags: bytes, uid: int, size: int) -> list[list[bytes]]:
    """The same message as servers may tell it."""
    items = [
        b"UID %d" % uid,
        b"FLAGS (" + flags + b")",
        b'INTERNALDATE "24-Nov-2026 10:00:00 +0200"',
        b"RFC822.SIZE %d" % size,
        b"BODYSTRUCTURE " + structure,
    ]
    item = b"BODY[HEADER.FIELDS (DATE FROM)] {%d}" % len(HEADER)
    usual = b"* 5 FETCH (" + b" ".join(items) + b" " + item
    turned = b"* 5 FETCH (" + b" ".join(reversed(items)) + b" " + item
    first = b"* 5 FETCH (" + item
    return [
        [usual, HEADER, b")"],
        [turned, HEADER, b")"],
        [first, HEADER, b" " + b" ".join(items) + b")"],
    ]


@given(
    st.sampled_from(STRUCTURES),
    st.lists(
        st.sampled_from([rb"\Seen", rb"\FLAGGED", rb"\Recent", b"$Forwarded", b"work", b"Later"]), max_size=5
    ),
    st.integers(1, 2**32 - 1),
    st.integers(0, 10**8),
)
def test_entries_agree(structure: bytes, flags: list[bytes], uid: int, size: int) -> None:
    read = []
    rows = []
    for parts in responses(structure, b" ".join(flags), uid, size):
        lazy = lazily(parts)
        assert isinstance(lazy, RawFetch)
        read += [read_entry(lazy), read_entry(parse_response(parts))]
        # A list from the server is the same whichever way its responses are read.
        for response in (lazily(parts), parse_response(parts)):
            assert has_uid(response) and response.values == parse_response(parts).values
            for encoded in (False, True):
                (data,) = gather_responses([response]).values()
                rows.append(outward.row_to(read_row("INBOX", 1, uid, data, encoded=encoded)))
    assert all(row == rows[0] for row in rows)
    assert all(entry == read[0] for entry in read)
    entry = read[0]
    assert entry is not None
    assert (entry.uid, entry.size, entry.envelope.subject) == (uid, size, "Hi")
    assert entry.received == int(datetime(2026, 11, 24, 8, tzinfo=UTC).timestamp())
    assert entry.attachment == (b"pdf" in structure or b"png" in structure)


def test_flags() -> None:
    assert read_flags(rb"\Seen $Forwarded b a \Recent") == (schema.SEEN | schema.FORWARDED, "a b")
    assert read_flags(b"") == (0, None)


def test_changes_of_flags() -> None:
    for line in (
        rb"* 7 FETCH (UID 9 MODSEQ (12) FLAGS (\Seen x))",
        rb"* 7 FETCH (FLAGS (\Seen x) UID 9 MODSEQ (12))",
        rb"* 7 FETCH (MODSEQ (12) UID 9 FLAGS (\Seen x))",
    ):
        assert read_flag_change(lazily([line])) == (9, schema.SEEN, "x", 12)
        assert read_flag_change(parse_response([line])) == (9, schema.SEEN, "x", 12)
        assert is_flag_change(lazily([line])) and is_flag_change(parse_response([line]))
    assert read_flag_change(lazily([rb"* 7 FETCH (FLAGS (\Seen))"])) is None
    for line in (rb"* 7 FETCH (UID 9 FLAGS ())", rb"* 7 FETCH (UID 9 FLAGS () MODSEQ (12) RFC822.SIZE 3)"):
        assert not is_flag_change(lazily([line])) and not is_flag_change(parse_response([line]))
    for told, line in ((False, rb"* 7 FETCH (FLAGS (\Seen))"), (True, rb"* 7 FETCH (FLAGS () UID 9)")):
        assert has_uid(lazily([line])) is has_uid(parse_response([line])) is told


def test_email_module_is_not_needed() -> None:
    """A header that Python's own parser writes is ordinary here."""
    message = email.message_from_bytes(HEADER)
    assert quick_envelope(message.as_bytes().replace(b"\n", b"\r\n")).subject == "Hi"
