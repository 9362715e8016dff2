"""The four services in memory, satisfying services.web.ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.common.errors import PosternError, Reason, error, invalid_argument, not_found
from services.web.model.mail import (
    Envelope,
    MessageRef,
    TextPart,
)
from services.web.model.outgoing import (
    Attachment,
    Link,
    Outgoing,
    SavedDraft,
    Standing,
    Standings,
    Submission,
    Template,
    Upload,
)
from services.web.model.people import Contact, ContactPage, Suggestion
from services.web.ports import Services
from tests.unit.web.fake_auth import NOON, FakeAuth
from tests.unit.web.fake_mail import VALIDITY, FakeMail, StoredMessage, envelope

__all__ = ["VALIDITY", "FakeAuth", "FakeMail", "FakePeople", "FakeSend", "Fakes", "StoredMessage", "envelope"]


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
    standing: dict[str, Standing] = field(default_factory=dict)
    codes: list[tuple[str, str, str]] = field(default_factory=list)
    codes_offered: bool = True

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
                headers=(("X-Postern-Draft-Id", content.draft_id), *content.extra_fields),
                about={"answers": content.answered, "forwards": content.forwarded},
            )
        return SavedDraft(
            MessageRef("Drafts", VALIDITY, len(self.drafts)), content.draft_id or "d1", False, NOON
        )

    async def standings(self, token: str, addresses: Sequence[str]) -> Standings:
        if "standings" in self.fail:
            raise self.fail["standings"]
        own = {one: self.standing.get(one, Standing("granted")) for one in addresses}
        return Standings(self.codes_offered, own)

    async def start_code(self, token: str, address: str, subject: str, text: str) -> datetime | None:
        if "code" in self.fail:
            raise self.fail["code"]
        self.codes.append((address, subject, text))
        self.standing[address] = Standing("code_sent", NOON)
        return NOON

    async def finish_code(self, token: str, address: str, code: str) -> None:
        if "code" in self.fail:
            raise self.fail["code"]
        if code != "ABCD-EFGH":
            metadata = {"field": "code", "problem": "wrong_code", "tries_left": "1"}
            raise PosternError(Reason.INVALID_ARGUMENT, metadata=metadata)
        self.standing[address] = Standing("verified")

    async def forget_address(self, token: str, address: str) -> None:
        self.standing[address] = Standing("refused")

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
