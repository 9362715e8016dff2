"""SEARCH over the file (RFC 9051 section 6.4.4). For words of bodies few messages are brought in first; of
many only those that are held are looked through: the index, which finds them all, reads every message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from services.mailstore.imap.syntax import parse_date_time
from services.mailstore.mime.body import read_text
from services.mailstore.mime.headers import decode_text, parse_headers
from services.mailstore.mime.parse import parse_message
from services.mailstore.mime.select import select
from services.mailstore.pop3.fetching import Missing
from services.mailstore.pop3.store import NOT_HELD, Message, Store
from services.mailstore.pop3.words import Bad, ranges, text

# Octets of one message that are looked through for words, and of one part.
_MOST_SOURCE, _MOST_PART = 4 * 1024 * 1024, 256 * 1024
# Messages, and octets of them, that are brought in for a search.
_MOST_BROUGHT, _MOST_OCTETS = 300, 32 * 1024 * 1024
_FLAGS = {
    b"SEEN": "\\seen",
    b"FLAGGED": "\\flagged",
    b"ANSWERED": "\\answered",
    b"DELETED": "\\deleted",
    b"DRAFT": "\\draft",
}
_FIELDS = {b"FROM": "from", b"TO": "to", b"CC": "cc", b"BCC": "bcc", b"SUBJECT": "subject"}


class Looked:
    """A message that is looked at, with what is read of it when a key asks."""

    def __init__(self, store: Store, sequence: int, message: Message) -> None:
        self._store, self.sequence, self.message = store, sequence, message
        self.flags = frozenset(message.flags.lower().split())
        self._header: bytes | None = None

    @property
    def header(self) -> bytes:
        if self._header is None:
            found = self._store.described(self.message.id)
            self._header = found[0] if found else b""
        return self._header

    def field(self, name: str) -> Iterator[str]:
        for value in parse_headers(self.header).get_all(name):
            yield decode_text(value).casefold()

    def body(self) -> Iterator[str]:
        if self.message.held == NOT_HELD:
            return
        parsed = parse_message(self._store.octets(self.message.id, 0, _MOST_SOURCE))
        for part in select(parsed.root).shown(prefer_html=False):
            octets = (parsed.content(part.number) or b"")[:_MOST_PART]
            yield read_text(part, octets, truncated=True).text.casefold()


Test = Callable[[Looked], bool]


class Query:
    """The keys of one SEARCH."""

    def __init__(self, words: Sequence[Any], last_uid: int, last_sequence: int) -> None:
        self.needs_header = self._needs_body = False
        self._words = list(words)
        self._last_uid, self._last_sequence = last_uid, last_sequence
        self.test = self._all()

    def run(
        self, store: Store, messages: Sequence[tuple[int, Message]], without: frozenset[int]
    ) -> list[tuple[int, Message]]:
        """The messages that match, of (sequence number, message). Missing."""
        if self.needs_header:
            missing = {m.id for _, m in messages if not m.known and m.id not in without}
            if missing:
                raise Missing(headers=missing)
        if self._needs_body:
            wanted = [m for _, m in messages if m.held == NOT_HELD and m.id not in without]
            if wanted and len(wanted) <= _MOST_BROUGHT and sum(m.size for m in wanted) <= _MOST_OCTETS:
                raise Missing(wholes={m.id for m in wanted})
        return [(number, m) for number, m in messages if self.test(Looked(store, number, m))]

    def _all(self) -> Test:
        tests = []
        while self._words:
            tests.append(self._key())
        return lambda looked: all(test(looked) for test in tests)

    def _next(self) -> Any:
        if not self._words:
            raise Bad("a search key is missing")
        return self._words.pop(0)

    def _key(self) -> Test:
        word = self._next()
        if isinstance(word, tuple):
            rest, self._words = self._words, list(word)
            inner = self._all()
            self._words = rest
            return inner
        name = text(word).upper()
        if name[:1].isdigit() or name == b"*":
            sequences = ranges(word, self._last_sequence)
            return lambda looked: any(low <= looked.sequence <= high for low, high in sequences)
        if name in _FLAGS:
            return self._flag(_FLAGS[name], True)
        if name[:2] == b"UN" and name[2:] in _FLAGS:
            return self._flag(_FLAGS[name[2:]], False)
        return self._with_argument(name)

    @staticmethod
    def _flag(flag: str, wanted: bool) -> Test:
        return lambda looked: (flag in looked.flags) is wanted

    def _with_argument(self, name: bytes) -> Test:
        match name:
            case b"ALL":
                return lambda looked: True
            case b"NOT":
                inner = self._key()
                return lambda looked: not inner(looked)
            case b"OR":
                first, second = self._key(), self._key()
                return lambda looked: first(looked) or second(looked)
            case b"UID":
                uids = ranges(self._next(), self._last_uid)
                return lambda looked: any(low <= looked.message.uid <= high for low, high in uids)
            case b"KEYWORD" | b"UNKEYWORD":
                return self._flag(text(self._next()).decode("latin-1").lower(), name == b"KEYWORD")
            case b"LARGER" | b"SMALLER" | b"MODSEQ":
                return self._number(name, int(text(self._next())))
            case b"BEFORE" | b"SINCE" | b"ON":
                return self._date(name, _day(text(self._next())))
        self.needs_header = True
        if name == b"HEADER":
            return self._field(text(self._next()).decode("latin-1"), self._text())
        if name in _FIELDS:
            return self._field(_FIELDS[name], self._text())
        if name in (b"BODY", b"TEXT"):
            self._needs_body = True
            wanted = self._text()
            if name == b"BODY":
                return lambda looked: any(wanted in found for found in looked.body())
            return lambda looked: (
                wanted in decode_text(looked.header).casefold()
                or any(wanted in found for found in looked.body())
            )
        raise Bad("a search key that is not known")

    def _text(self) -> str:
        return text(self._next()).decode("utf-8", "replace").casefold()

    @staticmethod
    def _field(name: str, wanted: str) -> Test:
        return lambda looked: any(wanted in value for value in looked.field(name))

    @staticmethod
    def _number(name: bytes, number: int) -> Test:
        if name == b"LARGER":
            return lambda looked: looked.message.size > number
        if name == b"SMALLER":
            return lambda looked: looked.message.size < number
        return lambda looked: looked.message.modseq >= number

    def _date(self, name: bytes, day: date) -> Test:
        self.needs_header = True

        def of(looked: Looked) -> date:
            return datetime.fromtimestamp(looked.message.received, UTC).date()

        if name == b"BEFORE":
            return lambda looked: of(looked) < day
        if name == b"SINCE":
            return lambda looked: of(looked) >= day
        return lambda looked: of(looked) == day


def _day(word: bytes) -> date:
    moment = parse_date_time(word + b" 00:00:00 +0000")
    if moment is None:
        raise Bad("not a date")
    return moment.date()
