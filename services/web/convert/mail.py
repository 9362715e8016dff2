"""postern.mailstore.v1 ↔ model.mail."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as mb
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as ms
from services.common.gen.postern.mailstore.v1 import types_pb2 as t
from services.common.gen.postern.mailstore.v1 import watch_service_pb2 as w
from services.web.convert import when
from services.web.model.mail import (
    Address,
    Change,
    Conversation,
    ConversationPage,
    Envelope,
    Flags,
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
    ReportRecipient,
    Row,
    Space,
    TextPart,
    Use,
)

USES: dict[mb.SpecialUse, Use] = {
    mb.SPECIAL_USE_INBOX: Use.INBOX,
    mb.SPECIAL_USE_DRAFTS: Use.DRAFTS,
    mb.SPECIAL_USE_SENT: Use.SENT,
    mb.SPECIAL_USE_ARCHIVE: Use.ARCHIVE,
    mb.SPECIAL_USE_JUNK: Use.JUNK,
    mb.SPECIAL_USE_TRASH: Use.TRASH,
    mb.SPECIAL_USE_ALL: Use.ALL,
    mb.SPECIAL_USE_FLAGGED: Use.FLAGGED,
}
SPACES: dict[mb.MailboxNamespace, Space] = {
    mb.MAILBOX_NAMESPACE_OTHER_USERS: Space.OTHERS,
    mb.MAILBOX_NAMESPACE_SHARED: Space.SHARED,
}
USE_VALUES = {use: value for value, use in USES.items()}
FLAG_VALUES: dict[str, t.SystemFlag] = {
    "seen": t.SYSTEM_FLAG_SEEN,
    "answered": t.SYSTEM_FLAG_ANSWERED,
    "flagged": t.SYSTEM_FLAG_FLAGGED,
    "forwarded": t.SYSTEM_FLAG_FORWARDED,
    "junk": t.SYSTEM_FLAG_JUNK,
    "notjunk": t.SYSTEM_FLAG_NOT_JUNK,
}
ORDERS: dict[str, t.SortOrder.Key] = {
    "arrival": t.SortOrder.KEY_ARRIVAL,
    "date": t.SortOrder.KEY_DATE,
    "from": t.SortOrder.KEY_FROM,
    "subject": t.SortOrder.KEY_SUBJECT,
    "size": t.SortOrder.KEY_SIZE,
    "to": t.SortOrder.KEY_TO,
}


def ref(name: t.MessageName) -> MessageRef:
    return MessageRef(name.mailbox, name.uid_validity, name.uid)


def name(ref: MessageRef) -> t.MessageName:
    return t.MessageName(mailbox=ref.mailbox, uid_validity=ref.uid_validity, uid=ref.uid)


def message_set(messages: Messages) -> t.MessageSet:
    if isinstance(messages, Matching):
        return t.MessageSet(query=t.SearchQuery(text=messages.text, mailboxes=[messages.mailbox]))
    return t.MessageSet(
        range=t.MessageRange(mailbox=messages.mailbox, uid_validity=messages.uid_validity, uids=messages.uids)
    )


def order(order: Order) -> t.SortOrder:
    return t.SortOrder(key=ORDERS.get(order.key, t.SortOrder.KEY_ARRIVAL), ascending=order.ascending)


def message_range(message: t.MessageRange) -> MessageRange:
    return MessageRange(message.mailbox, message.uid_validity, tuple(message.uids))


def moved(message: ms.MovedMessages) -> Moved:
    return Moved(message_range(message.source), message_range(message.destination))


def addresses(entries: Iterable[t.Address]) -> tuple[Address, ...]:
    return tuple(Address(entry.name, entry.address, entry.group) for entry in entries)


def envelope(message: t.Envelope) -> Envelope:
    return Envelope(
        subject=message.subject,
        from_=addresses(getattr(message, "from")),
        sender=addresses(message.sender),
        reply_to=addresses(message.reply_to),
        to=addresses(message.to),
        cc=addresses(message.cc),
        bcc=addresses(message.bcc),
        date=when(message.date) if message.HasField("date") else None,
        message_id=message.message_id,
        in_reply_to=tuple(message.in_reply_to),
        references=tuple(message.references),
    )


def flags(message: t.MessageFlags) -> Flags:
    return Flags(
        message.seen,
        message.answered,
        message.flagged,
        message.draft,
        message.forwarded,
        tuple(message.labels),
    )


_T = TypeVar("_T")


class Kept(Generic[_T]):
    """What was made of the same octets before, at most `most`, the one used longest ago dropped first.

    Lists come again and again with one line changed; the same object for the same answer lets the pages
    remember what they have drawn of it (rows.py)."""

    def __init__(self, most: int, make: Callable[[Any], _T]) -> None:
        self._most, self._make = most, make
        self._kept: OrderedDict[bytes, _T] = OrderedDict()

    def __call__(self, message: Any) -> _T:
        key = message.SerializeToString()
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._make(message)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found


def _row(message: t.MessageSummary) -> Row:
    return Row(
        ref(message.name),
        envelope(message.envelope),
        flags(message.flags),
        when(message.received_time) if message.HasField("received_time") else None,
        message.size_bytes,
        message.has_attachment,
        message.snippet,
        message.conversation_id,
    )


row: Kept[Row] = Kept(8_000, _row)


def mailbox(message: mb.Mailbox) -> MailboxView:
    return MailboxView(
        name=message.name,
        display_name=message.display_name or message.name,
        delimiter=message.delimiter,
        parent=message.parent,
        use=USES.get(message.special_use, Use.NONE),
        selectable=message.selectable,
        can_have_children=message.can_have_children,
        subscribed=message.subscribed,
        messages=message.message_count,
        unread=message.unread_count,
        uid_validity=message.uid_validity,
        state=message.state,
        space=SPACES.get(message.namespace, Space.OWN),
        rights=message.my_rights,
    )


def _tree(reply: mb.ListMailboxesResponse) -> MailboxTree:
    return MailboxTree(
        tuple(mailbox(one) for one in reply.mailboxes),
        reply.stale_seconds,
        reply.capabilities.local_mailboxes,
        reply.capabilities.rights,
    )


tree: Kept[MailboxTree] = Kept(500, _tree)


def _message_page(reply: ms.ListMessagesResponse) -> MessagePage:
    return MessagePage(
        tuple(row(message) for message in reply.messages),
        reply.next_page_token,
        reply.previous_page_token,
        reply.total_count,
        reply.unread_count,
        reply.position,
        reply.uid_validity,
        reply.state,
        reply.stale_seconds,
    )


message_page: Kept[MessagePage] = Kept(200, _message_page)


def _conversation(message: t.ConversationSummary) -> Conversation:
    return Conversation(
        row(message.newest),
        message.conversation_id,
        message.message_count,
        message.unread_count,
        addresses(message.participants),
        message.any_flagged,
        message.any_attachment,
        tuple(ref(one) for one in message.messages),
    )


conversation: Kept[Conversation] = Kept(8_000, _conversation)


def _conversation_page(reply: ms.ListConversationsResponse) -> ConversationPage:
    return ConversationPage(
        tuple(conversation(message) for message in reply.conversations),
        reply.next_page_token,
        reply.previous_page_token,
        reply.total_count,
        reply.unread_count,
        reply.position,
        reply.uid_validity,
        reply.state,
        reply.stale_seconds,
    )


conversation_page: Kept[ConversationPage] = Kept(200, _conversation_page)


def change(reply: w.WatchAccountResponse) -> Change:
    token = reply.resume_token
    match reply.WhichOneof("change"):
        case "mailbox_change":
            one = reply.mailbox_change
            return Change(
                "mailbox",
                token,
                mailbox(one.mailbox),
                tuple(row(added) for added in one.added),
                tuple(row(modified) for modified in one.modified),
            )
        case "tree_changed":
            return Change("tree", token)
        case "restarted":
            return Change("restarted", token)
        case "server_lost":
            return Change("server", token, lost=reply.server_lost)
    return Change("beat", token)


def part(message: t.Part) -> Part:
    return Part(
        message.part_id,
        message.media_type or "application/octet-stream",
        message.filename,
        message.size_bytes,
        message.decoded_size_estimate,
        message.content_id,
        message.disposition == t.DISPOSITION_INLINE,
        envelope(message.envelope) if message.HasField("envelope") else None,
    )


def open_message(reply: ms.GetMessageResponse) -> OpenMessage:
    message = reply.message
    return OpenMessage(
        row=row(message.summary),
        texts=tuple(
            TextPart(
                text.part_id,
                text.media_type,
                text.text,
                text.truncated,
                text.charset,
                text.alternative_group,
            )
            for text in message.text_parts
        ),
        attachments=tuple(part(one) for one in message.attachments),
        inline=tuple(part(one) for one in message.inline_parts),
        headers=tuple((field.name, field.value) for field in message.headers),
        report=tuple(
            ReportRecipient(one.address, one.action, one.status, one.diagnostic)
            for one in message.delivery_report.recipients
        ),
        defects=tuple(message.defects),
        all_headers=tuple((field.name, field.value) for field in message.all_headers),
        newer=ref(reply.newer) if reply.HasField("newer") else None,
        older=ref(reply.older) if reply.HasField("older") else None,
        answers=_about(message.draft_origin, "answers"),
        forwards=_about(message.draft_origin, "forwards"),
    )


def _about(origin: t.DraftOrigin, field: str) -> MessageRef | None:
    return ref(getattr(origin, field)) if origin.HasField(field) else None
