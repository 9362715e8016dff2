"""Where to look: the mailboxes of a query."""

from __future__ import annotations

from services.common.errors import Reason, error
from services.mailstore.mailboxes.model import Mailbox, Tree, Use
from services.mailstore.mailboxes.special_use import fold
from services.mailstore.names import check_mailbox
from services.mailstore.searching.query import Query

_WORDS = {
    "inbox": Use.INBOX,
    "drafts": Use.DRAFTS,
    "draft": Use.DRAFTS,
    "sent": Use.SENT,
    "archive": Use.ARCHIVE,
    "junk": Use.JUNK,
    "spam": Use.JUNK,
    "trash": Use.TRASH,
    "bin": Use.TRASH,
}
_ANYWHERE = frozenset({"anywhere", "all", "everything"})
# Views repeat what is in other mailboxes.
_VIEWS = frozenset({Use.ALL, Use.FLAGGED})


def mailboxes_of(tree: Tree, query: Query, named: tuple[str, ...]) -> list[str]:
    """Full names of the mailboxes to search, INBOX first. in: in the text wins over `named`; without
    either, all but Trash, Junk and views. MAILBOX_NOT_FOUND for a place that there is not.
    """
    if query.places:
        return list(dict.fromkeys(name for place in query.places for name in _place(tree, place)))
    if named:
        return [check_mailbox(name, "query.mailboxes") for name in dict.fromkeys(named)]
    return _all(tree, without=frozenset({Use.TRASH, Use.JUNK}) | _VIEWS)


def _all(tree: Tree, without: frozenset[Use]) -> list[str]:
    boxes = [box for box in tree.mailboxes if box.selectable and box.use not in without]
    return [box.name for box in sorted(boxes, key=_likely)]


def _likely(box: Mailbox) -> tuple[int, str]:
    """Where people find things first: INBOX, then the special ones, then by name."""
    order = (Use.INBOX, Use.SENT, Use.ARCHIVE, Use.DRAFTS)
    return (order.index(box.use) if box.use in order else len(order), box.name)


def _place(tree: Tree, place: str) -> list[str]:
    word = fold(place)
    if word in _ANYWHERE:
        return _all(tree, without=_VIEWS)
    exact = tree.by_name(place)
    if exact is not None and exact.selectable:
        return [exact.name]
    use = _WORDS.get(word)
    special = tree.by_use(use) if use is not None else None
    if special is not None:
        return [special.name]
    found = [
        box.name
        for box in tree.mailboxes
        if box.selectable and word in (fold(box.name), fold(box.last_level))
    ]
    if not found:
        raise error(Reason.MAILBOX_NOT_FOUND, "no such place")
    return found
