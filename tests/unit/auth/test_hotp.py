"""Counter-based one-time passwords: RFC 4226's own numbers, the window, resynchronisation, replays."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import pytest

from services.auth import hotp
from services.auth.hotp import LOOK_AHEAD, RESYNC_AHEAD, Verdict, judge
from services.auth.totp import code_at

SECRET = b"12345678901234567890"
CODES = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489".split()  # appendix D


def test_the_codes_of_appendix_d_are_accepted_in_turn_and_once() -> None:
    used = -1
    for counter, code in enumerate(CODES):
        assert judge(SECRET, 6, code, used) == Verdict(counter)
        used = counter
        for old in CODES[: counter + 1]:  # replays, of this one and of all before
            assert judge(SECRET, 6, old, used).used is None


def test_presses_that_nobody_typed_in_are_looked_over() -> None:
    for ahead in (1, LOOK_AHEAD):
        assert judge(SECRET, 6, code_at(SECRET, 5 + ahead), 5) == Verdict(5 + ahead)
    far = 5 + LOOK_AHEAD + 1
    assert judge(SECRET, 6, code_at(SECRET, far), 5) == Verdict(None, far)


def test_two_codes_in_a_row_bring_a_card_back() -> None:
    far = LOOK_AHEAD + 50
    first = judge(SECRET, 6, code_at(SECRET, far), 0)
    assert first == Verdict(None, far)
    # Not the same again, not one that skips, and not after what was remembered is behind.
    assert judge(SECRET, 6, code_at(SECRET, far), 0, first.resync).used is None
    assert judge(SECRET, 6, code_at(SECRET, far + 2), 0, first.resync) == Verdict(None, far + 2)
    assert judge(SECRET, 6, code_at(SECRET, far + 1), 0, first.resync) == Verdict(far + 1)
    assert judge(SECRET, 6, "000000", 0, first.resync) == Verdict(None, far)
    beyond = judge(SECRET, 6, code_at(SECRET, RESYNC_AHEAD + 1), 0)
    assert beyond == Verdict(None, -1)


@pytest.mark.parametrize("typed", ["", "75522", "7552244", "abcdef", "７５５２２４", "-55224", "755 2x4"])
def test_what_is_no_code(typed: str) -> None:
    assert judge(SECRET, 6, typed, -1) == Verdict(None)


def test_eight_digits() -> None:
    assert judge(SECRET, 8, code_at(SECRET, 3, 8), -1) == Verdict(3)
    assert judge(SECRET, 8, CODES[3], -1).used is None


def test_the_first_two_codes_tell_digits_and_counter() -> None:
    for digits in (6, 7, 8):
        pair = code_at(SECRET, 700, digits), code_at(SECRET, 701, digits)
        assert hotp.first_pair(SECRET, *pair) == (digits, 701)
        assert hotp.first_pair(SECRET, pair[1], pair[0]) is None
    assert hotp.first_pair(SECRET, CODES[0], CODES[2]) is None
    assert hotp.first_pair(SECRET, CODES[0], CODES[0]) is None
    assert hotp.first_pair(SECRET, "1234", "1234") is None


def test_a_cards_secret_as_makers_write_it() -> None:
    base32 = base64.b32encode(SECRET).decode()
    for text in (SECRET.hex(), SECRET.hex(" ", 4).upper(), base32, base32.lower(), "-".join(base32)):
        assert hotp.read_secret(text) == SECRET
    for text in ("", "00" * 15, "00" * 65, "not a secret!", "1" * 41):
        assert hotp.read_secret(text) is None


def test_the_address_for_cards_that_can_be_written() -> None:
    uri = urlsplit(hotp.provisioning_uri(SECRET, "a@example.org", "Post & Co"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "hotp")
    assert parse_qs(uri.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["Post & Co"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "counter": ["0"],
    }
