"""A parsed query → SQL over the index.

Words are whole words or, from four letters on, their beginnings; case and accents do not matter. A word with
punctuation in it, such as an address, is looked for as its parts in a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from services.mailstore.index import ids, schema
from services.mailstore.index.model import MailboxState
from services.mailstore.index.sortkeys import UNSPACED, spaced
from services.mailstore.names import encode_label
from services.mailstore.searching.query import Field, Query, Term

# Messages of mailboxes whose numbers are gathered before a search rather than each match's row read.
_FEW = 10_000
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
_THREAD = (
    "SELECT coalesce(g.into_thread, t.thread) FROM msgid t LEFT JOIN merged g ON g.thread = t.thread "
    "WHERE t.hash = message_hash(?)"
)
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
    """How to answer `query`; None where only the server can (list:, or words without a letter)."""
    wanted: list[str] = []
    excluded: list[str] = []
    rows: list[Condition] = []
    for term in query.terms:
        if _in_words(term):
            phrase = _phrase(term)
            if phrase is None:
                return None
            (excluded if term.negated else wanted).append(phrase)
            continue
        condition = _row(term)
        if condition is None:
            return None
        rows.append(condition)
    for terms in query.choices:
        if all(_in_words(term) and not term.negated for term in terms):
            phrases = [_phrase(term) for term in terms]
            if None in phrases:
                return None
            wanted.append(f"({' OR '.join(map(str, phrases))})")
            continue
        choice = _choice(terms)
        if choice is None:
            return None
        rows.append(choice)
    if wanted:
        match = " AND ".join(wanted)
        for phrase in excluded:
            match = f"({match}) NOT ({phrase})"
        return Plan(match, (), tuple(rows))
    return Plan(None, tuple(excluded), tuple(rows))


def _in_words(term: Term) -> bool:
    return term.field is Field.ANY or term.field in _COLUMNS


def _choice(terms: Iterable[Term]) -> Condition | None:
    """That one of the terms holds, as a condition on rows."""
    some: list[Condition] = []
    for term in terms:
        if _in_words(term):
            phrase = _phrase(term)
            if phrase is None:
                return None
            having = "id IN (SELECT rowid FROM words WHERE words MATCH ?)"
            some.append(Condition(f"NOT {having}" if term.negated else having, (phrase,)))
            continue
        condition = _row(term)
        if condition is None:
            return None
        some.append(condition)
    sql = " OR ".join(f"({condition.sql})" for condition in some)
    return Condition(f"({sql})", tuple(value for condition in some for value in condition.parameters))


def _row(term: Term) -> Condition | None:
    """A term about rows, negated where it is."""
    condition = _on_row(term)
    if condition is None or not term.negated or term.field is Field.IS:
        return condition
    return Condition(f"NOT ({condition.sql})", condition.parameters)


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
            # Word for word the condition of an index, negated too.
            return Condition(f"flags & {bit} {'=' if term.negated else '!='} 0", ()) if bit else None
        case Field.HAS:
            return Condition("attachment", ())
        case Field.LARGER:
            # The second half lets the index of large messages serve.
            large = " AND size >= 262144" if isinstance(value, int) and value >= 262144 else ""
            return Condition("size > ?" + large, (value,))
        case Field.SMALLER:
            return Condition("size < ?", (value,))
        case Field.MESSAGE_ID:
            # There is no index of ids but the one that finds conversations; a conversation is soon read.
            return Condition(f"mid = message_hash(?) AND thread IN ({_THREAD})", (value, value))
        case Field.LABEL:
            keyword = encode_label(str(value)).replace("^", "^^").replace("%", "^%").replace("_", "^_")
            like = "keywords IS NOT NULL AND ' ' || keywords || ' ' LIKE ? ESCAPE '^'"
            return Condition(like, (f"% {keyword} %",))
    if isinstance(value, date):
        start = int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
        end = start + int(timedelta(days=1).total_seconds())
        match term.field:
            case Field.BEFORE:
                return _sooner(start)
            case Field.AFTER:
                return _later(start)
            case Field.ON:
                later, sooner = _later(start), _sooner(end)
                return Condition(f"{later.sql} AND {sooner.sql}", (*later.parameters, *sooner.parameters))
    return None


def _later(second: int) -> Condition:
    """Numbers grow with the time of arrival, so most of the others need not be looked at."""
    return Condition("received >= ? AND id >= ?", (second, second * ids.PER_SECOND))


def _sooner(second: int) -> Condition:
    overrun = "(SELECT value FROM meta WHERE key = 'overrun')"
    return Condition(f"received < ? AND id < ? + {overrun}", (second, second * ids.PER_SECOND))


@dataclass(frozen=True, slots=True)
class Scope:
    """Which mailboxes of the file are searched, which are not, and how many messages each of the two have."""

    wanted: tuple[int, ...]
    others: tuple[int, ...] = ()
    wanted_total: int = 0
    others_total: int = 0

    @classmethod
    def of(cls, states: Iterable[MailboxState], wanted: Iterable[int]) -> Scope:
        """`states`: all that the file holds, in part or whole, as of the moment of searching."""
        chosen = frozenset(wanted)
        inside = [state for state in states if state.id in chosen]
        outside = [state for state in states if state.id not in chosen and state.total]
        return cls(
            tuple(state.id for state in inside),
            tuple(state.id for state in outside),
            sum(state.total for state in inside),
            sum(state.total for state in outside),
        )

    def on_row(self) -> Condition:
        """As a condition on `message m`."""
        # "+": newest first through all of them, unless a few are to be found among very many; SQLite would
        # gather the whole of each mailbox and sort it.
        sign = "" if self.wanted_total < self.others_total // 10 else "+"
        return Condition(f"{sign}m.mailbox IN ({_marks(self.wanted)})", self.wanted)

    def on_words(self) -> Condition | None:
        """As a condition on the number of `words w` alone, None where that costs more than reading the row of
        each match.
        """
        if not self.others:
            return Condition("1", ())
        mailboxes = "(SELECT id FROM message WHERE mailbox IN ({}))"
        if self.others_total <= min(_FEW, self.wanted_total):
            return Condition("w.rowid NOT IN " + mailboxes.format(_marks(self.others)), self.others)
        if self.wanted_total <= _FEW:
            # "+": asked of each match, rather than each of them looked for among the words.
            return Condition("+w.rowid IN " + mailboxes.format(_marks(self.wanted)), self.wanted)
        return None


def newest_first(plan_: Plan, scope: Scope, before: int, limit: int) -> Condition:
    """SQL for numbers of matching messages, newest first, below number `before` (0: from the start)."""
    conditions: list[Condition] = []
    on_words = None
    if plan_.match is not None:
        conditions.append(Condition("words MATCH ?", (plan_.match,)))
        on_words = scope.on_words() if not plan_.rows else None
        source = "words w" if on_words is not None else "words w CROSS JOIN message m ON m.id = w.rowid"
        key = "w.rowid"
    else:
        source, key = "message m", "m.id"
    if before:
        conditions.append(Condition(f"{key} < ?", (before,)))
    conditions.append(on_words or scope.on_row())
    conditions.extend(plan_.rows)
    conditions.extend(
        Condition("m.id NOT IN (SELECT rowid FROM words WHERE words MATCH ?)", (phrase,))
        for phrase in plan_.excluded
    )
    where = " AND ".join(condition.sql for condition in conditions)
    parameters = [value for condition in conditions for value in condition.parameters]
    return Condition(
        f"SELECT {key} FROM {source} WHERE {where} ORDER BY {key} DESC LIMIT ?",  # noqa: S608
        (*parameters, limit),
    )


def sorted_by(plan_: Plan, scope: Scope, column: str, ascending: bool, limit: int, skip: int) -> Condition:
    """SQL for numbers of matching messages in the order of a column of `message`."""
    found = newest_first(plan_, scope, 0, -1)
    direction = "ASC" if ascending else "DESC"
    sql = (
        f"SELECT id FROM message WHERE id IN ({found.sql}) "  # noqa: S608
        f"ORDER BY {column} {direction}, id {direction} LIMIT ? OFFSET ?"
    )
    return Condition(sql, (*found.parameters, limit, skip))


def count(plan_: Plan, scope: Scope, most: int = -1) -> Condition:
    """SQL for how many match, counted up to `most`."""
    found = newest_first(plan_, scope, 0, most)
    return Condition(f"SELECT count(*) FROM ({found.sql})", found.parameters)  # noqa: S608


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
