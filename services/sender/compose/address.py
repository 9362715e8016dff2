"""Checks an address and gives it the form it has on the wire.

A domain goes out in its ASCII form (RFC 5891), so an internationalised domain needs nothing of the server.
Only a local part beyond ASCII needs SMTPUTF8 (RFC 6531).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import idna

from services.common.errors import PosternError, Reason

MAX_LOCAL_OCTETS = 64  # RFC 5321, 4.5.3.1.1
MAX_DOMAIN_OCTETS = 255  # RFC 5321, 4.5.3.1.2
MAX_PATH_OCTETS = 254  # RFC 5321, 4.5.3.1.3 (256 with the angle brackets)

# RFC 5322, 3.2.3 atext, with RFC 6532's UTF-8 beyond ASCII.
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]|[^\x00-\x7f]")
# What nobody sees, or what makes an address look like another: spaces, separators, direction marks.
_UNSEEN = re.compile("[\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_DOT_ATOM = re.compile(rf"(?:{_ATOM.pattern})+(?:\.(?:{_ATOM.pattern})+)*\Z")
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~]|\\[ -~])*"\Z')
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")


@dataclass(frozen=True)
class Mailbox:
    """A checked address: `local` as typed, `domain` in ASCII and lower case."""

    local: str
    domain: str

    @property
    def address(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        return not self.local.isascii()

    @property
    def key(self) -> str:
        """Equal for the same mailbox as far as can be told from outside (RFC 5321, 2.4)."""
        return self.address


def bad_address(field: str, problem: str, address: str) -> PosternError:
    """INVALID_ARGUMENT that names the field and the address, so that the page can mark it."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in address[:320])
    metadata = {"field": field, "problem": problem, "address": shown}
    return PosternError(Reason.INVALID_ARGUMENT, metadata=metadata)


def parse_address(text: str, field: str) -> Mailbox:
    """The address in `text` ("local@domain"); INVALID_ARGUMENT with field, problem and address otherwise."""
    text = text.strip(" ")
    if not text:
        raise bad_address(field, "address_missing", text)
    local, at, domain = text.rpartition("@")
    if not at or not local:
        raise bad_address(field, "address_without_at" if not at else "address_local_part", text)
    if not domain:
        raise bad_address(field, "address_domain", text)
    if not _local_part(local):
        raise bad_address(field, "address_local_part", text)
    mailbox = Mailbox(local, _domain(domain, field, text))
    if len(mailbox.address.encode()) > MAX_PATH_OCTETS:
        raise bad_address(field, "address_too_long", text)
    return mailbox


def _local_part(local: str) -> bool:
    if len(local.encode()) > MAX_LOCAL_OCTETS or _UNSEEN.search(local):
        return False
    if any(not c.isprintable() and unicodedata.category(c) != "Cf" for c in local):
        return False
    return bool(_DOT_ATOM.match(local) or _QUOTED.match(local))


def _domain(domain: str, field: str, text: str) -> str:
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise bad_address(field, "address_domain", text) from None
    domain = domain.lower()
    if len(domain) > MAX_DOMAIN_OCTETS or not all(_LABEL.match(label) for label in domain.split(".")):
        raise bad_address(field, "address_domain", text)
    return domain


def same_mailbox(first: str, second: str) -> bool:
    """Whether two addresses name one account: sign-in names are compared without case."""
    try:
        left, right = parse_address(first, "a"), parse_address(second, "b")
    except PosternError:
        return False
    return left.domain == right.domain and left.local.casefold() == right.local.casefold()
