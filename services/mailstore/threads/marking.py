"""Conversations with messages whose marks are on their way (see `reading.marking`)."""

from __future__ import annotations

from dataclasses import replace

from services.mailstore.reading import marks
from services.mailstore.reading.marking import Marked
from services.mailstore.threads.listing import ConversationPage, ConversationRow
from services.mailstore.threads.one import OpenedConversation


def page(shown: ConversationPage, marked: Marked) -> ConversationPage:
    """A page of conversations."""
    rows = tuple(_row(row, marked) for row in shown.rows)
    known = {name for row in shown.rows for name in row.names}
    if not shown.rows:
        return shown
    mailbox = shown.rows[0].newest.name.mailbox
    here = {name for name in marked if (name.mailbox, name.uid_validity) == (mailbox, shown.uid_validity)}
    uids = {name.uid for name in here | (marked & known)}
    if not uids:
        return shown
    return replace(
        shown,
        rows=rows,
        unread=max(0, shown.unread - len(here)),
        state=marks.state(shown.state, uids),
    )


def opened(shown: OpenedConversation, marked: Marked) -> OpenedConversation:
    """One conversation. How many of it are unread is told by its messages here."""
    unread = sum(row.name in marked and not row.flags.seen for row in shown.messages)
    row = replace(
        shown.row,
        newest=marks.row(shown.row.newest) if shown.row.newest.name in marked else shown.row.newest,
        unread_count=max(0, shown.row.unread_count - unread),
    )
    return replace(shown, row=row, messages=marks.rows(shown.messages, marked))


def _row(row: ConversationRow, marked: Marked) -> ConversationRow:
    count = len(marked.intersection(row.names))
    if not count:
        return row
    newest = marks.row(row.newest) if row.newest.name in marked else row.newest
    return replace(row, newest=newest, unread_count=max(0, row.unread_count - count))
