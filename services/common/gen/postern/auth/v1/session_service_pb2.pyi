import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SignInMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGN_IN_METHOD_UNSPECIFIED: _ClassVar[SignInMethod]
    SIGN_IN_METHOD_PASSWORD: _ClassVar[SignInMethod]
    SIGN_IN_METHOD_PASSKEY: _ClassVar[SignInMethod]
    SIGN_IN_METHOD_OPENID: _ClassVar[SignInMethod]

class FactorKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FACTOR_KIND_UNSPECIFIED: _ClassVar[FactorKind]
    FACTOR_KIND_TOTP: _ClassVar[FactorKind]
    FACTOR_KIND_HOTP: _ClassVar[FactorKind]
    FACTOR_KIND_PASSKEY: _ClassVar[FactorKind]
    FACTOR_KIND_RECOVERY_CODE: _ClassVar[FactorKind]
SIGN_IN_METHOD_UNSPECIFIED: SignInMethod
SIGN_IN_METHOD_PASSWORD: SignInMethod
SIGN_IN_METHOD_PASSKEY: SignInMethod
SIGN_IN_METHOD_OPENID: SignInMethod
FACTOR_KIND_UNSPECIFIED: FactorKind
FACTOR_KIND_TOTP: FactorKind
FACTOR_KIND_HOTP: FactorKind
FACTOR_KIND_PASSKEY: FactorKind
FACTOR_KIND_RECOVERY_CODE: FactorKind

class Client(_message.Message):
    __slots__ = ("address", "user_agent", "certificate_fingerprint", "certificate_subject", "certificate_accounts")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    address: str
    user_agent: str
    certificate_fingerprint: str
    certificate_subject: str
    certificate_accounts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, address: _Optional[str] = ..., user_agent: _Optional[str] = ..., certificate_fingerprint: _Optional[str] = ..., certificate_subject: _Optional[str] = ..., certificate_accounts: _Optional[_Iterable[str]] = ...) -> None: ...

class ListSignInMethodsRequest(_message.Message):
    __slots__ = ("email_address",)
    EMAIL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    email_address: str
    def __init__(self, email_address: _Optional[str] = ...) -> None: ...

class ListSignInMethodsResponse(_message.Message):
    __slots__ = ("methods", "openid_provider_name")
    METHODS_FIELD_NUMBER: _ClassVar[int]
    OPENID_PROVIDER_NAME_FIELD_NUMBER: _ClassVar[int]
    methods: _containers.RepeatedScalarFieldContainer[SignInMethod]
    openid_provider_name: str
    def __init__(self, methods: _Optional[_Iterable[_Union[SignInMethod, str]]] = ..., openid_provider_name: _Optional[str] = ...) -> None: ...

class StartSignInRequest(_message.Message):
    __slots__ = ("password", "passkey", "openid", "client", "session_secret")
    class Password(_message.Message):
        __slots__ = ("email_address", "password")
        EMAIL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
        PASSWORD_FIELD_NUMBER: _ClassVar[int]
        email_address: str
        password: str
        def __init__(self, email_address: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...
    class Passkey(_message.Message):
        __slots__ = ("email_address",)
        EMAIL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
        email_address: str
        def __init__(self, email_address: _Optional[str] = ...) -> None: ...
    class OpenId(_message.Message):
        __slots__ = ("email_address", "redirect_uri")
        EMAIL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
        REDIRECT_URI_FIELD_NUMBER: _ClassVar[int]
        email_address: str
        redirect_uri: str
        def __init__(self, email_address: _Optional[str] = ..., redirect_uri: _Optional[str] = ...) -> None: ...
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PASSKEY_FIELD_NUMBER: _ClassVar[int]
    OPENID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    SESSION_SECRET_FIELD_NUMBER: _ClassVar[int]
    password: StartSignInRequest.Password
    passkey: StartSignInRequest.Passkey
    openid: StartSignInRequest.OpenId
    client: Client
    session_secret: str
    def __init__(self, password: _Optional[_Union[StartSignInRequest.Password, _Mapping]] = ..., passkey: _Optional[_Union[StartSignInRequest.Passkey, _Mapping]] = ..., openid: _Optional[_Union[StartSignInRequest.OpenId, _Mapping]] = ..., client: _Optional[_Union[Client, _Mapping]] = ..., session_secret: _Optional[str] = ...) -> None: ...

class SignedIn(_message.Message):
    __slots__ = ("session_secret", "account", "expire_time", "idle_seconds", "must_enrol_factor")
    SESSION_SECRET_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    IDLE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MUST_ENROL_FACTOR_FIELD_NUMBER: _ClassVar[int]
    session_secret: str
    account: str
    expire_time: _timestamp_pb2.Timestamp
    idle_seconds: int
    must_enrol_factor: bool
    def __init__(self, session_secret: _Optional[str] = ..., account: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., idle_seconds: _Optional[int] = ..., must_enrol_factor: _Optional[bool] = ...) -> None: ...

class Challenge(_message.Message):
    __slots__ = ("sign_in_state", "factor_kinds", "webauthn_options_json", "redirect_uri", "expire_time", "password_needed")
    SIGN_IN_STATE_FIELD_NUMBER: _ClassVar[int]
    FACTOR_KINDS_FIELD_NUMBER: _ClassVar[int]
    WEBAUTHN_OPTIONS_JSON_FIELD_NUMBER: _ClassVar[int]
    REDIRECT_URI_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_NEEDED_FIELD_NUMBER: _ClassVar[int]
    sign_in_state: str
    factor_kinds: _containers.RepeatedScalarFieldContainer[FactorKind]
    webauthn_options_json: str
    redirect_uri: str
    expire_time: _timestamp_pb2.Timestamp
    password_needed: bool
    def __init__(self, sign_in_state: _Optional[str] = ..., factor_kinds: _Optional[_Iterable[_Union[FactorKind, str]]] = ..., webauthn_options_json: _Optional[str] = ..., redirect_uri: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., password_needed: _Optional[bool] = ...) -> None: ...

class StartSignInResponse(_message.Message):
    __slots__ = ("signed_in", "challenge")
    SIGNED_IN_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    signed_in: SignedIn
    challenge: Challenge
    def __init__(self, signed_in: _Optional[_Union[SignedIn, _Mapping]] = ..., challenge: _Optional[_Union[Challenge, _Mapping]] = ...) -> None: ...

class ContinueSignInRequest(_message.Message):
    __slots__ = ("sign_in_state", "code", "webauthn_response_json", "openid_query", "password", "factor_kind", "client")
    SIGN_IN_STATE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    WEBAUTHN_RESPONSE_JSON_FIELD_NUMBER: _ClassVar[int]
    OPENID_QUERY_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    FACTOR_KIND_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    sign_in_state: str
    code: str
    webauthn_response_json: str
    openid_query: str
    password: str
    factor_kind: FactorKind
    client: Client
    def __init__(self, sign_in_state: _Optional[str] = ..., code: _Optional[str] = ..., webauthn_response_json: _Optional[str] = ..., openid_query: _Optional[str] = ..., password: _Optional[str] = ..., factor_kind: _Optional[_Union[FactorKind, str]] = ..., client: _Optional[_Union[Client, _Mapping]] = ...) -> None: ...

class ContinueSignInResponse(_message.Message):
    __slots__ = ("signed_in", "challenge")
    SIGNED_IN_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    signed_in: SignedIn
    challenge: Challenge
    def __init__(self, signed_in: _Optional[_Union[SignedIn, _Mapping]] = ..., challenge: _Optional[_Union[Challenge, _Mapping]] = ...) -> None: ...

class CreateAccessTokensRequest(_message.Message):
    __slots__ = ("session_secret", "client")
    SESSION_SECRET_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    session_secret: str
    client: Client
    def __init__(self, session_secret: _Optional[str] = ..., client: _Optional[_Union[Client, _Mapping]] = ...) -> None: ...

class AccessToken(_message.Message):
    __slots__ = ("audience", "token")
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    audience: str
    token: str
    def __init__(self, audience: _Optional[str] = ..., token: _Optional[str] = ...) -> None: ...

class CreateAccessTokensResponse(_message.Message):
    __slots__ = ("tokens", "account", "session_id", "expire_time", "session_expire_time", "preferences", "identities", "must_enrol_factor")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    SESSION_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PREFERENCES_FIELD_NUMBER: _ClassVar[int]
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    MUST_ENROL_FACTOR_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedCompositeFieldContainer[AccessToken]
    account: str
    session_id: str
    expire_time: _timestamp_pb2.Timestamp
    session_expire_time: _timestamp_pb2.Timestamp
    preferences: Preferences
    identities: _containers.RepeatedCompositeFieldContainer[Identity]
    must_enrol_factor: bool
    def __init__(self, tokens: _Optional[_Iterable[_Union[AccessToken, _Mapping]]] = ..., account: _Optional[str] = ..., session_id: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., session_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., preferences: _Optional[_Union[Preferences, _Mapping]] = ..., identities: _Optional[_Iterable[_Union[Identity, _Mapping]]] = ..., must_enrol_factor: _Optional[bool] = ...) -> None: ...

class Preferences(_message.Message):
    __slots__ = ("language", "time_zone", "theme", "density", "conversations", "page_rows", "undo_send_seconds", "compose_plain", "shortcuts_off", "remote_images_from_contacts", "extra")
    class ExtraEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    THEME_FIELD_NUMBER: _ClassVar[int]
    DENSITY_FIELD_NUMBER: _ClassVar[int]
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    PAGE_ROWS_FIELD_NUMBER: _ClassVar[int]
    UNDO_SEND_SECONDS_FIELD_NUMBER: _ClassVar[int]
    COMPOSE_PLAIN_FIELD_NUMBER: _ClassVar[int]
    SHORTCUTS_OFF_FIELD_NUMBER: _ClassVar[int]
    REMOTE_IMAGES_FROM_CONTACTS_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELD_NUMBER: _ClassVar[int]
    language: str
    time_zone: str
    theme: str
    density: str
    conversations: bool
    page_rows: int
    undo_send_seconds: int
    compose_plain: bool
    shortcuts_off: bool
    remote_images_from_contacts: bool
    extra: _containers.ScalarMap[str, str]
    def __init__(self, language: _Optional[str] = ..., time_zone: _Optional[str] = ..., theme: _Optional[str] = ..., density: _Optional[str] = ..., conversations: _Optional[bool] = ..., page_rows: _Optional[int] = ..., undo_send_seconds: _Optional[int] = ..., compose_plain: _Optional[bool] = ..., shortcuts_off: _Optional[bool] = ..., remote_images_from_contacts: _Optional[bool] = ..., extra: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Identity(_message.Message):
    __slots__ = ("identity_id", "display_name", "address", "reply_to", "signature_text", "signature_html", "is_default", "etag")
    IDENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_TEXT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_HTML_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    identity_id: str
    display_name: str
    address: str
    reply_to: str
    signature_text: str
    signature_html: str
    is_default: bool
    etag: str
    def __init__(self, identity_id: _Optional[str] = ..., display_name: _Optional[str] = ..., address: _Optional[str] = ..., reply_to: _Optional[str] = ..., signature_text: _Optional[str] = ..., signature_html: _Optional[str] = ..., is_default: _Optional[bool] = ..., etag: _Optional[str] = ...) -> None: ...

class EndSessionRequest(_message.Message):
    __slots__ = ("session_secret",)
    SESSION_SECRET_FIELD_NUMBER: _ClassVar[int]
    session_secret: str
    def __init__(self, session_secret: _Optional[str] = ...) -> None: ...

class EndSessionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Session(_message.Message):
    __slots__ = ("session_id", "create_time", "last_used_time", "client_address", "user_agent", "current", "factor_kinds")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_TIME_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    FACTOR_KINDS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    create_time: _timestamp_pb2.Timestamp
    last_used_time: _timestamp_pb2.Timestamp
    client_address: str
    user_agent: str
    current: bool
    factor_kinds: _containers.RepeatedScalarFieldContainer[FactorKind]
    def __init__(self, session_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., client_address: _Optional[str] = ..., user_agent: _Optional[str] = ..., current: _Optional[bool] = ..., factor_kinds: _Optional[_Iterable[_Union[FactorKind, str]]] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions", "next_page_token")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[Session]
    next_page_token: str
    def __init__(self, sessions: _Optional[_Iterable[_Union[Session, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RevokeSessionsRequest(_message.Message):
    __slots__ = ("session_id", "all_others")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ALL_OTHERS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    all_others: bool
    def __init__(self, session_id: _Optional[str] = ..., all_others: _Optional[bool] = ...) -> None: ...

class RevokeSessionsResponse(_message.Message):
    __slots__ = ("revoked_count",)
    REVOKED_COUNT_FIELD_NUMBER: _ClassVar[int]
    revoked_count: int
    def __init__(self, revoked_count: _Optional[int] = ...) -> None: ...
