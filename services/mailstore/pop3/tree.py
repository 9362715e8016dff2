"""LIST and STATUS, and the commands that change the tree of mailboxes (RFC 9051 section 6.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.mailstore.pop3.store import Box, Store
from services.mailstore.pop3.words import mailbox_name, text, wire_name

DELIMITER = "/"
# Mailboxes of one account, and octets of a name.
MOST_MAILBOXES, LONGEST_NAME = 2000, 1000


def listing(store: Store, words: tuple[Any, ...]) -> list[list[bytes]]:
    """The responses to LIST "" "*", with STATUS where RETURN asks for it."""
    items = None
    options = words[3] if len(words) > 3 and isinstance(words[3], tuple) else ()
    for index, option in enumerate(options[:-1]):
        if isinstance(option, bytes) and option.upper() == b"STATUS":
            items = options[index + 1]
    boxes = store.boxes()
    lines = []
    for box in boxes:
        below = box.name + DELIMITER
        words_ = [
            "\\HasChildren" if any(each.name.startswith(below) for each in boxes) else "\\HasNoChildren"
        ]
        words_ += ["\\Subscribed"] * box.subscribed + [box.use] * bool(box.use)
        lines.append([b'* LIST (%s) "/" %s' % (" ".join(words_).encode("ascii"), wire_name(box.name))])
        if items is not None:
            lines.append(status(store, box, items))
    return lines


def status(store: Store, box: Box, items: Any) -> list[bytes]:
    """The response to STATUS."""
    total, unread = store.counts(box.id)
    values = {
        b"MESSAGES": b"%d" % total,
        b"UNSEEN": b"%d" % unread,
        b"UIDNEXT": b"%d" % box.uid_next,
        b"UIDVALIDITY": b"%d" % box.uid_validity,
        b"HIGHESTMODSEQ": b"%d" % box.modseq,
        b"MAILBOXID": b"(%s)" % box.object_id.encode("ascii"),
    }
    names = [text(item).upper() for item in items]
    told = b" ".join(b"%s %s" % (name, values[name]) for name in names if name in values)
    return [b"* STATUS %s (%s)" % (wire_name(box.name), told)]


def _create(store: Store, words: tuple[Any, ...]) -> str | None:
    name = mailbox_name(words[0]).rstrip(DELIMITER)
    use = ""
    if len(words) > 1 and isinstance(words[1], tuple) and len(words[1]) > 1:
        use = next((text(word).decode("ascii") for word in words[1][1]), "")
    with store.writing():
        boxes = store.boxes()
        if any(box.name == name for box in boxes):
            return "ALREADYEXISTS"
        if len(boxes) >= MOST_MAILBOXES or not name or len(name.encode()) > LONGEST_NAME:
            return "LIMIT"
        if use and any(box.use == use for box in boxes):
            return "USEATTR"
        store.make(name, use)
    return None


def _delete(store: Store, words: tuple[Any, ...]) -> str | None:
    name = mailbox_name(words[0])
    with store.writing():
        box = store.box(name)
        if box is None:
            return "NONEXISTENT"
        if name == "INBOX":
            return "CANNOT"
        if any(each.name.startswith(name + DELIMITER) for each in store.boxes()):
            return "HASCHILDREN"
        store.remove_box(box.id)
    return None


def _rename(store: Store, words: tuple[Any, ...]) -> str | None:
    old, new = mailbox_name(words[0]), mailbox_name(words[1])
    with store.writing() as db:
        names = {box.name: box for box in store.boxes()}
        if old not in names:
            return "NONEXISTENT"
        if new in names:
            return "ALREADYEXISTS"
        if old == "INBOX" or new.startswith(old + DELIMITER) or len(new.encode()) > LONGEST_NAME:
            return "CANNOT"
        for name, box in names.items():
            if name == old or name.startswith(old + DELIMITER):
                moved = new + name[len(old) :]
                if moved in names:
                    return "ALREADYEXISTS"
                db.execute("UPDATE mailbox SET name = ? WHERE id = ?", (moved, box.id))
    return None


def _subscribe(store: Store, words: tuple[Any, ...], subscribed: bool = True) -> str | None:
    with store.writing() as db:
        db.execute("UPDATE mailbox SET subscribed = ? WHERE name = ?", (subscribed, mailbox_name(words[0])))
    return None


# What each answers is the code of a refusal, None where it was done.
CHANGES: dict[bytes, Callable[[Store, tuple[Any, ...]], str | None]] = {
    b"CREATE": _create,
    b"DELETE": _delete,
    b"RENAME": _rename,
    b"SUBSCRIBE": _subscribe,
    b"UNSUBSCRIBE": lambda store, words: _subscribe(store, words, False),
}
