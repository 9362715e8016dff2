from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as _mailbox_service_pb2
from services.common.gen.postern.mailstore.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchAccountRequest(_message.Message):
    __slots__ = ("resume_token",)
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    def __init__(self, resume_token: _Optional[str] = ...) -> None: ...

class WatchAccountResponse(_message.Message):
    __slots__ = ("mailbox_change", "tree_changed", "heartbeat", "restarted", "server_lost", "indexing", "resume_token")
    class MailboxChange(_message.Message):
        __slots__ = ("mailbox", "added", "modified", "removed", "incomplete")
        MAILBOX_FIELD_NUMBER: _ClassVar[int]
        ADDED_FIELD_NUMBER: _ClassVar[int]
        MODIFIED_FIELD_NUMBER: _ClassVar[int]
        REMOVED_FIELD_NUMBER: _ClassVar[int]
        INCOMPLETE_FIELD_NUMBER: _ClassVar[int]
        mailbox: _mailbox_service_pb2.Mailbox
        added: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageSummary]
        modified: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageSummary]
        removed: _containers.RepeatedCompositeFieldContainer[_types_pb2.MessageRange]
        incomplete: bool
        def __init__(self, mailbox: _Optional[_Union[_mailbox_service_pb2.Mailbox, _Mapping]] = ..., added: _Optional[_Iterable[_Union[_types_pb2.MessageSummary, _Mapping]]] = ..., modified: _Optional[_Iterable[_Union[_types_pb2.MessageSummary, _Mapping]]] = ..., removed: _Optional[_Iterable[_Union[_types_pb2.MessageRange, _Mapping]]] = ..., incomplete: _Optional[bool] = ...) -> None: ...
    MAILBOX_CHANGE_FIELD_NUMBER: _ClassVar[int]
    TREE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    RESTARTED_FIELD_NUMBER: _ClassVar[int]
    SERVER_LOST_FIELD_NUMBER: _ClassVar[int]
    INDEXING_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    mailbox_change: WatchAccountResponse.MailboxChange
    tree_changed: bool
    heartbeat: bool
    restarted: bool
    server_lost: bool
    indexing: _types_pb2.Progress
    resume_token: str
    def __init__(self, mailbox_change: _Optional[_Union[WatchAccountResponse.MailboxChange, _Mapping]] = ..., tree_changed: _Optional[bool] = ..., heartbeat: _Optional[bool] = ..., restarted: _Optional[bool] = ..., server_lost: _Optional[bool] = ..., indexing: _Optional[_Union[_types_pb2.Progress, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...
