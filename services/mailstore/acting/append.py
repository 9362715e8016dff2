"""Appending a message, once, and what goes with it: the answered mark, the draft that it replaces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from services.common.errors import PosternError, Reason, error
from services.common.logging import get_logger
from services.mailstore.acting.flags import Change, store
from services.mailstore.acting.move import remove
from services.mailstore.acting.spool import Spool
from services.mailstore.acting.targets import Batch
from services.mailstore.imap.failure import CommandRefused
from services.mailstore.imap.session import Result, Session
from services.mailstore.imap.syntax import date_time, flag_list, string
from services.mailstore.mailboxes import listing, manage
from services.mailstore.mailboxes.model import Use
from services.mailstore.mime.headers import parse_headers, read_envelope
from services.mailstore.names import MessageName, check_mailbox, read_flags
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.reading.orders import search_raw
from services.mailstore.reading.rows import gather

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AppendRequest:
    """Where and how. `flags` are words of the wire; `unless_message_id` has angle brackets."""

    mailbox: str = ""
    sent: bool = False
    flags: tuple[str, ...] = ()
    received: datetime | None = None
    unless_message_id: str = ""
    answered: MessageName | None = None
    forwarded: MessageName | None = None
    replaces_draft: MessageName | None = None


async def append(session: Session, request: AppendRequest, spool: Spool) -> tuple[MessageName, bool]:
    """The message's name (UID 0 where it is not known) and whether it was there already."""
    if request.sent:
        box, _ = await manage.ensure_special(session, Use.SENT, create_missing=True)
        mailbox = box.name
    else:
        mailbox = check_mailbox(request.mailbox)
    name = (
        await find_message(session, mailbox, request.unless_message_id) if request.unless_message_id else None
    )
    there = name is not None
    if name is None:
        name = await append_spool(session, mailbox, request.flags, request.received, spool)
    # The message is safe; what follows may fail without harm and be repeated.
    await _mark(session, request.answered, "\\Answered")
    await _mark(session, request.forwarded, "$Forwarded")
    if request.replaces_draft is not None:
        await drop_draft(session, request.replaces_draft)
    return name, there


async def append_spool(
    session: Session,
    mailbox: str,
    flags: tuple[str, ...],
    received: datetime | None,
    spool: Spool,
    prefix: bytes = b"",
) -> MessageName:
    """APPEND and the new name: from APPENDUID (RFC 4315), else found again by its Message-ID."""
    head = [b"APPEND", session.mailbox(mailbox), flag_list(flags)]
    if received is not None:
        head.append(date_time(received))
    result = await session.append(head, spool.size + len(prefix), spool.chunks(prefix))
    if result.status != "OK":
        raise _refused(result)
    words = result.code_data.split()
    if result.code == "APPENDUID" and len(words) == 2 and words[0].isdigit() and words[1].isdigit():
        return MessageName(mailbox, int(words[0]), int(words[1]))
    message_id = read_envelope(parse_headers(spool.header())).message_id
    found = await find_message(session, mailbox, f"<{message_id}>") if message_id else None
    return found or MessageName(mailbox, 0, 0)


def _refused(result: Result) -> Exception:
    text = result.text.decode("utf-8", "replace")
    if result.status == "NO" and result.code in ("TRYCREATE", "NONEXISTENT"):
        return error(Reason.MAILBOX_NOT_FOUND, text)
    return CommandRefused("APPEND", result.status, result.code, text)


async def find_message(session: Session, mailbox: str, message_id: str) -> MessageName | None:
    """The newest message of a mailbox with this Message-ID; None also where there is no such mailbox."""
    try:
        selected, _ = await open_mailbox(session, mailbox, reopen=True)
    except PosternError as err:
        if err.reason == Reason.MAILBOX_NOT_FOUND:
            return None
        raise
    uids = await search_raw(session, [b"HEADER", b"Message-ID", string(message_id.encode("utf-8"))])
    return MessageName(mailbox, selected.uid_validity, uids[-1]) if uids else None


async def _mark(session: Session, name: MessageName | None, flag: str) -> None:
    if name is None:
        return
    try:
        await open_mailbox(session, name.mailbox, uid_validity=name.uid_validity, write=True)
        await store(session, b"%d" % name.uid, Change(add=(flag,)))
    except (PosternError, CommandRefused) as err:
        log.info("append.mark_failed", uid=name.uid, cause=err)


async def drop_draft(session: Session, name: MessageName) -> bool:
    """Expunge a draft whose successor is safe. False where it is gone, or is no draft: then it stays."""
    try:
        await open_mailbox(session, name.mailbox, uid_validity=name.uid_validity, write=True)
        command = [b"UID", b"FETCH", b"%d" % name.uid, b"(UID FLAGS)"]
        (result,) = await session.execute(command)
        data = gather([result]).get(name.uid)
        if data is None:
            return False
        if not read_flags(data.get(b"FLAGS")).draft and not await _is_drafts(session, name.mailbox):
            log.warning("draft.not_a_draft", uid=name.uid)
            return False
        await remove(session, Batch(name.mailbox, name.uid_validity, (name.uid,), ()))
    except (PosternError, CommandRefused) as err:
        log.info("draft.drop_failed", uid=name.uid, cause=err)
        return False
    return True


async def _is_drafts(session: Session, mailbox: str) -> bool:
    box = (await listing.list_mailboxes(session, counts=False)).by_name(mailbox)
    return box is not None and box.use is Use.DRAFTS


async def spooled(source: AsyncIterator[bytes], expected: int, limit: int) -> Spool:
    """The whole upload in a Spool, which the caller closes."""
    spool = Spool(limit)
    try:
        await spool.fill(source, expected)
    except BaseException:
        spool.close()
        raise
    return spool
