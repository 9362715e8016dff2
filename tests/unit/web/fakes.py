"""The four services in memory, satisfying services.web.ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.common.errors import PosternError, Reason, error, invalid_argument, not_found
from services.web.model.mail import (
    ActionResult,
    Address,
    Change,
    ConversationPage,
    Envelope,
    ExportStep,
    FlagChange,
    Flags,
    ImportResult,
    MailboxTree,
    MailboxView,
    Matching,
    MessagePage,
    MessageRange,
    MessageRef,
    Messages,
    Moved,
    OpenMessage,
    Order,
    Part,
    Quota,
    ReportRecipient,
    Right,
    Rights,
    Row,
    SearchStep,
    Space,
    Tell,
    TextPart,
    Use,
)
from services.web.model.outgoing import Attachment, Link, Outgoing, SavedDraft, Submission, Template, Upload
from services.web.model.people import Contact, ContactPage, Suggestion
from services.web.ports import PartStream, Services
from tests.unit.web.fake_auth import NOON, FakeAuth

VALIDITY = 7


@dataclass
class StoredMessage:
    uid: int
    envelope: Envelope
    texts: tuple[TextPart, ...] = (TextPart("1", "text/plain", "Hello\n"),)
    attachments: tuple[Part, ...] = ()
    inline: tuple[Part, ...] = ()
    content: dict[str, bytes] = field(default_factory=dict)
    flags: Flags = field(default_factory=Flags)
    report: tuple[ReportRecipient, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    about: dict[str, MessageRef | None] = field(default_factory=dict)  # answers, forwards


def envelope(subject: str, sender: str = "bob@example.org", **fields: object) -> Envelope:
    base = Envelope(
        subject=subject,
        from_=(Address("Bob", sender),),
        to=(Address("", "alice@example.org"),),
        date=NOON,
        message_id=f"<{abs(hash(subject))}@example.org>",
    )
    return replace(base, **fields)  # type: ignore[arg-type]


@dataclass
class FakeMail:
    boxes: dict[str, dict[int, StoredMessage]] = field(
        default_factory=lambda: {"INBOX": {}, "Drafts": {}, "Sent": {}, "Archive": {}, "Trash": {}}
    )
    uses: dict[str, Use] = field(
        default_factory=lambda: {
            "INBOX": Use.INBOX,
            "Drafts": Use.DRAFTS,
            "Sent": Use.SENT,
            "Archive": Use.ARCHIVE,
            "Trash": Use.TRASH,
        }
    )
    calls: list[str] = field(default_factory=list)
    fail: dict[str, PosternError] = field(default_factory=dict)
    changes: int = 0
    to_come: list[Change] = field(default_factory=list)
    matched: list[Matching] = field(default_factory=list)
    step: int = 500
    slow: asyncio.Semaphore | None = None  # each step of long work takes one
    stops: bool = True
    stopped: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    rights_of: dict[str, str] = field(default_factory=dict)
    spaces: dict[str, Space] = field(default_factory=dict)
    local: bool = False
    acl: dict[str, dict[str, str]] | None = None
    quotas: tuple[Quota, ...] = ()
    pace: asyncio.Queue[None] | None = None  # lets a search go on
    searching: int = 0

    def add(self, message: StoredMessage, mailbox: str = "INBOX") -> MessageRef:
        self.boxes.setdefault(mailbox, {})[message.uid] = message
        return MessageRef(mailbox, VALIDITY, message.uid)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fail:
            raise self.fail[name]

    def _row(self, mailbox: str, message: StoredMessage) -> Row:
        return Row(
            MessageRef(mailbox, VALIDITY, message.uid),
            message.envelope,
            message.flags,
            message.envelope.date,
            1234,
            bool(message.attachments),
            "snippet text",
        )

    def _box(self, mailbox: str) -> dict[int, StoredMessage]:
        if mailbox not in self.boxes:
            raise error(Reason.MAILBOX_NOT_FOUND)
        return self.boxes[mailbox]

    async def mailboxes(self, token: str) -> MailboxTree:
        self._called("mailboxes")
        return MailboxTree(
            tuple(
                MailboxView(
                    name,
                    name.rpartition("/")[2],
                    "/",
                    name.rpartition("/")[0],
                    self.uses.get(name, Use.NONE),
                    messages=len(box),
                    unread=sum(not one.flags.seen for one in box.values()),
                    uid_validity=VALIDITY,
                    subscribed=name not in self.hidden,
                    rights=self.rights_of.get(name, ""),
                    space=self.spaces.get(name, Space.OWN),
                )
                for name, box in self.boxes.items()
            ),
            local=self.local,
            shares=not self.local,
        )

    async def messages(
        self, token: str, mailbox: str, *, rows: int, page: str, order: Order, query: str, skip: int = 0
    ) -> MessagePage:
        self._called("messages")
        box = self._box(mailbox)
        found = [self._row(mailbox, box[uid]) for uid in sorted(box, reverse=True)]
        start = int(page or 0)
        return MessagePage(
            tuple(found[start : start + rows]),
            str(start + rows) if start + rows < len(found) else "",
            str(start - rows) if start - rows > 0 else "",
            len(found),
            sum(not row.flags.seen for row in found),
            start,
            VALIDITY,
            f"state-{self.changes}",
        )

    async def conversations(
        self, token: str, mailbox: str, *, rows: int, page: str, order: Order, query: str, skip: int = 0
    ) -> ConversationPage:
        raise PosternError(Reason.UNSUPPORTED)

    async def message(
        self, token: str, ref: MessageRef, *, mark_seen: bool, neighbours: bool, within: str
    ) -> OpenMessage:
        self._called("message")
        if ref.uid_validity != VALIDITY:
            raise error(Reason.MAILBOX_CHANGED)
        message = self._box(ref.mailbox).get(ref.uid)
        if message is None:
            raise error(Reason.MESSAGE_GONE)
        row = self._row(ref.mailbox, message)
        if mark_seen:
            message.flags = replace(message.flags, seen=True)
        return OpenMessage(
            row,
            message.texts,
            message.attachments,
            message.inline,
            headers=message.headers,
            report=message.report,
            **message.about,  # type: ignore[arg-type]
        )

    @asynccontextmanager
    async def watch(self, token: str, resume: str) -> AsyncIterator[AsyncIterator[Change]]:
        self._called(f"watch {resume}".strip())

        async def changes() -> AsyncIterator[Change]:
            for change in self.to_come:
                yield change

        yield changes()

    async def thread(self, token: str, ref: MessageRef) -> tuple[Row, ...]:
        self._called("thread")
        return tuple(self._row(ref.mailbox, one) for one in self._box(ref.mailbox).values())

    async def search(
        self, token: str, text: str, mailboxes: Sequence[str], *, rows: int, page: str
    ) -> AsyncGenerator[SearchStep, None]:
        """One step for each mailbox; before each but the first it waits for `pace`, where a test set it."""
        self._called("search")
        self.searching += 1
        try:
            places = [name for name in self.boxes if not mailboxes or name in mailboxes]
            total = 0
            for n, name in enumerate(places):
                if n and self.pace is not None:
                    await self.pace.get()
                found = tuple(
                    self._row(name, one)
                    for one in self.boxes[name].values()
                    if text.lower() in one.envelope.subject.lower()
                )
                total += len(found)
                yield SearchStep(found, n + 1, len(places))
            yield SearchStep(total=total)
        finally:
            self.searching -= 1

    @asynccontextmanager
    async def read_part(self, token: str, ref: MessageRef, part_id: str) -> AsyncIterator[PartStream]:
        self._called("read_part")
        message = self._box(ref.mailbox)[ref.uid]
        part = next((one for one in (*message.attachments, *message.inline) if one.part_id == part_id), None)
        if part is None:
            raise error(Reason.PART_NOT_FOUND)
        yield PartStream(part, _chunks(message.content[part_id]))

    @asynccontextmanager
    async def read_source(
        self, token: str, ref: MessageRef, *, headers_only: bool
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        yield 15, _chunks(b"Subject: x\r\n\r\ny")

    def _named(self, messages: Messages) -> MessageRange:
        if isinstance(messages, MessageRange):
            return messages
        self.matched.append(messages)
        box = self._box(messages.mailbox)
        unread = "is:unread" in messages.text
        uids = [uid for uid, one in sorted(box.items()) if not (unread and one.flags.seen)]
        return MessageRange(messages.mailbox, VALIDITY, tuple(uids))

    async def _steps(self, messages: Messages, request_id: str, tell: Tell | None) -> AsyncIterator[int]:
        """UIDs that are there, in steps of `step`, until told to stop."""
        named = self._named(messages)
        box, total = self._box(named.mailbox), len(named.uids)
        for start in range(0, total, self.step):
            if self.slow is not None:
                await self.slow.acquire()
            part = named.uids[start : start + self.step]
            for uid in part:
                if uid in box:
                    yield uid
            if tell is not None and not tell(start + len(part), total):
                break
            if request_id in self.stopped:
                break

    async def stop(self, token: str, request_id: str) -> bool:
        self._called("stop")
        self.stopped.add(request_id)
        return self.stops

    async def flag(
        self,
        token: str,
        messages: Messages,
        change: FlagChange,
        request_id: str,
        tell: Tell | None = None,
    ) -> ActionResult:
        self._called("flag")
        box, done = self._box(messages.mailbox), []
        async for uid in self._steps(messages, request_id, tell):
            flags = box[uid].flags
            values = {name: True for name in change.add} | {name: False for name in change.remove}
            labels = [one for one in flags.labels if one not in change.remove_labels]
            labels += [one for one in change.add_labels if one not in labels]
            box[uid].flags = replace(flags, labels=tuple(labels), **values)
            done.append(uid)
        self.changes += 1
        return ActionResult(
            len(done), changed=(MessageRange(messages.mailbox, VALIDITY, tuple(done)),) if done else ()
        )

    async def move(
        self, token: str, messages: Messages, destination: str, request_id: str, tell: Tell | None = None
    ) -> ActionResult:
        self._called("move")
        source, target = self._box(messages.mailbox), self._box(destination)
        old, new = [], []
        async for uid in self._steps(messages, request_id, tell):
            fresh = max(target, default=0) + 100
            target[fresh] = replace(source.pop(uid), uid=fresh)
            old.append(uid)
            new.append(fresh)
        self.changes += 1
        pair = Moved(
            MessageRange(messages.mailbox, VALIDITY, tuple(old)),
            MessageRange(destination, VALIDITY, tuple(new)),
        )
        return ActionResult(len(old), 0, (pair,) if old else ())

    async def copy(
        self, token: str, messages: Messages, destination: str, request_id: str, tell: Tell | None = None
    ) -> ActionResult:
        return ActionResult(len(self._named(messages).uids))

    async def delete(
        self,
        token: str,
        messages: Messages,
        *,
        permanently: bool,
        request_id: str,
        tell: Tell | None = None,
    ) -> ActionResult:
        self._called("delete")
        if permanently:
            box, done = self._box(messages.mailbox), 0
            async for uid in self._steps(messages, request_id, tell):
                done += box.pop(uid, None) is not None
            self.changes += 1
            return ActionResult(done)
        if "Trash" not in self.boxes:
            raise error(Reason.SPECIAL_MAILBOX_MISSING, use="trash")
        return await self.move(token, messages, "Trash", request_id, tell)

    async def import_messages(
        self,
        token: str,
        mailbox: str,
        chunks: AsyncIterator[bytes],
        *,
        skip_duplicates: bool,
        request_id: str,
        tell: Tell | None = None,
    ) -> ImportResult:
        self._called("import")
        box, text = self._box(mailbox), b"".join([chunk async for chunk in chunks])
        found = text.count(b"From ")
        for number in range(1, found + 1):
            if self.slow is not None:
                await self.slow.acquire()
            uid = max(box, default=0) + 1
            box[uid] = StoredMessage(uid, envelope(f"Imported {number}"))
            if (tell is not None and not tell(number, 0)) or request_id in self.stopped:
                return ImportResult(number)
        return ImportResult(found, refused=("message",) if not found else ())

    @asynccontextmanager
    async def export(
        self, token: str, messages: Messages, kind: str
    ) -> AsyncIterator[AsyncIterator[ExportStep]]:
        self._called(f"export {kind}")
        named = self._named(messages)

        async def steps() -> AsyncIterator[ExportStep]:
            for number, uid in enumerate(named.uids):
                if self.slow is not None:
                    await self.slow.acquire()
                data = f"From x\n{self._box(named.mailbox)[uid].envelope.subject}\n\n".encode()
                yield ExportStep(data, number + 1, len(named.uids))

        yield steps()

    async def subscribe(self, token: str, name: str, *, subscribed: bool, request_id: str) -> None:
        self._box(name)
        (self.hidden.discard if subscribed else self.hidden.add)(name)

    async def rights(self, token: str, name: str) -> Rights:
        self._called("rights")
        self._box(name)
        if self.acl is None:
            raise PosternError(Reason.UNSUPPORTED, metadata={"feature": "acl"})
        found = self.acl.get(name, {})
        return Rights(tuple(Right(who, letters) for who, letters in found.items()), "lrswipkxtea")

    async def set_right(self, token: str, name: str, right: Right, request_id: str) -> None:
        assert self.acl is not None
        entries = self.acl.setdefault(name, {})
        if right.letters:
            entries[right.identifier] = right.letters
        else:
            entries.pop(right.identifier, None)

    async def quota(self, token: str) -> tuple[Quota, ...]:
        return self.quotas

    async def ensure_special(self, token: str, use: Use, *, create: bool, request_id: str) -> str:
        self._called("ensure_special")
        name = next((name for name in self.boxes if self.uses.get(name) is use), "")
        if not name and not create:
            raise error(Reason.SPECIAL_MAILBOX_MISSING, use=use.value)
        if not name:
            name = use.value.capitalize()
            self.boxes[name], self.uses[name] = {}, use
        return name

    async def create_mailbox(self, token: str, name: str, request_id: str) -> str:
        if name in self.boxes:
            raise error(Reason.MAILBOX_EXISTS)
        self.boxes[name] = {}
        return name

    async def rename_mailbox(self, token: str, name: str, new_name: str, request_id: str) -> str:
        self.boxes[new_name] = self._box(name)
        del self.boxes[name]
        return new_name

    async def delete_mailbox(self, token: str, name: str, *, with_messages: bool, request_id: str) -> None:
        if self._box(name) and not with_messages:
            raise error(Reason.CONFLICT)
        del self.boxes[name]


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 65536):
        yield content[at : at + 65536]


@dataclass
class FakeSend:
    uploads: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    sent: dict[str, Outgoing] = field(default_factory=dict)
    drafts: list[tuple[Outgoing, MessageRef | None]] = field(default_factory=list)
    fail: dict[str, PosternError] = field(default_factory=dict)
    submissions: tuple[Submission, ...] = ()
    acts: list[tuple[str, str, datetime | None]] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    mail: FakeMail | None = None  # where drafts go
    kept: dict[str, tuple[str, Outgoing]] = field(default_factory=dict)  # templates
    reports: dict[MessageRef, Submission] = field(default_factory=dict)

    async def upload(
        self, token: str, filename: str, media_type: str, chunks: AsyncIterator[bytes]
    ) -> Attachment:
        if "upload" in self.fail:
            raise self.fail["upload"]
        content = b"".join([chunk async for chunk in chunks])
        self.uploads[f"u{len(self.uploads)}"] = content
        return Attachment(filename, media_type, len(content), f"u{len(self.uploads) - 1}")

    @asynccontextmanager
    async def read_link(self, link: str, offset: int) -> AsyncIterator[tuple[Link, AsyncIterator[bytes]]]:
        if "link" in self.fail:
            raise self.fail["link"]
        if link not in self.links:
            raise not_found("link")
        name, data = self.links[link]
        if offset >= len(data):
            raise invalid_argument("offset_bytes", "out_of_range")

        async def chunks() -> AsyncIterator[bytes]:
            for at in range(offset, len(data), 5):
                yield data[at : at + 5]

        yield Link(link, name, "text/html", len(data), len(data)), chunks()

    async def upload_piece(
        self, token: str, upload: Upload, total: int, chunks: AsyncIterator[bytes]
    ) -> Upload:
        if "upload" in self.fail:
            raise self.fail["upload"]
        key = upload.upload_id or f"u{len(self.uploads)}"
        there = self.uploads.get(key, b"")
        if upload.received != len(there):
            raise error(Reason.CONFLICT, what="upload", offset=str(len(there)))
        async for chunk in chunks:
            self.uploads[key] = self.uploads.get(key, b"") + chunk
        self.uploads.setdefault(key, b"")
        self.totals[key] = total
        self.names[key] = (upload.filename, upload.media_type)
        return await self.get_upload(token, key)

    async def get_upload(self, token: str, upload_id: str) -> Upload:
        if upload_id not in self.uploads:
            raise error(Reason.NOT_FOUND, what="upload")
        received = len(self.uploads[upload_id])
        name, kind = self.names.get(upload_id, ("", ""))
        return Upload(upload_id, name, kind, received, received == self.totals.get(upload_id, received))

    async def delete_upload(self, token: str, upload_id: str) -> None:
        self.uploads.pop(upload_id, None)

    async def save_draft(
        self,
        token: str,
        mailstore_token: str,
        content: Outgoing,
        replaces: MessageRef | None,
        request_id: str,
    ) -> SavedDraft:
        if "save_draft" in self.fail:
            raise self.fail["save_draft"]
        if replaces and self.drafts and replaces.uid != len(self.drafts):
            newest = {"mailbox": "Drafts", "uid_validity": str(VALIDITY), "uid": str(len(self.drafts))}
            raise PosternError(Reason.CONFLICT, metadata={"what": "draft", **newest})
        self.drafts.append((content, replaces))
        if self.mail is not None:
            drafts = self.mail.boxes.setdefault("Drafts", {})
            if replaces:
                drafts.pop(replaces.uid, None)
            head = Envelope(
                subject=content.subject,
                from_=(content.sender,),
                to=content.to,
                cc=content.cc,
                bcc=content.bcc,
                in_reply_to=content.in_reply_to,
                references=content.references,
            )
            texts = (TextPart("1", "text/plain", content.text),)
            if content.html:
                texts = (*texts, TextPart("2", "text/html", content.html, alternative=1))
            drafts[len(self.drafts)] = StoredMessage(
                len(self.drafts),
                head,
                texts,
                headers=(("X-Postern-Draft-Id", content.draft_id),),
                about={"answers": content.answered, "forwards": content.forwarded},
            )
        return SavedDraft(
            MessageRef("Drafts", VALIDITY, len(self.drafts)), content.draft_id or "d1", False, NOON
        )

    async def templates(self, token: str) -> tuple[Template, ...]:
        return tuple(Template(key, name, NOON) for key, (name, _content) in self.kept.items())

    async def template(self, token: str, template_id: str) -> tuple[Template, Outgoing]:
        if template_id not in self.kept:
            raise not_found("template")
        name, content = self.kept[template_id]
        return Template(template_id, name, NOON), content

    async def save_template(self, token: str, name: str, content: Outgoing) -> Template:
        key = next((key for key, (known, _) in self.kept.items() if known == name), f"t{len(self.kept) + 1}")
        self.kept[key] = name, replace(content, attachments=(), answered=None, forwarded=None)
        return Template(key, name, NOON)

    async def delete_template(self, token: str, template_id: str) -> None:
        self.kept.pop(template_id, None)

    async def send(
        self,
        token: str,
        mailstore_token: str,
        content: Outgoing,
        *,
        request_id: str,
        undo_seconds: int,
        send_at: datetime | None,
        draft: MessageRef | None,
    ) -> Submission:
        if "send" in self.fail:
            raise self.fail["send"]
        self.sent.setdefault(request_id, content)
        return Submission("sub1", "held" if undo_seconds else "queued")

    async def cancel(self, token: str, submission_id: str, request_id: str) -> tuple[Submission, Outgoing]:
        content = next(iter(self.sent.values()))
        return Submission(submission_id, "cancelled"), content

    async def reschedule(
        self, token: str, submission_id: str, at: datetime | None, request_id: str
    ) -> Submission:
        self.acts.append(("reschedule", submission_id, at))
        return Submission(submission_id, "queued")

    async def resolve(self, token: str, submission_id: str, resolution: str, request_id: str) -> Submission:
        self.acts.append((resolution, submission_id, None))
        return Submission(submission_id, "filed")

    async def outbox(self, token: str, mailstore_token: str = "") -> tuple[Submission, ...]:
        if "outbox" in self.fail:
            raise self.fail["outbox"]
        return self.submissions

    async def history(self, token: str, page: str = "") -> tuple[tuple[Submission, ...], str]:
        start = int(page or 0)
        found = self.submissions
        return found[start : start + 1], str(start + 1) if start + 1 < len(found) else ""

    async def submission_of(self, token: str, message_id: str) -> Submission:
        for one in self.submissions:
            if one.message_id == message_id:
                return one
        raise not_found("submission")

    async def record_report(self, token: str, mailstore_token: str, report: MessageRef) -> Submission:
        if report in self.reports:
            return self.reports[report]
        raise not_found("submission")


@dataclass
class FakePeople:
    people: dict[str, Contact] = field(default_factory=dict)
    deleted: dict[str, Contact] = field(default_factory=dict)
    used: list[tuple[str, str]] = field(default_factory=list)
    fail: dict[str, PosternError] = field(default_factory=dict)

    def _called(self, name: str) -> None:
        if name in self.fail or "all" in self.fail:
            raise self.fail.get(name) or self.fail["all"]

    async def contacts(self, token: str, query: str, *, page: str, rows: int) -> ContactPage:
        self._called("contacts")
        found = tuple(one for one in self.people.values() if query.lower() in one.name.lower())
        return ContactPage(found, "", len(found))

    async def contact(self, token: str, contact_id: str) -> Contact:
        self._called("contact")
        if contact_id not in self.people:
            raise error(Reason.NOT_FOUND)
        return self.people[contact_id]

    async def create(self, token: str, contact: Contact, request_id: str) -> Contact:
        self._called("create")
        made = replace(contact, contact_id=f"c{len(self.people) + 1}", etag="e1")
        self.people[made.contact_id] = made
        return made

    async def update(self, token: str, contact: Contact, request_id: str) -> Contact:
        if self.people[contact.contact_id].etag != contact.etag:
            raise error(Reason.CONFLICT)
        self.people[contact.contact_id] = replace(contact, etag=contact.etag + "+")
        return self.people[contact.contact_id]

    async def delete(self, token: str, ids: Sequence[str], request_id: str) -> int:
        for one in ids:
            self.deleted[one] = self.people.pop(one)
        return len(ids)

    async def undelete(self, token: str, ids: Sequence[str], request_id: str) -> int:
        for one in ids:
            self.people[one] = self.deleted.pop(one)
        return len(ids)

    async def suggest(
        self, token: str, prefix: str, exclude: Sequence[str], rows: int
    ) -> tuple[Suggestion, ...]:
        self._called("suggest")
        return (Suggestion("Bob", "bob@example.org", "book"),)

    async def record_use(self, token: str, people: Sequence[tuple[str, str]], request_id: str) -> None:
        self._called("record_use")
        self.used.extend(people)


@dataclass
class Fakes:
    auth: FakeAuth = field(default_factory=FakeAuth)
    mail: FakeMail = field(default_factory=FakeMail)
    send: FakeSend = field(default_factory=FakeSend)
    people: FakePeople = field(default_factory=FakePeople)

    def __post_init__(self) -> None:
        self.send.mail = self.mail

    def services(self) -> Services:
        return Services(self.auth, self.mail, self.send, self.people)
