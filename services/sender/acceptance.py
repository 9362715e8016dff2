"""Takes a message over from its writer: checks it, composes it, and writes it down. Then, and only then, Send
is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import IntegrityError

from services.common.database import Database
from services.common.errors import PosternError, Reason, error, invalid_argument, not_found, too_large
from services.common.logging import get_logger
from services.sender import clock, faults, reports
from services.sender.compose import checks
from services.sender.compose.build import Built, Part, build, guess_type, new_message_id
from services.sender.compose.segments import Encoding, MessageLines
from services.sender.links.links import Links
from services.sender.model import Attachment, Content, Fate, State, StoredName, Submission
from services.sender.outbox.hub import Hub
from services.sender.outbox.worker import Outbox
from services.sender.ports import DraftRequest, Mailstore, SavedDraft
from services.sender.storage import accepted, reported, rows, submissions
from services.sender.storage import content as stored
from services.sender.storage.accepted import NewSubmission, work_of
from services.sender.storage.together import Together
from services.sender.storage.usage import Limits
from services.sender.uploads import Uploads
from services.sender.verifying.verifying import Verifying

log = get_logger(__name__)

MAX_REQUEST_ID = 128
MAX_UNDO = 120_000
# Milliseconds after which somebody should have filed a message that was due; else this replica has a look.
KEPT_LOOK = 5_000
MAX_REPORT = 512 * 1024
MAX_AHEAD = 366 * clock.DAY


@dataclass(frozen=True)
class Writer:
    """Who hands a message over: the account and its tokens. Without `mailstore_token` no stored part can be
    read."""

    account: str
    token: str = field(repr=False)
    mailstore_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Order:
    """A message and how to send it. `undo` and `send_at` in milliseconds; 0 is at once."""

    request_id: str
    content: Content
    raw_content: bytes = field(default=b"", repr=False)
    undo: int = 0
    send_at: int = 0
    delivery_report: bool = False
    replaces_draft: StoredName | None = None


class Acceptance:
    """SendMessage, SaveDraft and BuildMessage share how they compose."""

    def __init__(
        self,
        db: Database,
        uploads: Uploads,
        mailstore: Mailstore,
        hub: Hub,
        outbox: Outbox,
        links: Links,
        verifying: Verifying,
        *,
        max_bytes: int,
        max_recipients: int = 500,
        limits: Limits = Limits(),
        now: clock.Clock = clock.now,
    ) -> None:
        self._db, self._uploads, self._mailstore, self._hub = db, uploads, mailstore, hub
        self._max_bytes, self._max_recipients = max_bytes, max_recipients
        self._links = links
        self._outbox, self._wake, self._now = outbox, outbox.wake, now
        self._verifying = verifying
        self._inserts: Together[NewSubmission, Submission] = Together(
            db, lambda session, many: accepted.insert_new(session, many, limits)
        )

    async def accept(self, writer: Writer, order: Order) -> Submission:
        """The submission, durable. The same request id again, also at the same time, gives the same one."""
        _check_request_id(order.request_id)
        if order.content.attachments:
            # They may have gone since; without any, the unique key of the row says the same for less.
            known = await self._known(writer.account, order.request_id)
            if known is not None:
                return known
        now = self._now()
        send_at, scheduled = _when(order, now)
        checked = await self._checked(writer, order.content)
        parts = await self._parts(writer, checked.content)
        built = build(
            checked,
            parts,
            message_id=new_message_id(checked.sender.domain),
            date=clock.as_datetime(send_at),
        )
        self._bound(built)
        new = NewSubmission(
            lease_id=self._outbox.reserve() if send_at <= now else "",
            lease_until=now + self._outbox.lease,
            id=clock.new_id(now),
            account=writer.account,
            request_id=order.request_id,
            message_id=built.message_id,
            from_address=checked.sender.address,
            subject=order.content.subject,
            size_bytes=built.wire_size,
            needs_smtputf8=checked.needs_smtputf8,
            eight_bit=built.eight_bit,
            delivery_report=order.delivery_report,
            scheduled=scheduled,
            accepted_at=now,
            send_at=send_at,
            recipients=tuple(mailbox.address for mailbox in checked.recipients),
            segments=built.segments,
            token=writer.token,
            keeps_token=self._outbox.keeps_tokens,
            content=order.raw_content,
            answered=order.content.answered,
            forwarded=order.content.forwarded,
            replaces_draft=order.replaces_draft,
            link_ids=self._links.ids_in(order.content),
            link_until=send_at + self._links.settings.keep,
        )
        # Goes on when the caller does not: what is on disk has its worker.
        submission = await asyncio.shield(asyncio.ensure_future(self._begin(new)))
        log.info("outbox.accepted", submission=submission.id, account=submission.account)
        self._hub.changed(writer.account)
        return submission

    async def _begin(self, new: NewSubmission) -> Submission:
        """Writes it down, and hands it to the worker that was kept free for it."""
        begun, submission = False, None
        # Before the row is there: whoever takes it must find the token.
        self._outbox.keep(new.id, new.token, new.send_at + KEPT_LOOK)
        try:
            submission = await self._insert(new)
            begun = bool(new.lease_id) and submission.id == new.id and submission.state is State.SUBMITTING
            if begun:
                self._outbox.begin(work_of(new, submission))
            elif submission.state is State.QUEUED:
                self._wake()
            return submission
        finally:
            if submission is None or submission.id != new.id:
                self._outbox.forget(new.id)
            if new.lease_id and not begun:
                self._outbox.give_back()

    async def _known(self, account: str, request_id: str) -> Submission | None:
        return await self._db.read(lambda s: submissions.by_request(s, account, request_id))

    async def _insert(self, new: NewSubmission) -> Submission:
        await faults.at("accept.before_commit")
        try:
            submission = await self._inserts.do(new)
        except (IntegrityError, PosternError) as err:
            if isinstance(err, PosternError) and err.reason != Reason.RATE_LIMITED:
                raise
            # Asked again for what was accepted before: also where nothing more would be.
            known = await self._known(new.account, new.request_id)
            if known is None:
                raise
            return known
        await faults.at("accept.committed")
        if submission.state is State.SUSPENDED:
            log.warning("outbox.suspended", submission=submission.id, account=submission.account)
        return submission

    async def save_draft(
        self,
        writer: Writer,
        request_id: str,
        content: Content,
        replaces: StoredName | None,
        must_replace: bool = False,
    ) -> tuple[SavedDraft, str]:
        """Saves through the mailstore, with the caller's own token; the draft's id over all its versions.
        `must_replace`: CONFLICT where that version is gone."""
        _check_request_id(request_id)
        _needs_mailstore(writer)
        now = self._now()
        draft_id = content.draft_id or clock.new_id(now)
        built = await self._compose(writer, content, draft_id)
        request = DraftRequest(
            request_id,
            draft_id,
            built.full_size,
            replaces,
            must_replace,
            content.answered,
            content.forwarded,
        )
        octets = stored.octets(self._db, built.segments, with_sent_only=True)
        await self._links.draft_saved(writer.account, content)
        return await self._mailstore.save_draft(writer.mailstore_token, request, octets), draft_id

    async def report(self, writer: Writer, name: StoredName) -> Submission:
        """Takes up a report that lies in the writer's mailboxes. INVALID_ARGUMENT where it is none, NOT_FOUND
        where it is about nothing that this account sent."""
        _needs_mailstore(writer)
        stream = await self._mailstore.read_source(writer.mailstore_token, name)
        held = bytearray()
        async for data in stream.octets:
            held += data
            if len(held) >= MAX_REPORT:
                break
        report = await asyncio.to_thread(reports.read, bytes(held[:MAX_REPORT]))
        if report is None:
            raise invalid_argument("report", "not_a_report")
        now = self._now()
        submission = await self._db.run(lambda s: reported.record(s, writer.account, report, now))
        log.info("outbox.reported", submission=submission.id, account=submission.account)
        self._outbox.keep(submission.id, writer.token, now)
        self._hub.changed(writer.account)
        self._wake()
        return submission

    async def look(self, writer: Writer, id: str) -> Submission:
        """Looks for an UNKNOWN message in its writer's mailboxes. Found, the server took it: it goes on as
        ACCEPTED, to be filed unless its copy is in Sent. Else it stays as it is."""
        _needs_mailstore(writer)
        submission = await self._db.read(lambda s: submissions.get(s, writer.account, id=id))
        if submission.state is not State.UNKNOWN:
            raise error(Reason.CONFLICT, what="submission", state=submission.state)
        found = await self._mailstore.has_message(
            writer.mailstore_token, submission.message_id, submission.send_at
        )
        if not found:
            return submission
        now, key = self._now(), rows.request_key(writer.account, f"look {id} {submission.version}")
        resolved = await self._db.run(
            lambda s: submissions.resolve(s, writer.account, id, fate=Fate.ACCEPTED, write_key=key, now=now)
        )
        log.info("outbox.found", submission=id, account=writer.account)
        self._outbox.keep(id, writer.token, now)
        self._hub.changed(writer.account)
        self._wake()
        return resolved

    async def built(self, writer: Writer, content: Content) -> AsyncIterator[bytes]:
        """The message with its Bcc, for those who file or show it themselves. Recipients may be missing."""
        built = await self._compose(writer, content, "")
        return stored.octets(self._db, built.segments, with_sent_only=True)

    async def _compose(self, writer: Writer, content: Content, draft_id: str) -> Built:
        checked = await self._checked(writer, content, draft=True)
        parts = await self._parts(writer, checked.content)
        built = build(
            checked,
            parts,
            message_id=new_message_id(checked.sender.domain),
            date=clock.as_datetime(self._now()),
            draft_id=draft_id,
        )
        self._bound(built)
        return built

    async def _checked(self, writer: Writer, content: Content, *, draft: bool = False) -> checks.Checked:
        if not content.sender.address:
            content = replace(content, sender=replace(content.sender, address=writer.account))
        checked = checks.check(content, draft=draft, max_recipients=self._max_recipients)
        if not await self._verifying.may(writer.account, checked.sender):
            raise error(Reason.PERMISSION_DENIED, field="content.from.address", problem="not_an_identity")
        return checked

    def _bound(self, built: Built) -> None:
        if built.full_size > self._max_bytes:
            raise too_large(self._max_bytes)

    async def _parts(self, writer: Writer, content: Content) -> list[Part]:
        parts, total = [], 0
        for number, item in enumerate(content.attachments):
            try:
                part = await self._part(writer, item)
            except PosternError as err:
                raise _about_attachment(err, number) from err
            total += part.size
            if total > self._max_bytes:
                raise too_large(self._max_bytes)
            parts.append(part)
        return parts

    async def _part(self, writer: Writer, item: Attachment) -> Part:
        if item.message is not None:
            _needs_mailstore(writer)
            blob = await self._uploads.copied(
                writer.account, item, item.message, self._mailstore, writer.mailstore_token
            )
        else:
            blob = await self._uploads.get(writer.account, item.upload_id)
            if not blob.complete:
                raise error(Reason.CONFLICT, what="upload", problem="incomplete")
        kind = checks.media_type(item.media_type, "media_type") if item.media_type else blob.media_type
        default = "message.eml" if kind == "message/rfc822" else ""
        filename = item.filename or blob.filename or default
        if kind == "application/octet-stream" and not item.media_type:
            kind = guess_type(filename)
        part = Part(blob.id, blob.received_bytes, filename, kind, item.content_id)
        if not kind.startswith("message/"):
            return part
        # RFC 2046, 5.2.1: a message is attached as it is, never in base64. Its size on the wire is what its
        # lines come to once their ends are right.
        lines = MessageLines()
        async for chunk in stored.blob_chunks(self._db, blob.id):
            lines.feed(chunk)
        lines.finish()
        return replace(part, encoding=Encoding.MESSAGE, size=lines.size, eight_bit=lines.eight_bit)


def _check_request_id(request_id: str) -> None:
    if not 0 < len(request_id) <= MAX_REQUEST_ID:
        raise invalid_argument("request_id", "missing" if not request_id else "too_long")


def _needs_mailstore(writer: Writer) -> None:
    if not writer.mailstore_token:
        raise invalid_argument("postern-mailstore-authorization", "missing")


def _when(order: Order, now: int) -> tuple[int, bool]:
    if not 0 <= order.undo <= MAX_UNDO:
        raise invalid_argument("undo_window", "out_of_range")
    if order.send_at > now + MAX_AHEAD:
        raise invalid_argument("send_time", "too_far")
    if order.send_at > now + order.undo:
        return order.send_at, True
    return now + order.undo, False


def _about_attachment(err: PosternError, number: int) -> PosternError:
    """The same failure, with the attachment that it is about."""
    if err.reason == Reason.NOT_FOUND:
        err = not_found("upload", err)
    metadata = {**err.metadata, "field": f"content.attachments[{number}]"}
    return PosternError(err.reason, code=err.code, metadata=metadata, cause=err.cause)
