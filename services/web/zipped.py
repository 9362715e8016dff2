"""Several parts as one zip file, written as they are read: nothing is whole in memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator, Sequence

from services.web.forms import base_name
from services.web.model.mail import MessageRef, Part
from services.web.ports import MailPort

# Attachments are compressed already, most of them.
_STORED = zipfile.ZIP_STORED


class _Out(io.RawIOBase):
    """Holds what was written until it is taken; zipfile then writes sizes after each file, not before it."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self._held += data
        return len(data)

    def take(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held


async def zipped(
    mail: MailPort, token: str, ref: MessageRef, parts: Sequence[Part], unnamed: str
) -> AsyncIterator[bytes]:
    """One part after the other; two of the same name get a number."""
    out = _Out()
    names: set[str] = set()
    with zipfile.ZipFile(out, "w", _STORED) as archive:
        for part in parts:
            name = _free(base_name(part.filename) or unnamed, names)
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
                async with mail.read_part(token, ref, part.part_id) as stream:
                    async for chunk in stream.chunks:
                        file.write(chunk)
                        yield out.take()
            yield out.take()
    yield out.take()


def _free(name: str, names: set[str]) -> str:
    stem, dot, suffix = name.rpartition(".")
    number, free = 1, name
    while free.lower() in names:
        number += 1
        free = f"{stem} ({number}){dot}{suffix}" if stem else f"{name} ({number})"
    names.add(free.lower())
    return free
