"""Commands of IMAP, answered from the file: those that the rest of mailstore sends, and no others.

Blocking: call it in a thread. A command that needs what is not held raises Missing before it has changed
anything, and is given again once it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import apsw

from services.mailstore.imap.syntax import uid_set
from services.mailstore.pop3 import fetching, tree
from services.mailstore.pop3.fetching import Lines, Missing
from services.mailstore.pop3.finding import Query
from services.mailstore.pop3.store import CUT, NOT_HELD, Box, Message, Store
from services.mailstore.pop3.words import Bad, fetch_items, mailbox_name, ranges, read_words, text

CAPABILITIES = frozenset(
    "IMAP4REV1 UIDPLUS MOVE CONDSTORE ESEARCH SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS "
    "NAMESPACE UNSELECT IDLE OBJECTID".split()
)
_PERMANENT = b"(\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)"


@dataclass
class Answer:
    """What a command is answered: untagged responses, then the tagged one. `purge`: something is to be
    deleted at the server; `changed`: others who watch are to hear of it.
    """

    lines: Lines = field(default_factory=list)
    status: str = "OK"
    code: str = ""
    data: bytes = b""
    purge: bool = False
    changed: bool = False


def no(code: str = "") -> Answer:
    return Answer(status="NO", code=code)


class Commands:
    """One session's commands. `view` is the open mailbox as the session was told of it: UIDs by sequence
    number, and the MODSEQ up to which flags were told.
    """

    def __init__(self, store: Store, room: Callable[[], bool]) -> None:
        self.store = store
        self.box: Box | None = None
        self.uids: list[int] = []
        self.told = 0
        self.without: frozenset[int] = frozenset()
        self._read_only = False
        self._room = room

    def run(self, pieces: Sequence[bytes], without: frozenset[int] = frozenset()) -> Answer:
        """The answer. Missing; `without` are messages that cannot be brought in."""
        self.without = without
        name = pieces[0].upper()
        rest = pieces[1:]
        by_uid = name == b"UID"
        if by_uid:
            name, rest = rest[0].upper(), rest[1:]
        try:
            if name == b"FETCH":
                return self._fetch(rest, by_uid=by_uid)
            words = read_words(rest)
            if name == b"SEARCH":
                return self._search(words, by_uid=by_uid)
            if by_uid:
                return self._on_messages(name, words)
            return self._plain(name, words)
        except (Bad, ValueError, IndexError):
            return Answer(status="BAD")
        except apsw.FullError:
            return no("OVERQUOTA")

    def _plain(self, name: bytes, words: tuple[Any, ...]) -> Answer:
        match name:
            case b"CAPABILITY" | b"LOGOUT" | b"ID":
                return Answer()
            case b"NOOP" | b"CHECK":
                return self.news()
            case b"SELECT" | b"EXAMINE":
                return self._select(mailbox_name(words[0]), read_only=name == b"EXAMINE")
            case b"UNSELECT":
                self.box, self.uids = None, []
                return Answer()
            case b"LIST" | b"NAMESPACE" | b"STATUS":
                with self.store.reading():
                    return self._tree(name, words)
            case b"CREATE" | b"DELETE" | b"RENAME" | b"SUBSCRIBE" | b"UNSUBSCRIBE":
                code = tree.CHANGES[name](self.store, words)
                return no(code) if code is not None else Answer(changed=True)
        raise Bad("a command that is not known")

    def _tree(self, name: bytes, words: tuple[Any, ...]) -> Answer:
        if name == b"NAMESPACE":
            return Answer([[b'* NAMESPACE (("" "/")) NIL NIL']])
        if name == b"LIST":
            return Answer(tree.listing(self.store, words))
        box = self.store.box(mailbox_name(words[0]))
        return no("NONEXISTENT") if box is None else Answer([tree.status(self.store, box, words[1])])

    # the open mailbox

    def _select(self, name: str, *, read_only: bool) -> Answer:
        with self.store.reading():
            box = self.store.box(name)
            self.box, self.uids = box, []
            if box is None:
                return no("NONEXISTENT")
            self.uids, self.told, self._read_only = self.store.uids(box.id), box.modseq, read_only
        lines = [
            b"* %d EXISTS" % len(self.uids),
            b"* OK [UIDVALIDITY %d]" % box.uid_validity,
            b"* OK [UIDNEXT %d]" % box.uid_next,
            b"* OK [HIGHESTMODSEQ %d]" % box.modseq,
            b"* OK [PERMANENTFLAGS %s]" % _PERMANENT,
            b"* OK [MAILBOXID (%s)]" % box.object_id.encode("ascii"),
        ]
        return Answer([[line] for line in lines], code="READ-ONLY" if read_only else "READ-WRITE")

    def news(self) -> Answer:
        """What happened in the open mailbox since the session was last told."""
        if self.box is None:
            return Answer()
        with self.store.reading():
            box = self.store.box(self.box.name)
            if box is None or box.id != self.box.id:
                # Deleted meanwhile, or replaced by another of the same name.
                self.box, self.uids = None, []
                return no("NONEXISTENT")
            if box.modseq == self.told:
                return Answer()
            now = self.store.messages(box.id)
            lines = self._difference([m.uid for m in now])
            changed = [m for m in now if m.modseq > self.told]
            before = set(self.uids[: len(self.uids) - self._arrived])
            # Without UID, as what was not asked for comes (RFC 9051 section 7.5.2).
            lines += [
                [b"* %d FETCH (FLAGS (%s))" % (self._sequence(m.uid), m.flags.encode("ascii"))]
                for m in changed
                if m.uid in before
            ]
            if lines:
                lines.append([b"* OK [UIDNEXT %d]" % box.uid_next])
            lines.append([b"* OK [HIGHESTMODSEQ %d]" % box.modseq])
            self.told = box.modseq
        return Answer(lines)

    def _difference(self, now: list[int]) -> Lines:
        """EXPUNGE for what is gone, EXISTS where something came."""
        there = set(now)
        lines: Lines = []
        for index in range(len(self.uids) - 1, -1, -1):
            if self.uids[index] not in there:
                lines.append([b"* %d EXPUNGE" % (index + 1)])
        left = sum(uid in there for uid in self.uids)
        self._arrived = len(now) - left
        if self._arrived:
            lines.append([b"* %d EXISTS" % len(now)])
        self.uids = now
        return lines

    def _sequence(self, uid: int) -> int:
        return bisect_left(self.uids, uid) + 1

    def _opened(self) -> Box:
        if self.box is None:
            raise Bad("no mailbox is open")
        return self.box

    def _messages(self, numbers: Any, *, by_uid: bool) -> list[Message]:
        """The messages of a set that the session knows of and that are still there, ascending."""
        box = self._opened()
        found: dict[int, Message] = {}
        if not self.uids:
            return []
        for low, high in ranges(numbers, self.uids[-1] if by_uid else len(self.uids)):
            if not by_uid:
                known = self.uids[max(0, low - 1) : high]
                low, high = (known[0], known[-1]) if known else (1, 0)
            for message in self.store.messages(box.id, low, high):
                found[message.uid] = message
        known_uids = set(self.uids)
        return [found[uid] for uid in sorted(found) if uid in known_uids]

    # reading

    def _fetch(self, pieces: Sequence[bytes], *, by_uid: bool) -> Answer:
        rest = b" ".join(pieces[1:])
        changed_since = 0
        if b"CHANGEDSINCE" in rest:
            rest, _, modifier = rest.rpartition(b"(")
            changed_since = int(modifier.split()[1].rstrip(b")"))
        items = list(fetch_items([rest]))
        names = [item.name for item in items]
        if by_uid and b"UID" not in names:
            items = [*fetch_items([b"UID"]), *items]
        if changed_since and b"MODSEQ" not in names:
            items += list(fetch_items([b"MODSEQ"]))
        with self.store.reading():
            messages = self._messages(pieces[0], by_uid=by_uid)
            messages = [m for m in messages if m.modseq > changed_since]
            fetching.need(messages, items, self.without)
            lines = [fetching.fetch(self.store, self._sequence(m.uid), m, items) for m in messages]
        return Answer([line for line in lines if line is not None])

    def _search(self, words: tuple[Any, ...], *, by_uid: bool) -> Answer:
        returned = None
        if words and isinstance(words[0], bytes) and words[0].upper() == b"RETURN":
            returned, words = {text(word).upper() for word in words[1]}, words[2:]
        if words and isinstance(words[0], bytes) and words[0].upper() == b"CHARSET":
            words = words[2:]
        box = self._opened()
        last = self.uids[-1] if self.uids else 0
        query = Query(words, last, len(self.uids))
        with self.store.reading():
            known = {uid: number for number, uid in enumerate(self.uids, 1)}
            messages = [(known[m.uid], m) for m in self.store.messages(box.id) if m.uid in known]
            found = query.run(self.store, messages, self.without)
        numbers = [m.uid if by_uid else number for number, m in found]
        if returned is None:
            return Answer([[b" ".join([b"* SEARCH", *(b"%d" % number for number in numbers)])]])
        line = b"* ESEARCH" + (b" UID" if by_uid else b"")
        if b"COUNT" in returned:
            line += b" COUNT %d" % len(numbers)
        if b"ALL" in returned and numbers:
            line += b" ALL " + uid_set(numbers)
        # Something has to stand behind the name of the response.
        return Answer([[line if line != b"* ESEARCH" else b"* ESEARCH COUNT %d" % len(numbers)]])

    # changing

    def _on_messages(self, name: bytes, words: tuple[Any, ...]) -> Answer:
        box = self._opened()
        if name in (b"STORE", b"MOVE", b"EXPUNGE") and self._read_only:
            return no("NOPERM")
        with self.store.writing():
            messages = self._messages(words[0], by_uid=True)
            match name:
                case b"STORE":
                    return self._store(box, messages, text(words[1]).upper(), words[2])
                case b"COPY" | b"MOVE":
                    return self._copy(box, messages, mailbox_name(words[1]), move=name == b"MOVE")
                case b"EXPUNGE":
                    marked = [m for m in messages if "\\Deleted" in m.flags.split()]
                    return self._remove(box, marked)
        raise Bad("a command that is not known")

    def _store(self, box: Box, messages: list[Message], what: bytes, flags: Any) -> Answer:
        words = flags if isinstance(flags, tuple) else (flags,)
        given = [text(word).decode("ascii") for word in words]
        changes = []
        for message in messages:
            now = {flag.lower(): flag for flag in message.flags.split()}
            before = dict(now)
            if what.startswith(b"+"):
                now.update({flag.lower(): now.get(flag.lower(), _usual(flag)) for flag in given})
            elif what.startswith(b"-"):
                for flag in given:
                    now.pop(flag.lower(), None)
            else:
                now = {flag.lower(): _usual(flag) for flag in given}
            if now != before:
                changes.append((message.id, " ".join(sorted(now.values()))))
        if changes:
            self.store.set_flags(box.id, changes)
            self._saw(box)
        return Answer(changed=bool(changes))

    def _copy(self, box: Box, messages: list[Message], name: str, *, move: bool) -> Answer:
        target = self.store.box(name)
        if target is None:
            return no("TRYCREATE")
        missing = {m.id for m in messages if m.held == NOT_HELD and m.id not in self.without}
        if missing:
            raise Missing(wholes=missing)
        if any(m.held == CUT for m in messages):
            # Only its beginning is here: what would be deleted from the maildrop would be lost.
            return no("TOOBIG")
        if any(m.held == NOT_HELD for m in messages):
            # Without any answer's COPYUID all would count as moved.
            return no("UNAVAILABLE")
        if not messages:
            return Answer()
        if not self._room():
            return no("OVERQUOTA")
        new = [self.store.copy(m.id, target.id) for m in messages]
        pairs = b"%d %s %s" % (
            target.uid_validity,
            b",".join(b"%d" % m.uid for m in messages),
            b",".join(b"%d" % uid for uid in new),
        )
        if not move:
            return Answer(code="COPYUID", data=pairs, changed=True)
        # One transaction: the copy is on disk when the original is doomed, and never without.
        answer = self._remove(box, messages)
        answer.lines.insert(0, [b"* OK [COPYUID %s]" % pairs])
        return answer

    def _remove(self, box: Box, messages: list[Message]) -> Answer:
        if not messages:
            return Answer()
        doomed = self.store.remove(box.id, [m.id for m in messages])
        gone = {m.uid for m in messages}
        lines: Lines = []
        for index in range(len(self.uids) - 1, -1, -1):
            if self.uids[index] in gone:
                lines.append([b"* %d EXPUNGE" % (index + 1)])
        self.uids = [uid for uid in self.uids if uid not in gone]
        self._saw(box)
        return Answer(lines, purge=doomed, changed=True)

    def _saw(self, box: Box) -> None:
        """The session knows of its own change; where nothing else happened since, of all."""
        now = self.store.box(box.name)
        if now is not None and now.modseq == self.told + 1:
            self.told = now.modseq

    def append(self, pieces: Sequence[bytes]) -> tuple[Box | None, str, bytes]:
        """Whereto, with which flags, and of when (empty: now): what stands before the literal of APPEND."""
        words = read_words(pieces[1:])
        box = self.store.box(mailbox_name(words[0]))
        rest = list(words[1:])
        flags = rest.pop(0) if rest and isinstance(rest[0], tuple) else ()
        given = [_usual(text(word).decode("ascii")) for word in flags]
        return box, " ".join(sorted(set(given))), text(rest[0]) if rest else b""


def _usual(flag: str) -> str:
    """A system flag in its usual spelling."""
    return "\\" + flag[1:].capitalize() if flag.startswith("\\") else flag
