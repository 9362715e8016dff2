"""What the server has, against what was meant, what the index holds, and what Postern answers."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import apsw

from bench.truth.inside import Inside
from bench.truth.ledger import BY_POSTERN, DRAFTS, TRASH, Ledger
from bench.truth.outside import WORDS, Seen
from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as mailbox_pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore.imap import utf7
from services.mailstore.index.coding import hash64
from services.mailstore.index.keys import derive_key, file_name
from services.mailstore.index.store import IndexBroken, Store
from services.mailstore.index.writing import read_states
from tests.support.dovecot import MailUser
from tests.support.rpc import sealing_key

Snapshot = dict[str, tuple[int, list[Seen]]]
_NUMBER = re.compile(r"<truth-(\d+)@")
_BITS = ("\\seen", "\\answered", "\\flagged", "\\deleted", "\\draft", "$forwarded")


def wrong_acts(ledger: Ledger, snapshot: Snapshot) -> list[str]:
    """Everything on the server that nobody meant, one line each."""
    found = []
    there: Counter[str] = Counter()
    for mailbox, (_, messages) in snapshot.items():
        for message in messages:
            there[message.message_id] += 1
            if message.draft_id:
                continue
            word = ledger.appended.get(message.message_id, "?")
            for mark in ledger.marks:
                meant = message.message_id in ledger.marked[mark] or ledger.marked.get(f"{mark} {word}")
                if mark in message.flags and not meant:
                    found.append(f"{message.message_id} in {mailbox} carries {mark}")
            if "\\Seen" in message.flags and message.message_id not in ledger.read:
                found.append(f"{message.message_id} in {mailbox} is marked as read")
            if mailbox == BY_POSTERN and message.message_id not in ledger.moved:
                found.append(f"{message.message_id} was moved to {mailbox}")
            if mailbox == TRASH and message.message_id not in ledger.trashed:
                found.append(f"{message.message_id} was moved to {mailbox}")
    found += [f"opened or told another message: {m}" for m in ledger.marked.get("opened another", ())]
    for message_id in ledger.appended:
        if not there[message_id] and message_id not in ledger.gone | ledger.destroyed:
            found.append(f"{message_id} is in no mailbox")
    versions: dict[str, list[str]] = {}
    for _, messages in snapshot.values():
        for message in messages:
            if message.draft_id:  # the other client may have marked it \\Deleted: it is there
                versions.setdefault(message.draft_id, []).append(message.subject)
    for draft_id, subject in ledger.saved.items():
        sent = ledger.drafts[draft_id]
        # The last that was confirmed, or one that was sent after it and lost its answer.
        if not set(versions.get(draft_id, ())) & set(sent[sent.index(subject) :]):
            found.append(f"draft {draft_id}: {subject!r} is lost, there is {versions.get(draft_id)}")
    return found


def duplicate_drafts(snapshot: Snapshot) -> list[str]:
    """Drafts of which there is more than one version, and where."""
    versions: dict[str, list[str]] = {}
    for mailbox, (_, messages) in snapshot.items():
        for message in messages:
            if mailbox == DRAFTS and message.draft_id and "\\Deleted" not in message.flags:
                place = f"{mailbox} {message.uid} {sorted(message.flags)} {message.subject!r}"
                versions.setdefault(message.draft_id, []).append(place)
    return [f"draft {each} is there twice: {places}" for each, places in versions.items() if len(places) > 1]


class IndexFile:
    """The account's index, opened under its own key beside the service."""

    def __init__(self, directory: Path, user: MailUser) -> None:
        secret = b"postern index pepper v1" + sealing_key("mailstore").to_text().encode()
        pepper = hashlib.sha256(secret).digest()
        self.path = directory / file_name(user.address, pepper)
        password = user.address.encode() + b"\0" + user.password.encode()
        self._key = derive_key(user.address, password, pepper)

    def divergences(self, snapshot: Snapshot, phantoms: Collection[str]) -> list[str]:
        """Every difference to the server, one line each; what it says of `phantoms` contradicts itself."""
        if not self.path.exists():
            return ["there is no index"]
        try:
            store = Store(self.path, self._key, create=False)
        except (IndexBroken, apsw.Error) as err:
            return [f"the index does not open: {type(err).__name__}"]
        try:
            return self._compare(store, snapshot, phantoms)
        except apsw.Error as err:
            return [f"the index cannot be read: {type(err).__name__}"]
        finally:
            store.close()

    @staticmethod
    def _compare(store: Store, snapshot: Snapshot, phantoms: Collection[str]) -> list[str]:
        found: list[str] = []
        with store.reading() as db:
            states = {state.name: state for state in read_states(store)}
            real = {utf7.decode(name.encode("ascii")): value for name, value in snapshot.items()}
            found += [
                f"mailbox {name} is only in the index" for name in set(states) - set(real) - set(phantoms)
            ]
            for name, (validity, messages) in real.items():
                state = states.get(name)
                if state is None or not state.complete or state.uid_validity != validity:
                    why = "missing" if state is None else f"{state.uid_validity} {state.built}"
                    found.append(f"mailbox {name} is not held: {why}")
                    continue
                held = {
                    uid: (flags, keywords or "", mid, snippet)
                    for uid, flags, keywords, mid, snippet in db.execute(
                        "SELECT uid, flags, keywords, mid, snippet FROM message m "
                        "JOIN detail d ON d.id = m.id WHERE mailbox = ?",
                        (state.id,),
                    )
                }
                want = {message.uid: _row(message, store.salt) for message in messages}
                for uid in held.keys() & want.keys():
                    # A snippet is long; what counts is whose it is.
                    own = want[uid][3]
                    held[uid] = (*held[uid][:3], own if own in (held[uid][3] or "") else held[uid][3])
                for uid in held.keys() | want.keys():
                    if held.get(uid) != want.get(uid):
                        found.append(f"{name} {uid}: {held.get(uid)} is {want.get(uid)} at the server")
                counts = (len(want), sum(not row[0] & 1 for row in want.values()))
                if (state.total, state.unread) != counts:
                    found.append(f"{name}: counts {(state.total, state.unread)} are {counts}")
                if not state.searchable:
                    found.append(f"{name} has no words from {state.texted} on")
        return found


def _row(message: Seen, salt: bytes) -> tuple[int, str, int, str]:
    low = {flag.lower() for flag in message.flags}
    bits = sum(1 << number for number, flag in enumerate(_BITS) if flag in low)
    keywords = " ".join(sorted(flag for flag in message.flags if flag.lower() not in _BITS))
    number = _NUMBER.match(message.message_id)
    words = f"Words of message {number[1]}:" if number else "Text"
    return bits, keywords, hash64(message.message_id.strip("<>"), salt), words


async def answers_differ(inside: Inside, snapshot: Snapshot, phantoms: Collection[str]) -> list[str]:
    """What the RPCs tell otherwise than the server has it."""
    found: list[str] = []
    reply = await inside.mailboxes.ListMailboxes(mailbox_pb.ListMailboxesRequest(), token=inside.token())
    told = {box.name: box for box in reply.mailboxes if box.selectable}
    real = {utf7.decode(name.encode("ascii")): value for name, value in snapshot.items()}
    found += [f"mailbox {name} differs" for name in (set(told) ^ set(real)) - set(phantoms)]
    for name, (validity, messages) in real.items():
        if name in told and (told[name].message_count, told[name].uid_validity) != (len(messages), validity):
            found.append(f"{name}: counts")
        rows: dict[int, types_pb.MessageSummary] = {}
        token = ""
        for _ in range(100):
            page = await inside.rows(name, page_size=200, page_token=token)
            rows |= {row.name.uid: row for row in page.messages}
            token = page.next_page_token
            if not token:
                break
        want = {message.uid: message for message in messages}
        for uid in rows.keys() | want.keys():
            row, message = rows.get(uid), want.get(uid)
            if row is None or message is None:
                found.append(f"{name} {uid}: listed {row is not None}, there {message is not None}")
            elif row.name.uid_validity != validity or row.envelope.message_id != message.message_id:
                found.append(f"{name} {uid}: lists {row.envelope.message_id} for {message.message_id}")
            elif _shown(row.flags) != _wanted(message):
                found.append(f"{name} {uid}: flags {_shown(row.flags)} for {_wanted(message)}")
    for text in ("lorem", *(f"subject:{word}" for word in WORDS[:2])):
        want_all = {
            (name, validity, message.uid)
            for name, (validity, messages) in real.items()
            if name != TRASH
            for message in messages
            if not message.draft_id and (text == "lorem" or text.removeprefix("subject:") in message.subject)
        }
        try:
            got = [place for place in await inside.search(text) if place[0] not in phantoms]
        except PosternError as err:
            found.append(f"search {text}: {err.reason}")
            continue
        found += [f"search {text}: {place} is missing" for place in sorted(want_all - set(got))]
        found += [f"search {text}: {place} is not there" for place in sorted(set(got) - want_all)]
        if len(got) != len(set(got)):
            found.append(f"search {text}: rows are there twice")
    return found


def _shown(flags: types_pb.MessageFlags) -> tuple[object, ...]:
    system = (flags.seen, flags.answered, flags.flagged, flags.deleted, flags.draft)
    return (*system, sorted(flags.labels))


def _wanted(message: Seen) -> tuple[object, ...]:
    low = {flag.lower() for flag in message.flags}
    labels = [flag for flag in message.flags if not flag.startswith(("\\", "$"))]
    return (*(flag in low for flag in _BITS[:5]), sorted(labels))
