"""Structured logs: one JSON object a line on standard error.

Use `log = get_logger(__name__)`, then `log.info("mailbox.opened", account=account, uid=uid)`: a constant
event name and keyword fields, identifiers not objects. Never a password, token, subject, address list or
body; the guard below blanks fields by their name, as a second wall and not as a licence.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

from services.common import tracing

# These write what they send and receive at DEBUG or INFO: credentials, literals, statements with values.
CAPPED = (
    "imapclient",
    "imaplib",
    "sqlalchemy",
    "aiosmtplib",
    "httpx",
    "httpcore",
    "pymap",
    "mail.log",
    "grpc",
    "asyncio",
    "alembic",
    "ldap3",
)
_SENSITIVE = re.compile(
    r"pass(word|wd|phrase)|secret|token|cookie|authori[sz]ation|credential|subject|body|private_?key"
    r"|(^|_)(otp|pin|auth|snippet|recipients?)$",
    re.IGNORECASE,
)
# Words that look sensitive and are not.
_HARMLESS = re.compile(r"(_count|_bytes|_size|_id|_ms|_seconds|_kind)$")
REDACTED = "[redacted]"
_MAX_TEXT = 2000
_PROGRAMMING = (TypeError, AttributeError, NameError, UnboundLocalError, ImportError, ModuleNotFoundError)


def redact(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with every value blanked whose key names something secret, at any depth."""
    return {key: _redact_one(key, value) for key, value in fields.items()}


def _redact_one(key: str, value: Any) -> Any:
    if _SENSITIVE.search(key) and not _HARMLESS.search(key):
        return REDACTED
    if isinstance(value, dict):
        return redact({str(inner): item for inner, item in value.items()})
    return value


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time, level, logger, event, service, trace, then the fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        trace = tracing.current()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "event": record.getMessage()[:_MAX_TEXT],
        }
        if trace is not None:
            line["trace"] = trace.trace_id
        fields = getattr(record, "fields", None)
        if fields:
            line.update((key, value) for key, value in redact(fields).items() if key not in line)
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = describe_exception(record.exc_info[1])
        return json.dumps(line, default=_plain, ensure_ascii=False)


def describe_exception(err: BaseException | None) -> str:
    """Types and places of an exception and what caused it, without messages.

    A message may quote what a mail server or a person sent (imaplib puts the server's answer there,
    SQLAlchemy the statement's values), so only types and source lines are logged. PosternError texts are
    ours and kept, and so are those that Python itself writes about wrong code.
    """
    from services.common.errors import PosternError

    parts: list[str] = []
    while err is not None and len(parts) < 5:
        frames = traceback.extract_tb(err.__traceback__)[-6:]
        where = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
        name = f"{type(err).__module__}.{type(err).__qualname__}"
        ours = isinstance(err, PosternError) or type(err) in _PROGRAMMING
        detail = f" {err}" if ours else ""
        if isinstance(err, OSError) and err.errno is not None:
            detail = f" errno={err.errno}"
        parts.append(f"{name}{detail} at {where}" if where else f"{name}{detail}")
        err = err.__cause__ or (None if err.__suppress_context__ else err.__context__)
    return " | caused by ".join(parts)


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, BaseException):
        return describe_exception(value)
    return str(value)[:_MAX_TEXT]


class Logger:
    """Events with fields over one standard logger."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def _log(self, level: int, event: str, fields: dict[str, Any], exc_info: Any = None) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, extra={"fields": fields}, exc_info=exc_info)

    def writes(self, level: int) -> bool:
        """Whether an event of this level would be written: for those that are told with each call."""
        return self._logger.isEnabledFor(level)

    def debug(self, event: str, /, **fields: Any) -> None:
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: Any) -> None:
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: Any) -> None:
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: Any) -> None:
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, err: BaseException | None = None, /, **fields: Any) -> None:
        """An error with the types and places of `err` (or of the exception being handled)."""
        self._log(logging.ERROR, event, fields, exc_info=err or sys.exc_info())


def get_logger(name: str) -> Logger:
    return Logger(logging.getLogger(name))


def configure(service: str, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log record of this process to `stream` (standard error) as JSON; cap talkative libraries."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CAPPED:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Access lines are the interceptors' business.
    logging.getLogger("uvicorn.access").disabled = True
