from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SuggestContactsRequest(_message.Message):
    __slots__ = ("prefix", "page_size", "exclude_addresses")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    page_size: int
    exclude_addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, prefix: _Optional[str] = ..., page_size: _Optional[int] = ..., exclude_addresses: _Optional[_Iterable[str]] = ...) -> None: ...

class Suggestion(_message.Message):
    __slots__ = ("display_name", "address", "source", "contact_id", "group_members")
    class Source(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SOURCE_UNSPECIFIED: _ClassVar[Suggestion.Source]
        SOURCE_ADDRESS_BOOK: _ClassVar[Suggestion.Source]
        SOURCE_COLLECTED: _ClassVar[Suggestion.Source]
        SOURCE_DIRECTORY: _ClassVar[Suggestion.Source]
    SOURCE_UNSPECIFIED: Suggestion.Source
    SOURCE_ADDRESS_BOOK: Suggestion.Source
    SOURCE_COLLECTED: Suggestion.Source
    SOURCE_DIRECTORY: Suggestion.Source
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    address: str
    source: Suggestion.Source
    contact_id: str
    group_members: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, display_name: _Optional[str] = ..., address: _Optional[str] = ..., source: _Optional[_Union[Suggestion.Source, str]] = ..., contact_id: _Optional[str] = ..., group_members: _Optional[_Iterable[str]] = ...) -> None: ...

class SuggestContactsResponse(_message.Message):
    __slots__ = ("suggestions",)
    SUGGESTIONS_FIELD_NUMBER: _ClassVar[int]
    suggestions: _containers.RepeatedCompositeFieldContainer[Suggestion]
    def __init__(self, suggestions: _Optional[_Iterable[_Union[Suggestion, _Mapping]]] = ...) -> None: ...

class UsedAddress(_message.Message):
    __slots__ = ("display_name", "address")
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    address: str
    def __init__(self, display_name: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class RecordUseRequest(_message.Message):
    __slots__ = ("addresses", "request_id")
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedCompositeFieldContainer[UsedAddress]
    request_id: str
    def __init__(self, addresses: _Optional[_Iterable[_Union[UsedAddress, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class RecordUseResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
