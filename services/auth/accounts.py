"""Account ids: the normalised e-mail address that everything about a person hangs on.

Invariant: `normalise` is idempotent, and the mail server is asked with a name made from the account id alone.
Two spellings of one address are one account, and two mail accounts never become one.
"""

from __future__ import annotations

import unicodedata

import idna

MAX_LOCAL_OCTETS = 64  # RFC 5321, 4.5.3.1.1
MAX_DOMAIN_OCTETS = 253  # RFC 1035, 2.3.4 without the final dot
_FORBIDDEN = set('"(),:;<>[\\]@')  # a quoted local part (RFC 5322, 3.2.4) is nobody's login


class MalformedAddress(ValueError):
    """The text is no e-mail address that somebody could sign in with."""


def normalise(text: str, default_domain: str | None = None) -> str:
    """The account id for what somebody typed: trimmed, lower case, the domain as A-labels (RFC 5891).

    A bare name gets `default_domain` where there is one.
    """
    text = unicodedata.normalize("NFC", text.strip())
    local, at, domain = text.rpartition("@")
    if not at:
        if not default_domain:
            raise MalformedAddress("no @")
        local, domain = text, default_domain
    return f"{_local(local)}@{_domain(domain)}"


def login_name(account: str, form: str) -> str:
    """What the mail server is asked with: the whole address, or (form "localpart") what stands before the
    @."""
    return account.rpartition("@")[0] if form == "localpart" else account


def _local(local: str) -> str:
    local = unicodedata.normalize("NFC", local.lower())
    if not local or len(local.encode()) > MAX_LOCAL_OCTETS:
        raise MalformedAddress("local part")
    if any(char in _FORBIDDEN or char.isspace() or unicodedata.category(char)[0] == "C" for char in local):
        raise MalformedAddress("local part")
    return local


def _domain(domain: str) -> str:
    # One final dot is the root; more are nothing.
    domain = domain.strip().lower().removesuffix(".")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise MalformedAddress("domain") from None
    if not ascii_domain or len(ascii_domain) > MAX_DOMAIN_OCTETS:
        raise MalformedAddress("domain")
    return ascii_domain
