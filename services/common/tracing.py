"""W3C trace context (https://www.w3.org/TR/trace-context/): parse, format, and the current one."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

HEADER = "traceparent"
_FORMAT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\Z")


@dataclass(frozen=True)
class Trace:
    """One step of one request. `trace_id` (32 hex) stays along the way, `span_id` (16 hex) is per hop."""

    trace_id: str
    span_id: str
    sampled: bool = True

    def header(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def child(self) -> Trace:
        return Trace(self.trace_id, secrets.token_hex(8), self.sampled)


_current: ContextVar[Trace | None] = ContextVar("postern_trace", default=None)


def new_trace() -> Trace:
    return Trace(secrets.token_hex(16), secrets.token_hex(8))


def parse(header: str | None) -> Trace | None:
    """The trace in a traceparent header, None where it is absent or invalid (section 3.2.2)."""
    match = _FORMAT.match((header or "").strip())
    if not match or match[1] == "ff" or (match[1] == "00" and match[5]):
        return None
    if match[2] == "0" * 32 or match[3] == "0" * 16:
        return None
    return Trace(match[2], match[3], bool(int(match[4], 16) & 1))


def current() -> Trace | None:
    return _current.get()


def start(header: str | None) -> Trace:
    """Continue the caller's trace, or begin a new one, and make it the current one of this context."""
    parent = parse(header)
    trace = parent.child() if parent else new_trace()
    _current.set(trace)
    return trace
