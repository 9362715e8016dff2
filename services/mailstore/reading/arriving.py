"""Rows that are made while the server still tells of the next ones: a page is put together when its last
message has come, not from there on.
"""

from __future__ import annotations

from services.mailstore.imap.parser import Response, Value
from services.mailstore.imap.session import Selected
from services.mailstore.names import read_flags
from services.mailstore.reading.rows import Row, beginning_of, gather_one, read_row
from services.mailstore.reading.snippets import Snippets


class Arriving:
    """What one exchange brings of messages: `found` is what `gather` would give of it, `rows` are those that
    came whole. First words that came along are put into `snippets`.
    """

    def __init__(self, account: str, selected: Selected, snippets: Snippets) -> None:
        self._account, self._selected, self._snippets = account, selected, snippets
        self.found: dict[int, dict[bytes, Value]] = {}
        self.rows: dict[int, Row] = {}

    def take(self, response: Response) -> None:
        """For `Session.execute`. The mailbox was open when the command was sent."""
        uid = gather_one(response, self.found)
        if uid is None:
            return
        data = self.found[uid]
        made = self.rows.get(uid)
        if made is not None:
            # Changed by another client meanwhile: the last word counts.
            if made.flags == read_flags(data.get(b"FLAGS")):
                return
        elif b"RFC822.SIZE" not in data:
            return
        selected = self._selected
        row = read_row(selected.name, selected.uid_validity, uid, data, encoded=True)
        self.rows[uid] = row
        self._snippets.note(self._account, row, beginning_of(data))
