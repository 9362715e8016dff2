"""The kind of an address or of a telephone number in a contact, in the words of who reads it.

Other programs write a word of vCard's (RFC 6350 sections 5.6 and 6.4.1) into the contact; what a person typed
that is none of them stays as it is.
"""

from __future__ import annotations

from services.web.i18n import gettext as _
from services.web.i18n import mark as N_

_KINDS = {
    "work": N_("Work"),
    "home": N_("Home"),
    "mobile": N_("Mobile"),
    "cell": N_("Mobile"),
    "fax": N_("Fax"),
    "pager": N_("Pager"),
    "other": N_("Other"),
}


def shown(label: str) -> str:
    """LABEL in the reader's language where it is a word of vCard's in any case, else as it was typed."""
    known = _KINDS.get(label.casefold())
    return _(known) if known else label


def typed(label: str) -> str:
    """What is kept of LABEL: vCard's word where `shown` gives that, so that others know it, too."""
    return next((word for word in _KINDS if label.casefold() == shown(word).casefold()), label)


def same(one: str, other: str) -> bool:
    """Whether two words are vCard's for one thing ("cell" and "mobile"), or one word."""
    return one == other or _KINDS.get(one.casefold(), one) == _KINDS.get(other.casefold(), other)
