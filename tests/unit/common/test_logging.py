"""Log lines: their form, the redaction, the caps; trace context."""

from __future__ import annotations

import io
import json
import logging as std_logging
from typing import Any

import pytest

from services.common import logging, tracing
from services.common.errors import PosternError, Reason, error


@pytest.fixture
def lines() -> Any:
    stream = io.StringIO()
    root = std_logging.getLogger()
    before, level = root.handlers[:], root.level
    logging.configure("auth", "DEBUG", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)


def test_one_object_a_line_with_the_trace(lines: Any) -> None:
    trace = tracing.start(None)
    logging.get_logger("x").info("mailbox.opened", account="a@b.c", uid=7, data=b"abc")
    (line,) = lines()
    assert line.items() >= {
        "level": "info", "service": "auth", "logger": "x", "event": "mailbox.opened",
        "account": "a@b.c", "uid": 7, "trace": trace.trace_id, "data": "<3 bytes>",
    }.items()  # fmt: skip


@pytest.mark.parametrize(
    "key",
    ["password", "new_passwd", "token", "access_token", "session_secret", "cookie", "authorization",
     "subject", "Body", "text_body", "credential", "private_key", "otp"],
)  # fmt: skip
def test_fields_named_like_secrets_are_blanked(lines: Any, key: str) -> None:
    logging.get_logger("x").info("event", **{key: "hunter2", "outer": {key: "hunter2"}})
    (line,) = lines()
    assert line[key] == line["outer"][key] == "[redacted]"


def test_harmless_fields_stay(lines: Any) -> None:
    logging.get_logger("x").info("event", token_id="t1", body_bytes=12, event="other", author="x")
    (line,) = lines()
    assert (line["token_id"], line["body_bytes"], line["event"], line["author"]) == ("t1", 12, "event", "x")


def test_exceptions_tell_types_and_places_but_no_messages(lines: Any) -> None:
    try:
        try:
            raise ValueError("LOGIN alice hunter2")
        except ValueError as err:
            raise error(Reason.MAIL_SERVER_REFUSED, mailbox="INBOX") from err
    except PosternError as err:
        logging.get_logger("x").exception("failed", err)
    (line,) = lines()
    assert (
        "MAIL_SERVER_REFUSED (mailbox=INBOX)" in line["exception"] and "test_logging.py" in line["exception"]
    )
    assert "builtins.ValueError" in line["exception"] and "hunter2" not in json.dumps(line)


def test_libraries_that_log_what_they_send_are_capped_at_every_level(lines: Any) -> None:
    for name in ("imapclient", "sqlalchemy.engine", "aiosmtplib", "httpx", "pymap", "imapclient.imaplib"):
        std_logging.getLogger(name).debug("> LOGIN alice hunter2")
        std_logging.getLogger(name).info("> LOGIN alice hunter2")
    assert lines() == []


@pytest.mark.parametrize(
    "header",
    [None, "", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "00-" + "1" * 32 + "-" + "0" * 16 + "-01",
     "ff-" + "1" * 32 + "-" + "1" * 16 + "-01", "00-" + "A" * 32 + "-" + "1" * 16 + "-01",
     "00-" + "1" * 32 + "-" + "1" * 16 + "-01-more", "x" * 5000],
)  # fmt: skip
def test_invalid_trace_headers_begin_a_new_trace(header: str | None) -> None:
    assert tracing.parse(header) is None
    assert len(tracing.start(header).trace_id) == 32


def test_a_trace_header_round_trips_and_a_later_version_is_read() -> None:
    trace = tracing.new_trace()
    assert tracing.parse(trace.header()) == trace
    child = tracing.start(trace.header())
    assert child.trace_id == trace.trace_id and child.span_id != trace.span_id
    later = tracing.parse("01-" + "1" * 32 + "-" + "1" * 16 + "-00-what-comes")
    assert later is not None and not later.sampled
