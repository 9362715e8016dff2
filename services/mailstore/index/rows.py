"""Rows of the index → rows as the rest of the service knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from services.mailstore.imap.session import Session
from services.mailstore.index import schema
from services.mailstore.index.model import Row as IndexRow
from services.mailstore.mime.model import Selection
from services.mailstore.names import Flags, MessageName, labels_of
from services.mailstore.reading.rows import Row, selection_of
from services.mailstore.reading.snippets import Snippets


def to_row(row: IndexRow) -> Row:
    """A row; where its first words are not known yet, its `selection` says where they are. The same one each
    time."""
    if row.told is None:
        row.told = _make(row)
    return row.told


def _make(row: IndexRow) -> Row:
    return Row(
        name=MessageName(row.mailbox, row.uid_validity, row.uid),
        encoded=row.encoded,
        flags=to_flags(row.flags, row.keywords),
        received=datetime.fromtimestamp(row.received, UTC) if row.received else None,
        size=row.size,
        selection=selection_of(row.text_part if row.snippet is None else None),
        snippet=row.snippet or "",
        attachment=row.attachment,
    )


@lru_cache(maxsize=4096)
def to_flags(bits: int, keywords: str | None) -> Flags:
    return Flags(
        seen=bool(bits & schema.SEEN),
        answered=bool(bits & schema.ANSWERED),
        flagged=bool(bits & schema.FLAGGED),
        deleted=bool(bits & schema.DELETED),
        draft=bool(bits & schema.DRAFT),
        forwarded=bool(bits & schema.FORWARDED),
        labels=labels_of(keywords.split(" ")) if keywords else (),
    )


async def with_snippets(
    session: Session, account: str, rows: Sequence[IndexRow], snippets: Snippets
) -> list[Row]:
    """Rows with their first words; those that the index does not know yet are fetched. The mailbox is open,
    unless none is missing.
    """
    found = [to_row(row) for row in rows]
    if all(row.snippet is not None for row in rows):
        return found
    missing = [row for row, known in zip(found, rows, strict=True) if known.snippet is None]
    filled = {row.name: row for row in await snippets.fill(session, account, missing)}
    return [replace(filled.get(row.name, row), selection=Selection()) for row in found]
