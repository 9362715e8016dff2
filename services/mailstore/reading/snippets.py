"""The first words of messages for lists: a small piece of the first text part, fetched for a whole page at
once.

What was read is kept (bounded), for a snippet never changes: a message's text is immutable (RFC 9051
section 2.3).
"""

from __future__ import annotations

import codecs
from collections import OrderedDict
from collections.abc import Sequence

from services.mailstore.imap.parser import body_item
from services.mailstore.imap.session import Session
from services.mailstore.imap.syntax import uid_set
from services.mailstore.mime.body import read_text
from services.mailstore.mime.model import Part
from services.mailstore.mime.snippet import snippet
from services.mailstore.names import MessageName
from services.mailstore.reading.items import BEGINNING_OCTETS
from services.mailstore.reading.rows import Row, gather

LENGTH = 200
# Octets: a page of plain text has its first words early, HTML after a head of style rules.
_PLAIN_OCTETS, _HTML_OCTETS = BEGINNING_OCTETS, 6 * 1024
_MOST_KEPT = 20_000
_UTF8 = codecs.getincrementaldecoder("utf-8")

Key = tuple[str, MessageName]


class Snippets:
    """Snippets by account and message, the least recently used forgotten first."""

    def __init__(self, most: int = _MOST_KEPT) -> None:
        self._kept: OrderedDict[Key, str] = OrderedDict()
        self._most = most

    def get(self, account: str, name: MessageName) -> str | None:
        key = (account, name)
        text = self._kept.get(key)
        if text is not None:
            self._kept.move_to_end(key)
        return text

    def put(self, account: str, name: MessageName, text: str) -> None:
        self._kept[account, name] = text
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def note(self, account: str, row: Row, beginning: bytes | None) -> None:
        """Keep the snippet of a row, if the first octets of its part 1 are where it stands."""
        part = _first_text(row)
        if part is None:
            self.put(account, row.name, "")
        elif (
            beginning is not None
            and part.number == "1"
            and (part.media_type != "text/html" or len(beginning) < BEGINNING_OCTETS)
        ):
            self.put(account, row.name, _words(part, beginning) if beginning else "")

    async def fill(self, session: Session, account: str, rows: Sequence[Row]) -> list[Row]:
        """The rows with their snippets. At most one round trip; the rows' mailbox is open."""
        known = {row.name.uid: self.get(account, row.name) for row in rows}
        missing = [row for row in rows if known[row.name.uid] is None]
        groups: dict[tuple[str, int], list[int]] = {}
        parts: dict[int, Part] = {}
        for row in missing:
            part = _first_text(row)
            if part is None:
                self.put(account, row.name, "")
                continue
            parts[row.name.uid] = part
            octets = _HTML_OCTETS if part.media_type == "text/html" else _PLAIN_OCTETS
            groups.setdefault((part.number, octets), []).append(row.name.uid)
        # Messages of one structure go in one command: a page has a handful of structures.
        commands = [
            [b"UID", b"FETCH", uid_set(uids), b"(UID BODY.PEEK[%s]<0.%d>)" % (number.encode("ascii"), octets)]
            for (number, octets), uids in groups.items()
        ]
        if commands:
            found = gather(await session.execute(*commands))
            for row in missing:
                part = parts.get(row.name.uid)
                if part is not None:
                    data = body_item(found.get(row.name.uid, {}), part.number.encode("ascii"))
                    text = _words(part, data) if data else ""
                    self.put(account, row.name, text)
        return [row.with_snippet(self.get(account, row.name) or "") for row in rows]


def _words(part: Part, octets: bytes) -> str:
    """The snippet of a beginning of the part."""
    if (
        part.media_type == "text/plain"
        and part.encoding in ("7bit", "8bit", "binary")
        and part.params.get("charset", "").lower() in ("utf-8", "us-ascii", "")
        and b"\x1b" not in octets
        and b"begin " not in octets
    ):
        # Most are: no more than decoded. It may end within a character.
        try:
            text = str(octets, "ascii") if octets.isascii() else _UTF8().decode(octets)
        except UnicodeDecodeError:
            pass
        else:
            return snippet(text.replace("\r\n", "\n"), LENGTH)
    return snippet(read_text(part, octets, truncated=True), LENGTH)


def _first_text(row: Row) -> Part | None:
    return next((part for part in row.selection.shown(prefer_html=False) if part.size > 0), None)
