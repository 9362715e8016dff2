"""`python -m services.mailstore.decoding.worker`: decodes one job after another until its input ends.

A job and its answer are pickles behind a length of four octets. The parent writes them and this process runs
our own code alone, so neither side unpickles what a stranger wrote; what a stranger wrote is `bytes` in them.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from services.mailstore.mime.body import read_text
from services.mailstore.mime.parse import parse_message
from services.mailstore.mime.special import read_report, read_tnef
from services.mailstore.mime.transfer import decode_transfer
from services.mailstore.pop3.described import describe

LENGTH = struct.Struct(">I")
# Said first, so that a slow start counts against no job.
READY = b"ready"
# Octets of address space: several times what the largest job needs.
MEMORY = 1024 * 1024 * 1024


def unpack_tnef(data: bytes, encoding: str) -> tuple[Any, ...]:
    """The files in a winmail.dat as transferred."""
    return read_tnef(decode_transfer(data, encoding))


def _misbehave(how: str) -> bytes:
    """For tests: what a decoder with a fault would do."""
    if how == "loop":
        while True:
            pass
    if how == "crash":
        os.abort()
    if how == "bomb":
        return b"x" * (4 * MEMORY)
    raise ValueError(how)


WORK: dict[str, Callable[..., Any]] = {
    "text": read_text,
    "message": parse_message,
    "describe": describe,
    "report": read_report,
    "tnef": unpack_tnef,
    "misbehave": _misbehave,
}


def _limit() -> None:
    for kind, value in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def _serve(source: BinaryIO, out: BinaryIO) -> None:
    out.write(READY)
    out.flush()
    while head := source.read(LENGTH.size):
        name, arguments, options = pickle.loads(source.read(*LENGTH.unpack(head)))  # noqa: S301
        try:
            answer = pickle.dumps((True, WORK[name](*arguments, **options)), pickle.HIGHEST_PROTOCOL)
        except Exception as err:
            # Its kind alone: the text of an error may hold what is in the mail.
            answer = pickle.dumps((False, type(err).__name__))
        out.write(LENGTH.pack(len(answer)) + answer)
        out.flush()


if __name__ == "__main__":
    _limit()
    _serve(sys.stdin.buffer, sys.stdout.buffer)
