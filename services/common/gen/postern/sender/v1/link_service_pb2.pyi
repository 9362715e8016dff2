import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetLinkTermsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetLinkTermsResponse(_message.Message):
    __slots__ = ("offered", "over_bytes", "max_bytes", "keep")
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    OVER_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    offered: bool
    over_bytes: int
    max_bytes: int
    keep: _duration_pb2.Duration
    def __init__(self, offered: _Optional[bool] = ..., over_bytes: _Optional[int] = ..., max_bytes: _Optional[int] = ..., keep: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Link(_message.Message):
    __slots__ = ("token", "filename", "media_type", "total_bytes", "received_bytes", "expire_time")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    token: str
    filename: str
    media_type: str
    total_bytes: int
    received_bytes: int
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, token: _Optional[str] = ..., filename: _Optional[str] = ..., media_type: _Optional[str] = ..., total_bytes: _Optional[int] = ..., received_bytes: _Optional[int] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateLinkRequest(_message.Message):
    __slots__ = ("filename", "media_type", "total_bytes")
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    filename: str
    media_type: str
    total_bytes: int
    def __init__(self, filename: _Optional[str] = ..., media_type: _Optional[str] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class CreateLinkResponse(_message.Message):
    __slots__ = ("link",)
    LINK_FIELD_NUMBER: _ClassVar[int]
    link: Link
    def __init__(self, link: _Optional[_Union[Link, _Mapping]] = ...) -> None: ...

class UploadLinkStart(_message.Message):
    __slots__ = ("token", "offset_bytes")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    token: str
    offset_bytes: int
    def __init__(self, token: _Optional[str] = ..., offset_bytes: _Optional[int] = ...) -> None: ...

class UploadLinkRequest(_message.Message):
    __slots__ = ("start", "data")
    START_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    start: UploadLinkStart
    data: bytes
    def __init__(self, start: _Optional[_Union[UploadLinkStart, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class UploadLinkResponse(_message.Message):
    __slots__ = ("link",)
    LINK_FIELD_NUMBER: _ClassVar[int]
    link: Link
    def __init__(self, link: _Optional[_Union[Link, _Mapping]] = ...) -> None: ...

class GetLinkRequest(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class GetLinkResponse(_message.Message):
    __slots__ = ("link",)
    LINK_FIELD_NUMBER: _ClassVar[int]
    link: Link
    def __init__(self, link: _Optional[_Union[Link, _Mapping]] = ...) -> None: ...

class DeleteLinkRequest(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class DeleteLinkResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadLinkRequest(_message.Message):
    __slots__ = ("token", "offset_bytes")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    token: str
    offset_bytes: int
    def __init__(self, token: _Optional[str] = ..., offset_bytes: _Optional[int] = ...) -> None: ...

class ReadLinkResponse(_message.Message):
    __slots__ = ("link", "data")
    LINK_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    link: Link
    data: bytes
    def __init__(self, link: _Optional[_Union[Link, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...
