from services.common.gen.postern.contacts.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListAddressBooksRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAddressBooksResponse(_message.Message):
    __slots__ = ("address_books", "next_page_token")
    ADDRESS_BOOKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    address_books: _containers.RepeatedCompositeFieldContainer[_types_pb2.AddressBook]
    next_page_token: str
    def __init__(self, address_books: _Optional[_Iterable[_Union[_types_pb2.AddressBook, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateAddressBookRequest(_message.Message):
    __slots__ = ("display_name", "request_id")
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    request_id: str
    def __init__(self, display_name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateAddressBookResponse(_message.Message):
    __slots__ = ("address_book",)
    ADDRESS_BOOK_FIELD_NUMBER: _ClassVar[int]
    address_book: _types_pb2.AddressBook
    def __init__(self, address_book: _Optional[_Union[_types_pb2.AddressBook, _Mapping]] = ...) -> None: ...

class UpdateAddressBookRequest(_message.Message):
    __slots__ = ("address_book_id", "display_name", "request_id")
    ADDRESS_BOOK_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    address_book_id: str
    display_name: str
    request_id: str
    def __init__(self, address_book_id: _Optional[str] = ..., display_name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateAddressBookResponse(_message.Message):
    __slots__ = ("address_book",)
    ADDRESS_BOOK_FIELD_NUMBER: _ClassVar[int]
    address_book: _types_pb2.AddressBook
    def __init__(self, address_book: _Optional[_Union[_types_pb2.AddressBook, _Mapping]] = ...) -> None: ...

class DeleteAddressBookRequest(_message.Message):
    __slots__ = ("address_book_id", "request_id")
    ADDRESS_BOOK_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    address_book_id: str
    request_id: str
    def __init__(self, address_book_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteAddressBookResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Share(_message.Message):
    __slots__ = ("account", "access")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    account: str
    access: _types_pb2.AddressBookAccess
    def __init__(self, account: _Optional[str] = ..., access: _Optional[_Union[_types_pb2.AddressBookAccess, str]] = ...) -> None: ...

class ListSharesRequest(_message.Message):
    __slots__ = ("address_book_id", "page_size", "page_token")
    ADDRESS_BOOK_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    address_book_id: str
    page_size: int
    page_token: str
    def __init__(self, address_book_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSharesResponse(_message.Message):
    __slots__ = ("shares", "next_page_token")
    SHARES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    shares: _containers.RepeatedCompositeFieldContainer[Share]
    next_page_token: str
    def __init__(self, shares: _Optional[_Iterable[_Union[Share, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetShareRequest(_message.Message):
    __slots__ = ("address_book_id", "share", "request_id")
    ADDRESS_BOOK_ID_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    address_book_id: str
    share: Share
    request_id: str
    def __init__(self, address_book_id: _Optional[str] = ..., share: _Optional[_Union[Share, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class SetShareResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
