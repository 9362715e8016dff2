"""Header blocks: octets → decoded values (RFC 5322, 2047, 2231, 6532),
tolerant of what is seen in the wild."""

from __future__ import annotations

from datetime import datetime

from .model import Address, Envelope


class Headers:
    """Header fields in order; names match without case. Values stay raw, unfolded octets until asked for."""

    def get(self, name: str, default: bytes = b"") -> bytes:
        """The first field of this name, raw and unfolded."""
        raise NotImplementedError

    def get_all(self, name: str) -> list[bytes]:
        """All fields of this name in order, raw and unfolded."""
        raise NotImplementedError

    def text(self, name: str) -> str:
        """The first field of this name as decoded text."""
        raise NotImplementedError

    def items(self) -> list[tuple[str, bytes]]:
        """All fields in order: lower-case name, raw unfolded value."""
        raise NotImplementedError


def parse_headers(block: bytes) -> Headers:
    """Read a header block (up to the first empty line or the end; 256 KiB at most are looked at)."""
    raise NotImplementedError


def read_envelope(headers: Headers) -> Envelope:
    """The fields that lists and pages show."""
    raise NotImplementedError


def decode_text(raw: bytes) -> str:
    """An unstructured value (Subject): RFC 2047 words, raw UTF-8, else a guess."""
    raise NotImplementedError


def parse_addresses(raw: bytes) -> tuple[Address, ...]:
    """An address list (RFC 5322 3.4), groups and obsolete forms included."""
    raise NotImplementedError


def parse_date(raw: bytes) -> datetime | None:
    """A date in any form seen in mail, aware; None when it is none."""
    raise NotImplementedError


def parse_message_ids(raw: bytes) -> tuple[str, ...]:
    """The ids of Message-ID, In-Reply-To or References, without brackets."""
    raise NotImplementedError
