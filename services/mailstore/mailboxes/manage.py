"""Create, rename, delete and subscribe mailboxes (RFC 9051 section 6.3), and find or make the special
ones.
"""

from __future__ import annotations

from services.common.errors import Reason, error, invalid_argument
from services.mailstore.imap.failure import PASSING, CommandRefused
from services.mailstore.imap.session import Session
from services.mailstore.imap.utf7 import check_name, is_raw
from services.mailstore.mailboxes import listing
from services.mailstore.mailboxes.model import Mailbox, Namespace, Tree, Use
from services.mailstore.mailboxes.special_use import NAMES

_ATTRIBUTE = {
    Use.DRAFTS: b"\\Drafts",
    Use.SENT: b"\\Sent",
    Use.ARCHIVE: b"\\Archive",
    Use.JUNK: b"\\Junk",
    Use.TRASH: b"\\Trash",
    Use.ALL: b"\\All",
    Use.FLAGGED: b"\\Flagged",
}
MAX_NAME = 500


def check_new_name(name: str, delimiter: str, field: str) -> None:
    """INVALID_ARGUMENT where a mailbox cannot or should not get this name."""
    if not name.strip():
        raise invalid_argument(field, "missing")
    if len(name) > MAX_NAME:
        raise invalid_argument(field, "too_long")
    try:
        check_name(name)
    except ValueError as err:
        raise invalid_argument(field, "control_characters", err) from None
    if is_raw(name):
        raise invalid_argument(field, "malformed")
    if delimiter and any(not level.strip() for level in name.split(delimiter)):
        raise invalid_argument(field, "empty_level")
    # RFC 9051 section 6.3.9: LIST would take these for wildcards, and no client could address the mailbox
    # again.
    if "*" in name or "%" in name:
        raise invalid_argument(field, "wildcard")


async def create(session: Session, name: str, use: Use = Use.NONE) -> Mailbox:
    """A new mailbox, subscribed. MAILBOX_EXISTS where there is one."""
    tree = await listing.list_mailboxes(session, counts=False)
    check_new_name(name, tree.delimiter, "mailbox")
    existing = tree.by_name("INBOX" if name.upper() == "INBOX" else name)
    if existing is not None and existing.selectable:
        raise error(Reason.MAILBOX_EXISTS)
    await _create(session, name, use)
    return await find(session, name)


async def _create(session: Session, name: str, use: Use) -> None:
    pieces = [b"CREATE", session.mailbox(name)]
    attribute = _ATTRIBUTE.get(use)
    if attribute is not None and session.has("CREATE-SPECIAL-USE"):
        (result,) = await session.execute([*pieces, b"(USE (" + attribute + b"))"])
        # RFC 6154 section 3: USEATTR says that this use cannot be given, not that there can be no mailbox.
        if result.status == "NO" and result.code == "USEATTR":
            await session.command(*pieces)
        else:
            session.require(result, pieces)
    else:
        (result,) = await session.execute(pieces)
        if result.status == "NO" and result.code == "" and await _exists(session, name):
            raise error(Reason.MAILBOX_EXISTS)
        if result.code == "CANNOT":
            # RFC 5530: the server has rules of its own for names.
            raise invalid_argument("mailbox", "refused_by_server", result.text.decode("utf-8", "replace"))
        session.require(result, pieces)
    await session.execute([b"SUBSCRIBE", session.mailbox(name)])


async def _exists(session: Session, name: str) -> bool:
    (result,) = await session.execute([b"STATUS", session.mailbox(name), b"(UIDVALIDITY)"])
    return result.status == "OK"


async def find(session: Session, name: str) -> Mailbox:
    """The mailbox as the tree has it, with counts. MAILBOX_NOT_FOUND."""
    tree = await listing.list_mailboxes(session, counts=True)
    box = tree.by_name("INBOX" if name.upper() == "INBOX" else name)
    if box is None:
        raise error(Reason.MAILBOX_NOT_FOUND)
    return box


async def rename(session: Session, name: str, new_name: str) -> Mailbox:
    """Rename a mailbox with all below it; subscriptions follow."""
    if name.upper() == "INBOX":
        # RFC 9051 section 6.3.6: it would empty INBOX into a new mailbox, which nobody means by "rename".
        raise invalid_argument("mailbox", "inbox")
    tree = await listing.list_mailboxes(session, counts=False)
    old = tree.by_name(name)
    if old is None:
        raise error(Reason.MAILBOX_NOT_FOUND)
    check_new_name(new_name, old.delimiter, "new_mailbox")
    if tree.by_name(new_name) is not None or new_name.upper() == "INBOX":
        raise error(Reason.MAILBOX_EXISTS)
    if old.delimiter and new_name.startswith(name + old.delimiter):
        raise invalid_argument("new_mailbox", "below_itself")
    await _leave(session, tree, name)
    command = [b"RENAME", session.mailbox(name), session.mailbox(new_name)]
    (result,) = await session.execute(command)
    if result.code == "CANNOT":
        raise invalid_argument("new_mailbox", "refused_by_server", result.text.decode("utf-8", "replace"))
    session.require(result, command)
    moved = [
        (box.name, new_name + box.name[len(name) :]) for box in _with_children(tree, old) if box.subscribed
    ]
    commands = []
    for before, after in moved:
        # RFC 9051 section 6.3.6 leaves subscriptions where they were.
        commands.append([b"SUBSCRIBE", session.mailbox(after)])
        commands.append([b"UNSUBSCRIBE", session.mailbox(before)])
    if commands:
        await session.execute(*commands)
    return await find(session, new_name)


async def delete(session: Session, name: str, *, with_messages: bool) -> None:
    """Delete a mailbox. CONFLICT where it has messages and `with_messages` is not set, or has children that
    the server does not let stay.
    """
    if name.upper() == "INBOX":
        raise invalid_argument("mailbox", "inbox")
    tree = await listing.list_mailboxes(session, counts=False)
    box = tree.by_name(name)
    if box is None:
        raise error(Reason.MAILBOX_NOT_FOUND)
    if box.selectable and not with_messages:
        counted = await listing.status(session, name)
        if counted.message_count:
            raise error(Reason.CONFLICT, problem="not_empty")
    await _leave(session, tree, name)
    try:
        await session.command(b"DELETE", session.mailbox(name))
    except CommandRefused as err:
        if len(_with_children(tree, box)) > 1:
            raise error(Reason.CONFLICT, err, problem="has_children") from err
        raise
    await session.execute([b"UNSUBSCRIBE", session.mailbox(name)])


async def _leave(session: Session, tree: Tree, name: str) -> None:
    """Close the mailbox on this connection if it is the one, or below it: some servers refuse else."""
    selected = session.selected
    box = tree.by_name(name)
    below = name + box.delimiter if box and box.delimiter else name
    if selected is None or not (selected.name == name or selected.name.startswith(below)):
        return
    if session.has("UNSELECT") or session.rev2:
        await session.command(b"UNSELECT")
    else:
        # CLOSE would expunge (RFC 9051 section 6.4.1) what some client marked: EXAMINE first makes it
        # harmless.
        await session.execute(session.begin_select("INBOX", True))


def _with_children(tree: Tree, box: Mailbox) -> list[Mailbox]:
    if not box.delimiter:
        return [box]
    below = box.name + box.delimiter
    return [other for other in tree.mailboxes if other.name == box.name or other.name.startswith(below)]


async def subscribe(session: Session, name: str, *, subscribed: bool) -> None:
    """Set the subscription. A mailbox that is gone can be unsubscribed."""
    await session.command(b"SUBSCRIBE" if subscribed else b"UNSUBSCRIBE", session.mailbox(name))


async def special(session: Session, use: Use) -> Mailbox:
    """The mailbox of this use; SPECIAL_MAILBOX_MISSING where there is none."""
    box = (await listing.list_mailboxes(session, counts=False)).by_use(use)
    if box is None:
        raise error(Reason.SPECIAL_MAILBOX_MISSING, use=use.value)
    return box


async def ensure_special(
    session: Session, use: Use, *, create_missing: bool, preferred_name: str = ""
) -> tuple[Mailbox, bool]:
    """The mailbox of this use and whether it was created now."""
    if use not in NAMES and use is not Use.INBOX:
        raise invalid_argument("special_use", "unsupported")
    tree = await listing.list_mailboxes(session, counts=False)
    box = tree.by_use(use)
    if box is not None:
        return box, False
    if not create_missing:
        raise error(Reason.SPECIAL_MAILBOX_MISSING, use=use.value)
    name = preferred_name or NAMES[use][0]
    check_new_name(name, tree.delimiter, "preferred_name")
    if not preferred_name:
        name = _personal_prefix(tree) + name
    existing = tree.by_name(name)
    if existing is None or not existing.selectable:
        try:
            await _create(session, name, use)
        except CommandRefused as err:
            # Another connection may have made it since it was looked for (RFC 5530: ALREADYEXISTS).
            tree = await listing.list_mailboxes(session, counts=False)
            made = tree.by_use(use) or tree.by_name(name)
            if made is not None and made.selectable:
                return made, False
            if err.code == "ALREADYEXISTS":
                # Dovecot may list it late. It is there.
                return Mailbox(name, delimiter=tree.delimiter, use=use), False
            # Servers that keep all of a person's mailboxes below INBOX (RFC 2342's "INBOX." prefix).
            # A refusal that passes says nothing about the name: it is tried again elsewhere.
            if name.startswith("INBOX") or not tree.delimiter or err.code in PASSING:
                raise
            name = f"INBOX{tree.delimiter}{name}"
            await _create(session, name, use)
    return await find(session, name), True


def _personal_prefix(tree: Tree) -> str:
    """Where the account's mailboxes live: "" or "INBOX."."""
    delimiter = tree.delimiter
    own = [box for box in tree.mailboxes if box.namespace is Namespace.PERSONAL and box.name != "INBOX"]
    if delimiter and own and all(box.name.startswith("INBOX" + delimiter) for box in own):
        return "INBOX" + delimiter
    return ""
