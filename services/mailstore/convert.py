"""Translation between protobuf and the domain; see also the subpackages' convert modules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from services.common.errors import invalid_argument
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as mailbox_pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore.acting.flags import SystemFlag
from services.mailstore.acting.targets import Target
from services.mailstore.imap import utf7
from services.mailstore.imap.connect import Account
from services.mailstore.index.service import Index
from services.mailstore.mailboxes.model import Mailbox, Namespace, Use
from services.mailstore.mime.model import Address, Attachment, DeliveryReport, Envelope, Part
from services.mailstore.names import Flags, MessageName, MessageRange, check_name, decode_name
from services.mailstore.reading.message import OpenedMessage
from services.mailstore.reading.orders import Key, Order
from services.mailstore.reading.rows import Row
from services.mailstore.searching import query as queries
from services.mailstore.threads import ids

_USES: dict[int, Use] = {
    mailbox_pb.SPECIAL_USE_UNSPECIFIED: Use.NONE,
    mailbox_pb.SPECIAL_USE_INBOX: Use.INBOX,
    mailbox_pb.SPECIAL_USE_DRAFTS: Use.DRAFTS,
    mailbox_pb.SPECIAL_USE_SENT: Use.SENT,
    mailbox_pb.SPECIAL_USE_ARCHIVE: Use.ARCHIVE,
    mailbox_pb.SPECIAL_USE_JUNK: Use.JUNK,
    mailbox_pb.SPECIAL_USE_TRASH: Use.TRASH,
    mailbox_pb.SPECIAL_USE_ALL: Use.ALL,
    mailbox_pb.SPECIAL_USE_FLAGGED: Use.FLAGGED,
}
_FROM_USE = {use: number for number, use in _USES.items()}
_NAMESPACES = {
    Namespace.UNKNOWN: mailbox_pb.MAILBOX_NAMESPACE_UNSPECIFIED,
    Namespace.PERSONAL: mailbox_pb.MAILBOX_NAMESPACE_PERSONAL,
    Namespace.OTHER_USERS: mailbox_pb.MAILBOX_NAMESPACE_OTHER_USERS,
    Namespace.SHARED: mailbox_pb.MAILBOX_NAMESPACE_SHARED,
}
_KEYS: dict[int, Key] = {
    types_pb.SortOrder.KEY_UNSPECIFIED: Key.ARRIVAL,
    types_pb.SortOrder.KEY_ARRIVAL: Key.ARRIVAL,
    types_pb.SortOrder.KEY_DATE: Key.DATE,
    types_pb.SortOrder.KEY_FROM: Key.FROM,
    types_pb.SortOrder.KEY_SUBJECT: Key.SUBJECT,
    types_pb.SortOrder.KEY_SIZE: Key.SIZE,
    types_pb.SortOrder.KEY_TO: Key.TO,
}
_FLAGS: dict[int, SystemFlag] = {
    types_pb.SYSTEM_FLAG_SEEN: SystemFlag.SEEN,
    types_pb.SYSTEM_FLAG_ANSWERED: SystemFlag.ANSWERED,
    types_pb.SYSTEM_FLAG_FLAGGED: SystemFlag.FLAGGED,
    types_pb.SYSTEM_FLAG_FORWARDED: SystemFlag.FORWARDED,
    types_pb.SYSTEM_FLAG_JUNK: SystemFlag.JUNK,
    types_pb.SYSTEM_FLAG_NOT_JUNK: SystemFlag.NOT_JUNK,
    types_pb.SYSTEM_FLAG_DRAFT: SystemFlag.DRAFT,
    types_pb.SYSTEM_FLAG_MDN_SENT: SystemFlag.MDN_SENT,
}


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds from 1970 back to the beginning of the year 1.
_YEAR_1 = -62_135_596_800


def use_from(number: int) -> Use:
    return _USES.get(number, Use.NONE)


def mailbox_to(box: Mailbox) -> mailbox_pb.Mailbox:
    return mailbox_pb.Mailbox(
        name=box.name,
        display_name=utf7.display(box.last_level),
        delimiter=box.delimiter,
        parent=box.parent,
        special_use=_FROM_USE[box.use],  # type: ignore[arg-type]
        selectable=box.selectable,
        can_have_children=box.can_have_children,
        subscribed=box.subscribed,
        message_count=box.message_count,
        unread_count=box.unread_count,
        uid_validity=box.uid_validity,
        uid_next=box.uid_next,
        namespace=_NAMESPACES[box.namespace],
        my_rights=box.my_rights,
        mailbox_id=box.mailbox_id,
        state=box.state,
    )


def name_from(name: types_pb.MessageName) -> MessageName:
    return check_name(MessageName(name.mailbox, name.uid_validity, name.uid))


def name_to(name: MessageName) -> types_pb.MessageName:
    return types_pb.MessageName(mailbox=name.mailbox, uid_validity=name.uid_validity, uid=name.uid)


def range_to(messages: MessageRange) -> types_pb.MessageRange:
    return types_pb.MessageRange(
        mailbox=messages.mailbox, uid_validity=messages.uid_validity, uids=messages.uids
    )


def ranges_to(messages: MessageRange) -> list[types_pb.MessageRange]:
    """None where it names nothing."""
    return [range_to(messages)] if messages.uids else []


def target_from(messages: types_pb.MessageSet) -> Target:
    match messages.WhichOneof("messages"):
        case "range":
            named = messages.range
            if not named.uid_validity:
                raise invalid_argument("messages.range.uid_validity", "missing")
            return Target(range=MessageRange(named.mailbox, named.uid_validity, tuple(named.uids)))
        case "query":
            return Target(query=queries.parse(messages.query.text), mailboxes=tuple(messages.query.mailboxes))
    raise invalid_argument("messages", "missing")


def order_from(order: types_pb.SortOrder) -> Order:
    return Order(_KEYS.get(order.key, Key.ARRIVAL), order.ascending)


def flags_from(flags: Iterable[int], field: str) -> list[SystemFlag]:
    try:
        return [_FLAGS[flag] for flag in flags]
    except KeyError:
        raise invalid_argument(field, "unknown_flag") from None


def time_to(moment: datetime | None) -> Timestamp | None:
    """None where there is no moment, or one that a Timestamp cannot hold (it begins with the year 1)."""
    if moment is None:
        return None
    passed = moment - _EPOCH
    seconds = passed.days * 86400 + passed.seconds
    return Timestamp(seconds=seconds, nanos=passed.microseconds * 1000) if seconds >= _YEAR_1 else None


def time_from(message: Any, field: str) -> datetime | None:
    """An optional Timestamp field, aware. INVALID_ARGUMENT where it is beyond the calendar."""
    if not message.HasField(field):
        return None
    try:
        return getattr(message, field).ToDatetime(tzinfo=UTC)
    except (OverflowError, ValueError) as err:
        raise invalid_argument(field, "out_of_range", err) from None


def addresses_to(addresses: Iterable[Address]) -> list[types_pb.Address]:
    return [types_pb.Address(name=a.name, address=a.addr, group=a.group) for a in addresses]


def _bracketed(message_id: str) -> str:
    return f"<{message_id}>" if message_id else ""


def envelope_to(envelope: Envelope) -> types_pb.Envelope:
    return types_pb.Envelope(
        subject=envelope.subject,
        # "from" is a word of Python's.
        **{"from": addresses_to(envelope.from_)},
        sender=addresses_to(envelope.sender),
        reply_to=addresses_to(envelope.reply_to),
        to=addresses_to(envelope.to),
        cc=addresses_to(envelope.cc),
        bcc=addresses_to(envelope.bcc),
        date=time_to(envelope.date),
        message_id=_bracketed(envelope.message_id),
        in_reply_to=[_bracketed(message_id) for message_id in envelope.in_reply_to],
        references=[_bracketed(message_id) for message_id in envelope.references],
    )


def message_flags_to(flags: Flags) -> types_pb.MessageFlags:
    return types_pb.MessageFlags(
        seen=flags.seen,
        answered=flags.answered,
        flagged=flags.flagged,
        deleted=flags.deleted,
        draft=flags.draft,
        forwarded=flags.forwarded,
        labels=flags.labels,
    )


def indexing_to(index: Index | None, account: Account, mailbox: str) -> types_pb.Progress | None:
    """How far building the mailbox's index is; None where that is not under way."""
    progress = index.progress(account, mailbox) if index is not None else None
    if progress is None:
        return None
    return types_pb.Progress(done_units=progress.done, total_units=progress.total)


def row_to(row: Row) -> types_pb.MessageSummary:
    summary = types_pb.MessageSummary()
    put_row(row, summary)
    return summary


def rows_to(rows: Iterable[Row], answer: Any) -> None:
    """Rows into the `messages` of an answer."""
    number = answer.DESCRIPTOR.fields_by_name["messages"].number
    pieces: list[bytes] = []
    for row in rows:
        wire = row.wire or _wire(row)
        pieces.append(_prefix(number, len(wire)))
        pieces.append(wire)
    # Messages put together are one with the fields of both.
    answer.MergeFromString(b"".join(pieces))


@lru_cache(maxsize=4096)
def _prefix(number: int, octets: int) -> bytes:
    """What stands before a message of that length in a field: the field's tag and the length, as protobuf
    writes them (https://protobuf.dev/programming-guides/encoding/#structure)."""
    found = bytearray([number << 3 | 2])
    while octets > 0x7F:
        found.append(octets & 0x7F | 0x80)
        octets >>= 7
    found.append(octets)
    return bytes(found)


def _wire(row: Row) -> bytes:
    wire = row_to(row).SerializeToString()
    if row.encoded:
        # It comes again.
        row.wire = wire
    return wire


def put_row(row: Row, into: types_pb.MessageSummary) -> None:
    """A row into an empty message."""
    if row.wire:
        into.MergeFromString(row.wire)
        return
    if row.encoded:
        # From the index: encoded when it came in (index.convert).
        into.MergeFromString(row.encoded)
        if not into.conversation_id:
            into.conversation_id = ids.from_root("", row.name)
    else:
        into.MergeFrom(
            types_pb.MessageSummary(
                envelope=envelope_to(row.envelope),
                received_time=time_to(row.received),
                size_bytes=row.size,
                has_attachment=row.has_attachment,
                conversation_id=row.conversation_id,
            )
        )
    name, flags = into.name, row.flags
    name.mailbox, name.uid_validity, name.uid = row.name.mailbox, row.name.uid_validity, row.name.uid
    if flags.labels or flags.answered or flags.deleted or flags.draft or flags.forwarded:
        into.flags.CopyFrom(message_flags_to(flags))
    else:
        # The ordinary ones.
        into.flags.seen, into.flags.flagged = flags.seen, flags.flagged
    into.snippet = row.snippet


_DISPOSITIONS = {
    "inline": types_pb.DISPOSITION_INLINE,
    "attachment": types_pb.DISPOSITION_ATTACHMENT,
}


def part_to(part: Part, size: int = 0) -> types_pb.Part:
    return types_pb.Part(
        part_id=part.number,
        media_type=part.media_type,
        filename=part.filename,
        size_bytes=size or part.size,
        decoded_size_estimate=bool(size),
        content_id=part.content_id,
        disposition=_DISPOSITIONS.get(part.disposition, types_pb.DISPOSITION_UNSPECIFIED),
        envelope=envelope_to(part.envelope) if part.envelope else None,
    )


def attachment_to(attachment: Attachment, root: Part | None) -> types_pb.Part:
    part = root.find(attachment.number) if root is not None else None
    return types_pb.Part(
        part_id=attachment.number,
        media_type=attachment.media_type,
        filename=attachment.name,
        size_bytes=attachment.size,
        decoded_size_estimate="#" not in attachment.number,
        content_id=attachment.content_id,
        disposition=types_pb.DISPOSITION_INLINE if attachment.inline else types_pb.DISPOSITION_ATTACHMENT,
        envelope=envelope_to(part.envelope) if part is not None and part.envelope else None,
    )


def message_to(opened: OpenedMessage) -> types_pb.Message:
    root = opened.row.structure
    shown = [attachment for attachment in opened.attachments if not attachment.inline]
    inline = {a.number: a for a in opened.attachments if a.inline}
    return types_pb.Message(
        summary=row_to(opened.row),
        text_parts=[
            types_pb.TextPart(
                part_id=text.part_id,
                media_type=text.media_type,
                text=text.text,
                truncated=text.truncated,
                charset=text.charset,
                alternative_group=text.group,
            )
            for text in opened.texts
        ],
        attachments=[attachment_to(attachment, root) for attachment in shown],
        inline_parts=[
            attachment_to(inline[part.number], root) if part.number in inline else part_to(part)
            for part in opened.inline
        ],
        headers=[types_pb.HeaderField(name=name, value=value) for name, value in opened.headers],
        delivery_report=report_to(opened.report) if opened.report else None,
        defects=opened.defects,
        draft_origin=draft_origin_to(opened),
        all_headers=[types_pb.HeaderField(name=name, value=value) for name, value in opened.all_headers],
    )


def draft_origin_to(opened: OpenedMessage) -> types_pb.DraftOrigin | None:
    """Of drafts only: in mail that came from elsewhere these fields are a stranger's."""
    fields = dict(opened.headers)
    draft_id = fields.get("X-Postern-Draft-Id", "")
    if not draft_id or not opened.row.flags.draft:
        return None
    answers = decode_name(fields.get("X-Postern-Draft-Answers", ""))
    forwards = decode_name(fields.get("X-Postern-Draft-Forwards", ""))
    return types_pb.DraftOrigin(
        draft_id=draft_id,
        answers=name_to(answers) if answers else None,
        forwards=name_to(forwards) if forwards else None,
    )


def report_to(report: DeliveryReport) -> types_pb.DeliveryReport:
    recipients = [
        types_pb.DeliveryReport.Recipient(
            address=recipient.final_recipient or recipient.original_recipient,
            action=recipient.action,
            status=recipient.status,
            diagnostic=recipient.diagnostic,
        )
        for recipient in report.recipients
    ]
    return types_pb.DeliveryReport(
        recipients=recipients,
        original_message_id=_bracketed(report.original_message_id),
        original_envelope_id=report.original_envelope_id,
    )
