"""A query → the keys of IMAP SEARCH (RFC 9051 section 6.4.4)."""

from __future__ import annotations

from datetime import date

from services.mailstore.imap.syntax import Literal, search_date, string
from services.mailstore.names import encode_label
from services.mailstore.searching.query import Field, Query, Term

_FLAGS = {
    "seen": (b"SEEN", b"UNSEEN"),
    "flagged": (b"FLAGGED", b"UNFLAGGED"),
    "answered": (b"ANSWERED", b"UNANSWERED"),
    "draft": (b"DRAFT", b"UNDRAFT"),
    "forwarded": (b"KEYWORD $Forwarded", b"UNKEYWORD $Forwarded"),
}
_TEXT = {
    Field.ANY: b"TEXT",
    Field.FROM: b"FROM",
    Field.TO: b"TO",
    Field.CC: b"CC",
    Field.BCC: b"BCC",
    Field.SUBJECT: b"SUBJECT",
    Field.BODY: b"BODY",
    Field.LIST: b"HEADER List-Id",
    Field.MESSAGE_ID: b"HEADER Message-ID",
}
_DATES = {Field.BEFORE: b"BEFORE", Field.AFTER: b"SINCE", Field.ON: b"ON"}


def keys(query: Query) -> list[bytes]:
    """The search keys as pieces of a command; ALL for the empty query."""
    pieces: list[bytes] = []
    for term in query.terms:
        pieces.extend(_term(term))
    for first, *others in query.choices:
        # OR takes two keys, the second of which may be an OR.
        for term in others:
            pieces.extend([b"OR", *_term(term)])
        pieces.extend(_term(first))
    return pieces or [b"ALL"]


def command(query: Query) -> list[bytes]:
    """The pieces from the charset on: only where a key needs it, since servers without it refuse
    (BADCHARSET).
    """
    pieces = keys(query)
    return [b"CHARSET", b"UTF-8", *pieces] if needs_charset(pieces) else pieces


def needs_charset(pieces: list[bytes]) -> bool:
    """Whether any piece is beyond US-ASCII."""
    return any(isinstance(piece, Literal) and not piece.isascii() for piece in pieces)


def _term(term: Term) -> list[bytes]:
    """One search key."""
    negation = [b"NOT"] if term.negated else []
    value = term.value
    if term.field is Field.IS:
        return [_FLAGS[str(value)][term.negated]]
    if term.field is Field.HAS:
        # SEARCH knows no attachments (RFC 9051). What mail with attachments looks like; an index knows
        # better.
        kind = b"HEADER Content-Type multipart/mixed"
        return [b"NOT " + kind] if term.negated else [kind]
    if isinstance(value, date):
        return [*negation, _DATES[term.field], search_date(value)]
    if isinstance(value, int):
        return [*negation, b"LARGER" if term.field is Field.LARGER else b"SMALLER", b"%d" % value]
    if term.field is Field.LABEL:
        return [b"UNKEYWORD" if term.negated else b"KEYWORD", encode_label(value).encode("ascii")]
    if term.field is Field.MESSAGE_ID:
        # The brackets make the server's "contains" (RFC 9051 section 6.4.4) "is".
        value = f"<{value}>"
    return [*negation, _TEXT[term.field], string(value.encode("utf-8"))]
