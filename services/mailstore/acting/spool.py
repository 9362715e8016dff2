"""A message on its way in: in memory while small, in a temporary file above 1 MiB, never larger than the
bound.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from typing import IO

from services.common.errors import invalid_argument, too_large

IN_MEMORY = 1024 * 1024
_CHUNK = 256 * 1024
_MAX_HEADER = 256 * 1024


class Spool:
    """Use as a context manager; the file goes when it ends."""

    def __init__(self, limit: int) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
        self._limit = limit
        self.size = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give it up; may be called again."""
        self._file.close()

    def write(self, data: bytes) -> None:
        """TOO_LARGE beyond the bound; INVALID_ARGUMENT on NUL, which no IMAP literal may hold (RFC 9051
        4.3).
        """
        if b"\0" in data:
            raise invalid_argument("data", "nul")
        self.size += len(data)
        if self.size > self._limit:
            raise too_large(self._limit)
        self._file.write(data)

    async def fill(self, source: AsyncIterator[bytes], expected: int) -> None:
        """Take everything in. INVALID_ARGUMENT where it is not as many octets as were announced."""
        if expected > self._limit:
            raise too_large(self._limit)
        async for data in source:
            self.write(data)
        if expected and self.size != expected:
            raise invalid_argument("size_bytes", "differs")
        if not self.size:
            raise invalid_argument("data", "missing")

    def header(self) -> bytes:
        """The header block, as far as it is reasonable."""
        self._file.seek(0)
        block = self._file.read(_MAX_HEADER)
        end = block.find(b"\r\n\r\n")
        return block if end < 0 else block[: end + 2]

    async def chunks(self, prefix: bytes = b"") -> AsyncIterator[bytes]:
        """`prefix`, then everything."""
        if prefix:
            yield prefix
        self._file.seek(0)
        while data := self._file.read(_CHUNK):
            yield data
