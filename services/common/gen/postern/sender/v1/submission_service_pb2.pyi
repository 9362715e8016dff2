import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from services.common.gen.postern.sender.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubmissionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBMISSION_STATE_UNSPECIFIED: _ClassVar[SubmissionState]
    SUBMISSION_STATE_HELD: _ClassVar[SubmissionState]
    SUBMISSION_STATE_QUEUED: _ClassVar[SubmissionState]
    SUBMISSION_STATE_SUBMITTING: _ClassVar[SubmissionState]
    SUBMISSION_STATE_DEFERRED: _ClassVar[SubmissionState]
    SUBMISSION_STATE_ACCEPTED: _ClassVar[SubmissionState]
    SUBMISSION_STATE_FILED: _ClassVar[SubmissionState]
    SUBMISSION_STATE_REFUSED: _ClassVar[SubmissionState]
    SUBMISSION_STATE_UNKNOWN: _ClassVar[SubmissionState]
    SUBMISSION_STATE_CANCELLED: _ClassVar[SubmissionState]
    SUBMISSION_STATE_SUSPENDED: _ClassVar[SubmissionState]

class RecipientState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECIPIENT_STATE_UNSPECIFIED: _ClassVar[RecipientState]
    RECIPIENT_STATE_PENDING: _ClassVar[RecipientState]
    RECIPIENT_STATE_ACCEPTED: _ClassVar[RecipientState]
    RECIPIENT_STATE_REFUSED: _ClassVar[RecipientState]
    RECIPIENT_STATE_UNKNOWN: _ClassVar[RecipientState]
    RECIPIENT_STATE_DELIVERED: _ClassVar[RecipientState]
    RECIPIENT_STATE_FAILED: _ClassVar[RecipientState]
    RECIPIENT_STATE_DISPLAYED: _ClassVar[RecipientState]
    RECIPIENT_STATE_DELAYED: _ClassVar[RecipientState]
    RECIPIENT_STATE_RELAYED: _ClassVar[RecipientState]
SUBMISSION_STATE_UNSPECIFIED: SubmissionState
SUBMISSION_STATE_HELD: SubmissionState
SUBMISSION_STATE_QUEUED: SubmissionState
SUBMISSION_STATE_SUBMITTING: SubmissionState
SUBMISSION_STATE_DEFERRED: SubmissionState
SUBMISSION_STATE_ACCEPTED: SubmissionState
SUBMISSION_STATE_FILED: SubmissionState
SUBMISSION_STATE_REFUSED: SubmissionState
SUBMISSION_STATE_UNKNOWN: SubmissionState
SUBMISSION_STATE_CANCELLED: SubmissionState
SUBMISSION_STATE_SUSPENDED: SubmissionState
RECIPIENT_STATE_UNSPECIFIED: RecipientState
RECIPIENT_STATE_PENDING: RecipientState
RECIPIENT_STATE_ACCEPTED: RecipientState
RECIPIENT_STATE_REFUSED: RecipientState
RECIPIENT_STATE_UNKNOWN: RecipientState
RECIPIENT_STATE_DELIVERED: RecipientState
RECIPIENT_STATE_FAILED: RecipientState
RECIPIENT_STATE_DISPLAYED: RecipientState
RECIPIENT_STATE_DELAYED: RecipientState
RECIPIENT_STATE_RELAYED: RecipientState

class Recipient(_message.Message):
    __slots__ = ("address", "state", "smtp_code", "enhanced_status", "server_text")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SMTP_CODE_FIELD_NUMBER: _ClassVar[int]
    ENHANCED_STATUS_FIELD_NUMBER: _ClassVar[int]
    SERVER_TEXT_FIELD_NUMBER: _ClassVar[int]
    address: str
    state: RecipientState
    smtp_code: int
    enhanced_status: str
    server_text: str
    def __init__(self, address: _Optional[str] = ..., state: _Optional[_Union[RecipientState, str]] = ..., smtp_code: _Optional[int] = ..., enhanced_status: _Optional[str] = ..., server_text: _Optional[str] = ...) -> None: ...

class Submission(_message.Message):
    __slots__ = ("submission_id", "state", "recipients", "message_id", "subject", "accepted_time", "send_time", "next_attempt_time", "attempt_count", "problem", "size_bytes", "filed_time", "scheduled")
    SUBMISSION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_TIME_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FILED_TIME_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_FIELD_NUMBER: _ClassVar[int]
    submission_id: str
    state: SubmissionState
    recipients: _containers.RepeatedCompositeFieldContainer[Recipient]
    message_id: str
    subject: str
    accepted_time: _timestamp_pb2.Timestamp
    send_time: _timestamp_pb2.Timestamp
    next_attempt_time: _timestamp_pb2.Timestamp
    attempt_count: int
    problem: str
    size_bytes: int
    filed_time: _timestamp_pb2.Timestamp
    scheduled: bool
    def __init__(self, submission_id: _Optional[str] = ..., state: _Optional[_Union[SubmissionState, str]] = ..., recipients: _Optional[_Iterable[_Union[Recipient, _Mapping]]] = ..., message_id: _Optional[str] = ..., subject: _Optional[str] = ..., accepted_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attempt_count: _Optional[int] = ..., problem: _Optional[str] = ..., size_bytes: _Optional[int] = ..., filed_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., scheduled: _Optional[bool] = ...) -> None: ...

class SendMessageRequest(_message.Message):
    __slots__ = ("request_id", "content", "undo_window", "send_time", "request_delivery_report", "replaces_draft")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    UNDO_WINDOW_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_DELIVERY_REPORT_FIELD_NUMBER: _ClassVar[int]
    REPLACES_DRAFT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    content: _types_pb2.MessageContent
    undo_window: _duration_pb2.Duration
    send_time: _timestamp_pb2.Timestamp
    request_delivery_report: bool
    replaces_draft: _types_pb2.StoredMessageName
    def __init__(self, request_id: _Optional[str] = ..., content: _Optional[_Union[_types_pb2.MessageContent, _Mapping]] = ..., undo_window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_delivery_report: _Optional[bool] = ..., replaces_draft: _Optional[_Union[_types_pb2.StoredMessageName, _Mapping]] = ...) -> None: ...

class SendMessageResponse(_message.Message):
    __slots__ = ("submission",)
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    submission: Submission
    def __init__(self, submission: _Optional[_Union[Submission, _Mapping]] = ...) -> None: ...

class SendMessagesRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: SendMessageRequest
    def __init__(self, request: _Optional[_Union[SendMessageRequest, _Mapping]] = ...) -> None: ...

class SendMessagesResponse(_message.Message):
    __slots__ = ("request_id", "submission", "failure")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    submission: Submission
    failure: SendFailure
    def __init__(self, request_id: _Optional[str] = ..., submission: _Optional[_Union[Submission, _Mapping]] = ..., failure: _Optional[_Union[SendFailure, _Mapping]] = ...) -> None: ...

class SendFailure(_message.Message):
    __slots__ = ("reason", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REASON_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    reason: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, reason: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CancelSubmissionRequest(_message.Message):
    __slots__ = ("submission_id", "request_id")
    SUBMISSION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    submission_id: str
    request_id: str
    def __init__(self, submission_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelSubmissionResponse(_message.Message):
    __slots__ = ("submission", "content")
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    submission: Submission
    content: _types_pb2.MessageContent
    def __init__(self, submission: _Optional[_Union[Submission, _Mapping]] = ..., content: _Optional[_Union[_types_pb2.MessageContent, _Mapping]] = ...) -> None: ...

class RescheduleSubmissionRequest(_message.Message):
    __slots__ = ("submission_id", "send_time", "request_id")
    SUBMISSION_ID_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    submission_id: str
    send_time: _timestamp_pb2.Timestamp
    request_id: str
    def __init__(self, submission_id: _Optional[str] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class RescheduleSubmissionResponse(_message.Message):
    __slots__ = ("submission",)
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    submission: Submission
    def __init__(self, submission: _Optional[_Union[Submission, _Mapping]] = ...) -> None: ...

class ResolveSubmissionRequest(_message.Message):
    __slots__ = ("submission_id", "resolution", "request_id")
    class Resolution(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RESOLUTION_UNSPECIFIED: _ClassVar[ResolveSubmissionRequest.Resolution]
        RESOLUTION_SENT: _ClassVar[ResolveSubmissionRequest.Resolution]
        RESOLUTION_SEND_AGAIN: _ClassVar[ResolveSubmissionRequest.Resolution]
        RESOLUTION_GIVE_UP: _ClassVar[ResolveSubmissionRequest.Resolution]
        RESOLUTION_LOOK: _ClassVar[ResolveSubmissionRequest.Resolution]
    RESOLUTION_UNSPECIFIED: ResolveSubmissionRequest.Resolution
    RESOLUTION_SENT: ResolveSubmissionRequest.Resolution
    RESOLUTION_SEND_AGAIN: ResolveSubmissionRequest.Resolution
    RESOLUTION_GIVE_UP: ResolveSubmissionRequest.Resolution
    RESOLUTION_LOOK: ResolveSubmissionRequest.Resolution
    SUBMISSION_ID_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    submission_id: str
    resolution: ResolveSubmissionRequest.Resolution
    request_id: str
    def __init__(self, submission_id: _Optional[str] = ..., resolution: _Optional[_Union[ResolveSubmissionRequest.Resolution, str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ResolveSubmissionResponse(_message.Message):
    __slots__ = ("submission",)
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    submission: Submission
    def __init__(self, submission: _Optional[_Union[Submission, _Mapping]] = ...) -> None: ...

class RecordReportRequest(_message.Message):
    __slots__ = ("report",)
    REPORT_FIELD_NUMBER: _ClassVar[int]
    report: _types_pb2.StoredMessageName
    def __init__(self, report: _Optional[_Union[_types_pb2.StoredMessageName, _Mapping]] = ...) -> None: ...

class RecordReportResponse(_message.Message):
    __slots__ = ("submission",)
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    submission: Submission
    def __init__(self, submission: _Optional[_Union[Submission, _Mapping]] = ...) -> None: ...

class GetSubmissionRequest(_message.Message):
    __slots__ = ("submission_id", "message_id")
    SUBMISSION_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    submission_id: str
    message_id: str
    def __init__(self, submission_id: _Optional[str] = ..., message_id: _Optional[str] = ...) -> None: ...

class GetSubmissionResponse(_message.Message):
    __slots__ = ("submission",)
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    submission: Submission
    def __init__(self, submission: _Optional[_Union[Submission, _Mapping]] = ...) -> None: ...

class ListSubmissionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "states", "open_only")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    OPEN_ONLY_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    states: _containers.RepeatedScalarFieldContainer[SubmissionState]
    open_only: bool
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., states: _Optional[_Iterable[_Union[SubmissionState, str]]] = ..., open_only: _Optional[bool] = ...) -> None: ...

class ListSubmissionsResponse(_message.Message):
    __slots__ = ("submissions", "next_page_token", "total_count")
    SUBMISSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    submissions: _containers.RepeatedCompositeFieldContainer[Submission]
    next_page_token: str
    total_count: int
    def __init__(self, submissions: _Optional[_Iterable[_Union[Submission, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_count: _Optional[int] = ...) -> None: ...

class WatchSubmissionsRequest(_message.Message):
    __slots__ = ("resume_token",)
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    def __init__(self, resume_token: _Optional[str] = ...) -> None: ...

class WatchSubmissionsResponse(_message.Message):
    __slots__ = ("submission", "resume_token")
    SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    submission: Submission
    resume_token: str
    def __init__(self, submission: _Optional[_Union[Submission, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...
