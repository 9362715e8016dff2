"""A whole message's octets → headers, Part tree and contents, with the numbering of IMAP."""

from __future__ import annotations

from dataclasses import dataclass

from .headers import Headers
from .model import Envelope, Part


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed message. `content` gives a part's octets still in their transfer encoding."""

    headers: Headers
    envelope: Envelope
    root: Part

    def content(self, number: str) -> bytes | None:
        """The octets that BODY[number] would give, or None."""
        raise NotImplementedError


def parse_message(raw: bytes) -> Message:
    """Parse within bounds: 1000 parts, depth 50, 256 KiB a header block; what is beyond stays opaque."""
    raise NotImplementedError
