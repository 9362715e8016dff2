"""Reading a whole mailbox into the index: newest first, in batches, to be taken up again wherever it
stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from services.mailstore.index import texts
from services.mailstore.index.model import Entry, MailboxState
from services.mailstore.index.sync import BATCH, MailboxSync

TEXT_BATCH = 500


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far a mailbox is: messages of `total`, by row or with their words."""

    mailbox: str
    done: int
    total: int
    words: bool


Report = Callable[[BuildProgress], None]


async def build_rows(sync: MailboxSync, name: str, *, hidden: bool, report: Report) -> MailboxState:
    """All rows of the mailbox, true at the end."""
    state = await sync.update(name, hidden=hidden)
    while not state.complete:
        uids = (await sync.source.uids(1, state.built - 1))[::-1]
        total = state.total + len(uids)
        batches = [uids[start : start + BATCH] for start in range(0, len(uids), BATCH)]
        ahead: asyncio.Task[list[Entry]] | None = None
        try:
            for index, batch in enumerate(batches):
                entries = await (ahead or sync.entries(batch))
                ahead = None
                if index + 1 < len(batches):
                    ahead = asyncio.create_task(sync.entries(batches[index + 1]))
                    await asyncio.sleep(0)
                built = max(2, batch[-1])
                await sync.run(_write, sync, state.id, entries, built)
                report(BuildProgress(name, min(total, state.total + (index + 1) * BATCH), total, False))
        finally:
            if ahead is not None:
                ahead.cancel()
        # Whole only with the indices by which it is listed.
        await sync.run(sync.store.make_orders)
        await sync.run(_write, sync, state.id, [], 1)
        state = await sync.update(name, hidden=hidden)
    return state


async def build_words(sync: MailboxSync, state: MailboxState, *, report: Report) -> MailboxState:
    """The words of all rows that have none yet. The mailbox is open, under the UIDVALIDITY of `state`, and
    its rows are complete. Replaced where it is not that one any more.
    """
    name = state.name
    below, done, total = state.texted, 0, state.total
    batch = await sync.run(texts.pending, sync.store, state.id, below, TEXT_BATCH)
    ahead: asyncio.Task[dict[int, bytes]] | None = None
    try:
        while batch:
            bodies = await (ahead or sync.bodies(batch))
            ahead = None
            following = await sync.run(texts.pending, sync.store, state.id, batch[-1].uid, TEXT_BATCH)
            if following:
                ahead = asyncio.create_task(sync.bodies(following))
                await asyncio.sleep(0)
            words = await sync.run(texts.prepare, batch, bodies)
            await sync.run(_write_words, sync, state.id, words, batch[-1].uid)
            done += len(batch)
            report(BuildProgress(name, done, total, True))
            batch = following
    finally:
        if ahead is not None:
            ahead.cancel()
    await sync.run(_write_words, sync, state.id, texts.Words([], [], {}), 1)
    return await sync.run(sync.writer.held, state.id)


def _write(sync: MailboxSync, mailbox: int, entries: list[Entry], built: int) -> None:
    with sync.writing(mailbox):
        sync.writer.add(mailbox, entries)
        sync.writer.set_mailbox(mailbox, built=built)


def _write_words(sync: MailboxSync, mailbox: int, words: texts.Words, texted: int) -> None:
    with sync.store.writing():
        sync.writer.held(mailbox)
        if words.rows:
            texts.add_words(sync.store, mailbox, words)
        sync.writer.set_mailbox(mailbox, texted=texted)
