"""Putting messages together into conversations, after RFC 5256 (REFERENCES) and without its tree.

Two messages belong together where one names the other, both name a third, or (step 5 of the RFC) one is a
reply that names nothing and its base subject is that of an earlier one. Linear in messages and references.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from services.mailstore.mime.model import Address, Envelope
from services.mailstore.names import Flags, MessageName
from services.mailstore.threads import ids
from services.mailstore.threads.subject import base_subject, is_reply

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# "Re: hello" of last year is not an answer to the "hello" of today.
_SUBJECT_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Light:
    """What threading needs of a message."""

    name: MessageName
    message_id: str = ""
    references: tuple[str, ...] = ()
    subject: str = ""
    author: Address | None = None
    received: datetime = EPOCH
    size: int = 0
    flags: Flags = field(default_factory=Flags)

    @property
    def root(self) -> str:
        return self.references[0] if self.references else self.message_id


def light(name: MessageName, envelope: Envelope, received: datetime | None, size: int, flags: Flags) -> Light:
    """A Light from what was fetched. In-Reply-To counts as the end of References (RFC 5256 section 3, step
    1A).
    """
    references = envelope.references or envelope.in_reply_to[:1]
    return Light(
        name=name,
        message_id=envelope.message_id,
        references=tuple(reference for reference in references if reference != envelope.message_id),
        subject=envelope.subject[:300],
        author=envelope.from_[0] if envelope.from_ else None,
        received=received or envelope.date or EPOCH,
        size=size,
        flags=flags,
    )


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages that belong together, oldest first; never empty."""

    messages: tuple[Light, ...]

    @property
    def id(self) -> str:
        first = self.messages[0]
        return ids.from_root(first.root, first.name)

    def ids(self) -> set[str]:
        """Every Message-ID that is in it or named by it."""
        found = {message.message_id for message in self.messages if message.message_id}
        for message in self.messages:
            found.update(message.references)
        return found

    def within(self, mailbox: str) -> list[Light]:
        """Its messages in one mailbox, oldest first, every copy."""
        return [message for message in self.messages if message.name.mailbox == mailbox]

    def each_once(self, prefer: str = "") -> list[Light]:
        """One copy of each message, oldest first: the same one may lie in several mailboxes (a list's copy
        and the sent one). A copy in the mailbox `prefer` is taken before others.
        """
        chosen: dict[str, Light] = {}
        for number, message in enumerate(self.messages):
            key = message.message_id or f"#{number}"
            kept = chosen.get(key)
            if kept is None or (message.name.mailbox == prefer != kept.name.mailbox):
                chosen[key] = message
        return sorted(chosen.values(), key=_age)


class _Sets:
    """Disjoint sets of numbers."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, number: int) -> int:
        parent = self._parent
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    def join(self, first: int, second: int) -> None:
        a, b = self.find(first), self.find(second)
        if a != b:
            self._parent[max(a, b)] = min(a, b)


def build(messages: Sequence[Light]) -> list[Conversation]:
    """All conversations, in no order."""
    ordered = sorted(messages, key=_age)
    sets = _Sets(len(ordered))
    holder: dict[str, int] = {}
    for index, message in enumerate(ordered):
        for message_id in (message.message_id, *message.references):
            if message_id:
                sets.join(index, holder.setdefault(message_id, index))
    _join_subjects(ordered, sets)
    groups: dict[int, list[Light]] = {}
    for index, message in enumerate(ordered):
        groups.setdefault(sets.find(index), []).append(message)
    return [Conversation(tuple(group)) for group in groups.values()]


def _age(message: Light) -> tuple[datetime, int, str, int]:
    # Dates of arrival are whole seconds: within one, an answer follows what it answers.
    return (message.received, len(message.references), message.name.mailbox, message.name.uid)


def _join_subjects(ordered: list[Light], sets: _Sets) -> None:
    """Replies that name nothing go to the latest conversation with their base subject."""
    latest: dict[str, tuple[int, datetime]] = {}
    for index, message in enumerate(ordered):
        subject = base_subject(message.subject).casefold()
        if not subject:
            continue
        before = latest.get(subject)
        if (
            before is not None
            and not message.references
            and is_reply(message.subject)
            and message.received - before[1] <= _SUBJECT_WITHIN
        ):
            sets.join(index, before[0])
        latest[subject] = (index, message.received)
