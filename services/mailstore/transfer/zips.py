"""Zip files of messages: written while they are streamed, read within bounds."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO

# A zip of mail has some thousand entries; one that unpacks to far more than mail does is a bomb.
MOST_ENTRIES = 50_000
MOST_RATIO = 200
CHUNK = 64 * 1024


class _Sink:
    """Takes what is written, until it is taken away; cannot seek, as a socket cannot."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def write(self, data: bytes) -> int:
        self._buffer += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        data = bytes(self._buffer)
        self._buffer.clear()
        return data


class ZipWriter:
    """A zip as a stream of octets; `take` after each step."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]
        self._entry: IO[bytes] | None = None

    def begin(self, name: str, modified: datetime) -> None:
        """Start an entry; the one before is ended."""
        self._end_entry()
        year = min(max(modified.year, 1980), 2107)
        info = zipfile.ZipInfo(name, (year, modified.month, modified.day, modified.hour, modified.minute, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        self._entry = self._zip.open(info, "w", force_zip64=True)

    def write(self, data: bytes) -> None:
        assert self._entry is not None
        self._entry.write(data)

    def finish(self) -> None:
        self._end_entry()
        self._zip.close()

    def take(self) -> bytes:
        """What is ready to be sent."""
        return self._sink.take()

    def _end_entry(self) -> None:
        if self._entry is not None:
            self._entry.close()
            self._entry = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in a zip. `refused`: it is no mail, encrypted, or a bomb."""

    name: str
    mbox: bool
    refused: bool
    info: zipfile.ZipInfo


def entries(archive: zipfile.ZipFile, limit: int) -> Iterator[Entry]:
    """The files of an archive. `limit`: the largest message, in octets."""
    for info in archive.infolist()[:MOST_ENTRIES]:
        if info.is_dir() or info.filename.startswith("__MACOSX/"):
            continue
        low = info.filename.lower()
        mbox = low.endswith((".mbox", ".mbx"))
        bomb = info.file_size > max(1024 * 1024, info.compress_size * MOST_RATIO) or (
            not mbox and info.file_size > limit
        )
        mail = mbox or low.endswith((".eml", ".msg.txt", ".rfc822"))
        yield Entry(info.filename[:200], mbox, not mail or bomb or bool(info.flag_bits & 1), info)


def read(archive: zipfile.ZipFile, entry: Entry) -> Iterator[bytes]:
    """The entry's octets in pieces, no more than it says it has."""
    left = entry.info.file_size
    with archive.open(entry.info) as file:
        while left > 0 and (data := file.read(min(CHUNK, left))):
            left -= len(data)
            yield data
