"""Between protobuf and the domain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from services.common.errors import invalid_argument
from services.common.gen.postern.sender.v1 import (
    compose_service_pb2,
    submission_service_pb2,
    types_pb2,
)
from services.sender.acceptance import Order
from services.sender.model import (
    Attachment,
    Content,
    EmailAddress,
    Fate,
    Priority,
    State,
    StoredName,
    Submission,
)
from services.sender.storage.blobs import Blob
from services.sender.storage.templates import Template
from services.sender.uploads import Start

_PRIORITIES = {
    types_pb2.PRIORITY_UNSPECIFIED: Priority.NORMAL,
    types_pb2.PRIORITY_NORMAL: Priority.NORMAL,
    types_pb2.PRIORITY_HIGH: Priority.HIGH,
    types_pb2.PRIORITY_LOW: Priority.LOW,
}
_STATES: dict[State, Any] = {
    state: submission_service_pb2.SubmissionState.Value(f"SUBMISSION_STATE_{state.name}") for state in State
}
_FATES: dict[Fate, Any] = {
    fate: submission_service_pb2.RecipientState.Value(f"RECIPIENT_STATE_{fate.name}") for fate in Fate
}
_FROM_STATE = {number: state for state, number in _STATES.items()}


def stored_name(name: types_pb2.StoredMessageName, field: str) -> StoredName:
    if not name.mailbox or not name.uid_validity or not name.uid:
        raise invalid_argument(field, "incomplete_name")
    return StoredName(name.mailbox, name.uid_validity, name.uid)


def to_stored_name(name: StoredName) -> types_pb2.StoredMessageName:
    return types_pb2.StoredMessageName(mailbox=name.mailbox, uid_validity=name.uid_validity, uid=name.uid)


def _addresses(items: Iterable[types_pb2.EmailAddress]) -> tuple[EmailAddress, ...]:
    return tuple(EmailAddress(item.name, item.address, item.group) for item in items)


def _attachment(item: types_pb2.AttachmentSource, field: str) -> Attachment:
    kind = item.WhichOneof("source")
    message, part_id = None, ""
    if kind == "stored_part":
        message = stored_name(item.stored_part.message, f"{field}.stored_part.message")
        part_id = item.stored_part.part_id
        if not part_id:
            raise invalid_argument(f"{field}.stored_part.part_id", "missing")
    elif kind == "stored_message":
        message = stored_name(item.stored_message, f"{field}.stored_message")
    return Attachment(
        upload_id=item.upload_id,
        message=message,
        part_id=part_id,
        filename=item.filename,
        media_type=item.media_type,
        content_id=item.content_id,
    )


def content(message: types_pb2.MessageContent) -> Content:
    author = getattr(message, "from")
    return Content(
        sender=EmailAddress(author.name, author.address),
        to=_addresses(message.to),
        cc=_addresses(message.cc),
        bcc=_addresses(message.bcc),
        reply_to=_addresses(message.reply_to),
        subject=message.subject,
        text=message.text,
        html=message.html,
        attachments=tuple(
            _attachment(item, f"content.attachments[{number}]")
            for number, item in enumerate(message.attachments)
        ),
        answered=_optional_name(message, "answered"),
        forwarded=_optional_name(message, "forwarded"),
        in_reply_to=tuple(message.in_reply_to),
        references=tuple(message.references),
        priority=_PRIORITIES.get(message.priority, Priority.NORMAL),
        request_read_receipt=message.request_read_receipt,
        draft_id=message.draft_id,
        identity_id=message.identity_id,
        extra_fields=tuple((item.name, item.value) for item in message.extra_fields),
    )


def _optional_name(message: types_pb2.MessageContent, field: str) -> StoredName | None:
    return stored_name(getattr(message, field), f"content.{field}") if message.HasField(field) else None


def order(request: submission_service_pb2.SendMessageRequest) -> Order:
    if not request.HasField("content"):
        raise invalid_argument("content", "missing")
    replaces = None
    if request.HasField("replaces_draft"):
        replaces = stored_name(request.replaces_draft, "replaces_draft")
    return Order(
        request_id=request.request_id,
        content=content(request.content),
        raw_content=request.content.SerializeToString(),
        undo=request.undo_window.seconds * 1000 + request.undo_window.nanos // 1_000_000,
        send_at=milliseconds(request.send_time) if request.HasField("send_time") else 0,
        delivery_report=request.request_delivery_report,
        replaces_draft=replaces,
    )


def milliseconds(time: Timestamp) -> int:
    return time.seconds * 1000 + time.nanos // 1_000_000


def timestamp(at: int) -> Timestamp | None:
    """The time, None (which leaves the field absent) for never."""
    return Timestamp(seconds=at // 1000, nanos=at % 1000 * 1_000_000) if at else None


def state(number: int) -> State:
    found = _FROM_STATE.get(number)
    if found is None:
        raise invalid_argument("states", "unknown")
    return found


def submission(item: Submission) -> submission_service_pb2.Submission:
    return submission_service_pb2.Submission(
        submission_id=item.id,
        state=_STATES[item.state],
        recipients=[
            submission_service_pb2.Recipient(
                address=person.address,
                state=_FATES[person.fate],
                smtp_code=person.smtp_code,
                enhanced_status=person.enhanced_status,
                server_text=person.server_text,
            )
            for person in item.recipients
        ],
        message_id=item.message_id,
        subject=item.subject,
        accepted_time=timestamp(item.accepted_at),
        send_time=timestamp(item.send_at),
        next_attempt_time=timestamp(item.next_attempt_at),
        attempt_count=item.attempt_count,
        problem=item.problem,
        size_bytes=item.size_bytes,
        filed_time=timestamp(item.filed_at),
        scheduled=item.scheduled,
    )


def original_content(raw: bytes) -> types_pb2.MessageContent:
    return types_pb2.MessageContent.FromString(raw)


def upload_start(start: compose_service_pb2.UploadStart) -> Start:
    return Start(start.upload_id, start.offset_bytes, start.filename, start.media_type, start.total_bytes)


def upload(blob: Blob) -> compose_service_pb2.Upload:
    return compose_service_pb2.Upload(
        upload_id=blob.id,
        filename=blob.filename,
        media_type=blob.media_type,
        received_bytes=blob.received_bytes,
        complete=blob.complete,
        expire_time=timestamp(blob.expires_at),
    )


def template_content(message: types_pb2.MessageContent) -> bytes:
    """What a template keeps: what belongs to one message alone (attachments, what it answers) is left out."""
    kept = types_pb2.MessageContent()
    kept.CopyFrom(message)
    for field in (
        "attachments",
        "answered",
        "forwarded",
        "in_reply_to",
        "references",
        "draft_id",
        "extra_fields",
    ):
        kept.ClearField(field)
    return kept.SerializeToString()


def template(item: Template) -> compose_service_pb2.Template:
    return compose_service_pb2.Template(
        template_id=item.id,
        name=item.name,
        content=original_content(item.content) if item.content else None,
        saved_time=timestamp(item.updated_at),
    )
