"""Typed errors that cross the wire between services with a stable reason.

Invariants:
* `reason` and `metadata` may reach another service and, through the web's map of reasons, shape what a person
  reads. They name the case and never carry a host, a version, a password or mail content.
* `cause` is for the log alone and never leaves the process.
"""

from __future__ import annotations

from enum import StrEnum

import grpc

DOMAIN = "postern"


class Reason(StrEnum):
    """The stable reasons (google.rpc.ErrorInfo.reason). Added to, never renamed."""

    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    SESSION_ENDED = "SESSION_ENDED"
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105 a name, not a secret
    SCOPE_MISSING = "SCOPE_MISSING"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    THROTTLED = "THROTTLED"
    RATE_LIMITED = "RATE_LIMITED"
    MAIL_SERVER_UNREACHABLE = "MAIL_SERVER_UNREACHABLE"
    MAIL_SERVER_TIMEOUT = "MAIL_SERVER_TIMEOUT"
    MAIL_SERVER_REFUSED = "MAIL_SERVER_REFUSED"
    MAILBOX_NOT_FOUND = "MAILBOX_NOT_FOUND"
    MAILBOX_EXISTS = "MAILBOX_EXISTS"
    MAILBOX_CHANGED = "MAILBOX_CHANGED"
    MESSAGE_GONE = "MESSAGE_GONE"
    PART_NOT_FOUND = "PART_NOT_FOUND"
    SPECIAL_MAILBOX_MISSING = "SPECIAL_MAILBOX_MISSING"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    TOO_LARGE = "TOO_LARGE"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    UNSUPPORTED = "UNSUPPORTED"
    CONFLICT = "CONFLICT"
    NOT_FOUND = "NOT_FOUND"
    DEADLINE_TOO_SHORT = "DEADLINE_TOO_SHORT"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    CANCELLED = "CANCELLED"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


_C = grpc.StatusCode
_CODES: dict[str, grpc.StatusCode] = {
    Reason.AUTHENTICATION_FAILED: _C.UNAUTHENTICATED,
    Reason.SESSION_ENDED: _C.UNAUTHENTICATED,
    Reason.TOKEN_INVALID: _C.UNAUTHENTICATED,
    Reason.SCOPE_MISSING: _C.PERMISSION_DENIED,
    Reason.PERMISSION_DENIED: _C.PERMISSION_DENIED,
    Reason.THROTTLED: _C.RESOURCE_EXHAUSTED,
    Reason.RATE_LIMITED: _C.RESOURCE_EXHAUSTED,
    # Both UNAVAILABLE: DEADLINE_EXCEEDED stays the word for the caller's own deadline.
    Reason.MAIL_SERVER_UNREACHABLE: _C.UNAVAILABLE,
    Reason.MAIL_SERVER_TIMEOUT: _C.UNAVAILABLE,
    Reason.MAIL_SERVER_REFUSED: _C.FAILED_PRECONDITION,
    Reason.MAILBOX_NOT_FOUND: _C.NOT_FOUND,
    Reason.MAILBOX_EXISTS: _C.ALREADY_EXISTS,
    Reason.MAILBOX_CHANGED: _C.ABORTED,
    Reason.MESSAGE_GONE: _C.NOT_FOUND,
    Reason.PART_NOT_FOUND: _C.NOT_FOUND,
    Reason.SPECIAL_MAILBOX_MISSING: _C.FAILED_PRECONDITION,
    Reason.INVALID_ARGUMENT: _C.INVALID_ARGUMENT,
    Reason.TOO_LARGE: _C.RESOURCE_EXHAUSTED,
    Reason.QUOTA_EXCEEDED: _C.RESOURCE_EXHAUSTED,
    Reason.UNSUPPORTED: _C.UNIMPLEMENTED,
    Reason.CONFLICT: _C.ABORTED,
    Reason.NOT_FOUND: _C.NOT_FOUND,
    Reason.DEADLINE_TOO_SHORT: _C.DEADLINE_EXCEEDED,
    Reason.DEADLINE_EXCEEDED: _C.DEADLINE_EXCEEDED,
    Reason.CANCELLED: _C.CANCELLED,
    Reason.UNAVAILABLE: _C.UNAVAILABLE,
    Reason.INTERNAL: _C.INTERNAL,
}


class PosternError(Exception):
    """A failure that the caller may act on.

    `reason` is UPPER_SNAKE and stable; `code` follows from it unless given; `metadata` is text to text and
    goes over the wire; `cause` (an exception or a sentence) goes to the log only, as `raise … from err` does.
    """

    def __init__(
        self,
        reason: str,
        *,
        code: grpc.StatusCode | None = None,
        metadata: dict[str, str] | None = None,
        cause: BaseException | str | None = None,
    ) -> None:
        self.reason = str(reason)
        self.code = code or _CODES.get(self.reason, _C.UNKNOWN)
        self.metadata = {key: str(value) for key, value in (metadata or {}).items()}
        self.cause = cause
        super().__init__(self.reason)

    def __str__(self) -> str:
        detail = ", ".join(f"{key}={value}" for key, value in sorted(self.metadata.items()))
        return f"{self.reason} ({detail})" if detail else self.reason

    def __repr__(self) -> str:
        return f"PosternError({self!s}, code={self.code.name})"


def error(reason: str, cause: BaseException | str | None = None, **metadata: str) -> PosternError:
    """A PosternError with metadata as keywords: `raise error(Reason.MAILBOX_NOT_FOUND, mailbox=name)`."""
    return PosternError(reason, metadata=metadata, cause=cause)


def invalid_argument(field: str, problem: str, cause: BaseException | str | None = None) -> PosternError:
    """A request field is wrong. `field` as in the proto; `problem` a stable lower_snake word ("missing")."""
    return PosternError(Reason.INVALID_ARGUMENT, metadata={"field": field, "problem": problem}, cause=cause)


def too_large(limit_bytes: int, cause: BaseException | str | None = None) -> PosternError:
    """What was sent is larger than `limit_bytes`."""
    return PosternError(Reason.TOO_LARGE, metadata={"limit": str(limit_bytes)}, cause=cause)


def not_found(what: str, cause: BaseException | str | None = None) -> PosternError:
    """The named kind of thing ("contact") does not exist, or is not this account's."""
    return PosternError(Reason.NOT_FOUND, metadata={"what": what}, cause=cause)


def reason_for_code(code: grpc.StatusCode) -> Reason:
    """The reason for a status that came without details: from gRPC itself, or from a foreign server."""
    return {
        _C.UNAVAILABLE: Reason.UNAVAILABLE,
        _C.DEADLINE_EXCEEDED: Reason.DEADLINE_EXCEEDED,
        _C.CANCELLED: Reason.CANCELLED,
        _C.UNIMPLEMENTED: Reason.UNSUPPORTED,
        # gRPC's own answer when a server's limit of concurrent calls is reached.
        _C.RESOURCE_EXHAUSTED: Reason.RATE_LIMITED,
        _C.UNAUTHENTICATED: Reason.TOKEN_INVALID,
        _C.PERMISSION_DENIED: Reason.PERMISSION_DENIED,
        _C.NOT_FOUND: Reason.NOT_FOUND,
        _C.INVALID_ARGUMENT: Reason.INVALID_ARGUMENT,
    }.get(code, Reason.INTERNAL)
