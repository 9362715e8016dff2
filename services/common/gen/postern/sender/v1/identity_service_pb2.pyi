import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AddressStanding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ADDRESS_STANDING_UNSPECIFIED: _ClassVar[AddressStanding]
    ADDRESS_STANDING_GRANTED: _ClassVar[AddressStanding]
    ADDRESS_STANDING_VERIFIED: _ClassVar[AddressStanding]
    ADDRESS_STANDING_CODE_SENT: _ClassVar[AddressStanding]
    ADDRESS_STANDING_REFUSED: _ClassVar[AddressStanding]
ADDRESS_STANDING_UNSPECIFIED: AddressStanding
ADDRESS_STANDING_GRANTED: AddressStanding
ADDRESS_STANDING_VERIFIED: AddressStanding
ADDRESS_STANDING_CODE_SENT: AddressStanding
ADDRESS_STANDING_REFUSED: AddressStanding

class CheckedAddress(_message.Message):
    __slots__ = ("address", "standing", "code_expire_time")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STANDING_FIELD_NUMBER: _ClassVar[int]
    CODE_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    address: str
    standing: AddressStanding
    code_expire_time: _timestamp_pb2.Timestamp
    def __init__(self, address: _Optional[str] = ..., standing: _Optional[_Union[AddressStanding, str]] = ..., code_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CheckAddressesRequest(_message.Message):
    __slots__ = ("addresses",)
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, addresses: _Optional[_Iterable[str]] = ...) -> None: ...

class CheckAddressesResponse(_message.Message):
    __slots__ = ("addresses", "codes_offered")
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    CODES_OFFERED_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedCompositeFieldContainer[CheckedAddress]
    codes_offered: bool
    def __init__(self, addresses: _Optional[_Iterable[_Union[CheckedAddress, _Mapping]]] = ..., codes_offered: _Optional[bool] = ...) -> None: ...

class StartVerificationRequest(_message.Message):
    __slots__ = ("address", "subject", "text")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    address: str
    subject: str
    text: str
    def __init__(self, address: _Optional[str] = ..., subject: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class StartVerificationResponse(_message.Message):
    __slots__ = ("code_expire_time",)
    CODE_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    code_expire_time: _timestamp_pb2.Timestamp
    def __init__(self, code_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., **kwargs) -> None: ...

class CompleteVerificationRequest(_message.Message):
    __slots__ = ("address", "code")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    address: str
    code: str
    def __init__(self, address: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class CompleteVerificationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RemoveVerifiedAddressRequest(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: str
    def __init__(self, address: _Optional[str] = ...) -> None: ...

class RemoveVerifiedAddressResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
