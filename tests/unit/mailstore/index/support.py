"""Messages for an index without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from services.mailstore.index import texts
from services.mailstore.index.model import Entry, MailboxState, TextPart
from services.mailstore.index.store import Store
from services.mailstore.index.writing import Writer, read_state
from services.mailstore.mime.model import Address, Envelope

KEY = b"\x07" * 32
START = 1_700_000_000


def entry(
    uid: int,
    *,
    message_id: str | None = None,
    references: tuple[str, ...] = (),
    subject: str = "Hello",
    sender: str = "Ann",
    flags: int = 0,
    size: int = 100,
    received: int | None = None,
    keywords: str | None = None,
    attachment: bool = False,
    to: str = "me",
) -> Entry:
    when = START + uid * 60 if received is None else received
    return Entry(
        uid=uid,
        flags=flags,
        keywords=keywords,
        received=when,
        size=size,
        envelope=Envelope(
            subject=subject,
            from_=(Address(sender, f"{sender.lower()}@example.org"),),
            to=(Address("", f"{to}@example.org"),),
            date=datetime.fromtimestamp(when, UTC),
            message_id=f"{uid}@x" if message_id is None else message_id,
            references=references,
        ),
        attachment=attachment,
        text_part=TextPart("1", "text/plain", "7bit", "utf-8"),
    )


def new_store(path: Path) -> Store:
    return Store(path / "index.db", KEY)


def add(
    store: Store,
    mailbox: str,
    entries: list[Entry],
    *,
    hidden: bool = False,
    words: dict[int, str] | None = None,
) -> MailboxState:
    """Put messages into a mailbox, with their words."""
    writer = Writer(store)
    with store.writing():
        state = writer.mailbox(mailbox)
        if state is None:
            state = writer.begin_mailbox(
                mailbox, object_id="", uid_validity=1, uid_next=1, modseq=1, hidden=hidden
            )
        writer.add(state.id, entries)
        writer.set_mailbox(state.id, built=1, texted=1, uid_next=10_000)
        bodies = {each.uid: (words or {}).get(each.uid, f"text {each.uid}").encode() for each in entries}
        wanted = {each.uid for each in entries}
        batch = [m for m in texts.pending(store, state.id, 10**9, 10**6) if m.uid in wanted]
        texts.add_words(store, state.id, texts.prepare(batch, bodies))
    found = read_state(store, mailbox)
    assert found is not None
    return found
