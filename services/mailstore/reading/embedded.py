"""Files inside other parts' contents: uuencoded blocks in a text, attachments in winmail.dat.

Their ids are the part's number, "#", and their place in it from 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.common.errors import Reason, error
from services.mailstore.decoding.pool import NotDecoded, decoders
from services.mailstore.imap.session import Session
from services.mailstore.mime.model import Attachment, EmbeddedFile, Part
from services.mailstore.names import MessageName
from services.mailstore.reading.octets import fetch_sections
from services.mailstore.reading.structure import Structure

# Octets of a container that is unpacked to show what is in it, and to serve a file out of it.
_MAX_SHOWN, _MAX_SERVED = 2 * 1024 * 1024, 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EmbeddedId:
    """The id of an embedded file, taken apart."""

    number: str
    index: int


def parse_id(part_id: str) -> EmbeddedId | None:
    """None where it names a part of the message itself. PART_NOT_FOUND where it is malformed."""
    number, mark, index = part_id.partition("#")
    if not mark:
        return None
    if not number or not index.isascii() or not index.isdigit() or not 0 < int(index[:6]) < 10_000:
        raise error(Reason.PART_NOT_FOUND)
    return EmbeddedId(number, int(index[:6]))


def of_text(number: str, files: Iterable[EmbeddedFile]) -> list[Attachment]:
    """Attachments for the files that were found in a part."""
    return [
        Attachment(
            number=f"{number}#{index}",
            name=file.name,
            media_type=file.media_type,
            size=len(file.data),
            content_id=file.content_id,
            kind="embedded",
        )
        for index, file in enumerate(files, 1)
    ]


async def expand_tnef(
    session: Session, name: MessageName, structure: Structure, attachments: tuple[Attachment, ...]
) -> tuple[Attachment, ...]:
    """The attachments, each winmail.dat replaced by what is in it where it is small and holds anything."""
    shown: list[Attachment] = []
    for attachment in attachments:
        part = structure.root.find(attachment.number) if attachment.kind == "tnef" else None
        if part is None or part.size > _MAX_SHOWN:
            shown.append(attachment)
            continue
        data = await _content(session, name, structure, part)
        try:
            files = await decoders().run("tnef", part.size, data, part.encoding, apart=True)
        except NotDecoded:
            files = ()
        shown.extend(of_text(attachment.number, files) or [attachment])
    return tuple(shown)


async def extract(
    session: Session, name: MessageName, structure: Structure, wanted: EmbeddedId
) -> EmbeddedFile:
    """The embedded file. PART_NOT_FOUND, TOO_LARGE, UNSUPPORTED."""
    part = structure.root.find(wanted.number)
    if part is None:
        raise error(Reason.PART_NOT_FOUND)
    if part.size > _MAX_SERVED:
        raise error(Reason.TOO_LARGE, limit=str(_MAX_SERVED))
    data = await _content(session, name, structure, part)
    try:
        if part.main_type == "text":
            files = (await decoders().run("text", len(data), part, data)).files
        else:
            files = await decoders().run("tnef", len(data), data, part.encoding, apart=True)
    except NotDecoded as err:
        raise error(Reason.UNSUPPORTED, err, feature="attachment") from None
    if wanted.index > len(files):
        raise error(Reason.PART_NOT_FOUND)
    return files[wanted.index - 1]


async def _content(session: Session, name: MessageName, structure: Structure, part: Part) -> bytes:
    if structure.parsed is not None:
        return structure.parsed.content(part.number) or b""
    (data,) = await fetch_sections(session, name, [(part.number, 0, max(part.size, 1))])
    return data or b""
