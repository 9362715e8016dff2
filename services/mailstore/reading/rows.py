"""Rows of lists, and what becomes of the responses that bring them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache

from services.mailstore.imap.parser import Response, Value, body_item, header_item, pairs
from services.mailstore.imap.session import Result, Session
from services.mailstore.imap.syntax import parse_date_time, uid_sets
from services.mailstore.index.convert import encode_parts
from services.mailstore.index.envelopes import quick_envelope
from services.mailstore.index.fetched import Ordinary, ordinary
from services.mailstore.index.model import TextPart
from services.mailstore.mime.headers import parse_headers, read_envelope
from services.mailstore.mime.model import Envelope, Part, Selection
from services.mailstore.mime.select import select
from services.mailstore.mime.structure import from_bodystructure
from services.mailstore.names import Flags, MessageName, read_flags
from services.mailstore.reading.items import FLAGS_ONLY, ITEMS
from services.mailstore.threads.ids import conversation_id

# Beside the items of a response: all of them, where they came in the ordinary form.
_QUICK = b"\0"
_NONE: Mapping[int, Row] = {}


@dataclass(slots=True)
class Row:
    """One message of a list; not changed once it is made. `received` is aware; `size` counts octets;
    `structure` is None where the server's is unusable. `encoded` is all that never changes of it, and `wire`
    all of it as a list's answer has it, for convert alone; a row of the index has no envelope beside that.
    """

    name: MessageName
    envelope: Envelope = field(default_factory=Envelope)
    flags: Flags = field(default_factory=Flags)
    received: datetime | None = None
    size: int = 0
    structure: Part | None = None
    selection: Selection = field(default_factory=Selection)
    snippet: str = ""
    # Where it is known without the structure.
    attachment: bool | None = None
    encoded: bytes = b""
    # Of this row alone: none of a copy's.
    wire: bytes = field(default=b"", init=False, compare=False, repr=False)

    @property
    def has_attachment(self) -> bool:
        return self.selection.has_attachments if self.attachment is None else self.attachment

    def with_snippet(self, text: str) -> Row:
        # `replace` would take as long as reading the envelope.
        return Row(
            self.name,
            self.envelope,
            self.flags,
            self.received,
            self.size,
            self.structure,
            self.selection,
            text,
            self.attachment,
            self.encoded,
        )

    @property
    def conversation_id(self) -> str:
        return conversation_id(self.envelope, self.name)


_NOTHING = Selection()


# Messages of one program are alike.
@lru_cache(maxsize=1000)
def selection_of(part: TextPart | None) -> Selection:
    """What is shown of a message of which only its text part is known."""
    if part is None:
        return _NOTHING
    params = {"charset": part.charset} if part.charset else {}
    return Selection(
        plain=(Part(part.number, part.media_type, params=params, encoding=part.encoding, size=1),)
    )


def gather(results: Iterable[Result]) -> dict[int, dict[bytes, Value]]:
    """FETCH responses by UID; a message that came in several is put together, one without a UID left out."""
    return gather_responses(response for result in results for response in result.untagged)


def gather_responses(responses: Iterable[Response]) -> dict[int, dict[bytes, Value]]:
    """As `gather`, from untagged responses. The sequence number is kept as b"SEQ"."""
    found: dict[int, dict[bytes, Value]] = {}
    for response in responses:
        gather_one(response, found)
    return found


def gather_one(response: Response, found: dict[int, dict[bytes, Value]]) -> int | None:
    """Puts a response into `found`. Its UID; None where it is no FETCH response, or has none."""
    if response.name != "FETCH":
        return None
    quick = ordinary(response)
    if quick is not None:
        data: dict[bytes, Value] = {
            b"UID": quick.uid,
            b"FLAGS": tuple(quick.flags.split()),
            b"RFC822.SIZE": quick.size,
            _QUICK: quick,
        }
    elif response.values:
        data = pairs(response.values[0])
    else:
        return None
    uid = data.get(b"UID")
    if not isinstance(uid, int):
        return None
    data[b"SEQ"] = response.number
    if uid in found:
        found[uid].update(data)
    else:
        found[uid] = data
    return uid


def beginning_of(data: dict[bytes, Value]) -> bytes | None:
    """The first octets of part 1, where they came along (WITH_BEGINNING)."""
    quick = data.get(_QUICK)
    return quick.beginning if isinstance(quick, Ordinary) else body_item(data, b"1")


def read_row(
    mailbox: str, uid_validity: int, uid: int, data: dict[bytes, Value], *, encoded: bool = False
) -> Row:
    """A row from a FETCH response with ITEMS. One of the ordinary form is read as for the index, so that the
    row has no `structure`; `encoded`: and is encoded as there, since what was shown once is shown again.
    """
    quick = data.get(_QUICK)
    if isinstance(quick, Ordinary):
        received = quick.received()
        attachment, text_part = quick.shape()
        envelope = quick_envelope(quick.header)
        return Row(
            MessageName(mailbox, uid_validity, uid),
            envelope,
            read_flags(data.get(b"FLAGS")),
            datetime.fromtimestamp(received, UTC) if received else None,
            quick.size,
            None,
            selection_of(text_part),
            "",
            attachment,
            encode_parts(envelope, received, quick.size, attachment) if encoded else b"",
        )
    size = data.get(b"RFC822.SIZE")
    structure = from_bodystructure(data.get(b"BODYSTRUCTURE"))
    return Row(
        name=MessageName(mailbox, uid_validity, uid),
        envelope=read_envelope(parse_headers(header_item(data))),
        flags=read_flags(data.get(b"FLAGS")),
        received=parse_date_time(data.get(b"INTERNALDATE")),
        size=size if isinstance(size, int) else 0,
        structure=structure,
        selection=select(structure) if structure is not None else Selection(),
    )


def read_rows(mailbox: str, uid_validity: int, results: Iterable[Result]) -> dict[int, Row]:
    """All complete rows in the results, by UID."""
    return {
        uid: read_row(mailbox, uid_validity, uid, data)
        for uid, data in gather(results).items()
        if b"RFC822.SIZE" in data
    }


class RowCache:
    """Rows lately read, the least recently used forgotten first. All of a row but its flags is immutable
    (RFC 9051 section 2.3), so of a row that is known only the flags are asked for.
    """

    def __init__(self, most: int = 5_000) -> None:
        self._rows: OrderedDict[tuple[str, MessageName], Row] = OrderedDict()
        self._mailboxes: OrderedDict[tuple[str, str, int], None] = OrderedDict()
        self._most = most

    def knows(self, account: str, mailbox: str, uid_validity: int) -> bool:
        """Whether rows of this mailbox were read lately, so that asking for flags first is worth it."""
        return (account, mailbox, uid_validity) in self._mailboxes

    def get(self, account: str, name: MessageName) -> Row | None:
        key = (account, name)
        row = self._rows.get(key)
        if row is not None:
            self._rows.move_to_end(key)
        return row

    def put(self, account: str, rows: Iterable[Row]) -> None:
        for row in rows:
            self._rows[account, row.name] = row
            self._mailboxes[account, row.name.mailbox, row.name.uid_validity] = None
        while len(self._rows) > self._most:
            self._rows.popitem(last=False)
        while len(self._mailboxes) > self._most:
            self._mailboxes.popitem(last=False)

    async def fetch(
        self, session: Session, account: str, mailbox: str, uid_validity: int, uids: Sequence[int]
    ) -> list[Row]:
        """The rows of these UIDs in this order; those that are gone are left out. The mailbox is open."""
        if not uids:
            return []
        known = {uid: self.get(account, MessageName(mailbox, uid_validity, uid)) for uid in uids}
        commands = [
            [b"UID", b"FETCH", numbers, FLAGS_ONLY if have else ITEMS]
            for have in (True, False)
            for _, numbers in uid_sets(uid for uid, row in known.items() if (row is not None) is have)
        ]
        found = gather(await session.execute(*commands))
        return self.merge(account, mailbox, uid_validity, uids, found)

    def merge(
        self,
        account: str,
        mailbox: str,
        uid_validity: int,
        uids: Iterable[int],
        found: dict[int, dict[bytes, Value]],
        made: Mapping[int, Row] = _NONE,
    ) -> list[Row]:
        """Rows from FETCH responses with ITEMS, or with flags alone where the row is known. `made`: rows that
        are read already.
        """
        rows: list[Row] = []
        fresh: list[Row] = []
        for uid in uids:
            data = found.get(uid)
            if data is None:
                continue
            row: Row | None
            if b"RFC822.SIZE" in data:
                row = made.get(uid) or read_row(mailbox, uid_validity, uid, data)
                fresh.append(row)
            else:
                row = self.get(account, MessageName(mailbox, uid_validity, uid))
                if row is not None and b"FLAGS" in data:
                    row = replace(row, flags=read_flags(data[b"FLAGS"]))
            if row is not None:
                rows.append(row)
        self.put(account, fresh)
        return rows
