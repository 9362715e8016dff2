"""What the untagged responses of a server say, and to which command they belong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.mailstore.imap.failure import ProtocolError
from services.mailstore.imap.parser import Response, has_uid, is_flag_change, pairs, parse_values
from services.mailstore.imap.syntax import parse_set

Pieces = Sequence[bytes]


@dataclass(slots=True)
class Selected:
    """The mailbox that is open on the connection."""

    name: str
    read_only: bool
    exists: int = 0
    uid_validity: int = 0
    uid_next: int = 0
    highest_modseq: int = 0
    permanent_flags: frozenset[bytes] = frozenset()
    # Grows whenever the server tells of something new: messages that came or went, flags that changed.
    changes: int = 0


@dataclass(frozen=True, slots=True)
class Agreed:
    """That what is known elsewhere (`key`) was what the connection's open mailbox holds, when it had told of
    `changes`. True until the server tells of more, which NOOP asks it to.
    """

    selected: Selected
    changes: int
    key: object


# Commands that change nothing in the open mailbox.
HARMLESS = frozenset({b"NOOP", b"FETCH", b"SEARCH", b"SORT", b"THREAD", b"STATUS", b"LIST", b"NAMESPACE"})


@dataclass(slots=True)
class Result:
    """The tagged answer of one command and the untagged data that came with it."""

    status: str
    code: str
    code_data: bytes
    text: bytes
    untagged: list[Response] = field(default_factory=list)

    def data(self, name: str) -> list[Response]:
        """The untagged responses of this name."""
        return [response for response in self.untagged if response.name == name]


# Which command's data an untagged response is. Servers work on commands that were sent together side by
# side (Dovecot answers NOOP last), so the order alone does not tell.
_DATA_OF: dict[str, frozenset[bytes]] = {
    "FETCH": frozenset({b"FETCH", b"STORE"}),
    # Asked for with a FETCH (RFC 7162 section 3.2.6); who else is told of it waits for no answer of theirs.
    "VANISHED": frozenset({b"FETCH"}),
    "SEARCH": frozenset({b"SEARCH"}),
    "SORT": frozenset({b"SORT"}),
    "THREAD": frozenset({b"THREAD"}),
    "STATUS": frozenset({b"STATUS", b"LIST"}),
    "LIST": frozenset({b"LIST"}),
    "LSUB": frozenset({b"LSUB"}),
    "NAMESPACE": frozenset({b"NAMESPACE"}),
}


def owner(response: Response, waiting: dict[bytes, Pieces]) -> bytes:
    """The tag of the command that the response belongs to: by its own word (ESEARCH, RFC 4731), else the
    first of its kind that has no answer yet, else the first.
    """
    if not waiting:
        raise ProtocolError("data without a command")
    if response.name == "ESEARCH" and response.values and isinstance(response.values[0], tuple):
        tag = pairs(response.values[0]).get(b"TAG")
        if tag in waiting:
            return tag
    kinds = _DATA_OF.get(response.name)
    if kinds:
        for tag, pieces in waiting.items():
            if (pieces[1] if pieces[0] == b"UID" else pieces[0]) in kinds:
                return tag
    return next(iter(waiting))


def words(values: tuple[object, ...]) -> frozenset[str]:
    return frozenset(
        value.decode("ascii", "replace").upper() for value in values if isinstance(value, bytes)
    ) | frozenset(str(value) for value in values if isinstance(value, int))


def _follow_code(selected: Selected, response: Response) -> None:
    data = response.code_data
    if response.code == "UIDVALIDITY" and data.isdigit():
        selected.uid_validity = int(data)
    elif response.code == "UIDNEXT" and data.isdigit():
        selected.uid_next = int(data)
    elif response.code == "HIGHESTMODSEQ" and data.isdigit():
        selected.highest_modseq = int(data)
    elif response.code == "PERMANENTFLAGS":
        values = parse_values([data])
        flags = values[0] if values and isinstance(values[0], tuple) else values
        selected.permanent_flags = frozenset(flag for flag in flags if isinstance(flag, bytes))


def _count(response: Response) -> int:
    """How many UIDs a VANISHED response names."""
    numbers = response.values[-1] if response.values else b""
    if isinstance(numbers, int):
        return 1
    try:
        return len(parse_set(numbers))
    except (ValueError, AttributeError):
        return 0


def follow(selected: Selected, response: Response) -> None:
    """Bring the open mailbox up to date with an untagged response."""
    if response.name == "FETCH":
        # Unasked-for news of flags comes without a UID (RFC 9051 section 7.5.2), what was asked for has one;
        # with QRESYNC it has both UID and MODSEQ (RFC 7162 section 3.2.4), which we ask for only to learn of
        # changes.
        selected.changes += not has_uid(response) or is_flag_change(response)
    elif response.name == "EXISTS":
        selected.changes += response.number != selected.exists
        selected.exists = response.number
    elif response.name == "EXPUNGE":
        selected.exists = max(0, selected.exists - 1)
        selected.changes += 1
    elif response.name == "VANISHED" and not isinstance(
        response.values[0] if response.values else None, tuple
    ):
        # Instead of EXPUNGE, where QRESYNC is enabled; VANISHED (EARLIER) tells of what was gone before.
        selected.exists = max(0, selected.exists - _count(response))
        selected.changes += 1
    elif response.name == "OK" and response.code:
        _follow_code(selected, response)
