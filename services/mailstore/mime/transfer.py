"""Content-Transfer-Encoding undone, tolerantly and in linear time (RFC 2045 6)."""

from __future__ import annotations


class TransferDecoder:
    """Undoes a transfer encoding chunk by chunk; never raises on content. Unknown ones pass unchanged."""

    def __init__(self, encoding: str) -> None:
        raise NotImplementedError

    def feed(self, chunk: bytes) -> bytes:
        """What can be decoded so far."""
        raise NotImplementedError

    def finish(self) -> bytes:
        """The rest."""
        raise NotImplementedError


def decode_transfer(data: bytes, encoding: str) -> bytes:
    """All at once. Truncated input is fine: what is whole is decoded."""
    raise NotImplementedError
