"""What the sender needs of the other services, as protocols; clients.py has the real ones, tests have
fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

from services.sender.model import StoredName


@dataclass(frozen=True)
class PartHead:
    """What the mailstore says of a part before its octets come. `size` may be an estimate."""

    filename: str
    media_type: str
    size: int


@dataclass(frozen=True)
class FileRequest:
    """A copy to be put in Sent, once: the mailstore appends nothing where the Message-ID is there."""

    request_id: str
    message_id: str
    size: int
    answered: StoredName | None = None
    forwarded: StoredName | None = None
    replaces_draft: StoredName | None = None


@dataclass(frozen=True)
class DraftRequest:
    """`answers` and `forwards` are kept with the draft, so that it is gone on with as what it is."""

    request_id: str
    draft_id: str
    size: int
    replaces: StoredName | None = None
    must_replace: bool = False
    answers: StoredName | None = None
    forwards: StoredName | None = None


@dataclass(frozen=True)
class SavedDraft:
    name: StoredName
    replaced_missing: bool


@dataclass
class PartStream:
    """A part on its way: its head, then its octets."""

    head: PartHead
    octets: AsyncIterator[bytes] = field(repr=False)


class Mailstore(Protocol):
    """`token` is always one for the mailstore. Every failure is a PosternError."""

    async def read_part(self, token: str, message: StoredName, part_id: str) -> PartStream: ...

    async def read_source(self, token: str, message: StoredName) -> PartStream: ...

    async def file_sent(self, token: str, request: FileRequest, octets: AsyncIterator[bytes]) -> bool:
        """True where the copy was there already."""
        ...

    async def has_message(self, token: str, message_id: str, since: int) -> bool:
        """Whether a message with that Message-ID is in any mailbox but Trash and Junk; what is older than a
        day before `since` (milliseconds) is not looked at."""
        ...

    async def save_draft(
        self, token: str, request: DraftRequest, octets: AsyncIterator[bytes]
    ) -> SavedDraft: ...


class Tokens(Protocol):
    async def for_filing(self, sender_token: str) -> str:
        """A fresh mailstore token that may file, for a sender token that may have ended."""
        ...
