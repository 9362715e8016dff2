"""What was done on purpose, by whom, so that whatever else is found on the server is a wrong act."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field

# Postern's marks, which the other client never sets, and what that one sets.
MARKS = tuple(f"p{number}" for number in range(12))
FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "\\Answered", "out1", "out2")
# Where only Postern files; the other client takes out of it and renews it, but never moves a message in.
BY_POSTERN, TRASH, DRAFTS = "ByPostern", "Trash", "Drafts"
OWN = (BY_POSTERN, TRASH, DRAFTS)


@dataclass
class Ledger:
    """Messages by their Message-ID. Written by threads and by the event loop."""

    marks: tuple[str, ...] = MARKS
    flags: tuple[str, ...] = FLAGS
    appended: dict[str, str] = field(default_factory=dict)  # Message-ID → the word in its subject
    gone: set[str] = field(default_factory=set)  # removed by the other client
    marked: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # mark → meant
    read: set[str] = field(default_factory=set)  # whom either client meant to mark as read
    moved: set[str] = field(default_factory=set)  # meant for BY_POSTERN
    trashed: set[str] = field(default_factory=set)
    destroyed: set[str] = field(default_factory=set)
    drafts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # id → subjects sent
    saved: dict[str, str] = field(default_factory=dict)  # id → the subject of the last one that was confirmed
    # (mailbox, UIDVALIDITY, UID) → the Message-ID that Postern told for it, wherever it did.
    told: dict[tuple[str, int, int], str] = field(default_factory=dict)
    outside: threading.Lock = field(default_factory=threading.Lock)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def new_message(self, word: str) -> tuple[str, bytes]:
        """A message with a Message-ID of its own and `word` in its subject."""
        with self.lock:
            number = len(self.appended)
            message_id = f"<truth-{number}@example.org>"
            self.appended[message_id] = word
        text = f"Words of message {number}: {word} lorem ipsum\r\n" * (1 + number % 7)
        return message_id, (
            f"From: Sender {number % 9} <s{number % 9}@example.org>\r\nTo: Me <me@example.org>\r\n"
            f"Subject: Note {word} {number}\r\nDate: Mon, 02 Nov 2026 10:{number % 60:02d}:00 +0000\r\n"
            f"Message-ID: {message_id}\r\n\r\n{text}"
        ).encode()

    def tell(self, place: tuple[str, int, int], message_id: str) -> None:
        """Postern says that this message is at this place, where none but it can ever have been."""
        before = self.told.setdefault(place, message_id)
        if before != message_id:
            self.marked["opened another"].add(f"{message_id} for {before} at {place}")

    def with_word(self, word: str) -> set[str]:
        with self.lock:
            return {message_id for message_id, own in self.appended.items() if own == word}
