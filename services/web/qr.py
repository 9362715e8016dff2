"""QR codes, drawn here: the secret in them goes nowhere else."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import segno
from markupsafe import Markup

_MAX_URI = 1_000


def drawing(uri: str) -> Markup:
    """An <svg> of attributes alone (the pages' policy allows no inline style), dark on light in every theme:
    many readers see no code that is light on dark. With the quiet zone of ISO/IEC 18004, 4 modules."""
    code = segno.make(uri, error="m", micro=False)
    svg = code.svg_inline(omitsize=True, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None)
    return Markup(svg)  # noqa: S704 made of numbers alone


def otpauth(uri: str) -> str:
    """`uri` where it is an otpauth:// address for one-time passwords with a secret; else empty."""
    good = (
        len(uri) <= _MAX_URI
        and uri.startswith(("otpauth://totp/", "otpauth://hotp/"))
        and uri.isprintable()
        and uri.isascii()
    )
    return uri if good and secret(uri) else ""


def secret(uri: str) -> str:
    """The secret of an otpauth:// address in groups of four, for typing it."""
    try:
        found = parse_qs(urlsplit(uri).query).get("secret", [""])[0]
    except ValueError:
        return ""
    return " ".join(found[at : at + 4] for at in range(0, len(found), 4))
