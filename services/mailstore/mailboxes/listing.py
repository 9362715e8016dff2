"""The tree of mailboxes with its counts: LIST, STATUS, NAMESPACE in as few round trips as the server
allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from services.mailstore.imap import utf7
from services.mailstore.imap.parser import Response, Value, pairs
from services.mailstore.imap.session import Result, Session
from services.mailstore.mailboxes.model import Mailbox, Namespace, Tree
from services.mailstore.mailboxes.special_use import assign

# A tree beyond this is cut; ten times what Dovecot's own limits make likely.
MOST_MAILBOXES = 10_000
# STATUS commands in flight where the server has no LIST-STATUS.
_MOST_RIGHTS = 200
_PIPELINE = 50
# Mailboxes of a tree that is remembered.
_MOST_KEPT = 200

Namespaces = tuple[tuple[str, Namespace], ...]


async def list_mailboxes(session: Session, *, counts: bool) -> Tree:
    """The whole tree. One round trip where the server has LIST-STATUS (RFC 5819), else one for every 50
    mailboxes; one more where something has happened in the mailbox that is open on the connection.
    """
    extended = session.has("LIST-EXTENDED") or session.rev2
    with_status = counts and extended and (session.has("LIST-STATUS") or session.rev2)
    commands: list[list[bytes]] = []
    if extended:
        wanted = [b"SUBSCRIBED", b"CHILDREN"]
        if session.has("SPECIAL-USE") or session.rev2:
            wanted.append(b"SPECIAL-USE")
        if session.has("LIST-MYRIGHTS"):
            wanted.append(b"MYRIGHTS")
        if with_status:
            wanted.append(b"STATUS " + status_items(session))
        commands.append([b"LIST", b'""', b'"*"', b"RETURN", b"(" + b" ".join(wanted) + b")"])
    else:
        commands.append([b"LIST", b'""', b'"*"'])
        commands.append([b"LSUB", b'""', b'"*"'])
    if session.has("NAMESPACE") or session.rev2:
        commands.append([b"NAMESPACE"])
    selected = session.selected if counts else None
    changes = selected.changes if selected else 0
    if selected:
        commands.append([b"NOOP"])
    results = await session.execute(*commands)
    session.require(results[0], commands[0])
    namespaces: Namespaces = ()
    for command, result in zip(commands, results, strict=True):
        if command == [b"NAMESPACE"] and result.status == "OK":
            namespaces = _namespaces(result.data("NAMESPACE"), utf8=session.utf8)
    subscribed: set[str] | None = None
    if not extended:
        subscribed = {
            _name(response.values[2], session.utf8)
            for response in results[1].data("LSUB")
            if len(response.values) >= 3
        }
    told = tuple(response.values for response in results[0].data("LIST"))
    chosen = None if subscribed is None else frozenset(subscribed)
    states = tuple(response.values for response in results[0].data("STATUS"))
    read = _known_tree if len(told) <= _MOST_KEPT else _read_tree
    boxes = read(told, states, session.utf8, namespaces, chosen)
    boxes = _with_rights(boxes, results[0].data("MYRIGHTS"), session.utf8)
    if counts and not with_status:
        boxes = await _fetch_counts(session, boxes)
    elif selected and selected.changes != changes:
        # Of the mailbox that is open STATUS tells what the connection had seen before (Dovecot).
        boxes = tuple([await _recounted(session, box) if box.name == selected.name else box for box in boxes])
    if counts and session.has("ACL") and not session.has("LIST-MYRIGHTS"):
        boxes = await _fetch_rights(session, boxes)
    return Tree(boxes)


async def _recounted(session: Session, box: Mailbox) -> Mailbox:
    command = [b"STATUS", session.mailbox(box.name), status_items(session)]
    (result,) = await session.execute(command)
    return _with_status((box,), _values(result), session.utf8)[0]


async def status(session: Session, name: str) -> Mailbox:
    """The counts of one mailbox. CommandRefused where it is not there."""
    result = await session.command(b"STATUS", session.mailbox(name), status_items(session))
    return counted(name, result, utf8=session.utf8)


def counted(name: str, result: Result, *, utf8: bool) -> Mailbox:
    """The mailbox with what its STATUS told."""
    (box,) = _with_status((Mailbox(name),), _values(result), utf8)
    return box


def status_items(session: Session) -> bytes:
    """What STATUS is asked for, as far as the server knows it."""
    items = [b"MESSAGES", b"UNSEEN", b"UIDNEXT", b"UIDVALIDITY"]
    if session.has("CONDSTORE") or session.has("QRESYNC"):
        items.append(b"HIGHESTMODSEQ")
    if session.has("OBJECTID"):
        items.append(b"MAILBOXID")
    return b"(" + b" ".join(items) + b")"


def _name(value: Value, utf8: bool) -> str:
    # An atom of digits is a number to the parser.
    octets = b"%d" % value if isinstance(value, int) else value if isinstance(value, bytes) else b""
    name = utf7.decode(octets, utf8=utf8)
    return "INBOX" if name.upper() == "INBOX" else name


def _read_list(
    told: tuple[tuple[Value, ...], ...],
    utf8: bool,
    namespaces: Namespaces,
    subscribed: frozenset[str] | None,
) -> tuple[Mailbox, ...]:
    """The mailboxes of LIST responses, with their uses; `told` is the data of each."""
    found: dict[str, tuple[Mailbox, frozenset[str]]] = {}
    for values in told:
        if len(values) < 3 or not isinstance(values[0], tuple):
            continue
        flags, delimiter, raw = values[:3]
        attributes = frozenset(
            flag.decode("ascii", "replace").upper() for flag in flags if isinstance(flag, bytes)
        )
        separator = delimiter.decode("utf-8", "replace") if isinstance(delimiter, bytes) else ""
        name = _name(raw, utf8)
        if not name or len(found) >= MOST_MAILBOXES:
            continue
        if separator and name != separator:
            name = name.removesuffix(separator)
        # RFC 9051 section 7.3.1: \NonExistent implies \Noselect.
        selectable = not attributes & {"\\NOSELECT", "\\NONEXISTENT"}
        box = Mailbox(
            name=name,
            delimiter=separator,
            selectable=selectable,
            can_have_children=bool(separator) and "\\NOINFERIORS" not in attributes,
            subscribed="\\SUBSCRIBED" in attributes if subscribed is None else name in subscribed,
            namespace=_namespace_of(name, namespaces),
        )
        found[name] = (box, attributes)
    return assign(list(found.values()))


# The tree is looked at every few seconds, and hardly ever changes; its counts change more often.
_known_list = lru_cache(maxsize=256)(_read_list)


def _read_tree(
    told: tuple[tuple[Value, ...], ...],
    states: tuple[tuple[Value, ...], ...],
    utf8: bool,
    namespaces: Namespaces,
    subscribed: frozenset[str] | None,
) -> tuple[Mailbox, ...]:
    """The mailboxes of LIST responses with the counts of STATUS responses."""
    read = _known_list if len(told) <= _MOST_KEPT else _read_list
    return _with_status(read(told, utf8, namespaces, subscribed), states, utf8)


_known_tree = lru_cache(maxsize=256)(_read_tree)


def _namespaces(responses: list[Response], *, utf8: bool) -> Namespaces:
    prefixes: list[tuple[str, Namespace]] = []
    kinds = (Namespace.PERSONAL, Namespace.OTHER_USERS, Namespace.SHARED)
    for response in responses:
        for kind, entries in zip(kinds, response.values, strict=False):
            for entry in entries or ():
                if isinstance(entry, tuple) and entry and isinstance(entry[0], (bytes, int)):
                    prefixes.append((_name(entry[0], utf8), kind))
    # The longest prefix that fits decides.
    return tuple(sorted(prefixes, key=lambda pair: -len(pair[0])))


def _namespace_of(name: str, namespaces: Namespaces) -> Namespace:
    if name == "INBOX" or not namespaces:
        return Namespace.PERSONAL
    for prefix, kind in namespaces:
        if name.startswith(prefix) or name == prefix[:-1]:
            return kind
    return Namespace.PERSONAL


def _values(result: Result) -> list[tuple[Value, ...]]:
    return [response.values for response in result.data("STATUS")]


def _with_status(
    boxes: tuple[Mailbox, ...], states: Iterable[tuple[Value, ...]], utf8: bool
) -> tuple[Mailbox, ...]:
    """`states`: the data of STATUS responses."""
    counts: dict[str, dict[bytes, Value]] = {}
    for values in states:
        if len(values) >= 2:
            counts[_name(values[0], utf8)] = pairs(values[1])
    if not counts:
        return boxes
    return tuple(_counted(box, counts.get(box.name)) for box in boxes)


def _counted(box: Mailbox, data: dict[bytes, Value] | None) -> Mailbox:
    if not data:
        return box

    def number(item: bytes) -> int:
        value = data.get(item)
        return value if isinstance(value, int) else 0

    identity = data.get(b"MAILBOXID")
    mailbox_id = ""
    if isinstance(identity, tuple) and identity and isinstance(identity[0], bytes):
        mailbox_id = identity[0].decode("ascii", "replace")
    # `replace` takes several times as long.
    return Mailbox(
        box.name,
        box.delimiter,
        box.use,
        box.selectable,
        box.can_have_children,
        box.subscribed,
        number(b"MESSAGES"),
        number(b"UNSEEN"),
        number(b"UIDVALIDITY"),
        number(b"UIDNEXT"),
        number(b"HIGHESTMODSEQ"),
        box.namespace,
        box.my_rights,
        mailbox_id,
    )


def _with_rights(
    boxes: tuple[Mailbox, ...], responses: Iterable[Response], utf8: bool
) -> tuple[Mailbox, ...]:
    rights = {
        _name(response.values[0], utf8): response.values[1].decode("ascii", "replace")
        for response in responses
        if len(response.values) >= 2 and isinstance(response.values[1], bytes)
    }
    return tuple(replace(box, my_rights=rights.get(box.name, "")) for box in boxes) if rights else boxes


async def _fetch_counts(session: Session, boxes: tuple[Mailbox, ...]) -> tuple[Mailbox, ...]:
    """STATUS of each selectable mailbox, many in flight; one that is refused has no counts."""
    names = [box.name for box in boxes if box.selectable]
    states: list[tuple[Value, ...]] = []
    for start in range(0, len(names), _PIPELINE):
        commands = [
            [b"STATUS", session.mailbox(name), status_items(session)]
            for name in names[start : start + _PIPELINE]
        ]
        for result in await session.execute(*commands):
            states.extend(_values(result))
    return _with_status(boxes, states, session.utf8)


async def _fetch_rights(session: Session, boxes: tuple[Mailbox, ...]) -> tuple[Mailbox, ...]:
    """MYRIGHTS of others' and of shared mailboxes, many in flight: in one's own nearly all is allowed."""
    own = (Namespace.PERSONAL, Namespace.UNKNOWN)
    names = [box.name for box in boxes if box.selectable and box.namespace not in own][:_MOST_RIGHTS]
    responses: list[Response] = []
    for start in range(0, len(names), _PIPELINE):
        commands = [[b"MYRIGHTS", session.mailbox(name)] for name in names[start : start + _PIPELINE]]
        for result in await session.execute(*commands):
            responses.extend(result.data("MYRIGHTS"))
    return _with_rights(boxes, responses, session.utf8)
