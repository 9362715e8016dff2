"""What a person types into the search box, piece by piece: shown as filters, changed by a link, completed
while it is typed.

mailstore alone decides what a text finds (its `searching/query.py`); here are only the words for it. A piece
that mailstore would take as words to look for is one here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.web.i18n import gettext as _

_PIECE = re.compile(r'\s*(-)?(?:([A-Za-z0-9_]+):)?("[^"]*(?:"|\Z)|\S+)', re.DOTALL)
_SAME = {
    "bigger": "larger",
    "since": "after",
    "newer": "after",
    "newer_than": "after",
    "older": "before",
    "older_than": "before",
    "keyword": "label",
    "tag": "label",
}
PEOPLE = ("from", "to", "cc", "bcc")
NAMES = (*PEOPLE, "subject", "body", "has", "is", "before", "after", "on", "larger", "smaller", "label", "in")
# What has few values that one would type.
_VALUES = {"has": ("attachment",), "is": ("unread", "read", "starred", "answered", "forwarded", "draft")}
MOST_OPTIONS = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """`text` as it was written; `name` of its operator, "" for words."""

    text: str
    name: str = ""
    value: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """One way to go on: `value` is the whole text then, `more` that it needs a value still."""

    value: str
    text: str
    hint: str = ""
    more: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """An operator in words, and the text without it."""

    label: str
    rest: str


def pieces(text: str) -> list[Piece]:
    found: list[Piece] = []
    at = 0
    while match := _PIECE.match(text, at):
        at = match.end()
        minus, name, value = match.groups()
        known = _SAME.get((name or "").lower(), (name or "").lower())
        plain = value.strip('"').strip()
        if known not in NAMES or not plain or (known in _VALUES and not _flag_label(known, plain)):
            known = ""
        found.append(Piece(match[0].strip(), known, plain, bool(minus)))
    return found


def filters(text: str, places: Mapping[str, str]) -> list[Filter]:
    """The operators of a text, those that OR joins as one; `places` has what mailboxes are called."""
    every = pieces(text)
    found: list[Filter] = []
    for group in _choices(every):
        terms = [every[n] for n in group if not _is_or(every[n])]
        if any(piece.name for piece in terms):
            rest = " ".join(other.text for m, other in enumerate(every) if m not in group)
            found.append(Filter(_either([label(piece, places) for piece in terms]), rest))
    return found


def _is_or(piece: Piece) -> bool:
    return piece.text == "OR"


def _choices(every: Sequence[Piece]) -> list[list[int]]:
    """Numbers of pieces that belong together: each alone, or what OR joins with it between."""
    groups: list[list[int]] = []
    joins = False
    for n, piece in enumerate(every):
        if _is_or(piece) and 0 < n < len(every) - 1:
            before, after = every[n - 1], every[n + 1]
            # Where to look is no choice beside what to look for (services/mailstore/searching/query.py).
            joins = not _is_or(before) and not _is_or(after) and (before.name == "in") is (after.name == "in")
            if joins:
                groups[-1].append(n)
        elif joins:
            groups[-1].append(n)
            joins = False
        else:
            groups.append([n])
    return groups


def _either(labels: Sequence[str]) -> str:
    words = labels[0]
    for other in labels[1:]:
        # Translators: two filters of a search, of which one must hold: "From: anna or From: bob"
        words = _("%(one)s or %(other)s") % {"one": words, "other": other}
    return words


def label(piece: Piece, places: Mapping[str, str]) -> str:
    """A piece in the reader's words."""
    words = _label(piece, places)
    # Translators: before what a message must not be or have, in a search
    return _("Not: %(what)s") % {"what": words} if piece.negated else words


def _label(piece: Piece, places: Mapping[str, str]) -> str:
    value = {"value": piece.value}
    match piece.name:
        case "has" | "is":
            return _flag_label(piece.name, piece.value)
        case "from":
            return _("From: %(value)s") % value
        case "to":
            return _("To: %(value)s") % value
        case "cc":
            return _("Cc: %(value)s") % value
        case "bcc":
            return _("Bcc: %(value)s") % value
        case "subject":
            return _("Subject: %(value)s") % value
        case "body":
            return _("Text: %(value)s") % value
        case "before":
            return _("Before %(value)s") % value
        case "after":
            return _("Since %(value)s") % value
        case "on":
            return _("On %(value)s") % value
        case "larger":
            return _("Larger than %(value)s") % value
        case "smaller":
            return _("Smaller than %(value)s") % value
        case "label":
            return _("Label: %(value)s") % value
        case "in":
            return _("In: %(value)s") % {"value": places.get(piece.value, piece.value)}
    return piece.text


def _flag_label(name: str, value: str) -> str:
    if name == "has":
        return _("With attachments") if value.lower() in ("attachment", "attachments", "file") else ""
    match value.lower():
        case "unread" | "unseen" | "new":
            return _("Unread")
        case "read" | "seen":
            return _("Read")
        case "starred" | "flagged":
            return _("Starred")
        case "answered" | "replied":
            return _("Answered")
        case "forwarded":
            return _("Forwarded")
        case "draft":
            return _("Drafts")
    return ""


def with_piece(text: str, piece: str) -> str:
    return f"{text.strip()} {piece}".strip()


def quoted(value: str) -> str:
    plain = value.replace('"', "").strip()
    return f'"{plain}"' if " " in plain else plain


def split(text: str) -> tuple[str, str, str]:
    """(all before, operator with its minus, value so far) of the piece that is being typed."""
    start, inside = 0, False
    for at, char in enumerate(text):
        if char == '"':
            inside = not inside
        elif char.isspace() and not inside:
            start = at + 1
    last = text[start:]
    match = re.match(r"(-?[A-Za-z0-9]+):", last)
    if match is None:
        return text[:start], "", last
    return text[:start], match[1], last[match.end() :].strip('"')


def operators(before: str, typed: str) -> list[Option]:
    """Those that begin with what was typed, with what each is for."""
    minus = "-" if typed.startswith("-") else ""
    begun = typed.removeprefix("-").lower()
    every = (
        ("from:", _("who wrote it")),
        ("to:", _("to whom it went")),
        ("subject:", _("words of the subject")),
        ("has:attachment", _("with attachments")),
        ("is:unread", _("not read yet")),
        ("is:starred", _("with a star")),
        ("before:", _("before that day")),
        ("after:", _("that day or later")),
        ("larger:", _("of that size or more")),
        ("in:", _("in one mailbox")),
        ("cc:", _("who got a copy")),
        ("body:", _("words of the text")),
        ("label:", _("with a label")),
        ("smaller:", _("below that size")),
        ("is:answered", _("that was answered")),
        *([("OR", _("what is before it, or what comes next"))] if before.strip() and not minus else []),
    )
    most = MOST_OPTIONS if not begun else len(every)
    return [
        Option(
            f"{before}{minus}{name}{'' if name.endswith(':') else ' '}",
            minus + name,
            hint,
            name[-1] == ":" or name == "OR",
        )
        for name, hint in every
        if name.lower().startswith(begun)
    ][:most]


def values(before: str, operator: str, typed: str) -> list[Option]:
    """What may stand after an operator that is not about people or mailboxes."""
    name = _SAME.get(operator.removeprefix("-").lower(), operator.removeprefix("-").lower())
    known: Sequence[tuple[str, str]] = ()
    if name in _VALUES:
        known = [(value, _flag_label(name, value)) for value in _VALUES[name]]
    elif name in ("before", "after", "on"):
        known = [
            ("today", _("today")),
            ("yesterday", _("yesterday")),
            *(
                (("7d", _("a week ago")), ("1m", _("a month ago")), ("1y", _("a year ago")))
                if name != "on"
                else ()
            ),
        ]
    elif name in ("larger", "smaller"):
        known = [(value, "") for value in ("100k", "1M", "5M", "10M")]
    return [
        Option(f"{before}{operator}:{value} ", f"{operator}:{value}", hint)
        for value, hint in known
        if value.lower().startswith(typed.lower())
    ]


def mailboxes(before: str, operator: str, typed: str, places: Iterable[tuple[str, str]]) -> list[Option]:
    """Mailboxes, of (name, as shown), in which what was typed occurs."""
    begun = typed.casefold()
    found = [
        Option(f"{before}{operator}:{quoted(name)} ", shown, name if name != shown else "")
        for name, shown in places
        if '"' not in name and (begun in shown.casefold() or begun in name.casefold())
    ]
    return found[:MOST_OPTIONS]


def person(before: str, operator: str, address: str, name: str) -> Option:
    return Option(f"{before}{operator}:{quoted(address)} ", name or address, address if name else "")
