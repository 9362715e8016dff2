import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from services.common.gen.postern.mailstore.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ArchiveFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ARCHIVE_FORMAT_UNSPECIFIED: _ClassVar[ArchiveFormat]
    ARCHIVE_FORMAT_EML: _ClassVar[ArchiveFormat]
    ARCHIVE_FORMAT_MBOX: _ClassVar[ArchiveFormat]
    ARCHIVE_FORMAT_ZIP: _ClassVar[ArchiveFormat]
ARCHIVE_FORMAT_UNSPECIFIED: ArchiveFormat
ARCHIVE_FORMAT_EML: ArchiveFormat
ARCHIVE_FORMAT_MBOX: ArchiveFormat
ARCHIVE_FORMAT_ZIP: ArchiveFormat

class ListMessagesRequest(_message.Message):
    __slots__ = ("mailbox", "page_size", "page_token", "order", "filter", "skip")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    page_size: int
    page_token: str
    order: _types_pb2.SortOrder
    filter: _types_pb2.SearchQuery
    skip: int
    def __init__(self, mailbox: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., order: _Optional[_Union[_types_pb2.SortOrder, _Mapping]] = ..., filter: _Optional[_Union[_types_pb2.SearchQuery, _Mapping]] = ..., skip: _Optional[int] = ...) -> None: ...

class ListMessagesResponse(_message.Message):
    __slots__ = ("messages", "next_page_token", "previous_page_token", "total_count", "unread_count", "position", "uid_validity", "state", "stale_seconds", "indexing")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNREAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    UID_VALIDITY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STALE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    INDEXING_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageSummary]
    next_page_token: str
    previous_page_token: str
    total_count: int
    unread_count: int
    position: int
    uid_validity: int
    state: str
    stale_seconds: int
    indexing: _types_pb2.Progress
    def __init__(self, messages: _Optional[_Iterable[_Union[_types_pb2.MessageSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., previous_page_token: _Optional[str] = ..., total_count: _Optional[int] = ..., unread_count: _Optional[int] = ..., position: _Optional[int] = ..., uid_validity: _Optional[int] = ..., state: _Optional[str] = ..., stale_seconds: _Optional[int] = ..., indexing: _Optional[_Union[_types_pb2.Progress, _Mapping]] = ...) -> None: ...

class ListConversationsRequest(_message.Message):
    __slots__ = ("mailbox", "page_size", "page_token", "order", "filter", "skip")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    page_size: int
    page_token: str
    order: _types_pb2.SortOrder
    filter: _types_pb2.SearchQuery
    skip: int
    def __init__(self, mailbox: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., order: _Optional[_Union[_types_pb2.SortOrder, _Mapping]] = ..., filter: _Optional[_Union[_types_pb2.SearchQuery, _Mapping]] = ..., skip: _Optional[int] = ...) -> None: ...

class ListConversationsResponse(_message.Message):
    __slots__ = ("conversations", "next_page_token", "previous_page_token", "total_count", "unread_count", "position", "uid_validity", "state", "stale_seconds", "indexing")
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNREAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    UID_VALIDITY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STALE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    INDEXING_FIELD_NUMBER: _ClassVar[int]
    conversations: _containers.RepeatedCompositeFieldContainer[_types_pb2.ConversationSummary]
    next_page_token: str
    previous_page_token: str
    total_count: int
    unread_count: int
    position: int
    uid_validity: int
    state: str
    stale_seconds: int
    indexing: _types_pb2.Progress
    def __init__(self, conversations: _Optional[_Iterable[_Union[_types_pb2.ConversationSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., previous_page_token: _Optional[str] = ..., total_count: _Optional[int] = ..., unread_count: _Optional[int] = ..., position: _Optional[int] = ..., uid_validity: _Optional[int] = ..., state: _Optional[str] = ..., stale_seconds: _Optional[int] = ..., indexing: _Optional[_Union[_types_pb2.Progress, _Mapping]] = ...) -> None: ...

class GetConversationRequest(_message.Message):
    __slots__ = ("conversation_id", "message", "include_trash", "page_size", "page_token")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_TRASH_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    message: _types_pb2.MessageName
    include_trash: bool
    page_size: int
    page_token: str
    def __init__(self, conversation_id: _Optional[str] = ..., message: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ..., include_trash: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetConversationResponse(_message.Message):
    __slots__ = ("conversation", "messages", "next_page_token")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    conversation: _types_pb2.ConversationSummary
    messages: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageSummary]
    next_page_token: str
    def __init__(self, conversation: _Optional[_Union[_types_pb2.ConversationSummary, _Mapping]] = ..., messages: _Optional[_Iterable[_Union[_types_pb2.MessageSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetMessageRequest(_message.Message):
    __slots__ = ("name", "max_text_bytes", "mark_seen", "with_neighbours", "within_part_id", "with_all_headers")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MAX_TEXT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MARK_SEEN_FIELD_NUMBER: _ClassVar[int]
    WITH_NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    WITHIN_PART_ID_FIELD_NUMBER: _ClassVar[int]
    WITH_ALL_HEADERS_FIELD_NUMBER: _ClassVar[int]
    name: _types_pb2.MessageName
    max_text_bytes: int
    mark_seen: bool
    with_neighbours: bool
    within_part_id: str
    with_all_headers: bool
    def __init__(self, name: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ..., max_text_bytes: _Optional[int] = ..., mark_seen: _Optional[bool] = ..., with_neighbours: _Optional[bool] = ..., within_part_id: _Optional[str] = ..., with_all_headers: _Optional[bool] = ...) -> None: ...

class GetMessageResponse(_message.Message):
    __slots__ = ("message", "newer", "older")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NEWER_FIELD_NUMBER: _ClassVar[int]
    OLDER_FIELD_NUMBER: _ClassVar[int]
    message: _types_pb2.Message
    newer: _types_pb2.MessageName
    older: _types_pb2.MessageName
    def __init__(self, message: _Optional[_Union[_types_pb2.Message, _Mapping]] = ..., newer: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ..., older: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ...) -> None: ...

class SearchMessagesRequest(_message.Message):
    __slots__ = ("query", "page_size", "page_token", "order")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    query: _types_pb2.SearchQuery
    page_size: int
    page_token: str
    order: _types_pb2.SortOrder
    def __init__(self, query: _Optional[_Union[_types_pb2.SearchQuery, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., order: _Optional[_Union[_types_pb2.SortOrder, _Mapping]] = ...) -> None: ...

class SearchMessagesResponse(_message.Message):
    __slots__ = ("messages", "progress", "total_count", "next_page_token", "failed_mailboxes")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FAILED_MAILBOXES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageSummary]
    progress: _types_pb2.Progress
    total_count: int
    next_page_token: str
    failed_mailboxes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, messages: _Optional[_Iterable[_Union[_types_pb2.MessageSummary, _Mapping]]] = ..., progress: _Optional[_Union[_types_pb2.Progress, _Mapping]] = ..., total_count: _Optional[int] = ..., next_page_token: _Optional[str] = ..., failed_mailboxes: _Optional[_Iterable[str]] = ...) -> None: ...

class ReadPartRequest(_message.Message):
    __slots__ = ("name", "part_id", "offset_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PART_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: _types_pb2.MessageName
    part_id: str
    offset_bytes: int
    def __init__(self, name: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ..., part_id: _Optional[str] = ..., offset_bytes: _Optional[int] = ...) -> None: ...

class ReadPartResponse(_message.Message):
    __slots__ = ("part", "data")
    PART_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    part: _types_pb2.Part
    data: bytes
    def __init__(self, part: _Optional[_Union[_types_pb2.Part, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class ReadSourceRequest(_message.Message):
    __slots__ = ("name", "headers_only")
    NAME_FIELD_NUMBER: _ClassVar[int]
    HEADERS_ONLY_FIELD_NUMBER: _ClassVar[int]
    name: _types_pb2.MessageName
    headers_only: bool
    def __init__(self, name: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ..., headers_only: _Optional[bool] = ...) -> None: ...

class ReadSourceResponse(_message.Message):
    __slots__ = ("size_bytes", "data")
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    size_bytes: int
    data: bytes
    def __init__(self, size_bytes: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class ModifyMessagesRequest(_message.Message):
    __slots__ = ("messages", "add_flags", "remove_flags", "add_labels", "remove_labels", "request_id")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    ADD_FLAGS_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FLAGS_FIELD_NUMBER: _ClassVar[int]
    ADD_LABELS_FIELD_NUMBER: _ClassVar[int]
    REMOVE_LABELS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    messages: _types_pb2.MessageSet
    add_flags: _containers.RepeatedScalarFieldContainer[_types_pb2.SystemFlag]
    remove_flags: _containers.RepeatedScalarFieldContainer[_types_pb2.SystemFlag]
    add_labels: _containers.RepeatedScalarFieldContainer[str]
    remove_labels: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, messages: _Optional[_Union[_types_pb2.MessageSet, _Mapping]] = ..., add_flags: _Optional[_Iterable[_Union[_types_pb2.SystemFlag, str]]] = ..., remove_flags: _Optional[_Iterable[_Union[_types_pb2.SystemFlag, str]]] = ..., add_labels: _Optional[_Iterable[str]] = ..., remove_labels: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ModifyMessagesResponse(_message.Message):
    __slots__ = ("progress", "changed", "gone")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    progress: _types_pb2.Progress
    changed: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageRange]
    gone: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageRange]
    def __init__(self, progress: _Optional[_Union[_types_pb2.Progress, _Mapping]] = ..., changed: _Optional[_Iterable[_Union[_types_pb2.MessageRange, _Mapping]]] = ..., gone: _Optional[_Iterable[_Union[_types_pb2.MessageRange, _Mapping]]] = ...) -> None: ...

class MoveMessagesRequest(_message.Message):
    __slots__ = ("messages", "destination", "request_id")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    messages: _types_pb2.MessageSet
    destination: str
    request_id: str
    def __init__(self, messages: _Optional[_Union[_types_pb2.MessageSet, _Mapping]] = ..., destination: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class MovedMessages(_message.Message):
    __slots__ = ("source", "destination")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    source: _types_pb2.MessageRange
    destination: _types_pb2.MessageRange
    def __init__(self, source: _Optional[_Union[_types_pb2.MessageRange, _Mapping]] = ..., destination: _Optional[_Union[_types_pb2.MessageRange, _Mapping]] = ...) -> None: ...

class MoveMessagesResponse(_message.Message):
    __slots__ = ("progress", "moved", "gone")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    progress: _types_pb2.Progress
    moved: _containers.RepeatedCompositeFieldContainer[MovedMessages]
    gone: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageRange]
    def __init__(self, progress: _Optional[_Union[_types_pb2.Progress, _Mapping]] = ..., moved: _Optional[_Iterable[_Union[MovedMessages, _Mapping]]] = ..., gone: _Optional[_Iterable[_Union[_types_pb2.MessageRange, _Mapping]]] = ...) -> None: ...

class CopyMessagesRequest(_message.Message):
    __slots__ = ("messages", "destination", "request_id")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    messages: _types_pb2.MessageSet
    destination: str
    request_id: str
    def __init__(self, messages: _Optional[_Union[_types_pb2.MessageSet, _Mapping]] = ..., destination: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CopyMessagesResponse(_message.Message):
    __slots__ = ("progress", "copied", "gone")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    COPIED_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    progress: _types_pb2.Progress
    copied: _containers.RepeatedCompositeFieldContainer[MovedMessages]
    gone: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageRange]
    def __init__(self, progress: _Optional[_Union[_types_pb2.Progress, _Mapping]] = ..., copied: _Optional[_Iterable[_Union[MovedMessages, _Mapping]]] = ..., gone: _Optional[_Iterable[_Union[_types_pb2.MessageRange, _Mapping]]] = ...) -> None: ...

class DeleteMessagesRequest(_message.Message):
    __slots__ = ("messages", "permanently", "request_id")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    PERMANENTLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    messages: _types_pb2.MessageSet
    permanently: bool
    request_id: str
    def __init__(self, messages: _Optional[_Union[_types_pb2.MessageSet, _Mapping]] = ..., permanently: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteMessagesResponse(_message.Message):
    __slots__ = ("progress", "trashed", "destroyed", "gone")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    TRASHED_FIELD_NUMBER: _ClassVar[int]
    DESTROYED_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    progress: _types_pb2.Progress
    trashed: _containers.RepeatedCompositeFieldContainer[MovedMessages]
    destroyed: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageRange]
    gone: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageRange]
    def __init__(self, progress: _Optional[_Union[_types_pb2.Progress, _Mapping]] = ..., trashed: _Optional[_Iterable[_Union[MovedMessages, _Mapping]]] = ..., destroyed: _Optional[_Iterable[_Union[_types_pb2.MessageRange, _Mapping]]] = ..., gone: _Optional[_Iterable[_Union[_types_pb2.MessageRange, _Mapping]]] = ...) -> None: ...

class AppendTarget(_message.Message):
    __slots__ = ("mailbox", "special_use_sent", "flags", "labels", "received_time", "size_bytes", "unless_message_id", "request_id", "answered", "forwarded", "replaces_draft")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    SPECIAL_USE_SENT_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_TIME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    UNLESS_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    FORWARDED_FIELD_NUMBER: _ClassVar[int]
    REPLACES_DRAFT_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    special_use_sent: bool
    flags: _containers.RepeatedScalarFieldContainer[_types_pb2.SystemFlag]
    labels: _containers.RepeatedScalarFieldContainer[str]
    received_time: _timestamp_pb2.Timestamp
    size_bytes: int
    unless_message_id: str
    request_id: str
    answered: _types_pb2.MessageName
    forwarded: _types_pb2.MessageName
    replaces_draft: _types_pb2.MessageName
    def __init__(self, mailbox: _Optional[str] = ..., special_use_sent: _Optional[bool] = ..., flags: _Optional[_Iterable[_Union[_types_pb2.SystemFlag, str]]] = ..., labels: _Optional[_Iterable[str]] = ..., received_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., size_bytes: _Optional[int] = ..., unless_message_id: _Optional[str] = ..., request_id: _Optional[str] = ..., answered: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ..., forwarded: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ..., replaces_draft: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ...) -> None: ...

class AppendMessageRequest(_message.Message):
    __slots__ = ("target", "data")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    target: AppendTarget
    data: bytes
    def __init__(self, target: _Optional[_Union[AppendTarget, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class AppendMessageResponse(_message.Message):
    __slots__ = ("name", "already_there")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALREADY_THERE_FIELD_NUMBER: _ClassVar[int]
    name: _types_pb2.MessageName
    already_there: bool
    def __init__(self, name: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ..., already_there: _Optional[bool] = ...) -> None: ...

class DraftTarget(_message.Message):
    __slots__ = ("replaces", "size_bytes", "draft_id", "request_id", "create_missing", "must_replace", "answers", "forwards")
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DRAFT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_MISSING_FIELD_NUMBER: _ClassVar[int]
    MUST_REPLACE_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    FORWARDS_FIELD_NUMBER: _ClassVar[int]
    replaces: _types_pb2.MessageName
    size_bytes: int
    draft_id: str
    request_id: str
    create_missing: bool
    must_replace: bool
    answers: _types_pb2.MessageName
    forwards: _types_pb2.MessageName
    def __init__(self, replaces: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ..., size_bytes: _Optional[int] = ..., draft_id: _Optional[str] = ..., request_id: _Optional[str] = ..., create_missing: _Optional[bool] = ..., must_replace: _Optional[bool] = ..., answers: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ..., forwards: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ...) -> None: ...

class SaveDraftRequest(_message.Message):
    __slots__ = ("target", "data")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    target: DraftTarget
    data: bytes
    def __init__(self, target: _Optional[_Union[DraftTarget, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class SaveDraftResponse(_message.Message):
    __slots__ = ("name", "replaced_missing")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPLACED_MISSING_FIELD_NUMBER: _ClassVar[int]
    name: _types_pb2.MessageName
    replaced_missing: bool
    def __init__(self, name: _Optional[_Union[_types_pb2.MessageName, _Mapping]] = ..., replaced_missing: _Optional[bool] = ...) -> None: ...

class ImportTarget(_message.Message):
    __slots__ = ("mailbox", "format", "request_id", "skip_duplicates")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SKIP_DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    format: ArchiveFormat
    request_id: str
    skip_duplicates: bool
    def __init__(self, mailbox: _Optional[str] = ..., format: _Optional[_Union[ArchiveFormat, str]] = ..., request_id: _Optional[str] = ..., skip_duplicates: _Optional[bool] = ...) -> None: ...

class ImportMessagesRequest(_message.Message):
    __slots__ = ("target", "data")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    target: ImportTarget
    data: bytes
    def __init__(self, target: _Optional[_Union[ImportTarget, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class ImportMessagesResponse(_message.Message):
    __slots__ = ("progress", "imported", "skipped_count", "refused")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    progress: _types_pb2.Progress
    imported: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageRange]
    skipped_count: int
    refused: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, progress: _Optional[_Union[_types_pb2.Progress, _Mapping]] = ..., imported: _Optional[_Iterable[_Union[_types_pb2.MessageRange, _Mapping]]] = ..., skipped_count: _Optional[int] = ..., refused: _Optional[_Iterable[str]] = ...) -> None: ...

class ExportMessagesRequest(_message.Message):
    __slots__ = ("messages", "format")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    messages: _types_pb2.MessageSet
    format: ArchiveFormat
    def __init__(self, messages: _Optional[_Union[_types_pb2.MessageSet, _Mapping]] = ..., format: _Optional[_Union[ArchiveFormat, str]] = ...) -> None: ...

class ExportMessagesResponse(_message.Message):
    __slots__ = ("progress", "data")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    progress: _types_pb2.Progress
    data: bytes
    def __init__(self, progress: _Optional[_Union[_types_pb2.Progress, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class StopActionRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class StopActionResponse(_message.Message):
    __slots__ = ("stopping",)
    STOPPING_FIELD_NUMBER: _ClassVar[int]
    stopping: bool
    def __init__(self, stopping: _Optional[bool] = ...) -> None: ...
