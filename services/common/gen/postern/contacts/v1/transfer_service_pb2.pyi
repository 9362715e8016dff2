from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ContactFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONTACT_FORMAT_UNSPECIFIED: _ClassVar[ContactFormat]
    CONTACT_FORMAT_VCARD4: _ClassVar[ContactFormat]
    CONTACT_FORMAT_VCARD3: _ClassVar[ContactFormat]
    CONTACT_FORMAT_CSV: _ClassVar[ContactFormat]
    CONTACT_FORMAT_LDIF: _ClassVar[ContactFormat]
    CONTACT_FORMAT_JSON: _ClassVar[ContactFormat]
CONTACT_FORMAT_UNSPECIFIED: ContactFormat
CONTACT_FORMAT_VCARD4: ContactFormat
CONTACT_FORMAT_VCARD3: ContactFormat
CONTACT_FORMAT_CSV: ContactFormat
CONTACT_FORMAT_LDIF: ContactFormat
CONTACT_FORMAT_JSON: ContactFormat

class ImportTarget(_message.Message):
    __slots__ = ("address_book_id", "format", "request_id", "dry_run")
    ADDRESS_BOOK_ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    address_book_id: str
    format: ContactFormat
    request_id: str
    dry_run: bool
    def __init__(self, address_book_id: _Optional[str] = ..., format: _Optional[_Union[ContactFormat, str]] = ..., request_id: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class ImportContactsRequest(_message.Message):
    __slots__ = ("target", "data")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    target: ImportTarget
    data: bytes
    def __init__(self, target: _Optional[_Union[ImportTarget, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class ImportContactsResponse(_message.Message):
    __slots__ = ("read_count", "created_count", "merged_count", "refused", "done")
    READ_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    MERGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    read_count: int
    created_count: int
    merged_count: int
    refused: _containers.RepeatedScalarFieldContainer[str]
    done: bool
    def __init__(self, read_count: _Optional[int] = ..., created_count: _Optional[int] = ..., merged_count: _Optional[int] = ..., refused: _Optional[_Iterable[str]] = ..., done: _Optional[bool] = ...) -> None: ...

class ExportContactsRequest(_message.Message):
    __slots__ = ("address_book_id", "format", "contact_ids")
    ADDRESS_BOOK_ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    CONTACT_IDS_FIELD_NUMBER: _ClassVar[int]
    address_book_id: str
    format: ContactFormat
    contact_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, address_book_id: _Optional[str] = ..., format: _Optional[_Union[ContactFormat, str]] = ..., contact_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ExportContactsResponse(_message.Message):
    __slots__ = ("data", "done_count", "total_count")
    DATA_FIELD_NUMBER: _ClassVar[int]
    DONE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    done_count: int
    total_count: int
    def __init__(self, data: _Optional[bytes] = ..., done_count: _Optional[int] = ..., total_count: _Optional[int] = ...) -> None: ...
