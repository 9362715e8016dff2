"""What threading knows of mailboxes, kept between calls: only new messages are fetched.

Bounded by messages over all accounts; the mailboxes least recently used are forgotten first. Memory alone:
the server is asked each time what is there and which flags it has.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from services.mailstore.imap.parser import Value, header_item
from services.mailstore.imap.session import Selected, Session
from services.mailstore.imap.syntax import parse_date_time, uid_sets
from services.mailstore.mime.headers import parse_headers, read_envelope
from services.mailstore.names import MessageName, read_flags
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.reading.rows import gather
from services.mailstore.threads.build import Light, light

MOST_MESSAGES = 200_000
MOST_ATTACHMENT_NOTES = 100_000
_ITEMS = (
    b"(UID FLAGS INTERNALDATE RFC822.SIZE"
    b" BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE MESSAGE-ID IN-REPLY-TO REFERENCES)])"
)


@dataclass
class _Known:
    uid_validity: int
    lights: dict[int, Light] = field(default_factory=dict)


class ThreadCache:
    """Lights by account and mailbox, and which messages have attachments."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._attachments: OrderedDict[tuple[str, MessageName], bool] = OrderedDict()

    async def load(
        self, session: Session, account: str, mailbox: str, newest: int
    ) -> tuple[list[Light], Selected]:
        """The newest messages of a mailbox, at most `newest`, ascending; the mailbox is open afterwards."""
        selected, _ = await open_mailbox(session, mailbox, reopen=True)
        if not selected.exists:
            return [], selected
        low = max(1, selected.exists - newest + 1)
        (result,) = await session.execute([b"FETCH", b"%d:*" % low, b"(UID FLAGS)"])
        present = {uid: data for uid, data in gather([result]).items() if b"FLAGS" in data}
        known = self._mailbox(account, mailbox, selected.uid_validity)
        missing = [uid for uid in present if uid not in known.lights]
        for _, numbers in uid_sets(missing):
            (fetched,) = await session.execute([b"UID", b"FETCH", numbers, _ITEMS])
            for uid, data in gather([fetched]).items():
                if b"RFC822.SIZE" in data:
                    name = MessageName(mailbox, selected.uid_validity, uid)
                    known.lights[uid] = read_light(name, data)
        found = []
        for uid, data in sorted(present.items()):
            kept = known.lights.get(uid)
            if kept is not None:
                found.append(replace(kept, flags=read_flags(data[b"FLAGS"])))
        self._tidy(known, present)
        return found, selected

    def has_attachment(self, account: str, name: MessageName) -> bool | None:
        """What is known of a message's structure; None where nothing is."""
        return self._attachments.get((account, name))

    def note_attachment(self, account: str, name: MessageName, has: bool) -> None:
        self._attachments[account, name] = has
        while len(self._attachments) > MOST_ATTACHMENT_NOTES:
            self._attachments.popitem(last=False)

    def _mailbox(self, account: str, mailbox: str, uid_validity: int) -> _Known:
        key = (account, mailbox)
        known = self._known.get(key)
        if known is None or known.uid_validity != uid_validity:
            known = self._known[key] = _Known(uid_validity)
        self._known.move_to_end(key)
        return known

    def _tidy(self, known: _Known, present: dict[int, dict[bytes, Value]]) -> None:
        """Forget what is gone from the part that was looked at, and what is beyond the bound."""
        lowest = min(present, default=0)
        for uid in [uid for uid in known.lights if uid >= lowest and uid not in present]:
            del known.lights[uid]
        total = sum(len(other.lights) for other in self._known.values())
        while total > MOST_MESSAGES and len(self._known) > 1:
            _, dropped = self._known.popitem(last=False)
            total -= len(dropped.lights)


def read_light(name: MessageName, data: dict[bytes, Value]) -> Light:
    """A Light from a FETCH response."""
    size = data.get(b"RFC822.SIZE")
    return light(
        name,
        read_envelope(parse_headers(header_item(data))),
        parse_date_time(data.get(b"INTERNALDATE")),
        size if isinstance(size, int) else 0,
        read_flags(data.get(b"FLAGS")),
    )


async def fetch_lights(session: Session, mailbox: str, uid_validity: int, uids: list[int]) -> list[Light]:
    """Lights of these messages of the open mailbox; those that are gone are left out."""
    found: list[Light] = []
    for _, numbers in uid_sets(uids):
        (result,) = await session.execute([b"UID", b"FETCH", numbers, _ITEMS])
        for uid, data in sorted(gather([result]).items()):
            if b"RFC822.SIZE" in data:
                found.append(read_light(MessageName(mailbox, uid_validity, uid), data))
    return found
