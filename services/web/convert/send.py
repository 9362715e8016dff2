"""postern.sender.v1 ↔ model.outgoing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.common.gen.postern.sender.v1 import compose_service_pb2 as c
from services.common.gen.postern.sender.v1 import submission_service_pb2 as sub
from services.common.gen.postern.sender.v1 import types_pb2 as t
from services.web.convert import when
from services.web.model.mail import Address, MessageRef
from services.web.model.outgoing import Attachment, Outgoing, RecipientFate, Submission, Template, Upload

STATES: dict[int, str] = {
    value: name.removeprefix("SUBMISSION_STATE_").lower() for name, value in sub.SubmissionState.items()
}
FATES: dict[int, str] = {
    value: name.removeprefix("RECIPIENT_STATE_").lower() for name, value in sub.RecipientState.items()
}


PRIORITIES: dict[str, t.Priority] = {"high": t.PRIORITY_HIGH, "low": t.PRIORITY_LOW}


def upload(message: c.Upload) -> Upload:
    return Upload(
        message.upload_id, message.filename, message.media_type, message.received_bytes, message.complete
    )


def stored(ref: MessageRef) -> t.StoredMessageName:
    return t.StoredMessageName(mailbox=ref.mailbox, uid_validity=ref.uid_validity, uid=ref.uid)


def ref(name: t.StoredMessageName) -> MessageRef:
    return MessageRef(name.mailbox, name.uid_validity, name.uid)


def _address(entry: Address) -> t.EmailAddress:
    return t.EmailAddress(name=entry.name, address=entry.address, group=entry.group)


def _addresses(entries: Iterable[t.EmailAddress]) -> tuple[Address, ...]:
    return tuple(Address(entry.name, entry.address, entry.group) for entry in entries)


def _source(attachment: Attachment) -> t.AttachmentSource:
    message = t.AttachmentSource(
        filename=attachment.filename, media_type=attachment.media_type, content_id=attachment.content_id
    )
    if attachment.upload_id:
        message.upload_id = attachment.upload_id
    elif attachment.message is not None and attachment.part_id:
        message.stored_part.CopyFrom(
            t.StoredPart(message=stored(attachment.message), part_id=attachment.part_id)
        )
    elif attachment.message is not None:
        message.stored_message.CopyFrom(stored(attachment.message))
    return message


def _attachment(message: t.AttachmentSource) -> Attachment:
    kind = message.WhichOneof("source")
    common: dict[str, Any] = {
        "filename": message.filename,
        "media_type": message.media_type,
        "content_id": message.content_id,
    }
    if kind == "stored_part":
        return Attachment(
            **common, message=ref(message.stored_part.message), part_id=message.stored_part.part_id
        )
    if kind == "stored_message":
        return Attachment(**common, message=ref(message.stored_message))
    return Attachment(**common, upload_id=message.upload_id)


def content(outgoing: Outgoing) -> t.MessageContent:
    message = t.MessageContent(
        to=[_address(one) for one in outgoing.to],
        cc=[_address(one) for one in outgoing.cc],
        bcc=[_address(one) for one in outgoing.bcc],
        reply_to=[_address(one) for one in outgoing.reply_to],
        subject=outgoing.subject,
        text=outgoing.text,
        html=outgoing.html,
        attachments=[_source(one) for one in outgoing.attachments],
        in_reply_to=outgoing.in_reply_to,
        references=outgoing.references,
        draft_id=outgoing.draft_id,
        identity_id=outgoing.identity_id,
        priority=PRIORITIES.get(outgoing.priority, t.PRIORITY_UNSPECIFIED),
        request_read_receipt=outgoing.receipt,
        extra_fields=[t.ExtraField(name=name, value=value) for name, value in outgoing.extra_fields],
    )
    getattr(message, "from").CopyFrom(_address(outgoing.sender))
    if outgoing.answered:
        message.answered.CopyFrom(stored(outgoing.answered))
    if outgoing.forwarded:
        message.forwarded.CopyFrom(stored(outgoing.forwarded))
    return message


def outgoing(message: t.MessageContent) -> Outgoing:
    sender = getattr(message, "from")
    return Outgoing(
        sender=Address(sender.name, sender.address),
        to=_addresses(message.to),
        cc=_addresses(message.cc),
        bcc=_addresses(message.bcc),
        reply_to=_addresses(message.reply_to),
        subject=message.subject,
        text=message.text,
        html=message.html,
        attachments=tuple(_attachment(one) for one in message.attachments),
        answered=ref(message.answered) if message.HasField("answered") else None,
        forwarded=ref(message.forwarded) if message.HasField("forwarded") else None,
        in_reply_to=tuple(message.in_reply_to),
        references=tuple(message.references),
        draft_id=message.draft_id,
        identity_id=message.identity_id,
        priority=next((name for name, value in PRIORITIES.items() if value == message.priority), ""),
        receipt=message.request_read_receipt,
        extra_fields=tuple((one.name, one.value) for one in message.extra_fields),
    )


def template(message: c.Template) -> Template:
    saved = when(message.saved_time) if message.HasField("saved_time") else None
    return Template(message.template_id, message.name, saved)


def submission(message: sub.Submission) -> Submission:
    return Submission(
        submission_id=message.submission_id,
        state=STATES.get(message.state, "unspecified"),
        recipients=tuple(
            RecipientFate(one.address, FATES.get(one.state, ""), one.smtp_code, one.server_text)
            for one in message.recipients
        ),
        message_id=message.message_id,
        subject=message.subject,
        accepted=when(message.accepted_time) if message.HasField("accepted_time") else None,
        send_at=when(message.send_time) if message.HasField("send_time") else None,
        next_attempt=when(message.next_attempt_time) if message.HasField("next_attempt_time") else None,
        attempts=message.attempt_count,
        problem=message.problem,
        size=message.size_bytes,
        scheduled=message.scheduled,
    )
