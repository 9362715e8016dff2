from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SpecialUse(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SPECIAL_USE_UNSPECIFIED: _ClassVar[SpecialUse]
    SPECIAL_USE_INBOX: _ClassVar[SpecialUse]
    SPECIAL_USE_DRAFTS: _ClassVar[SpecialUse]
    SPECIAL_USE_SENT: _ClassVar[SpecialUse]
    SPECIAL_USE_ARCHIVE: _ClassVar[SpecialUse]
    SPECIAL_USE_JUNK: _ClassVar[SpecialUse]
    SPECIAL_USE_TRASH: _ClassVar[SpecialUse]
    SPECIAL_USE_ALL: _ClassVar[SpecialUse]
    SPECIAL_USE_FLAGGED: _ClassVar[SpecialUse]

class MailboxNamespace(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MAILBOX_NAMESPACE_UNSPECIFIED: _ClassVar[MailboxNamespace]
    MAILBOX_NAMESPACE_PERSONAL: _ClassVar[MailboxNamespace]
    MAILBOX_NAMESPACE_OTHER_USERS: _ClassVar[MailboxNamespace]
    MAILBOX_NAMESPACE_SHARED: _ClassVar[MailboxNamespace]
SPECIAL_USE_UNSPECIFIED: SpecialUse
SPECIAL_USE_INBOX: SpecialUse
SPECIAL_USE_DRAFTS: SpecialUse
SPECIAL_USE_SENT: SpecialUse
SPECIAL_USE_ARCHIVE: SpecialUse
SPECIAL_USE_JUNK: SpecialUse
SPECIAL_USE_TRASH: SpecialUse
SPECIAL_USE_ALL: SpecialUse
SPECIAL_USE_FLAGGED: SpecialUse
MAILBOX_NAMESPACE_UNSPECIFIED: MailboxNamespace
MAILBOX_NAMESPACE_PERSONAL: MailboxNamespace
MAILBOX_NAMESPACE_OTHER_USERS: MailboxNamespace
MAILBOX_NAMESPACE_SHARED: MailboxNamespace

class Mailbox(_message.Message):
    __slots__ = ("name", "display_name", "delimiter", "parent", "special_use", "selectable", "can_have_children", "subscribed", "message_count", "unread_count", "uid_validity", "uid_next", "namespace", "my_rights", "mailbox_id", "state")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DELIMITER_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    SPECIAL_USE_FIELD_NUMBER: _ClassVar[int]
    SELECTABLE_FIELD_NUMBER: _ClassVar[int]
    CAN_HAVE_CHILDREN_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNREAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    UID_VALIDITY_FIELD_NUMBER: _ClassVar[int]
    UID_NEXT_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    MY_RIGHTS_FIELD_NUMBER: _ClassVar[int]
    MAILBOX_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    delimiter: str
    parent: str
    special_use: SpecialUse
    selectable: bool
    can_have_children: bool
    subscribed: bool
    message_count: int
    unread_count: int
    uid_validity: int
    uid_next: int
    namespace: MailboxNamespace
    my_rights: str
    mailbox_id: str
    state: str
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., delimiter: _Optional[str] = ..., parent: _Optional[str] = ..., special_use: _Optional[_Union[SpecialUse, str]] = ..., selectable: _Optional[bool] = ..., can_have_children: _Optional[bool] = ..., subscribed: _Optional[bool] = ..., message_count: _Optional[int] = ..., unread_count: _Optional[int] = ..., uid_validity: _Optional[int] = ..., uid_next: _Optional[int] = ..., namespace: _Optional[_Union[MailboxNamespace, str]] = ..., my_rights: _Optional[str] = ..., mailbox_id: _Optional[str] = ..., state: _Optional[str] = ...) -> None: ...

class ListMailboxesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "subscribed_only", "without_counts")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBED_ONLY_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_COUNTS_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    subscribed_only: bool
    without_counts: bool
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., subscribed_only: _Optional[bool] = ..., without_counts: _Optional[bool] = ...) -> None: ...

class ListMailboxesResponse(_message.Message):
    __slots__ = ("mailboxes", "next_page_token", "stale_seconds", "capabilities")
    MAILBOXES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STALE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    mailboxes: _containers.RepeatedCompositeFieldContainer[Mailbox]
    next_page_token: str
    stale_seconds: int
    capabilities: AccountCapabilities
    def __init__(self, mailboxes: _Optional[_Iterable[_Union[Mailbox, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., stale_seconds: _Optional[int] = ..., capabilities: _Optional[_Union[AccountCapabilities, _Mapping]] = ...) -> None: ...

class AccountCapabilities(_message.Message):
    __slots__ = ("rights", "quota", "local_mailboxes")
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    LOCAL_MAILBOXES_FIELD_NUMBER: _ClassVar[int]
    rights: bool
    quota: bool
    local_mailboxes: bool
    def __init__(self, rights: _Optional[bool] = ..., quota: _Optional[bool] = ..., local_mailboxes: _Optional[bool] = ...) -> None: ...

class CreateMailboxRequest(_message.Message):
    __slots__ = ("mailbox", "special_use", "request_id")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    SPECIAL_USE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    special_use: SpecialUse
    request_id: str
    def __init__(self, mailbox: _Optional[str] = ..., special_use: _Optional[_Union[SpecialUse, str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateMailboxResponse(_message.Message):
    __slots__ = ("mailbox",)
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    mailbox: Mailbox
    def __init__(self, mailbox: _Optional[_Union[Mailbox, _Mapping]] = ...) -> None: ...

class RenameMailboxRequest(_message.Message):
    __slots__ = ("mailbox", "new_mailbox", "request_id")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    NEW_MAILBOX_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    new_mailbox: str
    request_id: str
    def __init__(self, mailbox: _Optional[str] = ..., new_mailbox: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RenameMailboxResponse(_message.Message):
    __slots__ = ("mailbox",)
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    mailbox: Mailbox
    def __init__(self, mailbox: _Optional[_Union[Mailbox, _Mapping]] = ...) -> None: ...

class DeleteMailboxRequest(_message.Message):
    __slots__ = ("mailbox", "request_id", "with_messages")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WITH_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    request_id: str
    with_messages: bool
    def __init__(self, mailbox: _Optional[str] = ..., request_id: _Optional[str] = ..., with_messages: _Optional[bool] = ...) -> None: ...

class DeleteMailboxResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SubscribeMailboxRequest(_message.Message):
    __slots__ = ("mailbox", "subscribed", "request_id")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBED_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    subscribed: bool
    request_id: str
    def __init__(self, mailbox: _Optional[str] = ..., subscribed: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class SubscribeMailboxResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EnsureSpecialMailboxRequest(_message.Message):
    __slots__ = ("special_use", "create_missing", "preferred_name", "request_id")
    SPECIAL_USE_FIELD_NUMBER: _ClassVar[int]
    CREATE_MISSING_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    special_use: SpecialUse
    create_missing: bool
    preferred_name: str
    request_id: str
    def __init__(self, special_use: _Optional[_Union[SpecialUse, str]] = ..., create_missing: _Optional[bool] = ..., preferred_name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class EnsureSpecialMailboxResponse(_message.Message):
    __slots__ = ("mailbox", "created")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    mailbox: Mailbox
    created: bool
    def __init__(self, mailbox: _Optional[_Union[Mailbox, _Mapping]] = ..., created: _Optional[bool] = ...) -> None: ...

class GetMailboxRightsRequest(_message.Message):
    __slots__ = ("mailbox",)
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    def __init__(self, mailbox: _Optional[str] = ...) -> None: ...

class MailboxRight(_message.Message):
    __slots__ = ("identifier", "rights")
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    identifier: str
    rights: str
    def __init__(self, identifier: _Optional[str] = ..., rights: _Optional[str] = ...) -> None: ...

class GetMailboxRightsResponse(_message.Message):
    __slots__ = ("rights", "my_rights")
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    MY_RIGHTS_FIELD_NUMBER: _ClassVar[int]
    rights: _containers.RepeatedCompositeFieldContainer[MailboxRight]
    my_rights: str
    def __init__(self, rights: _Optional[_Iterable[_Union[MailboxRight, _Mapping]]] = ..., my_rights: _Optional[str] = ...) -> None: ...

class SetMailboxRightsRequest(_message.Message):
    __slots__ = ("mailbox", "right", "request_id")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    right: MailboxRight
    request_id: str
    def __init__(self, mailbox: _Optional[str] = ..., right: _Optional[_Union[MailboxRight, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class SetMailboxRightsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetQuotaRequest(_message.Message):
    __slots__ = ("mailbox",)
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    def __init__(self, mailbox: _Optional[str] = ...) -> None: ...

class QuotaResource(_message.Message):
    __slots__ = ("resource", "used", "limit")
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    resource: str
    used: int
    limit: int
    def __init__(self, resource: _Optional[str] = ..., used: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class GetQuotaResponse(_message.Message):
    __slots__ = ("resources",)
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    resources: _containers.RepeatedCompositeFieldContainer[QuotaResource]
    def __init__(self, resources: _Optional[_Iterable[_Union[QuotaResource, _Mapping]]] = ...) -> None: ...
