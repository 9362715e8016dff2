from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

from services.auth import totp

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [  # RFC 6238, appendix B, SHA-1
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    step = seconds // totp.STEP_SECONDS
    assert totp.code_at(SECRET, step, digits=8) == code
    assert totp.matching_step(SECRET, code[2:], seconds, used_step=-1) == step


@pytest.mark.parametrize(
    ("seconds", "sha256", "sha512"),
    [  # RFC 6238, appendix B; the keys as its erratum 2866 says, as long as the digest
        (59, "46119246", "90693936"),
        (1111111109, "68084774", "25091201"),
        (1111111111, "67062674", "99943326"),
        (1234567890, "91819424", "93441116"),
        (2000000000, "90698825", "38618901"),
        (20000000000, "77737706", "47863826"),
    ],
)
def test_the_vectors_of_rfc_6238_with_longer_digests(seconds: int, sha256: str, sha512: str) -> None:
    step, digits = seconds // totp.STEP_SECONDS, "1234567890" * 7
    assert totp.code_at(digits[:32].encode(), step, 8, SHA256()) == sha256
    assert totp.code_at(digits[:64].encode(), step, 8, SHA512()) == sha512


def test_the_vectors_of_rfc_4226() -> None:  # appendix D
    codes = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489".split()
    assert [totp.code_at(SECRET, count) for count in range(10)] == codes


def test_a_code_is_good_for_a_step_to_either_side_and_once() -> None:
    now, step = 1_000_000_000.0, 1_000_000_000 // 30
    for drift, good in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        code = totp.code_at(SECRET, step + drift)
        assert (totp.matching_step(SECRET, code, now, used_step=-1) == step + drift) is good
    code = totp.code_at(SECRET, step)
    assert totp.matching_step(SECRET, code, now, used_step=step) is None
    # Neither is one from before the last that was used (RFC 6238, 5.2).
    assert totp.matching_step(SECRET, totp.code_at(SECRET, step - 1), now, used_step=step) is None
    assert totp.matching_step(SECRET, f" {code[:3]} {code[3:]} ", now, used_step=step - 1) == step
    for junk in ("", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "-12345"):
        assert totp.matching_step(SECRET, junk, now, used_step=-1) is None


def test_the_address_for_authenticators() -> None:
    uri = urlsplit(totp.provisioning_uri(SECRET, "jürgen@xn--bcher-kva.example", "Post & Co: x"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == "/Post & Co: x:jürgen@xn--bcher-kva.example"
    assert parse_qs(uri.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["Post & Co: x"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


def test_recovery_codes() -> None:
    codes = {totp.new_recovery_code() for _ in range(200)}
    assert len(codes) == 200
    code = codes.pop()
    assert len(code) == 29 and code.count("-") == 5
    typed = f"  {code.upper().replace('-', ' ')} "
    assert totp.recovery_hash("a@b", typed) == totp.recovery_hash("a@b", code)
    assert totp.recovery_hash("c@b", code) != totp.recovery_hash("a@b", code)
