from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_NORMAL: _ClassVar[Priority]
    PRIORITY_HIGH: _ClassVar[Priority]
    PRIORITY_LOW: _ClassVar[Priority]
PRIORITY_UNSPECIFIED: Priority
PRIORITY_NORMAL: Priority
PRIORITY_HIGH: Priority
PRIORITY_LOW: Priority

class StoredMessageName(_message.Message):
    __slots__ = ("mailbox", "uid_validity", "uid")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    UID_VALIDITY_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    uid_validity: int
    uid: int
    def __init__(self, mailbox: _Optional[str] = ..., uid_validity: _Optional[int] = ..., uid: _Optional[int] = ...) -> None: ...

class EmailAddress(_message.Message):
    __slots__ = ("name", "address", "group")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    group: str
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ..., group: _Optional[str] = ...) -> None: ...

class AttachmentSource(_message.Message):
    __slots__ = ("upload_id", "stored_part", "stored_message", "filename", "media_type", "content_id")
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    STORED_PART_FIELD_NUMBER: _ClassVar[int]
    STORED_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_ID_FIELD_NUMBER: _ClassVar[int]
    upload_id: str
    stored_part: StoredPart
    stored_message: StoredMessageName
    filename: str
    media_type: str
    content_id: str
    def __init__(self, upload_id: _Optional[str] = ..., stored_part: _Optional[_Union[StoredPart, _Mapping]] = ..., stored_message: _Optional[_Union[StoredMessageName, _Mapping]] = ..., filename: _Optional[str] = ..., media_type: _Optional[str] = ..., content_id: _Optional[str] = ...) -> None: ...

class StoredPart(_message.Message):
    __slots__ = ("message", "part_id")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PART_ID_FIELD_NUMBER: _ClassVar[int]
    message: StoredMessageName
    part_id: str
    def __init__(self, message: _Optional[_Union[StoredMessageName, _Mapping]] = ..., part_id: _Optional[str] = ...) -> None: ...

class MessageContent(_message.Message):
    __slots__ = ("to", "cc", "bcc", "reply_to", "subject", "text", "html", "attachments", "answered", "forwarded", "in_reply_to", "references", "priority", "request_read_receipt", "draft_id", "identity_id", "extra_fields")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    CC_FIELD_NUMBER: _ClassVar[int]
    BCC_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HTML_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    FORWARDED_FIELD_NUMBER: _ClassVar[int]
    IN_REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_READ_RECEIPT_FIELD_NUMBER: _ClassVar[int]
    DRAFT_ID_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELDS_FIELD_NUMBER: _ClassVar[int]
    to: _containers.RepeatedCompositeFieldContainer[EmailAddress]
    cc: _containers.RepeatedCompositeFieldContainer[EmailAddress]
    bcc: _containers.RepeatedCompositeFieldContainer[EmailAddress]
    reply_to: _containers.RepeatedCompositeFieldContainer[EmailAddress]
    subject: str
    text: str
    html: str
    attachments: _containers.RepeatedCompositeFieldContainer[AttachmentSource]
    answered: StoredMessageName
    forwarded: StoredMessageName
    in_reply_to: _containers.RepeatedScalarFieldContainer[str]
    references: _containers.RepeatedScalarFieldContainer[str]
    priority: Priority
    request_read_receipt: bool
    draft_id: str
    identity_id: str
    extra_fields: _containers.RepeatedCompositeFieldContainer[ExtraField]
    def __init__(self, to: _Optional[_Iterable[_Union[EmailAddress, _Mapping]]] = ..., cc: _Optional[_Iterable[_Union[EmailAddress, _Mapping]]] = ..., bcc: _Optional[_Iterable[_Union[EmailAddress, _Mapping]]] = ..., reply_to: _Optional[_Iterable[_Union[EmailAddress, _Mapping]]] = ..., subject: _Optional[str] = ..., text: _Optional[str] = ..., html: _Optional[str] = ..., attachments: _Optional[_Iterable[_Union[AttachmentSource, _Mapping]]] = ..., answered: _Optional[_Union[StoredMessageName, _Mapping]] = ..., forwarded: _Optional[_Union[StoredMessageName, _Mapping]] = ..., in_reply_to: _Optional[_Iterable[str]] = ..., references: _Optional[_Iterable[str]] = ..., priority: _Optional[_Union[Priority, str]] = ..., request_read_receipt: _Optional[bool] = ..., draft_id: _Optional[str] = ..., identity_id: _Optional[str] = ..., extra_fields: _Optional[_Iterable[_Union[ExtraField, _Mapping]]] = ..., **kwargs) -> None: ...

class ExtraField(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
