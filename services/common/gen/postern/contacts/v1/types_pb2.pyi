import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AddressBookAccess(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ADDRESS_BOOK_ACCESS_UNSPECIFIED: _ClassVar[AddressBookAccess]
    ADDRESS_BOOK_ACCESS_READ: _ClassVar[AddressBookAccess]
    ADDRESS_BOOK_ACCESS_WRITE: _ClassVar[AddressBookAccess]
    ADDRESS_BOOK_ACCESS_OWN: _ClassVar[AddressBookAccess]
ADDRESS_BOOK_ACCESS_UNSPECIFIED: AddressBookAccess
ADDRESS_BOOK_ACCESS_READ: AddressBookAccess
ADDRESS_BOOK_ACCESS_WRITE: AddressBookAccess
ADDRESS_BOOK_ACCESS_OWN: AddressBookAccess

class AddressBook(_message.Message):
    __slots__ = ("address_book_id", "display_name", "owner", "access", "is_default", "is_collected", "contact_count", "sync_token")
    ADDRESS_BOOK_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    IS_COLLECTED_FIELD_NUMBER: _ClassVar[int]
    CONTACT_COUNT_FIELD_NUMBER: _ClassVar[int]
    SYNC_TOKEN_FIELD_NUMBER: _ClassVar[int]
    address_book_id: str
    display_name: str
    owner: str
    access: AddressBookAccess
    is_default: bool
    is_collected: bool
    contact_count: int
    sync_token: str
    def __init__(self, address_book_id: _Optional[str] = ..., display_name: _Optional[str] = ..., owner: _Optional[str] = ..., access: _Optional[_Union[AddressBookAccess, str]] = ..., is_default: _Optional[bool] = ..., is_collected: _Optional[bool] = ..., contact_count: _Optional[int] = ..., sync_token: _Optional[str] = ...) -> None: ...

class LabelledValue(_message.Message):
    __slots__ = ("label", "value", "preferred")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_FIELD_NUMBER: _ClassVar[int]
    label: str
    value: str
    preferred: bool
    def __init__(self, label: _Optional[str] = ..., value: _Optional[str] = ..., preferred: _Optional[bool] = ...) -> None: ...

class PostalAddress(_message.Message):
    __slots__ = ("label", "street", "locality", "region", "postal_code", "country")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    STREET_FIELD_NUMBER: _ClassVar[int]
    LOCALITY_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    POSTAL_CODE_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    label: str
    street: str
    locality: str
    region: str
    postal_code: str
    country: str
    def __init__(self, label: _Optional[str] = ..., street: _Optional[str] = ..., locality: _Optional[str] = ..., region: _Optional[str] = ..., postal_code: _Optional[str] = ..., country: _Optional[str] = ...) -> None: ...

class Contact(_message.Message):
    __slots__ = ("contact_id", "address_book_id", "display_name", "given_name", "family_name", "nickname", "emails", "phones", "urls", "postal_addresses", "organisation", "title", "birthday", "note", "categories", "is_group", "member_ids", "etag", "update_time", "uid", "has_photo")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_BOOK_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    GIVEN_NAME_FIELD_NUMBER: _ClassVar[int]
    FAMILY_NAME_FIELD_NUMBER: _ClassVar[int]
    NICKNAME_FIELD_NUMBER: _ClassVar[int]
    EMAILS_FIELD_NUMBER: _ClassVar[int]
    PHONES_FIELD_NUMBER: _ClassVar[int]
    URLS_FIELD_NUMBER: _ClassVar[int]
    POSTAL_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    BIRTHDAY_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    IS_GROUP_FIELD_NUMBER: _ClassVar[int]
    MEMBER_IDS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    HAS_PHOTO_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    address_book_id: str
    display_name: str
    given_name: str
    family_name: str
    nickname: str
    emails: _containers.RepeatedCompositeFieldContainer[LabelledValue]
    phones: _containers.RepeatedCompositeFieldContainer[LabelledValue]
    urls: _containers.RepeatedCompositeFieldContainer[LabelledValue]
    postal_addresses: _containers.RepeatedCompositeFieldContainer[PostalAddress]
    organisation: str
    title: str
    birthday: str
    note: str
    categories: _containers.RepeatedScalarFieldContainer[str]
    is_group: bool
    member_ids: _containers.RepeatedScalarFieldContainer[str]
    etag: str
    update_time: _timestamp_pb2.Timestamp
    uid: str
    has_photo: bool
    def __init__(self, contact_id: _Optional[str] = ..., address_book_id: _Optional[str] = ..., display_name: _Optional[str] = ..., given_name: _Optional[str] = ..., family_name: _Optional[str] = ..., nickname: _Optional[str] = ..., emails: _Optional[_Iterable[_Union[LabelledValue, _Mapping]]] = ..., phones: _Optional[_Iterable[_Union[LabelledValue, _Mapping]]] = ..., urls: _Optional[_Iterable[_Union[LabelledValue, _Mapping]]] = ..., postal_addresses: _Optional[_Iterable[_Union[PostalAddress, _Mapping]]] = ..., organisation: _Optional[str] = ..., title: _Optional[str] = ..., birthday: _Optional[str] = ..., note: _Optional[str] = ..., categories: _Optional[_Iterable[str]] = ..., is_group: _Optional[bool] = ..., member_ids: _Optional[_Iterable[str]] = ..., etag: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., uid: _Optional[str] = ..., has_photo: _Optional[bool] = ...) -> None: ...
