"""Mail in memory, as services.web.ports.MailPort."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from services.common.errors import PosternError, Reason, error
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
from services.web.ports import PartStream
from tests.unit.web.fake_auth import NOON

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
    conversation_total: int = 0  # where a conversation has more messages than are shown at once
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
        start = int(page or skip)
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
        self,
        token: str,
        ref: MessageRef,
        *,
        mark_seen: bool,
        neighbours: bool,
        within: str,
        all_headers: bool = False,
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
            all_headers=message.headers if all_headers else (),
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

    async def thread(self, token: str, ref: MessageRef) -> tuple[tuple[Row, ...], int]:
        self._called("thread")
        rows = tuple(self._row(ref.mailbox, one) for one in self._box(ref.mailbox).values())
        return rows, max(len(rows), self.conversation_total)

    async def search(
        self, token: str, text: str, mailboxes: Sequence[str], *, rows: int, page: str
    ) -> AsyncGenerator[SearchStep, None]:
        """One step for each mailbox; before each but the first it waits for `pace`, where a test set it."""
        self._called("search")
        self.searching += 1
        try:
            places = [name for name in self.boxes if not mailboxes or name in mailboxes]
            total, start = 0, int(page or 0)
            word = text.lower().partition(" ")[0]
            for n, name in enumerate(places):
                if n and self.pace is not None:
                    await self.pace.get()
                found = [
                    self._row(name, one)
                    for one in self.boxes[name].values()
                    if word in one.envelope.subject.lower() and not ("is:unread" in text and one.flags.seen)
                ]
                shown = found[max(0, start - total) : max(0, start + rows - total)]
                total += len(found)
                yield SearchStep(tuple(shown), n + 1, len(places))
            yield SearchStep(total=total, next_token=str(start + rows) if total > start + rows else "")
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
