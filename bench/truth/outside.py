"""The other client: imaplib, doing at random what people and programs do to mailboxes."""

from __future__ import annotations

import contextlib
import imaplib
import random
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from bench.truth.ledger import OWN, Ledger

_FETCHED = re.compile(rb"UID (\d+)")
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_MESSAGE_ID = re.compile(rb"Message-ID:\s*(<[^>]*>)", re.IGNORECASE)
_SUBJECT = re.compile(rb"Subject:\s*([^\r\n]*)", re.IGNORECASE)
_DRAFT_ID = re.compile(rb"X-Postern-Draft-Id:\s*([^\r\n]*)", re.IGNORECASE)
_LISTED = re.compile(rb'\(([^)]*)\) "?(.)"? "?([^"]*)"?\Z')
# Wire name → name; the last one as RFC 3501 5.1.3 has it.
NAMES = {"Work": "Work", "Work/a": "Work/a", "Box": "Box", "Pile": "Pile", "Gr&APYA3w-e": "Größe"}
WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett")


@dataclass(frozen=True)
class Seen:
    """A message as the server has it."""

    uid: int
    flags: frozenset[str]
    message_id: str
    subject: str
    draft_id: str
    size: int


class Refused(Exception):
    """The server said NO, which at random is often right."""


class Outside:
    """One connection. Blocking."""

    def __init__(self, host: str, port: int, user: str, password: str) -> None:
        self._client = imaplib.IMAP4(host, port, timeout=30)
        self._client.login(user, password)
        self._move = "MOVE" in self._client.capabilities
        # What this server lists as if it could be opened, and says is not there.
        self.phantoms: set[str] = set()

    # The connection is no more, or not in a state to go on.
    lost = imaplib.IMAP4.abort

    def close(self) -> None:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            self._client.logout()

    # looking

    def mailboxes(self) -> list[str]:
        """Selectable ones, by their names on the wire."""
        _, lines = self._client.list()
        found = []
        for line in lines:
            match = _LISTED.match(line) if isinstance(line, bytes) else None
            if match and b"noselect" not in match[1].lower() and b"nonexistent" not in match[1].lower():
                found.append(match[3].decode("ascii"))
        return sorted(set(found))

    def open(self, mailbox: str) -> int:
        """UIDVALIDITY."""
        status, data = self._client.select(f'"{mailbox}"')
        if status != "OK":
            raise Refused(str(data))
        return int(self._client.response("UIDVALIDITY")[1][0] or 0)

    def messages(self, uids: str = "1:*") -> list[Seen]:
        """Those of the open mailbox."""
        items = "(UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID SUBJECT X-POSTERN-DRAFT-ID)])"
        found: dict[int, Seen] = {}
        for item in self._uid("FETCH", uids, items):
            if not isinstance(item, tuple):
                continue
            uid, flags = _FETCHED.search(item[0]), _FLAGS.search(item[0])
            size = re.search(rb"RFC822.SIZE (\d+)", item[0])
            if not uid or not flags or not size:
                continue

            def of(pattern: re.Pattern[bytes], header: bytes = item[1]) -> str:
                match = pattern.search(header)
                return match[1].decode().strip() if match else ""

            words = frozenset(w for w in flags[1].decode().split() if w.lower() != "\\recent")
            found[int(uid[1])] = Seen(
                int(uid[1]), words, of(_MESSAGE_ID), of(_SUBJECT), of(_DRAFT_ID), int(size[1])
            )
        return sorted(found.values(), key=lambda message: message.uid)

    def snapshot(self) -> dict[str, tuple[int, list[Seen]]]:
        """Everything, by mailbox."""
        for _ in range(20):
            self._client.noop()
            try:
                return {name: (self.open(name), self.messages()) for name in self.mailboxes()}
            except Refused:
                # Dovecot lists a mailbox that was deleted just now for a moment more.
                time.sleep(0.1)
        # Or for ever. What cannot be opened is not there.
        found = {}
        for name in self.mailboxes():
            try:
                found[name] = (self.open(name), self.messages())
            except Refused:
                self.phantoms.add(name)
        return found

    # doing

    def step(self, rng: random.Random, ledger: Ledger) -> str:
        """One operation; what it was."""
        what = rng.choices(
            (self._append, self._flag, self._transfer, self._expunge, self._create, self._rename,
             self._delete, self._reset),
            (30, 30, 16, 8, 3, 4, 3, 7),
        )[0]  # fmt: skip
        # One of the two clients at a time, or they would lose each other's messages: a mailbox that is
        # renamed and deleted takes along what the other one is just moving into it.
        with ledger.outside, contextlib.suppress(Refused):
            what(rng, ledger)
        return what.__name__

    def _append(self, rng: random.Random, ledger: Ledger) -> None:
        message_id, data = ledger.new_message(rng.choice(WORDS))
        flags = " ".join(rng.sample(ledger.flags[:3], rng.randint(0, 2)))
        if "\\Seen" in flags:
            ledger.read.add(message_id)
        try:
            self._call(self._client.append, self._some(rng), f"({flags})", None, data)
        except OSError:
            ledger.gone.add(message_id)  # or not: nobody knows
            raise
        except (Refused, imaplib.IMAP4.error):
            ledger.gone.add(message_id)
            raise Refused from None

    def _flag(self, rng: random.Random, ledger: Ledger) -> None:
        uids = self._pick(rng, self._some(rng, own=True))
        sign, flags = rng.choice("+-"), " ".join(rng.sample(ledger.flags, rng.randint(1, 2)))
        if sign == "+" and "\\Seen" in flags:
            ledger.read.update(message.message_id for message in self.messages(_set(uids)))
        self._uid("STORE", _set(uids), f"{sign}FLAGS.SILENT", f"({flags})")

    def _transfer(self, rng: random.Random, ledger: Ledger) -> None:
        source, target = self._some(rng, own=True), self._some(rng)
        if source in (target, "Drafts"):
            return
        self._move_to(self._pick(rng, source), target)

    def _move_to(self, uids: Iterable[int], target: str) -> None:
        uids = list(uids)
        if self._move:
            self._uid("MOVE", _set(uids), f'"{target}"')
            return
        self._uid("COPY", _set(uids), f'"{target}"')
        self._uid("STORE", _set(uids), "+FLAGS.SILENT", "(\\Deleted)")
        self._uid("EXPUNGE", _set(uids))

    def _expunge(self, rng: random.Random, ledger: Ledger) -> None:
        uids = self._pick(rng, self._some(rng, own=True, drafts=False))
        for message in self.messages(_set(uids)):
            ledger.gone.add(message.message_id)
        self._uid("STORE", _set(uids), "+FLAGS.SILENT", "(\\Deleted)")
        self._uid("EXPUNGE", _set(uids))

    def _create(self, rng: random.Random, ledger: Ledger) -> None:
        self._call(self._client.create, f'"{rng.choice(list(NAMES))}"')

    def _rename(self, rng: random.Random, ledger: Ledger) -> None:
        there = [name for name in self.mailboxes() if name in NAMES]
        free = [name for name in NAMES if name not in there]
        if not there or not free:
            return
        old, new = rng.choice(there), rng.choice(free)
        if not new.startswith(old + "/"):
            self._leave()
            self._call(self._client.rename, f'"{old}"', f'"{new}"')

    def _delete(self, rng: random.Random, ledger: Ledger) -> None:
        there = [name for name in self.mailboxes() if name in NAMES and name != "Work"]
        if not there:
            return
        name = rng.choice(there)
        self.open(name)
        for message in self.messages():
            ledger.gone.add(message.message_id)
        self._leave()
        self._call(self._client.delete, f'"{name}"')

    def _reset(self, rng: random.Random, ledger: Ledger) -> None:
        """Another UIDVALIDITY under the same name, and the same UIDs for other messages: the mailbox is
        renamed, made again, and gets its messages back in another order.
        """
        name, aside = self._some(rng, own=True), f"Aside{rng.randrange(10**6)}"
        if name == "INBOX" or any(other.startswith(name + "/") for other in self.mailboxes()):
            return  # renaming INBOX is another thing (RFC 3501 6.3.5), and children would go along
        self._leave()
        self._call(self._client.rename, f'"{name}"', f'"{aside}"')
        with contextlib.suppress(Refused):
            self._call(self._client.create, f'"{name}"')
        self.open(aside)
        uids = [message.uid for message in self.messages()]
        rng.shuffle(uids)
        for start in range(0, len(uids), 5):
            self._move_to(uids[start : start + 5], name)
        self._leave()

    def tidy(self) -> None:
        """Delete what resets left empty; while others write, a message may still be on its way into it."""
        for name in self.mailboxes():
            if name.startswith("Aside"):
                try:
                    self.open(name)
                except Refused:
                    # Dovecot's list has fallen behind its mailboxes: one of that name sets it right.
                    self._client.create(f'"{name}"')
                    self._client.delete(f'"{name}"')
                    continue
                left = self.messages()
                self._leave()
                if not left:
                    self._client.delete(f'"{name}"')

    # small things

    def _some(self, rng: random.Random, *, own: bool = False, drafts: bool = True) -> str:
        names = [n for n in self.mailboxes() if n == "INBOX" or n in NAMES or (own and n in OWN)]
        if not drafts:
            names.remove("Drafts") if "Drafts" in names else None
        return rng.choice(["INBOX", *names])

    def _pick(self, rng: random.Random, mailbox: str) -> list[int]:
        self.open(mailbox)
        uids = [int(uid) for uid in b" ".join(part or b"" for part in self._uid("SEARCH", "ALL")).split()]
        if not uids:
            raise Refused("empty")
        return rng.sample(uids, min(len(uids), rng.choice((1, 1, 2, 5, 20))))

    def _leave(self) -> None:
        self._client.select("INBOX", readonly=True)

    def _uid(self, command: str, *arguments: str) -> list:
        return self._call(self._client.uid, command, *arguments)

    def _call(self, call, *arguments) -> list:
        try:
            status, data = call(*arguments)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as err:
            raise Refused(str(err)) from err
        if status != "OK":
            raise Refused(str(data))
        return data


def _set(uids: Iterable[int]) -> str:
    return ",".join(str(uid) for uid in uids)
