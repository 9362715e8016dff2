"""Rows of lists lately read from the file, with what was made of them: a list comes again and again with one
line changed, and most of the time that a page takes is reading and telling the others.

All of a message but its flags never changes (RFC 9051 section 2.3), so a row is the same as long as its name
in full, its flags and its conversation are those that the file tells now.
"""

from __future__ import annotations

from services.mailstore.index.model import MailboxState, Row

# Rows of one account, of some 2 KB each.
MOST = 400

Head = tuple[int, int, int, str | None, int, int]
"""What may change of a row, and what it is told by: id, UID, flags, keywords, conversation, mailbox."""


class KeptRows:
    """At most `most` rows, the one put in first dropped first. Used by several threads: each is put in
    whole.
    """

    def __init__(self, most: int = MOST) -> None:
        self._rows: dict[int, Row] = {}
        self._most = most

    def near(self, ids: list[int]) -> bool:
        """Whether some of these may be here: whether one at either end is."""
        return bool(ids) and (ids[0] in self._rows or ids[-1] in self._rows)

    def get(self, head: Head, state: MailboxState) -> Row | None:
        """The row, where it is as it was."""
        id_, uid, flags, keywords, thread, _ = head
        row = self._rows.get(id_)
        if (
            row is not None
            and row.uid == uid
            and row.flags == flags
            and row.keywords == keywords
            and row.thread == thread
            and row.uid_validity == state.uid_validity
            and row.mailbox == state.name
        ):
            return row
        return None

    def put(self, row: Row) -> None:
        """Keep a row; one whose first words are not known yet is not whole."""
        if row.snippet is None:
            return
        self._rows[row.id] = row
        if len(self._rows) > self._most:
            self._rows.pop(next(iter(self._rows)), None)
