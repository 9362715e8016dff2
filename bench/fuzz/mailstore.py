"""mailstore's parsers against mutated mail, servers' lines, winmail.dat, mbox and zip files.

`mailstore.fuzz_uncaught`: inputs on which a parser raised what its callers do not expect, or took longer than
SLOW seconds of processor time. Must be 0. The seeds are the project's demo messages and, where they are
beside the clone, the corpora of real ones. SEED=… repeats a run.
"""

from __future__ import annotations

import io
import os
import random
import struct
import sys
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from bench.figures import Figure, benchmark, full
from deploy.local.demo import build
from services.mailstore.imap.parser import parse_lazily, parse_response
from services.mailstore.index.fetched import read_entry, read_flag_change
from services.mailstore.mime import addresses, dates, headers, params, special, words
from services.mailstore.mime.body import read_text
from services.mailstore.mime.parse import parse_message
from services.mailstore.mime.select import select
from services.mailstore.mime.snippet import snippet
from services.mailstore.mime.structure import from_bodystructure, is_doubtful
from services.mailstore.transfer import mbox, zips
from services.mailstore.transfer.importing import BAD_ARCHIVE
from tests.support.corpora import CORPORA

SLOW = 2.0
TOKENS = (
    b"=?utf-8?q?",
    b"=?iso-2022-jp?b?",
    b"?=",
    b"\r\n",
    b"\n\n",
    b"\r\n\r\n",
    b";;",
    b"; boundary=",
    b"--",
    b"\0",
    b"\x1b$B",
    b"+AOQ-",
    b"charset=utf-7",
    b"charset=utf-32",
    b"charset=cp037",
    b"name*0*=utf-8''%C3",
    b"name*1=",
    b"message/rfc822",
    b"multipart/mixed",
    b"Content-Transfer-Encoding: x-uuencode\r\n",
    b"Content-Type: text/html; charset=utf-16\r\n",
    b"begin 644 a\n",
    b"end\n",
    b"From ",
    b">From ",
    b"(",
    b")",
    b"((((",
    b'"',
    b"{3}",
    b"NIL",
    b"<a@b>",
    b"\xff\xfe",
    b"=\r\n",
    b"4294967296",
    b"-1",
    b"99999999999999999999",
    b"format=flowed; delsp=yes",
    b"QUJD====",
    b"\\",
    b"%%",
)
LINES = (
    b'* 1 FETCH (UID 7 MODSEQ (12) FLAGS (\\Seen $Forwarded a) INTERNALDATE "24-Nov-2026 14:18:22 +0000" '
    b'RFC822.SIZE 99 '
    b'BODYSTRUCTURE (("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 12 1 NIL NIL NIL NIL)'
    b'("image" "png" ("name" '
    b'"a.png") "<i@x>" NIL "base64" 500 NIL ("attachment" ("filename" "a.png")) NIL NIL) '
    b'"mixed" ("boundary" "b") NIL '
    b"NIL NIL) BODY[HEADER.FIELDS (SUBJECT)] {13}\r\nSubject: a\r\n\r\n)",
    b"* ESEARCH (TAG \"p1\") UID ALL 1,3:9 COUNT 8",
    b'* LIST (\\HasNoChildren \\Sent) "/" "Sent &- x" ("CHILDINFO" ("SUBSCRIBED"))',
    b"* STATUS INBOX (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 1 UNSEEN 0 HIGHESTMODSEQ 5)",
    b"* OK [PERMANENTFLAGS (\\Deleted \\*)] Limited",
    b"* VANISHED (EARLIER) 3:5,9",
    b"p3 OK [COPYUID 12 3:4 8:9] Done",
    b'* THREAD (2)(3 6 (4 23)(44 7 96))',
    b'* NAMESPACE (("" "/")) (("user/" "/")) NIL',
    b'* QUOTA "" (STORAGE 10 512)',
    b"* ACL INBOX alice lrswipkxtecda bob lr",
)  # fmt: skip


def _mutate(rng: random.Random, data: bytes, other: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 12))):
        at = rng.randrange(len(out) + 1)
        span = min(len(out) - at, rng.choice((1, 2, 8, 60, 800)))
        match rng.randrange(7):
            case 0:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del out[at : at + span]
            case 2:
                out[at:at] = rng.choice(TOKENS)
            case 3:
                out[at : at + span] = rng.choice(TOKENS)
            case 4:
                out[at:at] = out[at : at + span] * rng.choice((1, 3, 40))
            case 5:
                start = rng.randrange(len(other) + 1)
                out[at : at + span] = other[start : start + rng.choice((8, 200, 3000))]
            case _:
                out[at:at] = rng.randbytes(rng.choice((1, 4, 64)))
    return bytes(out[: 1 << 20])


def _message(data: bytes) -> None:
    message = parse_message(data)
    chosen = select(message.root)
    for part in list(message.root.walk())[:200]:
        content = message.content(part.number) or b""
        body = read_text(part, content[:200_000])
        body.text.encode()
        snippet(body)
        if part.media_type.endswith(("report", "status", "notification")):
            special.read_report(content)
    for attachment in chosen.attachments:
        attachment.name.encode()


def _header(data: bytes) -> None:
    value = data[:20_000]
    words.decode_text(value).encode()
    addresses.parse_addresses(value)
    params.parse_content_type(value)
    params.parse_disposition(value)
    dates.parse_date(value)
    headers.parse_message_ids(value)
    headers.read_envelope(headers.parse_headers(value))


def _line(data: bytes) -> None:
    parts = data.split(b"\r\n")
    parts = [*parts[:1], b"\r\n".join(parts[1:-1]), *parts[-1:]] if len(parts) > 2 else parts[:1]
    for parse in (parse_response, parse_lazily):
        try:
            response = parse(list(parts))
            read_flag_change(response)
            entry = read_entry(response)
        except ValueError:
            continue  # the transport drops the connection then
        if entry is not None:
            entry.envelope.subject.encode()
        for value in response.values[:3]:
            root = from_bodystructure(value)
            is_doubtful(root)
            if root is not None:
                select(root)


def _tnef(data: bytes) -> None:
    for file in special.read_tnef(data):
        file.name.encode()


def _mbox(data: bytes) -> None:
    splitter, quoter = mbox.Splitter(), mbox.Quoter()
    for start in range(0, len(data), 997):
        piece = data[start : start + 997]
        splitter.feed(piece)
        quoter.feed(piece)
    splitter.finish()
    quoter.finish()


def _zip(data: bytes) -> None:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except BAD_ARCHIVE:
        return
    for entry in zips.entries(archive, 1 << 20):
        if entry.refused:
            continue
        try:
            for piece in zips.read(archive, entry):
                len(piece)
        except BAD_ARCHIVE:
            continue


def _seeds() -> dict[str, list[bytes]]:
    mailboxes = build(datetime(2026, 11, 2, tzinfo=UTC)).values()
    demo = [filed.raw for messages in mailboxes for filed in messages]
    files = sorted(p for p in (CORPORA / "mime").rglob("*") if p.suffix == ".eml") if CORPORA.exists() else []
    mail = [raw[:100_000] for raw in (*demo, *(path.read_bytes() for path in files))]
    head = [line for raw in mail for line in raw.split(b"\n")[:40] if len(line) > 8]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, raw in enumerate(demo[:5]):
            archive.writestr(f"{number}.eml", raw)
    boxes = [mbox.separator("a@b", datetime(2026, 11, 2, tzinfo=UTC)) + raw for raw in demo[:20]]
    return {
        "message": mail,
        "header": head,
        "line": list(LINES),
        "tnef": [_winmail()],
        "mbox": [b"\n".join(boxes)[:200_000]],
        "zip": [packed.getvalue()],
    }


def _winmail() -> bytes:
    def attribute(level: int, identifier: int, value: bytes) -> bytes:
        return (
            struct.pack("<BII", level, identifier, len(value))
            + value
            + struct.pack("<H", sum(value) & 0xFFFF)
        )

    name = "Plan ä.txt".encode("utf-16-le") + b"\0\0"
    properties = struct.pack("<I", 2) + struct.pack("<HHII", 31, 0x3707, 1, len(name)) + name
    properties += b"\0" * (-len(name) % 4) + struct.pack("<HHII", 258, 0x3701, 1, 4) + b"data"
    return (
        struct.pack("<IH", 0x223E9F78, 1)
        + attribute(1, 0x00069007, struct.pack("<II", 1252, 0))
        + attribute(2, 0x00069002, b"\0" * 14)
        + attribute(2, 0x00018010, b"plan.txt\0")
        + attribute(2, 0x0006800F, b"content")
        + attribute(2, 0x00069005, properties)
    )


TARGETS: dict[str, Callable[[bytes], None]] = {
    "message": _message, "header": _header, "line": _line, "tnef": _tnef, "mbox": _mbox, "zip": _zip,
}  # fmt: skip


def fuzz(seconds: float, seed: int) -> tuple[list[str], int]:
    """What went wrong, one line each, and how many inputs were tried in that time."""
    rng, seeds = random.Random(seed), _seeds()
    found, tried, until = [], 0, time.monotonic() + seconds
    while time.monotonic() < until:
        for kind, target in TARGETS.items():
            data = _mutate(rng, rng.choice(seeds[kind]), rng.choice(seeds[kind]))
            started = time.process_time()
            try:
                target(data)
            except Exception as err:
                at = traceback.extract_tb(err.__traceback__)[-1]
                what = f"{type(err).__name__} {err} at {at.filename}:{at.lineno}"
                found.append(f"{kind}: {what} for {data[:150]!r}")
            if time.process_time() - started > SLOW:
                found.append(f"{kind}: {time.process_time() - started:.1f} s for {data[:300]!r}")
            tried += 1
    return found, tried


@benchmark("mailstore.fuzz_uncaught")
def uncaught() -> Iterator[Figure]:
    found, tried = fuzz(1800 if full() else 30, int(os.environ.get("SEED") or time.time_ns() % 10**6))
    print(*found[:20], sep="\n", file=sys.stderr)
    yield Figure("mailstore.fuzz_uncaught", len(found), "inputs", n=tried)
