"""Counter-based one-time passwords (RFC 4226), as cards and keys with a button make them.

A card counts each press, also those that nobody types in. So the server looks ahead a few counters (7.2);
where the card ran further, two codes in a row bring it back (7.4).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from services.auth.totp import code_at

LOOK_AHEAD = 10  # RFC 4226, 7.4: as small as is bearable
RESYNC_AHEAD = 200
DIGITS = (6, 7, 8)  # RFC 4226, 5.3 and E.1
MIN_SECRET, MAX_SECRET = 16, 64  # RFC 4226, 4, R6: 128 bits at least


@dataclass(frozen=True)
class Verdict:
    """`used`: the counter whose code was right, None where it is not accepted. `resync`: the counter to
    remember, of a code that is right but far ahead; the next one in a row is accepted."""

    used: int | None
    resync: int = -1


def judge(secret: bytes, digits: int, code: str, used: int, resync: int = -1) -> Verdict:
    """What `code` is, after counter `used` was the last that was accepted: an earlier one is refused."""
    typed = "".join(code.split())
    if len(typed) != digits or not (typed.isascii() and typed.isdigit()):
        return Verdict(None, resync)
    found = None
    # To the end, and not to the first that fits: how far it was takes the same time.
    for counter in range(used + RESYNC_AHEAD, used, -1):
        if hmac.compare_digest(code_at(secret, counter, digits), typed):
            found = counter
    if found is None:
        return Verdict(None, resync)
    if found <= used + LOOK_AHEAD:
        return Verdict(found)
    if resync > used and hmac.compare_digest(code_at(secret, resync + 1, digits), typed):
        return Verdict(resync + 1)
    return Verdict(None, found)


def first_pair(secret: bytes, first: str, second: str) -> tuple[int, int] | None:
    """Digits and counter of two codes in a row, of a card that may have been used before; None where they are
    not two of it."""
    one, two = ("".join(code.split()) for code in (first, second))
    if len(one) != len(two) or len(one) not in DIGITS or not (one + two).isascii():
        return None
    for counter in range(10 * RESYNC_AHEAD):
        if hmac.compare_digest(code_at(secret, counter, len(one)), one) and hmac.compare_digest(
            code_at(secret, counter + 1, len(one)), two
        ):
            return len(one), counter + 1
    return None


def read_secret(text: str) -> bytes | None:
    """A card's secret as its maker wrote it: hex, or base32. None where it is neither, too short or too
    long."""
    plain = "".join(char for char in text if char not in " -\t\r\n")
    try:
        raw = bytes.fromhex(plain)
    except ValueError:
        try:
            padded = plain.upper().rstrip("=")
            raw = base64.b32decode(padded + "=" * (-len(padded) % 8))
        except (binascii.Error, ValueError):
            return None
    return raw if MIN_SECRET <= len(raw) <= MAX_SECRET else None


def provisioning_uri(secret: bytes, account: str, issuer: str) -> str:
    """The otpauth:// address for a card that can be written, or an app that counts."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    parameters = {
        "secret": base64.b32encode(secret).decode().rstrip("="),
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": "6",
        "counter": "0",
    }
    return f"otpauth://hotp/{label}?{urlencode(parameters, quote_via=quote)}"
