from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import PosternError
from services.mailstore.imap.syntax import Literal
from services.mailstore.searching import criteria
from services.mailstore.searching.query import Field, Term, parse

TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("hello world", [Term(Field.ANY, "hello"), Term(Field.ANY, "world")]),
        ('"hello world"', [Term(Field.ANY, "hello world")]),
        ('from:"Jo Do" -subject:x', [Term(Field.FROM, "Jo Do"), Term(Field.SUBJECT, "x", True)]),
        ("FROM:Bob", [Term(Field.FROM, "Bob")]),
        ("is:unread", [Term(Field.IS, "seen", True)]),
        ("-is:unread", [Term(Field.IS, "seen", False)]),
        ("is:starred", [Term(Field.IS, "flagged")]),
        ("has:attachment", [Term(Field.HAS, "attachment")]),
        ("before:2026-03-01", [Term(Field.BEFORE, date(2026, 3, 1))]),
        ("after:2026/3", [Term(Field.AFTER, date(2026, 3, 1))]),
        ("after:7d", [Term(Field.AFTER, date(2026, 11, 17))]),
        (
            "newer_than:7d older_than:1m",
            [Term(Field.AFTER, date(2026, 11, 17)), Term(Field.BEFORE, date(2026, 10, 25))],
        ),
        ("on:yesterday", [Term(Field.ON, date(2026, 11, 23))]),
        ("larger:5M", [Term(Field.LARGER, 5 * 1024 * 1024)]),
        ("smaller:10kb", [Term(Field.SMALLER, 10240)]),
        ("larger:huge", [Term(Field.ANY, "larger:huge")]),
        ("http://example.org", [Term(Field.ANY, "http://example.org")]),
        ("is:odd", [Term(Field.ANY, "is:odd")]),
        ('"not closed', [Term(Field.ANY, "not closed")]),
        ("-", []),
        ("any:thing", [Term(Field.ANY, "any:thing")]),
        ("message-id:<a.b@c>", [Term(Field.MESSAGE_ID, "a.b@c")]),
        ('-message-id:"a.b@c"', [Term(Field.MESSAGE_ID, "a.b@c", True)]),
        ("rfc822msgid:a.b@c", [Term(Field.MESSAGE_ID, "a.b@c")]),
        ("message-id:<>", [Term(Field.ANY, "message-id:<>")]),
        ("e-mail:x", [Term(Field.ANY, "e-mail:x")]),
    ],
)
def test_terms(text: str, terms: list[Term]) -> None:
    assert list(parse(text, TODAY).terms) == terms


A, B, C = (Term(Field.FROM, name) for name in "abc")


@pytest.mark.parametrize(
    ("text", "terms", "choices"),
    [
        ("from:a OR from:b", [], [(A, B)]),
        ("from:a from:b OR from:c", [A], [(B, C)]),
        ("from:a OR from:b OR from:c", [], [(A, B, C)]),
        ("from:a OR from:b from:c OR -is:read", [], [(A, B), (C, Term(Field.IS, "seen", True))]),
        ("from:a or from:b", [A, Term(Field.ANY, "or"), B], []),
        ('from:a "OR" from:b', [A, Term(Field.ANY, "OR"), B], []),
        ("OR from:a OR", [A], []),
        ("from:a OR OR from:b", [A, B], []),
        ("from:a OR in:x from:b", [A, B], []),
        ("in:x OR in:y", [], []),
        ("OR", [Term(Field.ANY, "OR")], []),
        ("Fuß", [], [(Term(Field.ANY, "Fuß"), Term(Field.ANY, "Fuss"))]),
        ("-Fuß", [Term(Field.ANY, "Fuß", True), Term(Field.ANY, "Fuss", True)], []),
        ("from:a OR Fuß", [], [(A, Term(Field.ANY, "Fuß"), Term(Field.ANY, "Fuss"))]),
        ("from:a OR -Fuß", [], [(A, Term(Field.ANY, "Fuß", True))]),
        ("label:Fuß", [Term(Field.LABEL, "Fuß")], []),
    ],
)
def test_choices(text: str, terms: list[Term], choices: list[tuple[Term, ...]]) -> None:
    query = parse(text, TODAY)
    assert (list(query.terms), list(query.choices)) == (terms, choices)


def test_places() -> None:
    query = parse('in:trash in:"My box" words')
    assert query.places == ("trash", "My box")
    assert not query.empty


def test_bounds() -> None:
    with pytest.raises(PosternError, match="too_long"):
        parse("x" * 3000)
    with pytest.raises(PosternError, match="too_many_terms"):
        parse("a " * 50)
    with pytest.raises(PosternError, match="too_many_terms"):
        parse("a OR " * 50)


@given(st.text(max_size=300))
def test_any_text_becomes_a_safe_command(text: str) -> None:
    try:
        pieces = criteria.command(parse(text, TODAY))
    except PosternError:
        return
    for piece in pieces:
        assert isinstance(piece, Literal) or (piece.isascii() and not set(piece) & {10, 13, 0})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [b"ALL"]),
        ("hello", [b"TEXT", b'"hello"']),
        ("-from:bob is:unread", [b"NOT", b"FROM", b'"bob"', b"UNSEEN"]),
        ("-is:read", [b"UNSEEN"]),
        ("x from:a OR is:read", [b"TEXT", b'"x"', b"OR", b"SEEN", b"FROM", b'"a"']),
        ("is:read OR from:a OR -to:b", [b"OR", b"FROM", b'"a"', b"OR", b"NOT", b"TO", b'"b"', b"SEEN"]),
        ("after:2026-11-01", [b"SINCE", b"1-Nov-2026"]),
        ("größer", [b"CHARSET", b"UTF-8", b"OR", b"TEXT", "grösser".encode(), b"TEXT", "größer".encode()]),
        ("später", [b"CHARSET", b"UTF-8", b"TEXT", "später".encode()]),
        ("label:später", [b"KEYWORD", b"sp&AOQ-ter"]),
        ('subject:"a\\b"', [b"SUBJECT", b'"a\\\\b"']),
    ],
)
def test_keys(text: str, expected: list[bytes]) -> None:
    assert criteria.command(parse(text, TODAY)) == expected


@pytest.mark.parametrize(
    ("text", "one"),
    [("message-id:a@x", True), ("message-id:a@x OR message-id:b@x", True), ("message-id:a@x OR bob", False)],
)
def test_whether_messages_are_asked_for_by_name(text: str, one: bool) -> None:
    assert parse(text).names_a_message is one
