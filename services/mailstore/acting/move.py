"""Moving, copying and destroying messages: MOVE (RFC 6851) and UIDPLUS (RFC 4315), with what stands in for
them.

Where the server has no UIDPLUS, EXPUNGE could only be sent bare, and would destroy whatever any client has
marked \\Deleted. It is never sent: a "move" leaves the originals marked \\Deleted (as any client shows them
until the mailbox is next compacted), and destroying for good is answered UNSUPPORTED.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from services.common.errors import Reason, error, invalid_argument
from services.mailstore.acting.flags import Change, store
from services.mailstore.acting.targets import Batch, Target, batches, numbers, resolve, surely_open
from services.mailstore.imap.failure import CommandRefused
from services.mailstore.imap.session import Result, Session
from services.mailstore.imap.syntax import parse_set, uid_set
from services.mailstore.mailboxes import manage
from services.mailstore.mailboxes.model import Use
from services.mailstore.names import MessageRange, check_mailbox

NOTHING = MessageRange("", 0, ())


@dataclass(frozen=True, slots=True)
class MoveStep:
    """One step. `source` and `destination` pair old and new names in the same order; the latter's UIDs are
    empty where the server does not tell.
    """

    done: int
    total: int
    source: MessageRange
    destination: MessageRange
    gone: MessageRange
    destroyed: MessageRange = NOTHING


async def move(session: Session, target: Target, destination: str) -> AsyncIterator[MoveStep]:
    """Move all messages of the target. MAILBOX_NOT_FOUND where there is no such destination."""
    async for step in _transfer(session, target, destination, keep=False):
        yield step


async def copy(session: Session, target: Target, destination: str) -> AsyncIterator[MoveStep]:
    """Copy all messages of the target."""
    async for step in _transfer(session, target, destination, keep=True):
        yield step


async def delete(session: Session, target: Target, *, permanently: bool) -> AsyncIterator[MoveStep]:
    """Move to Trash, or destroy. SPECIAL_MAILBOX_MISSING where there is no Trash: nothing is deleted then."""
    if permanently:
        async for step in _destroy(session, target):
            yield step
        return
    trash = await manage.special(session, Use.TRASH)
    if target.range is not None and target.range.mailbox == trash.name:
        # What is in Trash goes for good or stays; which, the caller must say.
        raise invalid_argument("permanently", "already_in_trash")
    async for step in _transfer(session, target, trash.name, keep=False):
        yield step


async def _transfer(
    session: Session, target: Target, destination: str, *, keep: bool
) -> AsyncIterator[MoveStep]:
    destination = check_mailbox(destination, "destination")
    ranges = await resolve(session, target)
    if not keep and any(messages.mailbox == destination for messages in ranges):
        if target.range is not None:
            raise invalid_argument("destination", "same_mailbox")
        ranges = [messages for messages in ranges if messages.mailbox != destination]
    total = sum(len(messages.uids) for messages in ranges)
    done = 0
    at_once = surely_open(session, ranges) if not keep and _tells(session) else None
    if at_once is not None:
        pairs, validity = await _at_once(session, at_once, destination)
        if pairs:
            done = len(pairs)
            source = replace(at_once, uids=tuple(pairs))
            yield MoveStep(
                done, total, source, MessageRange(destination, validity, tuple(pairs.values())), NOTHING
            )
            rest = tuple(uid for uid in at_once.uids if uid not in pairs)
            if not rest:
                return
            ranges = [replace(at_once, uids=rest)]
    async for batch in batches(session, ranges, write=not keep):
        pairs, validity = await _one(session, batch, destination, keep=keep) if batch.uids else ({}, 0)
        done += len(batch.uids) + len(batch.gone)
        # Without COPYUID all that was asked for counts as moved, to places unknown.
        sources = [uid for uid in batch.uids if uid in pairs] if pairs else list(batch.uids)
        missed = [uid for uid in batch.uids if uid not in pairs] if pairs else []
        yield MoveStep(
            done,
            total,
            batch.here(sources),
            MessageRange(destination, validity, tuple(pairs[uid] for uid in sources) if pairs else ()),
            batch.here((*batch.gone, *missed)),
        )
    if not ranges:
        yield MoveStep(0, 0, NOTHING, NOTHING, NOTHING)


def _tells(session: Session) -> bool:
    """Whether the server moves in one command, and says what it moved."""
    return session.rev2 or (session.has("MOVE") and session.has("UIDPLUS"))


async def _at_once(session: Session, messages: MessageRange, destination: str) -> tuple[dict[int, int], int]:
    """MOVE of messages of the open mailbox: what the answer names was moved. Nothing is raised for a refusal:
    the rest is asked for and moved by those who say what is wrong with it.
    """
    name = session.mailbox(destination)
    (result,) = await session.execute([b"UID", b"MOVE", uid_set(messages.uids), name])
    pairs, validity = read_copyuid(result)
    return {uid: pairs[uid] for uid in messages.uids if uid in pairs}, validity


async def _one(session: Session, batch: Batch, destination: str, *, keep: bool) -> tuple[dict[int, int], int]:
    uids, name = numbers(batch), session.mailbox(destination)
    if not keep and (session.has("MOVE") or session.rev2):
        command = [b"UID", b"MOVE", uids, name]
        (result,) = await session.execute(command)
        return read_copyuid(_to(session, result, command))
    command = [b"UID", b"COPY", uids, name]
    (result,) = await session.execute(command)
    pairs, validity = read_copyuid(_to(session, result, command))
    if not keep:
        # Only what is known to have arrived is taken away.
        arrived = [uid for uid in batch.uids if uid in pairs] if pairs else list(batch.uids)
        await remove(session, Batch(batch.mailbox, batch.uid_validity, tuple(arrived), ()))
    return pairs, validity


def _to(session: Session, result: Result, command: list[bytes]) -> Result:
    try:
        return session.require(result, command)
    except CommandRefused as err:
        if err.status == "NO" and err.code in ("", "TRYCREATE", "NONEXISTENT", "CANNOT"):
            raise error(Reason.MAILBOX_NOT_FOUND, err, mailbox="destination") from err
        raise


async def remove(session: Session, batch: Batch) -> bool:
    """Expunge exactly these messages of the open mailbox. False where the server cannot without harming
    others (no UIDPLUS): they are marked \\Deleted then.
    """
    await store(session, numbers(batch), Change(add=("\\Deleted",)))
    if not (session.has("UIDPLUS") or session.rev2):
        return False
    await session.command(b"UID", b"EXPUNGE", numbers(batch))
    return True


async def _destroy(session: Session, target: Target) -> AsyncIterator[MoveStep]:
    if not (session.has("UIDPLUS") or session.rev2):
        raise error(Reason.UNSUPPORTED, feature="uidplus")
    ranges = await resolve(session, target)
    total = sum(len(messages.uids) for messages in ranges)
    done = 0
    async for batch in batches(session, ranges):
        if batch.uids:
            await remove(session, batch)
        done += len(batch.uids) + len(batch.gone)
        yield MoveStep(done, total, NOTHING, NOTHING, batch.here(batch.gone), batch.here(batch.uids))
    if not ranges:
        yield MoveStep(0, 0, NOTHING, NOTHING, NOTHING)


def read_copyuid(result: Result) -> tuple[dict[int, int], int]:
    """COPYUID (RFC 4315 section 3): where each message went, and the UIDVALIDITY there. MOVE tells it in an
    untagged OK (RFC 6851 section 4.3)."""
    found = [(result.code, result.code_data)] + [(r.code, r.code_data) for r in result.data("OK")]
    pairs: dict[int, int] = {}
    validity = 0
    for code, data in found:
        words = data.split()
        if code != "COPYUID" or len(words) != 3 or not words[0].isdigit():
            continue
        try:
            sources, destinations = parse_set(words[1]), parse_set(words[2])
        except ValueError:
            continue
        if len(sources) == len(destinations):
            validity = int(words[0])
            pairs.update(zip(sources, destinations, strict=True))
    return pairs, validity
