"""Opening a mailbox for what follows: one that is open already is used as it is.

Invariant: no command that names UIDs is sent before the UIDVALIDITY of the open mailbox was compared with the
caller's, so a stale name fails with MAILBOX_CHANGED and reaches no other message.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from services.common.errors import Reason, error
from services.mailstore.imap.failure import CommandRefused
from services.mailstore.imap.session import Result, Selected, Session

# After this many seconds a list opens the mailbox again rather than asking NOOP: deleted by another client
# and made again under the same name, the connection would go on showing the old one (Dovecot says nothing
# of it).
REOPEN_AFTER = 4.0
# INBOX can neither be deleted nor replaced by another of its name (RFC 9051 section 6.3.5; where a server
# renames it, section 6.3.6, Dovecot ends the connections that have it open). To open one of 100,000 messages
# anew may take a second of work: with Maildir, Dovecot looks through the whole directory after each change.
# As long as a connection is kept.
REOPEN_INBOX_AFTER = 900.0


def is_open(session: Session, mailbox: str, *, write: bool = False) -> bool:
    """Whether `mailbox` is open on this connection."""
    selected = session.selected
    return selected is not None and selected.name == mailbox and not (write and selected.read_only)


def is_fresh(session: Session, mailbox: str) -> bool:
    """Whether it is open, and surely the mailbox that has this name now."""
    at_most = REOPEN_INBOX_AFTER if mailbox == "INBOX" else REOPEN_AFTER
    return is_open(session, mailbox) and time.monotonic() - session.selected_at < at_most


async def open_mailbox(
    session: Session,
    mailbox: str,
    *,
    uid_validity: int = 0,
    uid: int = 0,
    write: bool = False,
    reopen: bool = False,
    then: Sequence[Sequence[bytes]] = (),
) -> tuple[Selected, list[Result]]:
    """Open `mailbox` (SELECT) unless it is open, and send `then` in the same round trip; only commands that
    harm nothing if the UIDVALIDITY turns out to be another.

    `uid`: the one message that is meant, which spares a question where it is surely known to the connection.
    MAILBOX_NOT_FOUND, MAILBOX_CHANGED (where `uid_validity` is given), PERMISSION_DENIED (`write`,
    read-only).
    """
    if reopen or not is_open(session, mailbox, write=write):
        select = session.begin_select(mailbox, False)
        first, *results = await session.execute(select, *then)
        if first.status != "OK":
            raise refused(first)
    else:
        results = await _catch_up(session, uid_validity, uid, then)
    selected = session.selected
    assert selected is not None
    if uid_validity and selected.uid_validity != uid_validity:
        raise error(Reason.MAILBOX_CHANGED)
    if write and selected.read_only:
        raise error(Reason.PERMISSION_DENIED)
    return selected, results


async def _catch_up(
    session: Session, uid_validity: int, uid: int, then: Sequence[Sequence[bytes]]
) -> list[Result]:
    """The answers to `then` in a mailbox that was open already.

    What came since then, the connection sees after NOOP only (RFC 9051 section 6.1.2); without it a message
    that another connection listed just now would count as gone. Dovecot puts NOOP off until the commands
    sent with it are done, so it goes last, and where it tells of anything, the others are sent again.
    """
    selected = session.selected
    assert selected is not None
    if not then:
        if uid_validity and not 0 < uid < selected.uid_next:
            await session.execute([b"NOOP"])
            selected.uid_next = max(selected.uid_next, uid + 1)
        return []
    before = selected.changes
    *results, _ = await session.execute(*then, [b"NOOP"])
    return results if selected.changes == before else await session.execute(*then)


def refused(result: Result) -> Exception:
    """What a refused SELECT means: without a code, that there is no such mailbox."""
    text = result.text.decode("utf-8", "replace")
    if result.status == "NO" and result.code in ("", "NONEXISTENT", "TRYCREATE"):
        return error(Reason.MAILBOX_NOT_FOUND, text)
    return CommandRefused("SELECT", result.status, result.code, text)
