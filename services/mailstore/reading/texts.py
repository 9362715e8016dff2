"""The texts that a page shows, with what was found in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.mailstore.decoding.pool import NotDecoded, decoders
from services.mailstore.imap.session import Result, Session
from services.mailstore.mime.charset import is_odd
from services.mailstore.mime.model import Attachment, Part, TextBody
from services.mailstore.mime.select import select
from services.mailstore.mime.structure import refine
from services.mailstore.names import MessageName
from services.mailstore.reading.embedded import of_text
from services.mailstore.reading.octets import fetch_sections_and
from services.mailstore.reading.structure import Structure

MAX_TEXT, MAX_TEXT_IN_ALL = 1024 * 1024, 3 * 1024 * 1024
MOST_TEXTS = 100
_MOST_REFINED, _MAX_PART_HEADER = 60, 8 * 1024


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
class Texts:
    """The texts in the order of the message, and the structure with what the parts' own headers say.

    `missing`: the server has no octets for a part that its structure has; `damaged`: something was
    unreadable. `answers`: all that the server said, also to what was asked along with them.
    """

    shown: tuple[ShownText, ...]
    files: tuple[Attachment, ...]
    root: Part
    missing: bool
    damaged: bool
    answers: tuple[Result, ...] = ()


async def read_texts(
    session: Session,
    name: MessageName,
    structure: Structure,
    root: Part,
    max_text: int,
    then: Sequence[Sequence[bytes]] = (),
) -> Texts:
    """Fetch and decode every shown text below `root` in one command, both renderings of alternatives; `then`
    goes along in the same round trip.
    """
    chosen = _chosen(root)
    wanted: list[tuple[Part, int]] = []
    left = MAX_TEXT_IN_ALL
    for part in chosen:
        octets = min(max_text, left, max(part.size, 1))
        left -= octets
        wanted.append((part, octets))
    if structure.parsed is not None:
        contents = [(structure.parsed.content(part.number) or b"")[:octets] for part, octets in wanted]
        missing, answers = False, list[Result]()
    else:
        contents, root, answers = await _fetch(session, name, root, wanted, then)
        missing = any(not data and part.size > 2 for data, (part, _) in zip(contents, wanted, strict=True))
    groups = _groups(root)
    shown: list[ShownText] = []
    files: list[Attachment] = []
    damaged = False
    for (part, octets), data in zip(wanted, contents, strict=True):
        part = root.find(part.number) or part
        cut = part.size > octets
        try:
            body = await decoders().run(
                "text", len(data), part, data, truncated=cut, apart=is_odd(part.params.get("charset", ""))
            )
        except NotDecoded:
            # The message is shown without this text, which may still be downloaded.
            body, cut = TextBody("", damaged=True), True
        damaged = damaged or body.damaged
        media_type = "text/html" if body.is_html else part.media_type
        group = groups.get(part.number, 0)
        shown.append(ShownText(part.number, media_type, body.text, cut, body.charset, group))
        files.extend(of_text(part.number, body.files))
    return Texts(tuple(shown), tuple(files), root, missing, damaged, tuple(answers))


def _chosen(root: Part) -> list[Part]:
    """The parts of both renderings, in the order of the message."""
    selection = select(root)
    numbers = {part.number for part in (*selection.plain, *selection.html)}
    return [part for part in root.walk() if part.number in numbers][:MOST_TEXTS]


async def _fetch(
    session: Session,
    name: MessageName,
    root: Part,
    wanted: list[tuple[Part, int]],
    then: Sequence[Sequence[bytes]],
) -> tuple[list[bytes], Part, list[Result]]:
    """The texts' octets, and the tree refined by the parts' own headers: servers cut odd file names short and
    misread odd encodings."""
    sections = [(part.number, 0, octets) for part, octets in wanted]
    leaves = [part for part in root.walk() if not part.children and part is not root][:_MOST_REFINED]
    sections += [(part.header_section, 0, _MAX_PART_HEADER) for part in leaves]
    if not root.is_multipart:
        sections.append(
            ("HEADER" if root.number == "1" else root.number[:-1] + "HEADER", 0, _MAX_PART_HEADER * 8)
        )
        leaves.append(root)
    if not sections:
        return [], root, []
    found, answers = await fetch_sections_and(session, name, sections, then)
    own = {part.number: block for part, block in zip(leaves, found[len(wanted) :], strict=True) if block}
    return [data or b"" for data in found[: len(wanted)]], refine(root, own), answers


def _groups(root: Part) -> dict[str, int]:
    """By part number: which multipart/alternative a text stands in, counted from 1; not those that stand
    alone.
    """
    selection = select(root)
    plain = {part.number for part in selection.plain}
    html = {part.number for part in selection.html}
    either = plain ^ html
    found: dict[str, int] = {}
    stack: list[tuple[Part, int]] = [(root, 0)]
    count = 0
    while stack:
        part, group = stack.pop()
        if part.media_type == "multipart/alternative" and not group:
            count += 1
            group = count
        if group and part.number in either:
            found[part.number] = group
        stack.extend((child, group) for child in reversed(part.children))
    return found
