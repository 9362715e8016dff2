"""What a person types into To, Cc and Bcc, and how it is shown again.

Accepts what people paste: "Name <a@b>", a@b, lists by comma, semicolon or line, quoted names, and groups
(RFC 5322 section 3.4) as "Name: a@b, c@d;".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from services.web.model.mail import Address

# dot-atom with Unicode (RFC 6531 section 3.3); a quoted local part is passed through.
_ATOM = r"[^\s@<>()\[\]\\,;:\"]+"
_ADDRESS = re.compile(rf'({_ATOM}|"[^"\r\n]{{1,64}}")@({_ATOM}|\[[0-9A-Fa-f:.]+\])\Z')
_SPECIALS = re.compile(r'[()<>\[\]:;@\\,"]')
MAX_LENGTH = 320


def good(address: str) -> bool:
    """Whether it can be an address at all; whether it exists only the mail system knows."""
    match = _ADDRESS.match(address)
    if not match or len(address) > MAX_LENGTH:
        return False
    local, domain = match[1], match[2]
    if ".." in address or local.startswith(".") or local.endswith("."):
        return False
    return domain.startswith("[") or all(
        label and len(label) <= 63 and not label.startswith("-") and not label.endswith("-")
        for label in domain.split(".")
    )


def _pieces(text: str) -> list[tuple[str, str]]:
    """(piece, the character that ended it); separators within quotes, comments and <> do not count."""
    pieces, current, quoted, depth, angle, escaped = [], "", False, 0, False, False
    for char in text:
        if escaped:
            current, escaped = current + char, False
            continue
        if char == "\\" and (quoted or depth):
            current, escaped = current + char, True
            continue
        if char == '"' and not depth:
            quoted = not quoted
        elif not quoted and char == "(":
            depth += 1
        elif not quoted and char == ")" and depth:
            depth -= 1
        elif not quoted and not depth and char == "<":
            angle = True
        elif not quoted and not depth and char == ">":
            angle = False
        if not quoted and not depth and not angle and char in ",;\n:":
            pieces.append((current, char))
            current = ""
            continue
        current += char
    pieces.append((current, ""))
    return pieces


def _one(piece: str, group: str) -> Address:
    text = " ".join(piece.split())
    match = re.match(r"(.*)<([^<>]*)>\s*(?:\([^()]*\))?\Z", text)
    if match:
        name, address = match[1].strip(), match[2].strip()
    else:
        comment = re.match(r"(\S+@\S+)\s*\(([^()]*)\)\Z", text)
        name, address = (comment[2], comment[1]) if comment else ("", text)
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    address = address.removeprefix("mailto:")
    return Address(name[:200], address, group)


def parse(text: str) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """The addresses, and the pieces that are none, as typed."""
    found: list[Address] = []
    bad: list[str] = []
    group = ""
    for piece, end in _pieces(text):
        if end == ":":
            if "mailto" not in piece.lower():
                group = " ".join(piece.split()).strip('"')[:200]
            continue
        if piece.strip():
            entry = _one(piece, group)
            if good(entry.address):
                found.append(entry)
            else:
                bad.append(" ".join(piece.split()))
        if end == ";":
            group = ""
    return tuple(found), tuple(bad)


def show(entry: Address) -> str:
    """As typed: the name quoted where it needs to be."""
    if not entry.address:
        # What was no address yet when the draft was saved: kept as an empty group named by it.
        return entry.name or entry.group
    if not entry.name or entry.name == entry.address:
        return entry.address
    name = entry.name
    if _SPECIALS.search(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{entry.address}>"


def join(entries: Iterable[Address]) -> str:
    """A field's text, also what is no address yet. Groups are written out as their members."""
    return ", ".join(show(entry) for entry in entries if entry.address or entry.name or entry.group)


def same(one: str, other: str) -> bool:
    """Whether two addresses are one mailbox as far as anybody but its server can tell: case does not
    count."""
    return one.strip().lower() == other.strip().lower()
