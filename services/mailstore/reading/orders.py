"""Lists in an order of the caller's: by the server's SORT (RFC 5256), else sorted here."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from services.common.errors import Reason, error
from services.mailstore.imap.failure import CommandRefused
from services.mailstore.imap.parser import Value, header_item
from services.mailstore.imap.session import Result, Session
from services.mailstore.imap.syntax import parse_set, uid_sets
from services.mailstore.mime.headers import parse_headers, read_envelope
from services.mailstore.mime.model import Address, Envelope
from services.mailstore.reading.rows import gather
from services.mailstore.searching import criteria
from services.mailstore.searching.query import Query
from services.mailstore.threads.subject import base_subject

# Without SORT, this many of the newest messages are put in order; what is older follows by arrival.
MOST_SORTED_HERE = 20_000


class Key(StrEnum):
    """What rows are ordered by. Arrival is the order in which messages came into the mailbox (their UIDs)."""

    ARRIVAL = "arrival"
    DATE = "date"
    FROM = "from"
    SUBJECT = "subject"
    SIZE = "size"
    TO = "to"


@dataclass(frozen=True, slots=True)
class Order:
    key: Key = Key.ARRIVAL
    ascending: bool = False


_SORT = {Key.DATE: b"DATE", Key.FROM: b"FROM", Key.SUBJECT: b"SUBJECT", Key.SIZE: b"SIZE", Key.TO: b"TO"}
_DISPLAY = {Key.FROM: b"DISPLAYFROM", Key.TO: b"DISPLAYTO"}
_HEADERS = {
    Key.DATE: b"BODY.PEEK[HEADER.FIELDS (DATE)]",
    Key.FROM: b"BODY.PEEK[HEADER.FIELDS (FROM)]",
    Key.TO: b"BODY.PEEK[HEADER.FIELDS (TO)]",
    Key.SUBJECT: b"BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
    Key.SIZE: b"RFC822.SIZE",
}


async def search_uids(session: Session, query: Query) -> list[int]:
    """UIDs that match in the open mailbox, ascending."""
    return await search_raw(session, criteria.command(query))


async def search_raw(session: Session, pieces: list[bytes]) -> list[int]:
    """UID SEARCH with these keys; the answer is short where the server has ESEARCH (RFC 4731)."""
    command = search_command(session, pieces)
    (result,) = await session.execute(command)
    return sorted(read_search(session.require(result, command)))


def search_command(session: Session, pieces: list[bytes]) -> list[bytes]:
    """The command of `search_raw`, to send together with others."""
    head = [b"UID", b"SEARCH"]
    if session.has("ESEARCH") or session.rev2:
        head += [b"RETURN", b"(ALL)"]
    if session.utf8 and pieces[0] == b"CHARSET":
        # RFC 6855 section 3: with UTF-8 enabled it is the only charset, and none may be named.
        pieces = pieces[2:]
    return head + pieces


def read_search(result: Result) -> list[int]:
    """The numbers of SEARCH or ESEARCH responses."""
    found: list[int] = []
    for response in result.untagged:
        if response.name in ("SEARCH", "SORT"):
            found.extend(value for value in response.values if isinstance(value, int))
        elif response.name == "ESEARCH":
            values = response.values
            for index, value in enumerate(values[:-1]):
                if isinstance(value, bytes) and value.upper() == b"ALL":
                    numbers = values[index + 1]
                    found.extend(
                        [numbers]
                        if isinstance(numbers, int)
                        else parse_set(numbers if isinstance(numbers, bytes) else b"")
                    )
    return found


def count_command(session: Session, pieces: list[bytes]) -> list[bytes]:
    """SEARCH for the number of matches alone, where the server can tell it."""
    if session.has("ESEARCH") or session.rev2:
        return [b"SEARCH", b"RETURN", b"(COUNT)", *pieces]
    return [b"SEARCH", *pieces]


def read_count(result: Result) -> int:
    """The answer to `count_command`; 0 where it was refused."""
    for response in result.data("ESEARCH"):
        values = response.values
        for index, value in enumerate(values[:-1]):
            if isinstance(value, bytes) and value.upper() == b"COUNT" and isinstance(values[index + 1], int):
                return values[index + 1]
    return sum(len(response.values) for response in result.data("SEARCH"))


async def ordered_uids(session: Session, query: Query, order: Order) -> list[int]:
    """UIDs that match in the open mailbox, in order."""
    if order.key is Key.ARRIVAL:
        uids = await search_uids(session, query)
        return uids if order.ascending else uids[::-1]
    if session.has("SORT"):
        name = _DISPLAY.get(order.key) if session.has("SORT=DISPLAY") else None
        key = name or _SORT[order.key]
        direction = b"(%s ARRIVAL)" % key if order.ascending else b"(REVERSE %s REVERSE ARRIVAL)" % key
        command = [b"UID", b"SORT", direction, b"UTF-8", *criteria.keys(query)]
        (result,) = await session.execute(command)
        if result.status == "OK":
            return read_search(result)
        if result.status == "BAD":
            raise CommandRefused("SORT", result.status, result.code, "")
    return await _sorted_here(session, await search_uids(session, query), order)


async def _sorted_here(session: Session, uids: list[int], order: Order) -> list[int]:
    newest, rest = uids[-MOST_SORTED_HERE:], uids[:-MOST_SORTED_HERE]
    read = _READERS[order.key]
    found: dict[int, object] = {}
    for _, numbers in uid_sets(newest):
        (result,) = await session.execute([b"UID", b"FETCH", numbers, b"(UID " + _HEADERS[order.key] + b")"])
        if result.status != "OK":
            raise error(Reason.MAIL_SERVER_REFUSED)
        for uid, data in gather([result]).items():
            found[uid] = read(data)
    kept = [uid for uid in newest if uid in found]
    kept.sort(key=lambda uid: (found[uid], uid), reverse=not order.ascending)
    return kept + (rest if order.ascending else rest[::-1])


def _envelope(data: dict[bytes, Value]) -> Envelope:
    return read_envelope(parse_headers(header_item(data)))


def _person(addresses: tuple[Address, ...]) -> str:
    first = addresses[0] if addresses else Address()
    return fold(first.name or first.addr)


def fold(text: str) -> str:
    """A text for comparing, without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char)).strip()


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READERS: dict[Key, Callable[[dict[bytes, Value]], object]] = {
    Key.DATE: lambda data: _envelope(data).date or _EPOCH,
    Key.FROM: lambda data: _person(_envelope(data).from_),
    Key.TO: lambda data: _person(_envelope(data).to),
    Key.SUBJECT: lambda data: fold(base_subject(_envelope(data).subject)),
    Key.SIZE: lambda data: data.get(b"RFC822.SIZE") if isinstance(data.get(b"RFC822.SIZE"), int) else 0,
}
