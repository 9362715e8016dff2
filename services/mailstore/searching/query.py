"""What a person types into the search box → terms, all of which must hold, and choices, of each of which one
must.

OR binds two terms closer than standing beside each other does: `a b OR c` is a and (b or c). Tolerant: an
operator that is not known, or whose value cannot be read, is taken as words to look for; a quote that is not
closed ends at the end; an OR without a term on both sides says nothing, unless it is all there is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from services.common.errors import invalid_argument

MAX_TEXT = 2000
MAX_TERMS = 40


class Field(StrEnum):
    """What a term looks at."""

    ANY = "any"
    FROM = "from"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    SUBJECT = "subject"
    BODY = "body"
    HAS = "has"
    IS = "is"
    BEFORE = "before"
    AFTER = "after"
    ON = "on"
    LARGER = "larger"
    SMALLER = "smaller"
    LABEL = "label"
    LIST = "list"
    MESSAGE_ID = "rfc822msgid"


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `value` is text, a number of octets, or a day."""

    field: Field
    value: str | int | date
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """All of `terms`, and of each of `choices`, which have two terms at least, one; `places` are the values
    of in:, as typed.
    """

    terms: tuple[Term, ...] = ()
    places: tuple[str, ...] = ()
    choices: tuple[tuple[Term, ...], ...] = ()

    @property
    def empty(self) -> bool:
        return not self.terms and not self.choices

    @property
    def names_a_message(self) -> bool:
        """Whether it asks for one message, or for some, by their Message-IDs."""
        asked = [(term,) for term in self.terms] + list(self.choices)
        return any(
            all(term.field is Field.MESSAGE_ID and not term.negated for term in choice) for choice in asked
        )


# What is looked for as it may be spelt; other values are names.
_SPELT = frozenset({Field.ANY, Field.FROM, Field.TO, Field.CC, Field.BCC, Field.SUBJECT, Field.BODY})
_WORD = re.compile(r'\s*(-)?(?:([A-Za-z0-9][A-Za-z0-9_-]*):)?(?:"([^"]*)(?:"|\Z)|(\S+))', re.DOTALL)
_SIZE = re.compile(r"(\d{1,12})\s*([kmg]?)(?:i?b)?\Z", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?\Z")
_AGO = re.compile(r"(\d{1,4})([dwmy])\Z")
_UNIT = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_ALIASES = {
    "bigger": Field.LARGER,
    "since": Field.AFTER,
    "newer": Field.AFTER,
    "newer_than": Field.AFTER,
    "older": Field.BEFORE,
    "older_than": Field.BEFORE,
    "keyword": Field.LABEL,
    "tag": Field.LABEL,
    "message-id": Field.MESSAGE_ID,
}
_IS = {
    "unread": ("seen", True),
    "unseen": ("seen", True),
    "read": ("seen", False),
    "seen": ("seen", False),
    "starred": ("flagged", False),
    "flagged": ("flagged", False),
    "answered": ("answered", False),
    "replied": ("answered", False),
    "forwarded": ("forwarded", False),
    "draft": ("draft", False),
    "new": ("seen", True),
}


def parse(text: str, today: date | None = None) -> Query:
    """The query. INVALID_ARGUMENT where it is too long."""
    if len(text) > MAX_TEXT:
        raise invalid_argument("query.text", "too_long")
    day = today or datetime.now(UTC).date()
    groups: list[list[Term]] = []
    places: list[str] = []
    position = 0
    # Whether what came last is a term, and whether the next one is another choice beside it.
    before = joins = False
    while match := _WORD.match(text, position):
        position = match.end()
        negated, name, quoted, plain = match.groups()
        if plain == "OR" and not negated and not name and text.strip() != "OR":
            joins, before = before, False
            continue
        value = (quoted if quoted is not None else plain).strip()
        if name and name.lower() == "in" and value and not negated:
            places.append(value)
            before = joins = False
            continue
        term = _operator(name.lower(), value, bool(negated), day) if name else None
        if term is None and (not name or value or quoted is None):
            term = _words(f"{name}:{value}" if name else value, bool(negated))
        if term is None:
            continue
        if joins:
            groups[-1].append(term)
        else:
            groups.append([term])
        before, joins = True, False
    if sum(map(len, groups)) > MAX_TERMS:
        raise invalid_argument("query.text", "too_many_terms")
    every = [group for written in groups for group in _spelt(written)]
    return Query(
        tuple(group[0] for group in every if len(group) == 1),
        tuple(places),
        tuple(tuple(group) for group in every if len(group) > 1),
    )


def _spelt(group: list[Term]) -> list[list[Term]]:
    """Groups that find what is spelt with "ss" where this one has ß, as it is where there is no such letter.
    Not the other way round: every "message" would be looked for as "meßage" too, beyond US-ASCII, which there
    are servers that refuse (RFC 9051 section 6.4.4).
    """
    if len(group) == 1 and group[0].negated:
        return [group, *([one] for one in _with_ss(group))]
    return [[*group, *_with_ss([term for term in group if not term.negated])]]


def _with_ss(terms: list[Term]) -> list[Term]:
    return [
        replace(term, value=term.value.replace("ß", "ss").replace("ẞ", "SS"))
        for term in terms
        if term.field in _SPELT and isinstance(term.value, str) and ("ß" in term.value or "ẞ" in term.value)
    ]


def _words(value: str, negated: bool) -> Term | None:
    words = "".join(char if char.isprintable() else " " for char in value).strip()
    return Term(Field.ANY, words, negated) if words and words != "-" else None


def _operator(name: str, value: str, negated: bool, today: date) -> Term | None:
    try:
        field = _ALIASES.get(name) or Field(name)
    except ValueError:
        return None
    if not value or not value.isprintable() or field is Field.ANY:
        return None
    low = value.lower()
    match field:
        case Field.IS:
            if low not in _IS:
                return None
            flag, inverse = _IS[low]
            return Term(Field.IS, flag, negated != inverse)
        case Field.HAS:
            return (
                Term(Field.HAS, "attachment", negated)
                if low in ("attachment", "attachments", "file")
                else None
            )
        case Field.BEFORE | Field.AFTER | Field.ON:
            when = _day(low, today)
            return Term(field, when, negated) if when else None
        case Field.LARGER | Field.SMALLER:
            size = _SIZE.match(value)
            return (
                Term(field, min(int(size[1]) * _UNIT[size[2].lower()], 2**32 - 1), negated) if size else None
            )
        case Field.MESSAGE_ID:
            # With its angle brackets or without (RFC 5322 section 3.6.4).
            value = value.strip("<> ")
            return Term(field, value, negated) if value else None
    return Term(field, value, negated)


def _day(text: str, today: date) -> date | None:
    if text in ("today", "yesterday"):
        return today - timedelta(days=text == "yesterday")
    ago = _AGO.match(text)
    if ago:
        return today - timedelta(days=min(int(ago[1]) * _DAYS[ago[2]], 36500))
    match = _DATE.match(text)
    if not match:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3] or 1))
    except ValueError:
        return None
