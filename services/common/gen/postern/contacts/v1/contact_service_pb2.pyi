import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from services.common.gen.postern.contacts.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListContactsRequest(_message.Message):
    __slots__ = ("address_book_id", "query", "page_size", "page_token")
    ADDRESS_BOOK_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    address_book_id: str
    query: str
    page_size: int
    page_token: str
    def __init__(self, address_book_id: _Optional[str] = ..., query: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListContactsResponse(_message.Message):
    __slots__ = ("contacts", "next_page_token", "total_count")
    CONTACTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    contacts: _containers.RepeatedCompositeFieldContainer[_types_pb2.Contact]
    next_page_token: str
    total_count: int
    def __init__(self, contacts: _Optional[_Iterable[_Union[_types_pb2.Contact, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_count: _Optional[int] = ...) -> None: ...

class GetContactRequest(_message.Message):
    __slots__ = ("contact_id",)
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    def __init__(self, contact_id: _Optional[str] = ...) -> None: ...

class GetContactResponse(_message.Message):
    __slots__ = ("contact",)
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    contact: _types_pb2.Contact
    def __init__(self, contact: _Optional[_Union[_types_pb2.Contact, _Mapping]] = ...) -> None: ...

class CreateContactRequest(_message.Message):
    __slots__ = ("contact", "request_id")
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    contact: _types_pb2.Contact
    request_id: str
    def __init__(self, contact: _Optional[_Union[_types_pb2.Contact, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateContactResponse(_message.Message):
    __slots__ = ("contact",)
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    contact: _types_pb2.Contact
    def __init__(self, contact: _Optional[_Union[_types_pb2.Contact, _Mapping]] = ...) -> None: ...

class UpdateContactRequest(_message.Message):
    __slots__ = ("contact", "request_id")
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    contact: _types_pb2.Contact
    request_id: str
    def __init__(self, contact: _Optional[_Union[_types_pb2.Contact, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateContactResponse(_message.Message):
    __slots__ = ("contact",)
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    contact: _types_pb2.Contact
    def __init__(self, contact: _Optional[_Union[_types_pb2.Contact, _Mapping]] = ...) -> None: ...

class DeleteContactsRequest(_message.Message):
    __slots__ = ("contact_ids", "request_id")
    CONTACT_IDS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    contact_ids: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, contact_ids: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteContactsResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class UndeleteContactsRequest(_message.Message):
    __slots__ = ("contact_ids", "request_id")
    CONTACT_IDS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    contact_ids: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, contact_ids: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UndeleteContactsResponse(_message.Message):
    __slots__ = ("restored_count",)
    RESTORED_COUNT_FIELD_NUMBER: _ClassVar[int]
    restored_count: int
    def __init__(self, restored_count: _Optional[int] = ...) -> None: ...

class BatchUpdateContactsRequest(_message.Message):
    __slots__ = ("contacts", "request_id")
    CONTACTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    contacts: _containers.RepeatedCompositeFieldContainer[_types_pb2.Contact]
    request_id: str
    def __init__(self, contacts: _Optional[_Iterable[_Union[_types_pb2.Contact, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class BatchUpdateContactsResponse(_message.Message):
    __slots__ = ("results",)
    class Result(_message.Message):
        __slots__ = ("contact", "reason")
        CONTACT_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        contact: _types_pb2.Contact
        reason: str
        def __init__(self, contact: _Optional[_Union[_types_pb2.Contact, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchUpdateContactsResponse.Result]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchUpdateContactsResponse.Result, _Mapping]]] = ...) -> None: ...

class MergeContactsRequest(_message.Message):
    __slots__ = ("contact_ids", "merged", "request_id")
    CONTACT_IDS_FIELD_NUMBER: _ClassVar[int]
    MERGED_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    contact_ids: _containers.RepeatedScalarFieldContainer[str]
    merged: _types_pb2.Contact
    request_id: str
    def __init__(self, contact_ids: _Optional[_Iterable[str]] = ..., merged: _Optional[_Union[_types_pb2.Contact, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class MergeContactsResponse(_message.Message):
    __slots__ = ("contact",)
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    contact: _types_pb2.Contact
    def __init__(self, contact: _Optional[_Union[_types_pb2.Contact, _Mapping]] = ...) -> None: ...

class ListContactVersionsRequest(_message.Message):
    __slots__ = ("contact_id", "page_size", "page_token")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    page_size: int
    page_token: str
    def __init__(self, contact_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ContactVersion(_message.Message):
    __slots__ = ("contact", "changed_by", "change_time")
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_BY_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    contact: _types_pb2.Contact
    changed_by: str
    change_time: _timestamp_pb2.Timestamp
    def __init__(self, contact: _Optional[_Union[_types_pb2.Contact, _Mapping]] = ..., changed_by: _Optional[str] = ..., change_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListContactVersionsResponse(_message.Message):
    __slots__ = ("versions", "next_page_token")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[ContactVersion]
    next_page_token: str
    def __init__(self, versions: _Optional[_Iterable[_Union[ContactVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListChangesRequest(_message.Message):
    __slots__ = ("address_book_id", "sync_token", "page_size")
    ADDRESS_BOOK_ID_FIELD_NUMBER: _ClassVar[int]
    SYNC_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    address_book_id: str
    sync_token: str
    page_size: int
    def __init__(self, address_book_id: _Optional[str] = ..., sync_token: _Optional[str] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListChangesResponse(_message.Message):
    __slots__ = ("changed", "deleted_ids", "sync_token", "more")
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    DELETED_IDS_FIELD_NUMBER: _ClassVar[int]
    SYNC_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    changed: _containers.RepeatedCompositeFieldContainer[_types_pb2.Contact]
    deleted_ids: _containers.RepeatedScalarFieldContainer[str]
    sync_token: str
    more: bool
    def __init__(self, changed: _Optional[_Iterable[_Union[_types_pb2.Contact, _Mapping]]] = ..., deleted_ids: _Optional[_Iterable[str]] = ..., sync_token: _Optional[str] = ..., more: _Optional[bool] = ...) -> None: ...
