import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from services.common.gen.postern.auth.v1 import session_service_pb2 as _session_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Factor(_message.Message):
    __slots__ = ("factor_id", "kind", "display_name", "create_time", "last_used_time", "codes_left", "can_sign_in")
    FACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_TIME_FIELD_NUMBER: _ClassVar[int]
    CODES_LEFT_FIELD_NUMBER: _ClassVar[int]
    CAN_SIGN_IN_FIELD_NUMBER: _ClassVar[int]
    factor_id: str
    kind: _session_service_pb2.FactorKind
    display_name: str
    create_time: _timestamp_pb2.Timestamp
    last_used_time: _timestamp_pb2.Timestamp
    codes_left: int
    can_sign_in: bool
    def __init__(self, factor_id: _Optional[str] = ..., kind: _Optional[_Union[_session_service_pb2.FactorKind, str]] = ..., display_name: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., codes_left: _Optional[int] = ..., can_sign_in: _Optional[bool] = ...) -> None: ...

class FactorProof(_message.Message):
    __slots__ = ("code", "webauthn_response_json", "password", "proof_state")
    CODE_FIELD_NUMBER: _ClassVar[int]
    WEBAUTHN_RESPONSE_JSON_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PROOF_STATE_FIELD_NUMBER: _ClassVar[int]
    code: str
    webauthn_response_json: str
    password: str
    proof_state: str
    def __init__(self, code: _Optional[str] = ..., webauthn_response_json: _Optional[str] = ..., password: _Optional[str] = ..., proof_state: _Optional[str] = ...) -> None: ...

class BeginFactorProofRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BeginFactorProofResponse(_message.Message):
    __slots__ = ("proof_state", "webauthn_options_json", "expire_time")
    PROOF_STATE_FIELD_NUMBER: _ClassVar[int]
    WEBAUTHN_OPTIONS_JSON_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    proof_state: str
    webauthn_options_json: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, proof_state: _Optional[str] = ..., webauthn_options_json: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListFactorsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListFactorsResponse(_message.Message):
    __slots__ = ("factors", "next_page_token", "required", "offered_kinds", "proves_by_sign_in")
    FACTORS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    OFFERED_KINDS_FIELD_NUMBER: _ClassVar[int]
    PROVES_BY_SIGN_IN_FIELD_NUMBER: _ClassVar[int]
    factors: _containers.RepeatedCompositeFieldContainer[Factor]
    next_page_token: str
    required: bool
    offered_kinds: _containers.RepeatedScalarFieldContainer[_session_service_pb2.FactorKind]
    proves_by_sign_in: bool
    def __init__(self, factors: _Optional[_Iterable[_Union[Factor, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., required: _Optional[bool] = ..., offered_kinds: _Optional[_Iterable[_Union[_session_service_pb2.FactorKind, str]]] = ..., proves_by_sign_in: _Optional[bool] = ...) -> None: ...

class BeginFactorEnrolmentRequest(_message.Message):
    __slots__ = ("kind", "display_name", "proof", "otp_secret")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    OTP_SECRET_FIELD_NUMBER: _ClassVar[int]
    kind: _session_service_pb2.FactorKind
    display_name: str
    proof: FactorProof
    otp_secret: str
    def __init__(self, kind: _Optional[_Union[_session_service_pb2.FactorKind, str]] = ..., display_name: _Optional[str] = ..., proof: _Optional[_Union[FactorProof, _Mapping]] = ..., otp_secret: _Optional[str] = ...) -> None: ...

class BeginFactorEnrolmentResponse(_message.Message):
    __slots__ = ("enrolment_state", "otpauth_uri", "webauthn_options_json")
    ENROLMENT_STATE_FIELD_NUMBER: _ClassVar[int]
    OTPAUTH_URI_FIELD_NUMBER: _ClassVar[int]
    WEBAUTHN_OPTIONS_JSON_FIELD_NUMBER: _ClassVar[int]
    enrolment_state: str
    otpauth_uri: str
    webauthn_options_json: str
    def __init__(self, enrolment_state: _Optional[str] = ..., otpauth_uri: _Optional[str] = ..., webauthn_options_json: _Optional[str] = ...) -> None: ...

class FinishFactorEnrolmentRequest(_message.Message):
    __slots__ = ("enrolment_state", "code", "webauthn_response_json", "session_secret")
    ENROLMENT_STATE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    WEBAUTHN_RESPONSE_JSON_FIELD_NUMBER: _ClassVar[int]
    SESSION_SECRET_FIELD_NUMBER: _ClassVar[int]
    enrolment_state: str
    code: str
    webauthn_response_json: str
    session_secret: str
    def __init__(self, enrolment_state: _Optional[str] = ..., code: _Optional[str] = ..., webauthn_response_json: _Optional[str] = ..., session_secret: _Optional[str] = ...) -> None: ...

class FinishFactorEnrolmentResponse(_message.Message):
    __slots__ = ("factor", "recovery_codes", "session_secret")
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_CODES_FIELD_NUMBER: _ClassVar[int]
    SESSION_SECRET_FIELD_NUMBER: _ClassVar[int]
    factor: Factor
    recovery_codes: _containers.RepeatedScalarFieldContainer[str]
    session_secret: str
    def __init__(self, factor: _Optional[_Union[Factor, _Mapping]] = ..., recovery_codes: _Optional[_Iterable[str]] = ..., session_secret: _Optional[str] = ...) -> None: ...

class RemoveFactorRequest(_message.Message):
    __slots__ = ("factor_id", "proof", "session_secret")
    FACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    SESSION_SECRET_FIELD_NUMBER: _ClassVar[int]
    factor_id: str
    proof: FactorProof
    session_secret: str
    def __init__(self, factor_id: _Optional[str] = ..., proof: _Optional[_Union[FactorProof, _Mapping]] = ..., session_secret: _Optional[str] = ...) -> None: ...

class RemoveFactorResponse(_message.Message):
    __slots__ = ("session_secret",)
    SESSION_SECRET_FIELD_NUMBER: _ClassVar[int]
    session_secret: str
    def __init__(self, session_secret: _Optional[str] = ...) -> None: ...

class CreateRecoveryCodesRequest(_message.Message):
    __slots__ = ("proof", "session_secret")
    PROOF_FIELD_NUMBER: _ClassVar[int]
    SESSION_SECRET_FIELD_NUMBER: _ClassVar[int]
    proof: FactorProof
    session_secret: str
    def __init__(self, proof: _Optional[_Union[FactorProof, _Mapping]] = ..., session_secret: _Optional[str] = ...) -> None: ...

class CreateRecoveryCodesResponse(_message.Message):
    __slots__ = ("recovery_codes", "session_secret")
    RECOVERY_CODES_FIELD_NUMBER: _ClassVar[int]
    SESSION_SECRET_FIELD_NUMBER: _ClassVar[int]
    recovery_codes: _containers.RepeatedScalarFieldContainer[str]
    session_secret: str
    def __init__(self, recovery_codes: _Optional[_Iterable[str]] = ..., session_secret: _Optional[str] = ...) -> None: ...
