"""A parsed query → SQL over the index.

Words are whole words or, from four letters on, their beginnings; case and accents do not matter. A word with
punctuation in it, such as an address, is looked for as its parts in a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from services.mailstore.index import schema
from services.mailstore.index.sortkeys import UNSPACED, spaced
from services.mailstore.names import encode_label
from services.mailstore.searching.query import Field, Query, Term

# Shorter beginnings match too much to be of use, and cost most.
_PREFIX_FROM = 4
_WORD = re.compile(r"\w+", re.UNICODE)
_COLUMNS = {
    Field.FROM: "sender",
    Field.TO: "recipients",
    Field.CC: "copied",
    Field.BCC: "copied",
    Field.SUBJECT: "subject",
    Field.BODY: "body",
}
_FLAGS = {
    "seen": schema.SEEN,
    "flagged": schema.FLAGGED,
    "answered": schema.ANSWERED,
    "draft": schema.DRAFT,
    "forwarded": schema.FORWARDED,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on rows of `message`."""

    sql: str
    parameters: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to match in the words (None: nothing), what must hold of the rows, and whether the words are
    wanted or only excluded.
    """

    match: str | None
    excluded: tuple[str, ...]
    rows: tuple[Condition, ...]

    @property
    def condition(self) -> Condition:
        """All of it as one condition."""
        parts = [condition.sql for condition in self.rows]
        parameters = [value for condition in self.rows for value in condition.parameters]
        if self.match is not None:
            parts.append("id IN (SELECT rowid FROM words WHERE words MATCH ?)")
            parameters.append(self.match)
        for excluded in self.excluded:
            parts.append("id NOT IN (SELECT rowid FROM words WHERE words MATCH ?)")
            parameters.append(excluded)
        return Condition(" AND ".join(parts) or "1", tuple(parameters))


def plan(query: Query) -> Plan | None:
    """How to answer `query`; None where only the server can (list:, rfc822msgid:, or words without a
    letter).
    """
    wanted: list[str] = []
    excluded: list[str] = []
    rows: list[Condition] = []
    for term in query.terms:
        if term.field is Field.ANY or term.field in _COLUMNS:
            phrase = _phrase(term)
            if phrase is None:
                return None
            (excluded if term.negated else wanted).append(phrase)
            continue
        condition = _on_row(term)
        if condition is None:
            return None
        rows.append(Condition(f"NOT ({condition.sql})", condition.parameters) if term.negated else condition)
    if wanted:
        match = " AND ".join(wanted)
        for phrase in excluded:
            match = f"({match}) NOT ({phrase})"
        return Plan(match, (), tuple(rows))
    return Plan(None, tuple(excluded), tuple(rows))


def _phrase(term: Term) -> str | None:
    text = str(term.value)
    column = _COLUMNS.get(term.field)
    runs = _WORD.findall(spaced(text))
    if not runs:
        return None
    phrase = " + ".join(f'"{run}"' for run in runs)
    if UNSPACED.match(text[-1]):
        # Of "abc" the words are ab, bc and c: the last stands for whatever begins with it.
        phrase += " *"
    elif _WORD.match(text[-1]) and len(runs[-1]) >= _PREFIX_FROM and " " not in text:
        phrase += " *"
    return f"({column} : {phrase})" if column else f"({phrase})"


def _on_row(term: Term) -> Condition | None:
    value = term.value
    match term.field:
        case Field.IS:
            bit = _FLAGS.get(str(value))
            return Condition(f"flags & {bit} != 0", ()) if bit else None
        case Field.HAS:
            return Condition("attachment", ())
        case Field.LARGER:
            # The second half lets the index of large messages serve.
            large = " AND size >= 262144" if isinstance(value, int) and value >= 262144 else ""
            return Condition("size > ?" + large, (value,))
        case Field.SMALLER:
            return Condition("size < ?", (value,))
        case Field.LABEL:
            keyword = encode_label(str(value)).replace("^", "^^").replace("%", "^%").replace("_", "^_")
            like = "keywords IS NOT NULL AND ' ' || keywords || ' ' LIKE ? ESCAPE '^'"
            return Condition(like, (f"% {keyword} %",))
    if isinstance(value, date):
        start = int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
        end = start + int(timedelta(days=1).total_seconds())
        match term.field:
            case Field.BEFORE:
                return Condition("received < ?", (start,))
            case Field.AFTER:
                return Condition("received >= ?", (start,))
            case Field.ON:
                return Condition("received >= ? AND received < ?", (start, end))
    return None


def newest_first(plan_: Plan, mailboxes: Sequence[int] | None, before: int, limit: int) -> Condition:
    """SQL for numbers of matching messages, newest first, below number `before` (0: from the start)."""
    where: list[str] = []
    parameters: list[object] = []
    if plan_.match is not None:
        source = "words w CROSS JOIN message m ON m.id = w.rowid"
        where.append("words MATCH ?")
        parameters.append(plan_.match)
        key = "w.rowid"
    else:
        source = "message m"
        key = "m.id"
    if before:
        where.append(f"{key} < ?")
        parameters.append(before)
    if mailboxes is not None:
        where.append(f"m.mailbox IN ({','.join('?' * len(mailboxes))})")
        parameters.extend(mailboxes)
    for condition in _excluded(plan_):
        where.append(condition.sql)
        parameters.extend(condition.parameters)
    sql = f"SELECT m.id FROM {source} WHERE {' AND '.join(where) or '1'} ORDER BY {key} DESC LIMIT ?"  # noqa: S608
    return Condition(sql, (*parameters, limit))


def sorted_by(
    plan_: Plan, mailboxes: Sequence[int], column: str, ascending: bool, limit: int, skip: int
) -> Condition:
    """SQL for numbers of matching messages in the order of a column of `message`."""
    found = newest_first(plan_, mailboxes, 0, -1)
    direction = "ASC" if ascending else "DESC"
    sql = (
        f"SELECT id FROM message WHERE id IN ({found.sql}) "  # noqa: S608
        f"ORDER BY {column} {direction}, id {direction} LIMIT ? OFFSET ?"
    )
    return Condition(sql, (*found.parameters, limit, skip))


def count(plan_: Plan, mailboxes: Sequence[int] | None, most: int = -1) -> Condition:
    """SQL for how many match, counted up to `most`."""
    found = newest_first(plan_, mailboxes, 0, most)
    return Condition(f"SELECT count(*) FROM ({found.sql})", found.parameters)  # noqa: S608


def _excluded(plan_: Plan) -> Iterable[Condition]:
    yield from plan_.rows
    for phrase in plan_.excluded:
        yield Condition("m.id NOT IN (SELECT rowid FROM words WHERE words MATCH ?)", (phrase,))
