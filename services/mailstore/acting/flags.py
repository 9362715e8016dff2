"""Flags and labels of messages (STORE, RFC 9051 section 6.4.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from enum import StrEnum

from services.common.errors import Reason, error, invalid_argument
from services.mailstore.acting.targets import Target, batches, numbers, resolve, surely_open
from services.mailstore.imap.parser import pairs
from services.mailstore.imap.session import Selected, Session
from services.mailstore.imap.syntax import flag_list, uid_set
from services.mailstore.names import MessageRange, encode_label

MOST_LABELS = 50


class SystemFlag(StrEnum):
    """Flags with a fixed meaning, by their words on the wire."""

    SEEN = "\\Seen"
    ANSWERED = "\\Answered"
    FLAGGED = "\\Flagged"
    DRAFT = "\\Draft"
    FORWARDED = "$Forwarded"
    JUNK = "$Junk"
    NOT_JUNK = "$NotJunk"
    MDN_SENT = "$MDNSent"


@dataclass(frozen=True, slots=True)
class Change:
    """Words to add and to take away: flags and keywords as on the wire."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        add: list[SystemFlag],
        remove: list[SystemFlag],
        add_labels: list[str],
        remove_labels: list[str],
    ) -> Change:
        """INVALID_ARGUMENT where nothing changes, a word is both added and removed, or a label cannot be
        one.
        """
        if len(add_labels) + len(remove_labels) > MOST_LABELS:
            raise invalid_argument("add_labels", "too_many")
        wanted = tuple(dict.fromkeys([*map(str, add), *map(encode_label, add_labels)]))
        unwanted = tuple(dict.fromkeys([*map(str, remove), *map(encode_label, remove_labels)]))
        if not wanted and not unwanted:
            raise invalid_argument("add_flags", "missing")
        if set(wanted) & set(unwanted):
            raise invalid_argument("remove_flags", "contradiction")
        return cls(wanted, unwanted)


@dataclass(frozen=True, slots=True)
class FlagStep:
    """One step: messages done of all, what changed and what was gone since the last step."""

    done: int
    total: int
    changed: MessageRange
    gone: MessageRange


async def modify(session: Session, target: Target, change: Change) -> AsyncIterator[FlagStep]:
    """Change the flags of all messages of the target."""
    ranges = await resolve(session, target)
    total = sum(len(messages.uids) for messages in ranges)
    done = 0
    at_once = surely_open(session, ranges)
    if at_once is not None and session.selected is not None:
        check_keywords(session.selected, change.add)
        changed = await _at_once(session, at_once, change)
        if changed:
            done = len(changed)
            yield FlagStep(done, total, replace(at_once, uids=changed), MessageRange("", 0, ()))
            rest = tuple(uid for uid in at_once.uids if uid not in changed)
            if not rest:
                return
            ranges = [replace(at_once, uids=rest)]
    async for batch in batches(session, ranges):
        if batch.uids:
            assert session.selected is not None
            check_keywords(session.selected, change.add)
            await store(session, numbers(batch), change)
        done += len(batch.uids) + len(batch.gone)
        yield FlagStep(done, total, batch.here(batch.uids), batch.here(batch.gone))
    if not ranges:
        nothing = MessageRange("", 0, ())
        yield FlagStep(0, 0, nothing, nothing)


def check_keywords(selected: Selected, words: tuple[str, ...]) -> None:
    """UNSUPPORTED where the mailbox takes no such keyword for good (PERMANENTFLAGS, RFC 9051 section 7.1)."""
    allowed = {flag.lower() for flag in selected.permanent_flags}
    if not allowed or b"\\*" in allowed:
        return
    if any(not word.startswith("\\") and word.lower().encode("ascii") not in allowed for word in words):
        raise error(Reason.UNSUPPORTED, feature="labels")


async def _at_once(session: Session, messages: MessageRange, change: Change) -> tuple[int, ...]:
    """STORE on messages of the open mailbox; those that have the flags now, as the answer says. It need not
    name one that had them before, and nothing is raised for a refusal: `modify` asks for the rest.
    """
    results = await session.execute(*_commands(uid_set(messages.uids), change, b"FLAGS"))
    if any(result.status != "OK" for result in results):
        return ()
    told: dict[object, set[bytes]] = {}
    for response in (each for result in results for each in result.data("FETCH")):
        items = pairs(response.values[0]) if response.values else {}
        flags = items.get(b"FLAGS")
        if isinstance(flags, tuple):
            told[items.get(b"UID")] = {word.lower() for word in flags if isinstance(word, bytes)}
    wanted, unwanted = (
        {word.lower().encode("ascii") for word in words} for words in (change.add, change.remove)
    )
    so = {uid for uid, flags in told.items() if wanted <= flags and not unwanted & flags}
    return tuple(uid for uid in messages.uids if uid in so)


async def store(session: Session, uids: bytes, change: Change) -> None:
    """STORE on messages of the open mailbox whose UIDVALIDITY was checked."""
    commands = _commands(uids, change, b"FLAGS.SILENT")
    for result, command in zip(await session.execute(*commands), commands, strict=True):
        # RFC 2180 section 4.2: NO [EXPUNGEISSUED] says that some were gone; the others are changed.
        if not (result.status == "NO" and result.code == "EXPUNGEISSUED"):
            session.require(result, command)


def _commands(uids: bytes, change: Change, item: bytes) -> list[list[bytes]]:
    signs = ((b"+", change.add), (b"-", change.remove))
    return [[b"UID", b"STORE", uids, sign + item, flag_list(words)] for sign, words in signs if words]
