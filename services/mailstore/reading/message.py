"""One message opened for reading: its structure first, then only the parts that are shown, in two round trips."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.common.errors import Reason, error
from services.mailstore.imap.parser import header_item
from services.mailstore.imap.session import Session
from services.mailstore.imap.syntax import check_line
from services.mailstore.mime.body import read_text
from services.mailstore.mime.headers import Headers, decode_text, parse_headers, read_envelope
from services.mailstore.mime.model import Attachment, DeliveryReport, Part, Selection
from services.mailstore.mime.select import select
from services.mailstore.names import MessageName
from services.mailstore.reading import reports
from services.mailstore.reading.embedded import expand_tnef, of_text
from services.mailstore.reading.octets import fetch_sections, off_loop
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.reading.rows import Row, gather, read_row
from services.mailstore.reading.structure import Structure, read_source

MAX_HEADER = 256 * 1024
MAX_TEXT, MAX_TEXT_IN_ALL = 1024 * 1024, 3 * 1024 * 1024
MOST_TEXTS = 200

# Further header fields that a page needs, beside those of the envelope.
PAGE_HEADERS = (
    "List-Unsubscribe", "List-Unsubscribe-Post", "List-Post", "List-Id", "Authentication-Results",
    "Disposition-Notification-To", "Importance", "X-Priority", "Auto-Submitted", "X-Postern-Draft-Id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text part as shown. Alternatives of each other share a `group` above 0."""

    part_id: str
    media_type: str
    text: str
    truncated: bool
    charset: str
    group: int


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
    newer: MessageName | None = None
    older: MessageName | None = None


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """Which message, and how much of it. `max_text` in octets, of each shown part."""

    name: MessageName
    max_text: int = MAX_TEXT
    mark_seen: bool = False
    neighbours: bool = False
    within: str = ""


async def open_message(session: Session, request: OpenRequest) -> tuple[OpenedMessage, Part]:
    """The message and its whole structure. MAILBOX_CHANGED, MESSAGE_GONE, PART_NOT_FOUND."""
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
    structure = Structure(row.structure) if row.structure else await read_source(session, name)
    defects = [] if row.structure else ["bad-structure"]
    headers = parse_headers(header_item(data))
    if request.mark_seen and not selected.read_only:
        # In a command of its own, now that the UIDVALIDITY is known to be the caller's.
        await session.execute([b"UID", b"STORE", b"%d" % name.uid, b"+FLAGS.SILENT", b"(\\Seen)"])
        row = replace(row, flags=replace(row.flags, seen=True))
    row, headers, root = await _inside(session, request, row, structure, headers)
    selection = select(root)
    texts, files, damage = await _texts(session, request, structure, selection)
    if damage == "missing" and structure.parsed is None:
        # The server has a structure and no parts to go with it: our own reading of the source.
        defects.append("bad-structure")
        structure = await read_source(session, name)
        root = structure.root if not request.within else root
        selection = select(root)
        texts, files, damage = await _texts(session, request, structure, selection)
    if damage == "charset":
        defects.append("bad-charset")
    opened = OpenedMessage(
        row=replace(row, structure=root, selection=selection),
        texts=texts,
        attachments=await expand_tnef(session, name, structure, selection.attachments) + files,
        inline=tuple({**selection.by_location, **selection.inline}.values()),
        headers=_page_headers(headers),
        report=await reports.read(session, name, structure, selection),
        defects=tuple(defects),
    )
    if request.neighbours:
        newer, older = await _neighbours(session, name)
        opened = replace(opened, newer=newer, older=older)
    return opened, structure.root


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


async def _texts(
    session: Session, request: OpenRequest, structure: Structure, selection: Selection
) -> tuple[tuple[ShownText, ...], tuple[Attachment, ...], str]:
    """The shown texts, the files found in them, and what was wrong: "missing", "charset" or nothing."""
    wanted: list[tuple[Part, int, int]] = []
    left = MAX_TEXT_IN_ALL
    for number, text in enumerate(selection.texts[:MOST_TEXTS], 1):
        group = number if text.plain and text.html else 0
        for part in (text.plain, text.html):
            if part is not None:
                octets = min(request.max_text, left, max(part.size, 1))
                left -= octets
                wanted.append((part, group, octets))
    contents = await _contents(session, request.name, structure, [(part, octets) for part, _, octets in wanted])
    shown: list[ShownText] = []
    files: list[Attachment] = []
    damage = ""
    for (part, group, octets), data in zip(wanted, contents, strict=True):
        if data is None or (not data and part.size > 2 and octets):
            damage = damage or "missing"
        truncated = part.size > octets
        body = await off_loop(len(data or b""), read_text, part, data or b"", truncated=truncated)
        if body.damaged and not damage:
            damage = "charset"
        shown.append(ShownText(part.number, part.media_type, body.text, truncated, body.charset, group))
        files.extend(of_text(part.number, body.files))
    return tuple(shown), tuple(files), damage


async def _contents(
    session: Session, name: MessageName, structure: Structure, parts: list[tuple[Part, int]]
) -> list[bytes | None]:
    if not parts:
        return []
    if structure.parsed is not None:
        contents = [structure.parsed.content(part.number) for part, _ in parts]
        return [
            data[:octets] if data is not None else None
            for data, (_, octets) in zip(contents, parts, strict=True)
        ]
    sections = [(part.number, 0, octets) for part, octets in parts]
    return await fetch_sections(session, name, sections)


async def _neighbours(session: Session, name: MessageName) -> tuple[MessageName | None, MessageName | None]:
    """The next newer and next older message by arrival."""
    (found,) = await session.execute([b"UID", b"FETCH", b"%d" % name.uid, b"(UID)"])
    data = gather([found]).get(name.uid)
    if data is None or session.selected is None:
        return None, None
    sequence = int(data[b"SEQ"])
    low, high = max(1, sequence - 1), min(session.selected.exists, sequence + 1)
    if low >= high:
        return None, None
    (result,) = await session.execute([b"FETCH", b"%d:%d" % (low, high), b"(UID)"])
    uids = sorted(gather([result]))
    newer = next((uid for uid in uids if uid > name.uid), None)
    older = next((uid for uid in reversed(uids) if uid < name.uid), None)
    return (
        MessageName(name.mailbox, name.uid_validity, newer) if newer else None,
        MessageName(name.mailbox, name.uid_validity, older) if older else None,
    )


def _page_headers(headers: Headers) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, decode_text(value)[:4000]) for name in PAGE_HEADERS for value in headers.get_all(name)[:10]
    )
