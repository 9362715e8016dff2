"""The first words of messages for lists: a small piece of the first text part, fetched for a whole page at
once.

What was read is kept (bounded), for a snippet never changes: a message's text is immutable (RFC 9051
section 2.3).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from services.mailstore.imap.parser import body_item
from services.mailstore.imap.session import Session
from services.mailstore.imap.syntax import uid_set
from services.mailstore.mime.body import read_text
from services.mailstore.mime.model import Part
from services.mailstore.mime.snippet import snippet
from services.mailstore.names import MessageName
from services.mailstore.reading.rows import Row, gather

LENGTH = 200
# Octets: a page of plain text has its first words early, HTML after a head of style rules.
_PLAIN_OCTETS, _HTML_OCTETS = 1024, 6 * 1024
_MOST_KEPT = 20_000

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
                    text = snippet(read_text(part, data, truncated=True), LENGTH) if data else ""
                    self.put(account, row.name, text)
        return [replace(row, snippet=self.get(account, row.name) or "") for row in rows]


def _first_text(row: Row) -> Part | None:
    return next((part for part in row.selection.shown(prefer_html=False) if part.size > 0), None)
