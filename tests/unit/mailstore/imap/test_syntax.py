from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mailstore.imap import syntax
from services.mailstore.imap.syntax import Literal


@given(st.sets(st.integers(1, 2000), min_size=1))
def test_set_goes_there_and_back(uids: set[int]) -> None:
    assert syntax.parse_set(syntax.uid_set(uids)) == sorted(uids)


def test_set_in_its_own_order() -> None:
    assert syntax.parse_set(b"5:3,9,1:2") == [5, 4, 3, 9, 1, 2]


@pytest.mark.parametrize("text", [b"1:*", b"x", b"", b"1:99999999999"])
def test_set_that_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        syntax.parse_set(text)


@given(st.sets(st.integers(1, 2**32 - 1), min_size=1, max_size=3000))
def test_batches_fit_a_line(uids: set[int]) -> None:
    batches = list(syntax.uid_sets(uids))
    assert [uid for batch, _ in batches for uid in batch] == sorted(uids)
    assert all(len(numbers) <= 6000 for _, numbers in batches)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"INBOX", b"INBOX"),
        (b"", b'""'),
        (b"two words", b'"two words"'),
        (b'say "x"\\', b'"say \\"x\\"\\\\"'),
        (b"NIL", b'"NIL"'),
        (b"a%b", b'"a%b"'),
        (b"a)b", b'"a)b"'),
    ],
)
def test_astring(data: bytes, expected: bytes) -> None:
    assert syntax.astring(data) == expected


@given(st.binary(max_size=50).filter(lambda data: b"\0" not in data))
def test_no_astring_ends_a_line(data: bytes) -> None:
    piece = syntax.astring(data)
    assert isinstance(piece, Literal) or (b"\r" not in piece and b"\n" not in piece and piece.isascii())


@pytest.mark.parametrize("data", [b"a\rb", b"a\nb", b"a\0b"])
def test_line_refuses_control_characters(data: bytes) -> None:
    with pytest.raises(ValueError):
        syntax.check_line(data)


@pytest.mark.parametrize("word", ["\\Se en", "a(b", "", "ü", 'x"', "a]b", "a\r\nX"])
def test_flags_that_are_none(word: str) -> None:
    with pytest.raises(ValueError):
        syntax.flag_list([word])


def test_dates() -> None:
    moment = datetime(2026, 2, 1, 3, 4, 5, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
    text = syntax.date_time(moment)
    assert text == b'" 1-Feb-2026 03:04:05 -0330"'
    assert syntax.parse_date_time(text.strip(b'"')) == moment
    assert syntax.search_date(date(2026, 2, 1)) == b"1-Feb-2026"
    assert syntax.parse_date_time(b"17-Jul-1996 02:44:25 +0000") == datetime(
        1996, 7, 17, 2, 44, 25, tzinfo=UTC
    )


@pytest.mark.parametrize("value", [None, 5, b"", b"yesterday", b"99-Xxx-2026 00:00:00 +0000"])
def test_no_date(value: object) -> None:
    assert syntax.parse_date_time(value) is None
