"""One message opened for reading: its structure first, then only the parts that are shown, in two round
trips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.common.errors import Reason, error
from services.mailstore.imap.parser import header_item
from services.mailstore.imap.session import Result, Session
from services.mailstore.imap.syntax import check_line
from services.mailstore.mime.headers import Headers, decode_text, parse_headers, read_envelope
from services.mailstore.mime.model import Attachment, DeliveryReport, Part
from services.mailstore.mime.select import select
from services.mailstore.mime.structure import is_doubtful
from services.mailstore.names import MessageName
from services.mailstore.reading import reports
from services.mailstore.reading.embedded import expand_tnef
from services.mailstore.reading.marking import may_mark
from services.mailstore.reading.octets import fetch_sections
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.reading.rows import Row, gather, read_row
from services.mailstore.reading.structure import Structure, read_source
from services.mailstore.reading.texts import MAX_TEXT, ShownText, read_texts

MAX_HEADER = 256 * 1024

# Further header fields that a page needs, beside those of the envelope.
MAX_ALL_HEADERS = 64 * 1024
PAGE_HEADERS = (
    "List-Unsubscribe", "List-Unsubscribe-Post", "List-Post", "List-Id", "Authentication-Results",
    "Disposition-Notification-To", "Importance", "X-Priority", "Auto-Submitted", "X-Postern-Draft-Id",
    "X-Postern-Draft-Answers", "X-Postern-Draft-Forwards",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """What a page shows. `newer` and `older` are the neighbours by arrival."""

    row: Row
    texts: tuple[ShownText, ...]
    attachments: tuple[Attachment, ...]
    inline: tuple[Part, ...]
    headers: tuple[tuple[str, str], ...]
    report: DeliveryReport | None
    defects: tuple[str, ...]
    all_headers: tuple[tuple[str, str], ...] = ()
    newer: MessageName | None = None
    older: MessageName | None = None
    # Shown as read, and not yet so at the server.
    to_be_marked: bool = False


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """Which message, and how much of it. `max_text` in octets, of each shown part."""

    name: MessageName
    max_text: int = MAX_TEXT
    mark_seen: bool = False
    neighbours: bool = False
    within: str = ""
    all_headers: bool = False


async def open_message(session: Session, request: OpenRequest) -> tuple[OpenedMessage, Part | None]:
    """The message, and its structure where ReadPart may use it; with `mark_seen` the caller marks it where
    it is `to_be_marked`. MAILBOX_CHANGED, MESSAGE_GONE, PART_NOT_FOUND.
    """
    name = request.name
    fetch = [
        b"UID", b"FETCH", b"%d" % name.uid,
        b"(UID FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE BODY.PEEK[HEADER]<0.%d>)" % MAX_HEADER,
    ]  # fmt: skip
    selected, (result,) = await open_mailbox(
        session, name.mailbox, uid_validity=name.uid_validity, then=[fetch]
    )
    data = gather([result]).get(name.uid)
    if data is None or b"RFC822.SIZE" not in data:
        session.require(result, fetch)
        raise error(Reason.MESSAGE_GONE)
    row = read_row(name.mailbox, name.uid_validity, name.uid, data)
    if row.structure is None or is_doubtful(row.structure):
        structure = await read_source(session, name)
        known = row.structure.media_type if row.structure else ""
        defects = [] if structure.root.media_type == known else ["bad-structure"]
    else:
        structure, defects = Structure(row.structure), []
    headers = parse_headers(header_item(data))
    to_be_marked = request.mark_seen and may_mark(selected) and not row.flags.seen
    if to_be_marked:
        row = replace(row, flags=replace(row.flags, seen=True))
    row, headers, root = await _inside(session, request, row, structure, headers)
    # Who stands beside it is asked along with the texts.
    around = _around(session, data.get(b"SEQ")) if request.neighbours else None
    texts = await read_texts(session, name, structure, root, request.max_text, [around] if around else [])
    beside = _read_around(name, data.get(b"SEQ"), texts.answers)
    if texts.missing and structure.parsed is None and not request.within:
        # A structure with no parts to go with it: our own reading of the source knows better.
        defects.append("bad-structure")
        structure = await read_source(session, name)
        texts = await read_texts(session, name, structure, structure.root, request.max_text)
    if texts.damaged:
        defects.append("bad-charset")
    root, selection = texts.root, select(texts.root)
    opened = OpenedMessage(
        row=replace(row, structure=root, selection=selection),
        texts=texts.shown,
        attachments=await expand_tnef(session, name, structure, selection.attachments) + texts.files,
        inline=tuple({**selection.by_location, **selection.inline}.values()),
        headers=_page_headers(headers),
        all_headers=headers.spelled(header_item(data), MAX_ALL_HEADERS) if request.all_headers else (),
        report=await reports.read(session, name, structure, selection),
        defects=tuple(defects),
        to_be_marked=to_be_marked,
    )
    if request.neighbours:
        newer, older = beside or await _neighbours(session, name, data.get(b"SEQ"))
        opened = replace(opened, newer=newer, older=older)
    return opened, root if structure.parsed is None and not request.within else None


async def _inside(
    session: Session, request: OpenRequest, row: Row, structure: Structure, headers: Headers
) -> tuple[Row, Headers, Part]:
    """The message itself, or the one within a part of it."""
    if not request.within:
        return row, headers, structure.root
    part = structure.root.find(request.within)
    if part is None or not part.children or part.is_multipart:
        raise error(Reason.PART_NOT_FOUND)
    block = b""
    if structure.parsed is None:
        section = check_line(request.within.encode("ascii", "replace")).decode("ascii") + ".HEADER"
        (found,) = await fetch_sections(session, request.name, [(section, 0, MAX_HEADER)])
        block = found or b""
    else:
        block = (structure.parsed.content(request.within) or b"")[:MAX_HEADER]
    inner = parse_headers(block)
    return replace(row, envelope=read_envelope(inner), size=part.size), inner, part.children[0]


Beside = tuple[MessageName | None, MessageName | None]


def _around(session: Session, place: object) -> list[bytes] | None:
    """What asks for the UIDs beside a sequence number; None where there is nobody beside it."""
    if session.selected is None or not isinstance(place, int):
        return None
    low, high = max(1, place - 1), min(session.selected.exists, place + 1)
    return [b"FETCH", b"%d:%d" % (low, high), b"(UID)"] if low < high else None


def _read_around(name: MessageName, place: object, answers: Sequence[Result]) -> Beside | None:
    """The next newer and next older message by arrival; None where the answer does not have `name` in its
    `place`: it has moved meanwhile.
    """
    places = {data[b"SEQ"]: uid for uid, data in gather(answers).items()}
    if not isinstance(place, int) or places.get(place) != name.uid or len(places) < 2:
        return None
    return _beside(name, places.get(place + 1)), _beside(name, places.get(place - 1))


async def _neighbours(session: Session, name: MessageName, place: object) -> Beside:
    """The next newer and next older message by arrival. `place`: the message's sequence number, as far as is
    known; where it has moved meanwhile, it is asked for.
    """
    for _ in range(2):
        if isinstance(place, int):
            if (around := _around(session, place)) is None:
                break
            if (beside := _read_around(name, place, await session.execute(around))) is not None:
                return beside
        (result,) = await session.execute([b"UID", b"FETCH", b"%d" % name.uid, b"(UID)"])
        place = gather([result]).get(name.uid, {}).get(b"SEQ")
        if place is None:
            break
    return None, None


def _beside(name: MessageName, uid: int | None) -> MessageName | None:
    return MessageName(name.mailbox, name.uid_validity, uid) if uid else None


def _page_headers(headers: Headers) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, decode_text(value)[:4000]) for name in PAGE_HEADERS for value in headers.get_all(name)[:10]
    )
