"""The words of messages: what is to be fetched for them, and how they go into the search index.

A message's text is bounded: what stands after TEXT_OCTETS is found by the server's own search, not by the
index.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.mailstore.imap.parser import RawFetch, Response, body_item, pairs
from services.mailstore.imap.syntax import uid_set
from services.mailstore.index.coding import decode_part
from services.mailstore.index.conversations import carray
from services.mailstore.index.convert import decode_envelope
from services.mailstore.index.model import TextPart
from services.mailstore.index.sortkeys import people_text, spaced
from services.mailstore.index.store import Store
from services.mailstore.mime.body import read_text
from services.mailstore.mime.model import Part
from services.mailstore.mime.snippet import html_text, snippet

TEXT_OCTETS = 32 * 1024
HTML_OCTETS = 96 * 1024
# Characters of one message that search looks through.
MOST_TEXT = 32 * 1024
SNIPPET = 200

_BODY = re.compile(rb"UID (\d+) BODY\[[^\]]*\](?:<\d+>)? (?:\{\d+\}\Z|(NIL|\"\")\)\Z)")
# Longer runs of US-ASCII (base64, tokens in URLs) are no words that anybody looks for, and each would be a
# new one.
_LONGEST_WORD = 64
# The first words of nearly every message are among these characters.
_SNIPPET_LOOKS_AT = 1200


@dataclass(frozen=True, slots=True)
class Pending:
    """A message whose words are not in the index yet."""

    id: int
    uid: int
    encoded: bytes
    part: TextPart | None
    files: str


def pending(store: Store, mailbox: int, below: int, limit: int) -> list[Pending]:
    """The newest messages of the mailbox below UID `below` in order, newest first."""
    return [
        Pending(id_, uid, encoded, decode_part(part) if part else None, files)
        for id_, uid, encoded, part, files in store.db.execute(
            "SELECT m.id, m.uid, d.summary, d.text_part, d.files FROM message m "
            "JOIN detail d ON d.id = m.id WHERE m.mailbox = ? AND m.uid < ? ORDER BY m.uid DESC LIMIT ?",
            (mailbox, below, limit),
        )
    ]


def commands(batch: Sequence[Pending]) -> list[list[bytes]]:
    """The FETCHes for the text of a batch: messages of one structure in one command."""
    groups: dict[tuple[str, int], list[int]] = {}
    for message in batch:
        if message.part is not None:
            octets = HTML_OCTETS if message.part.media_type == "text/html" else TEXT_OCTETS
            groups.setdefault((message.part.number, octets), []).append(message.uid)
    found: list[list[bytes]] = []
    for (number, octets), uids in groups.items():
        item = b"(UID BODY.PEEK[%s]<0.%d>)" % (number.encode("ascii"), octets)
        found.extend([b"UID", b"FETCH", uid_set(uids[i : i + 500]), item] for i in range(0, len(uids), 500))
    return found


def read_bodies(responses: Iterable[Response], into: dict[int, bytes], numbers: Mapping[int, bytes]) -> None:
    """Octets of the fetched text parts by UID; `numbers` are the parts that were asked for."""
    for response in responses:
        if response.name != "FETCH":
            continue
        if isinstance(response, RawFetch) and len(response.parts) in (1, 3):
            line = response.parts[0]
            found = _BODY.match(line, line.index(b"(") + 1)
            if found:
                into[int(found[1])] = response.parts[1] if len(response.parts) == 3 else b""
                continue
        data = pairs(response.values[0]) if response.values else {}
        uid = data.get(b"UID")
        if isinstance(uid, int) and uid in numbers:
            octets = body_item(data, numbers[uid])
            if octets is not None:
                into[uid] = octets


def text_of(part: TextPart, octets: bytes) -> tuple[str, str]:
    """(text for search, snippet)."""
    text = _plain(part, octets)
    if text is None:
        text = _general(part, octets)
    short = snippet(text[:_SNIPPET_LOOKS_AT], SNIPPET) or snippet(text, SNIPPET)
    return text[:MOST_TEXT], short


def _plain(part: TextPart, octets: bytes) -> str | None:
    """The text of an ordinary part; None where it takes more than decoding."""
    if part.media_type != "text/plain" or part.encoding not in ("7bit", "8bit", "binary"):
        return None
    if part.charset.lower() not in ("utf-8", "us-ascii", "") or b"\x1b" in octets or b"begin " in octets:
        return None
    try:
        return octets.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None


def _general(part: TextPart, octets: bytes) -> str:
    limit = HTML_OCTETS if part.media_type == "text/html" else TEXT_OCTETS
    described = Part(
        part.number,
        part.media_type,
        params={"charset": part.charset} if part.charset else {},
        encoding=part.encoding,
        size=len(octets),
    )
    body = read_text(described, octets, truncated=len(octets) >= limit)
    return html_text(body.text) if body.is_html else body.text


def without_noise(text: str) -> str:
    """The text without runs that are no words."""
    words = text.split()
    if not words or max(map(len, words)) < _LONGEST_WORD:
        return text
    return " ".join([word for word in words if len(word) < _LONGEST_WORD or not word.isascii()])


@dataclass(slots=True)
class Words:
    """What goes into the search index: rows of the words table, (snippet, id), and the UID of each id."""

    rows: list[tuple[int, str, str, str, str, str, str]]
    snippets: list[tuple[str, int]]
    uids: dict[int, int]


def prepare(batch: Sequence[Pending], bodies: Mapping[int, bytes]) -> Words:
    """The words of a batch; slow, and needs no transaction."""
    words = Words([], [], {message.id: message.uid for message in batch})
    for message in batch:
        envelope = decode_envelope(message.encoded)
        text = ""
        if message.part is not None:
            text, short = text_of(message.part, bodies.get(message.uid, b""))
            words.snippets.append((short, message.id))
        words.rows.append(
            (
                message.id,
                spaced(envelope.subject),
                spaced(people_text(envelope.from_, envelope.sender, envelope.reply_to)),
                spaced(people_text(envelope.to)),
                spaced(people_text(envelope.cc, envelope.bcc)),
                spaced(without_noise(text)),
                spaced(message.files),
            )
        )
    return words


def add_words(store: Store, mailbox: int, words: Words) -> None:
    """Put them into the search index. Within `Store.writing()`; messages that are gone meanwhile are passed
    over, also where their ids are others' now.
    """
    db = store.db
    here = {
        id_
        for id_, uid in db.execute(
            "SELECT id, uid FROM message WHERE id IN (SELECT value FROM carray(?)) AND mailbox = ?",
            (carray(row[0] for row in words.rows), mailbox),
        )
        if words.uids[id_] == uid
    }
    db.executemany(
        "INSERT OR REPLACE INTO words(rowid, subject, sender, recipients, copied, body, files) "
        "VALUES(?, ?, ?, ?, ?, ?, ?)",
        # Ascending: FTS5 writes out all it has gathered whenever a number is lower than the one before.
        sorted(row for row in words.rows if row[0] in here),
    )
    snippets = [row for row in words.snippets if row[1] in here]
    db.executemany("UPDATE detail SET snippet = ? WHERE id = ?", snippets)
