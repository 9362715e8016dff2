"""COMPRESS=DEFLATE (RFC 4978): both directions of a connection as one raw DEFLATE stream each."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

# Octets that are unpacked at a time: what a few received ones become has no bound of its own.
PIECE = 64 * 1024
# Commands are short: a small window and little memory, for the sake of thousands of connections.
_WINDOW, _MEMORY = -10, 3


class Deflate:
    """Packs what is sent and unpacks what is received."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, _WINDOW, _MEMORY)
        self._unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        self._packed = b""

    def pack(self, data: bytes) -> bytes:
        """All of `data`, to be sent now."""
        return self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)

    def receive(self, data: bytes) -> None:
        """Take octets in; `pieces` gives what they become."""
        self._packed += data

    def pieces(self) -> Iterator[bytes]:
        """What was received, unpacked as it is asked for. ValueError where it is no DEFLATE."""
        try:
            while True:
                piece = self._unpacker.decompress(self._packed, PIECE)
                self._packed = self._unpacker.unconsumed_tail
                if piece:
                    yield piece
                if len(piece) < PIECE:
                    return
        except zlib.error:
            raise ValueError("not compressed as agreed") from None
