import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SystemFlag(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SYSTEM_FLAG_UNSPECIFIED: _ClassVar[SystemFlag]
    SYSTEM_FLAG_SEEN: _ClassVar[SystemFlag]
    SYSTEM_FLAG_ANSWERED: _ClassVar[SystemFlag]
    SYSTEM_FLAG_FLAGGED: _ClassVar[SystemFlag]
    SYSTEM_FLAG_FORWARDED: _ClassVar[SystemFlag]
    SYSTEM_FLAG_JUNK: _ClassVar[SystemFlag]
    SYSTEM_FLAG_NOT_JUNK: _ClassVar[SystemFlag]
    SYSTEM_FLAG_DRAFT: _ClassVar[SystemFlag]
    SYSTEM_FLAG_MDN_SENT: _ClassVar[SystemFlag]

class Disposition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DISPOSITION_UNSPECIFIED: _ClassVar[Disposition]
    DISPOSITION_INLINE: _ClassVar[Disposition]
    DISPOSITION_ATTACHMENT: _ClassVar[Disposition]
SYSTEM_FLAG_UNSPECIFIED: SystemFlag
SYSTEM_FLAG_SEEN: SystemFlag
SYSTEM_FLAG_ANSWERED: SystemFlag
SYSTEM_FLAG_FLAGGED: SystemFlag
SYSTEM_FLAG_FORWARDED: SystemFlag
SYSTEM_FLAG_JUNK: SystemFlag
SYSTEM_FLAG_NOT_JUNK: SystemFlag
SYSTEM_FLAG_DRAFT: SystemFlag
SYSTEM_FLAG_MDN_SENT: SystemFlag
DISPOSITION_UNSPECIFIED: Disposition
DISPOSITION_INLINE: Disposition
DISPOSITION_ATTACHMENT: Disposition

class MessageName(_message.Message):
    __slots__ = ("mailbox", "uid_validity", "uid")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    UID_VALIDITY_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    uid_validity: int
    uid: int
    def __init__(self, mailbox: _Optional[str] = ..., uid_validity: _Optional[int] = ..., uid: _Optional[int] = ...) -> None: ...

class MessageRange(_message.Message):
    __slots__ = ("mailbox", "uid_validity", "uids")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    UID_VALIDITY_FIELD_NUMBER: _ClassVar[int]
    UIDS_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    uid_validity: int
    uids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, mailbox: _Optional[str] = ..., uid_validity: _Optional[int] = ..., uids: _Optional[_Iterable[int]] = ...) -> None: ...

class MessageSet(_message.Message):
    __slots__ = ("range", "query")
    RANGE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    range: MessageRange
    query: SearchQuery
    def __init__(self, range: _Optional[_Union[MessageRange, _Mapping]] = ..., query: _Optional[_Union[SearchQuery, _Mapping]] = ...) -> None: ...

class SearchQuery(_message.Message):
    __slots__ = ("text", "mailboxes")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MAILBOXES_FIELD_NUMBER: _ClassVar[int]
    text: str
    mailboxes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, text: _Optional[str] = ..., mailboxes: _Optional[_Iterable[str]] = ...) -> None: ...

class Address(_message.Message):
    __slots__ = ("name", "address", "group")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    group: str
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ..., group: _Optional[str] = ...) -> None: ...

class Envelope(_message.Message):
    __slots__ = ("subject", "sender", "reply_to", "to", "cc", "bcc", "date", "message_id", "in_reply_to", "references")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    CC_FIELD_NUMBER: _ClassVar[int]
    BCC_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    IN_REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    subject: str
    sender: _containers.RepeatedCompositeFieldContainer[Address]
    reply_to: _containers.RepeatedCompositeFieldContainer[Address]
    to: _containers.RepeatedCompositeFieldContainer[Address]
    cc: _containers.RepeatedCompositeFieldContainer[Address]
    bcc: _containers.RepeatedCompositeFieldContainer[Address]
    date: _timestamp_pb2.Timestamp
    message_id: str
    in_reply_to: _containers.RepeatedScalarFieldContainer[str]
    references: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, subject: _Optional[str] = ..., sender: _Optional[_Iterable[_Union[Address, _Mapping]]] = ..., reply_to: _Optional[_Iterable[_Union[Address, _Mapping]]] = ..., to: _Optional[_Iterable[_Union[Address, _Mapping]]] = ..., cc: _Optional[_Iterable[_Union[Address, _Mapping]]] = ..., bcc: _Optional[_Iterable[_Union[Address, _Mapping]]] = ..., date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., message_id: _Optional[str] = ..., in_reply_to: _Optional[_Iterable[str]] = ..., references: _Optional[_Iterable[str]] = ..., **kwargs) -> None: ...

class MessageFlags(_message.Message):
    __slots__ = ("seen", "answered", "flagged", "deleted", "draft", "forwarded", "labels")
    SEEN_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    FLAGGED_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    FORWARDED_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    seen: bool
    answered: bool
    flagged: bool
    deleted: bool
    draft: bool
    forwarded: bool
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, seen: _Optional[bool] = ..., answered: _Optional[bool] = ..., flagged: _Optional[bool] = ..., deleted: _Optional[bool] = ..., draft: _Optional[bool] = ..., forwarded: _Optional[bool] = ..., labels: _Optional[_Iterable[str]] = ...) -> None: ...

class MessageSummary(_message.Message):
    __slots__ = ("name", "envelope", "flags", "received_time", "size_bytes", "has_attachment", "snippet", "conversation_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_TIME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    HAS_ATTACHMENT_FIELD_NUMBER: _ClassVar[int]
    SNIPPET_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    name: MessageName
    envelope: Envelope
    flags: MessageFlags
    received_time: _timestamp_pb2.Timestamp
    size_bytes: int
    has_attachment: bool
    snippet: str
    conversation_id: str
    def __init__(self, name: _Optional[_Union[MessageName, _Mapping]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ..., flags: _Optional[_Union[MessageFlags, _Mapping]] = ..., received_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., size_bytes: _Optional[int] = ..., has_attachment: _Optional[bool] = ..., snippet: _Optional[str] = ..., conversation_id: _Optional[str] = ...) -> None: ...

class ConversationSummary(_message.Message):
    __slots__ = ("conversation_id", "newest", "message_count", "unread_count", "participants", "any_flagged", "any_attachment", "messages")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNREAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    ANY_FLAGGED_FIELD_NUMBER: _ClassVar[int]
    ANY_ATTACHMENT_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    newest: MessageSummary
    message_count: int
    unread_count: int
    participants: _containers.RepeatedCompositeFieldContainer[Address]
    any_flagged: bool
    any_attachment: bool
    messages: _containers.RepeatedCompositeFieldContainer[MessageName]
    def __init__(self, conversation_id: _Optional[str] = ..., newest: _Optional[_Union[MessageSummary, _Mapping]] = ..., message_count: _Optional[int] = ..., unread_count: _Optional[int] = ..., participants: _Optional[_Iterable[_Union[Address, _Mapping]]] = ..., any_flagged: _Optional[bool] = ..., any_attachment: _Optional[bool] = ..., messages: _Optional[_Iterable[_Union[MessageName, _Mapping]]] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("part_id", "media_type", "filename", "size_bytes", "decoded_size_estimate", "content_id", "disposition", "envelope")
    PART_ID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DECODED_SIZE_ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_ID_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    part_id: str
    media_type: str
    filename: str
    size_bytes: int
    decoded_size_estimate: bool
    content_id: str
    disposition: Disposition
    envelope: Envelope
    def __init__(self, part_id: _Optional[str] = ..., media_type: _Optional[str] = ..., filename: _Optional[str] = ..., size_bytes: _Optional[int] = ..., decoded_size_estimate: _Optional[bool] = ..., content_id: _Optional[str] = ..., disposition: _Optional[_Union[Disposition, str]] = ..., envelope: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class TextPart(_message.Message):
    __slots__ = ("part_id", "media_type", "text", "truncated", "charset", "alternative_group")
    PART_ID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    CHARSET_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVE_GROUP_FIELD_NUMBER: _ClassVar[int]
    part_id: str
    media_type: str
    text: str
    truncated: bool
    charset: str
    alternative_group: int
    def __init__(self, part_id: _Optional[str] = ..., media_type: _Optional[str] = ..., text: _Optional[str] = ..., truncated: _Optional[bool] = ..., charset: _Optional[str] = ..., alternative_group: _Optional[int] = ...) -> None: ...

class DeliveryReport(_message.Message):
    __slots__ = ("recipients", "original_message_id", "original_envelope_id")
    class Recipient(_message.Message):
        __slots__ = ("address", "action", "status", "diagnostic")
        ADDRESS_FIELD_NUMBER: _ClassVar[int]
        ACTION_FIELD_NUMBER: _ClassVar[int]
        STATUS_FIELD_NUMBER: _ClassVar[int]
        DIAGNOSTIC_FIELD_NUMBER: _ClassVar[int]
        address: str
        action: str
        status: str
        diagnostic: str
        def __init__(self, address: _Optional[str] = ..., action: _Optional[str] = ..., status: _Optional[str] = ..., diagnostic: _Optional[str] = ...) -> None: ...
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_ENVELOPE_ID_FIELD_NUMBER: _ClassVar[int]
    recipients: _containers.RepeatedCompositeFieldContainer[DeliveryReport.Recipient]
    original_message_id: str
    original_envelope_id: str
    def __init__(self, recipients: _Optional[_Iterable[_Union[DeliveryReport.Recipient, _Mapping]]] = ..., original_message_id: _Optional[str] = ..., original_envelope_id: _Optional[str] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("summary", "text_parts", "attachments", "inline_parts", "headers", "delivery_report", "defects", "draft_origin", "all_headers")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    TEXT_PARTS_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    INLINE_PARTS_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_REPORT_FIELD_NUMBER: _ClassVar[int]
    DEFECTS_FIELD_NUMBER: _ClassVar[int]
    DRAFT_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    ALL_HEADERS_FIELD_NUMBER: _ClassVar[int]
    summary: MessageSummary
    text_parts: _containers.RepeatedCompositeFieldContainer[TextPart]
    attachments: _containers.RepeatedCompositeFieldContainer[Part]
    inline_parts: _containers.RepeatedCompositeFieldContainer[Part]
    headers: _containers.RepeatedCompositeFieldContainer[HeaderField]
    delivery_report: DeliveryReport
    defects: _containers.RepeatedScalarFieldContainer[str]
    draft_origin: DraftOrigin
    all_headers: _containers.RepeatedCompositeFieldContainer[HeaderField]
    def __init__(self, summary: _Optional[_Union[MessageSummary, _Mapping]] = ..., text_parts: _Optional[_Iterable[_Union[TextPart, _Mapping]]] = ..., attachments: _Optional[_Iterable[_Union[Part, _Mapping]]] = ..., inline_parts: _Optional[_Iterable[_Union[Part, _Mapping]]] = ..., headers: _Optional[_Iterable[_Union[HeaderField, _Mapping]]] = ..., delivery_report: _Optional[_Union[DeliveryReport, _Mapping]] = ..., defects: _Optional[_Iterable[str]] = ..., draft_origin: _Optional[_Union[DraftOrigin, _Mapping]] = ..., all_headers: _Optional[_Iterable[_Union[HeaderField, _Mapping]]] = ...) -> None: ...

class DraftOrigin(_message.Message):
    __slots__ = ("draft_id", "answers", "forwards")
    DRAFT_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    FORWARDS_FIELD_NUMBER: _ClassVar[int]
    draft_id: str
    answers: MessageName
    forwards: MessageName
    def __init__(self, draft_id: _Optional[str] = ..., answers: _Optional[_Union[MessageName, _Mapping]] = ..., forwards: _Optional[_Union[MessageName, _Mapping]] = ...) -> None: ...

class HeaderField(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class SortOrder(_message.Message):
    __slots__ = ("key", "ascending")
    class Key(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KEY_UNSPECIFIED: _ClassVar[SortOrder.Key]
        KEY_ARRIVAL: _ClassVar[SortOrder.Key]
        KEY_DATE: _ClassVar[SortOrder.Key]
        KEY_FROM: _ClassVar[SortOrder.Key]
        KEY_SUBJECT: _ClassVar[SortOrder.Key]
        KEY_SIZE: _ClassVar[SortOrder.Key]
        KEY_TO: _ClassVar[SortOrder.Key]
    KEY_UNSPECIFIED: SortOrder.Key
    KEY_ARRIVAL: SortOrder.Key
    KEY_DATE: SortOrder.Key
    KEY_FROM: SortOrder.Key
    KEY_SUBJECT: SortOrder.Key
    KEY_SIZE: SortOrder.Key
    KEY_TO: SortOrder.Key
    KEY_FIELD_NUMBER: _ClassVar[int]
    ASCENDING_FIELD_NUMBER: _ClassVar[int]
    key: SortOrder.Key
    ascending: bool
    def __init__(self, key: _Optional[_Union[SortOrder.Key, str]] = ..., ascending: _Optional[bool] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("done_units", "total_units")
    DONE_UNITS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_UNITS_FIELD_NUMBER: _ClassVar[int]
    done_units: int
    total_units: int
    def __init__(self, done_units: _Optional[int] = ..., total_units: _Optional[int] = ...) -> None: ...
