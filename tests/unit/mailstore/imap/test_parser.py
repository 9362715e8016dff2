from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mailstore.imap.parser import body_item, pairs, parse_response, parse_values


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"* OK [UIDVALIDITY 5] hello", ("*", "OK", 0, "UIDVALIDITY", b"5", b"hello")),
        (b"p1 NO [TRYCREATE] none", ("p1", "NO", 0, "TRYCREATE", b"", b"none")),
        (b"p1 OK done", ("p1", "OK", 0, "", b"", b"done")),
        (b"p1 OK", ("p1", "OK", 0, "", b"", b"")),
        (b"p1 ok [APPENDUID 3 4] x", ("p1", "OK", 0, "APPENDUID", b"3 4", b"x")),
        (b"* 23 EXISTS", ("*", "EXISTS", 23, "", b"", b"")),
        (b"+ go on", ("+", "", 0, "", b"", b"go on")),
        (b"+", ("+", "", 0, "", b"", b"")),
        (b"* BYE bye", ("*", "BYE", 0, "", b"", b"bye")),
        (
            rb"* OK [PERMANENTFLAGS (\Deleted \*)] x",
            ("*", "OK", 0, "PERMANENTFLAGS", rb"(\Deleted \*)", b"x"),
        ),
    ],
)
def test_status(line: bytes, expected: tuple[Any, ...]) -> None:
    found = parse_response([line])
    assert (found.tag.decode(), found.name, found.number, found.code, found.code_data, found.text) == expected


def test_fetch_with_literals() -> None:
    found = parse_response(
        [rb"* 12 FETCH (FLAGS (\Seen $x) BODY[HEADER.FIELDS (FROM TO)] {4}", b"a)(b", b" UID 7 X NIL)"]
    )
    data = pairs(found.values[0])
    assert found.number == 12
    assert data == {
        b"FLAGS": (rb"\Seen", b"$x"),
        b"BODY[HEADER.FIELDS (FROM TO)]": b"a)(b",
        b"UID": 7,
        b"X": None,
    }


def test_partial_section() -> None:
    (values,) = parse_values([b"(BODY[1]<0> {2}", b"ab", b' BODY[1.2] "x" BODY[12] "y")'])
    data = pairs(values)
    assert [body_item(data, section) for section in (b"1", b"1.2", b"12", b"2")] == [b"ab", b"x", b"y", None]


def test_quoted_strings_stay_strings() -> None:
    assert parse_values([rb'"5" 5 "a\"b\\c" "NIL" NIL "" ()']) == (b"5", 5, rb'a"b\c', b"NIL", None, b"", ())


def test_list_of_an_odd_name() -> None:
    found = parse_response([rb'* LIST (\HasNoChildren) "/" [Gmail]/All'])
    assert found.values == ((rb"\HasNoChildren",), b"/", b"[Gmail]/All")


def test_esearch() -> None:
    assert parse_response([b'* ESEARCH (TAG "A282") UID ALL 2,10:11']).values == (
        (b"TAG", b"A282"),
        b"UID",
        b"ALL",
        b"2,10:11",
    )


@given(st.binary().filter(lambda data: b"\n" not in data))
def test_anything_is_parsed_or_refused(line: bytes) -> None:
    try:
        parse_response([line])
    except ValueError:
        pass


def test_deep_nesting_does_not_overflow() -> None:
    assert parse_values([b"(" * 100_000])
