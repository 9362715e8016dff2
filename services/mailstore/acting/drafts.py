"""Saving a draft: the new version is appended first, then the old ones go, so that at no moment there is
none.

A crash in between leaves two; every version carries the draft's id in a header, by which the next save
finds and removes what was left. The id is checked in full before anything is removed: SEARCH matches parts
of a value too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.common.errors import PosternError, Reason, invalid_argument
from services.common.logging import get_logger
from services.mailstore.acting.append import append_spool, drop_draft
from services.mailstore.acting.move import remove
from services.mailstore.acting.spool import Spool
from services.mailstore.acting.targets import Batch
from services.mailstore.imap.failure import CommandRefused
from services.mailstore.imap.parser import header_item
from services.mailstore.imap.session import Session
from services.mailstore.imap.syntax import string, uid_set
from services.mailstore.mailboxes import manage
from services.mailstore.mailboxes.model import Use
from services.mailstore.mime.headers import parse_headers
from services.mailstore.names import MessageName, encode_name, read_flags
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.reading.orders import search_raw
from services.mailstore.reading.rows import gather

log = get_logger(__name__)
HEADER = "X-Postern-Draft-Id"
HEADERS = {"answers": "X-Postern-Draft-Answers", "forwards": "X-Postern-Draft-Forwards"}
_ID = re.compile(r"[A-Za-z0-9._-]{8,100}\Z")
_FLAGS = ("\\Draft", "\\Seen")


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """Which draft, and which version this one replaces."""

    draft_id: str
    replaces: MessageName | None = None
    create_missing: bool = False
    must_replace: bool = False
    answers: MessageName | None = None
    forwards: MessageName | None = None


async def save(session: Session, request: DraftRequest, spool: Spool) -> tuple[MessageName, bool]:
    """The name of the saved version, and whether the one that it replaces was not there any more.

    SPECIAL_MAILBOX_MISSING where there is no Drafts and none is to be made. With `must_replace` CONFLICT, and
    nothing saved, where that version is gone.
    """
    if not _ID.match(request.draft_id):
        raise invalid_argument("draft_id", "malformed")
    box, _ = await manage.ensure_special(session, Use.DRAFTS, create_missing=request.create_missing)
    if request.must_replace and request.replaces is not None:
        await _must_be_there(session, box.name, request.replaces, request.draft_id)
    name = await append_spool(session, box.name, _FLAGS, None, spool, _own_headers(spool, request))
    if not name.uid:
        newest = await _versions(session, box.name, request.draft_id)
        name = newest[-1] if newest else name
    replaced = True
    if request.replaces is not None and request.replaces != name:
        replaced = await drop_draft(session, request.replaces)
    if name.uid:
        await _drop_leftovers(session, name, request.draft_id)
    return name, not replaced


async def _must_be_there(session: Session, drafts: str, name: MessageName, draft_id: str) -> None:
    """CONFLICT, naming the newest version, where the draft is not there any more."""
    versions = await _versions(session, drafts, draft_id)
    if name in versions or await _is_draft(session, name):
        return
    newest: dict[str, str] = {}
    if versions:
        last = versions[-1]
        newest = {"mailbox": last.mailbox, "uid_validity": str(last.uid_validity), "uid": str(last.uid)}
    raise PosternError(Reason.CONFLICT, metadata={"what": "draft", **newest})


async def _is_draft(session: Session, name: MessageName) -> bool:
    """A version without our id: of another program."""
    try:
        await open_mailbox(session, name.mailbox, uid_validity=name.uid_validity, reopen=True)
    except PosternError as err:
        if err.reason in (Reason.MAILBOX_CHANGED, Reason.MAILBOX_NOT_FOUND):
            return False
        raise
    (result,) = await session.execute([b"UID", b"FETCH", b"%d" % name.uid, b"(UID FLAGS)"])
    return name.uid in gather([result])


def _own_headers(spool: Spool, request: DraftRequest) -> bytes:
    """The fields to put before the message; those that it carries already are left out."""
    present = parse_headers(spool.header())
    fields = {HEADER: request.draft_id}
    for name, about in ((HEADERS["answers"], request.answers), (HEADERS["forwards"], request.forwards)):
        if about is not None:
            fields[name] = encode_name(about)
    return b"".join(
        f"{name}: {value}\r\n".encode("ascii")
        for name, value in fields.items()
        if present.get(name).strip() != value.encode("ascii")
    )


async def _drop_leftovers(session: Session, newest: MessageName, draft_id: str) -> None:
    """Remove older versions of the draft that a crash left, also those that it left marked \\Deleted, where
    they can be expunged. Failing does no harm: the next save tries again.
    """
    marked_too = session.has("UIDPLUS") or session.rev2
    try:
        versions = await _versions(session, newest.mailbox, draft_id, marked_too=marked_too)
        older = [name.uid for name in versions if name.uid < newest.uid]
        if older:
            await open_mailbox(session, newest.mailbox, uid_validity=newest.uid_validity, write=True)
            await remove(session, Batch(newest.mailbox, newest.uid_validity, tuple(older), ()))
    except (PosternError, CommandRefused) as err:
        log.info("draft.leftovers_failed", uid=newest.uid, cause=err)


async def _versions(
    session: Session, mailbox: str, draft_id: str, *, marked_too: bool = False
) -> list[MessageName]:
    """All versions of the draft, oldest first; with `marked_too` those that are marked \\Deleted as well."""
    selected, _ = await open_mailbox(session, mailbox, reopen=True)
    header = HEADER.encode("ascii")
    keys = [b"HEADER", header, string(draft_id.encode("ascii"))]
    uids = await search_raw(session, keys if marked_too else [b"UNDELETED", *keys])
    if not uids:
        return []
    command = [b"UID", b"FETCH", uid_set(uids), b"(UID FLAGS BODY.PEEK[HEADER.FIELDS (" + header + b")])"]
    (result,) = await session.execute(command)
    versions = []
    for uid, data in sorted(gather([result]).items()):
        values = [value.strip() for value in parse_headers(header_item(data)).get_all(HEADER)]
        if draft_id.encode("ascii") in values[:1] and read_flags(data.get(b"FLAGS")).draft:
            versions.append(MessageName(mailbox, selected.uid_validity, uid))
    return versions
