"""From messages to the lines of a list, and from mailboxes to the lines of the tree."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.web import formats, i18n, labels, urls
from services.web.i18n import gettext as _
from services.web.labels import Label
from services.web.model.mail import (
    Address,
    Conversation,
    MailboxTree,
    MailboxView,
    Order,
    Row,
    Space,
    Use,
)
from services.web.session import Me

# Where what a person wrote themselves lies: there the recipients tell messages apart.
OUTGOING = {Use.SENT, Use.DRAFTS}
_SPACES = [Space.OWN, Space.OTHERS, Space.SHARED]
SORTS = ("arrival", "date", "from", "subject", "size", "to")
MAX_ROWS = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list, ready to be drawn."""

    href: str
    value: str
    people: str
    subject: str
    row: Row
    unread: bool
    starred: bool
    attachments: bool
    count: int = 1
    current: bool = False
    place: str = ""
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Drafts:
    """Lines that are made when they have to be drawn. `of` are the messages or conversations, `terms` all
    else that the lines depend on but which of them is open; together they say what the lines look like."""

    of: Sequence[Any]
    terms: Hashable
    line: Callable[[Any, bool], Line]
    # Whether one of them is the one that is open; None where none is.
    is_open: Callable[[Any], bool] | None = None

    def __len__(self) -> int:
        return len(self.of)


@dataclass(frozen=True, slots=True)
class TreeLine:
    mailbox: MailboxView
    name: str
    depth: int
    current: bool
    path: str = ""
    heads: bool = False  # the first of other people's, or of the shared ones


def mailbox_label(mailbox: MailboxView) -> str:
    """The name to show: that of its purpose in the reader's language, else its own."""
    match mailbox.use:
        case Use.INBOX:
            return _("Inbox")
        case Use.DRAFTS:
            return _("Drafts")
        case Use.SENT:
            return _("Sent")
        case Use.ARCHIVE:
            return _("Archive")
        case Use.JUNK:
            return _("Junk")
        case Use.TRASH:
            return _("Trash")
        case Use.ALL:
            return _("All mail")
        case Use.FLAGGED:
            return _("Starred")
    return mailbox.display_name


def uses_subscriptions(tree: MailboxTree, space: Space = Space.OWN) -> bool:
    """Whether somebody has ever chosen which of their own mailboxes, or of others', are in the list: else all
    are, so that what is newly shared is seen."""
    own = [one for one in tree.mailboxes if one.use is Use.NONE and one.space is space]
    return (space is Space.OWN and not own) or any(one.subscribed for one in own)


def _hidden(tree: MailboxTree, current: str) -> set[str]:
    """Names of mailboxes that are not in the list: not subscribed, nor above one that is."""
    shown = {one.name: one for one in tree.mailboxes}
    chosen = {space for space in Space if uses_subscriptions(tree, space)}
    hidden = {
        one.name
        for one in tree.mailboxes
        if not one.subscribed and one.use is Use.NONE and one.name != current and one.space in chosen
    }
    for one in tree.mailboxes:
        parent = one.parent if one.name not in hidden else ""
        while parent in shown:
            hidden.discard(parent)
            parent = shown[parent].parent
    return hidden


def hidden_count(tree: MailboxTree, current: str) -> int:
    hidden = _hidden(tree, current)
    return sum(one.selectable for one in tree.mailboxes if one.name in hidden)


def tree_lines(tree: MailboxTree, current: str, hidden: bool = False) -> list[TreeLine]:
    """The mailboxes with what lies below each right after it, other people's and shared ones last; one whose
    parent is not listed stands at the top. `hidden`: also those that are not in the person's list."""
    left_out = set() if hidden else _hidden(tree, current)
    listed = [one for one in tree.mailboxes if one.name not in left_out]
    names = {mailbox.name for mailbox in listed}
    children: dict[str, list[MailboxView]] = {}
    for mailbox in sorted(listed, key=lambda one: _SPACES.index(one.space)):
        # A special mailbox is found at the top even where the server keeps it below INBOX.
        parent = mailbox.parent if mailbox.parent in names and mailbox.use is Use.NONE else ""
        children.setdefault(parent if parent != mailbox.name else "", []).append(mailbox)
    lines: list[TreeLine] = []
    space = Space.OWN

    def walk(parent: str, depth: int, path: str) -> None:
        nonlocal space
        for mailbox in children.get(parent, ()):
            label = mailbox_label(mailbox)
            heads = mailbox.space is not space and depth == 0
            space = mailbox.space if depth == 0 else space
            full = f"{path} / {label}" if path else label
            current_one = mailbox.name == current
            lines.append(TreeLine(mailbox, label, depth, current_one, full, heads))
            if mailbox.name and depth < 20:
                walk(mailbox.name, depth + 1, full)

    walk("", 0, "")
    return lines


def move_targets(tree: MailboxTree, current: str) -> list[tuple[str, str]]:
    """(name, as shown) of the mailboxes that messages can be moved to."""
    return [
        (line.mailbox.name, " " * 2 * line.depth + line.name)
        for line in tree_lines(tree, current)
        if line.mailbox.selectable
        and line.mailbox.name != current
        and line.mailbox.use not in (Use.ALL, Use.FLAGGED)
        and line.mailbox.may("i")
    ]


def people(addresses: Iterable[Address], me: Me) -> str:
    """Who, in a few words; the reader is "me"."""
    own = {identity.address.lower() for identity in me.identities} | {me.account.lower()}
    shown: list[str] = []
    for entry in addresses:
        if not entry.address and not entry.name:
            continue
        name = _("me") if entry.address.lower() in own else entry.shown
        if name not in shown:
            shown.append(name)
        if len(shown) == 4:
            break
    return ", ".join(shown)


def who(row: Row, outgoing: bool, me: Me) -> str:
    if outgoing:
        text = people((*row.envelope.to, *row.envelope.cc, *row.envelope.bcc), me)
        return _("To: %(people)s") % {"people": text} if text else _("(no recipient)")
    entry = next((one for one in row.envelope.from_ if one.address or one.name), None)
    return entry.shown if entry else _("(unknown sender)")


def subject_of(row: Row) -> str:
    return row.envelope.subject.strip() or _("(no subject)")


def _labels(row: Row, known: labels.Labels) -> tuple[Label, ...]:
    return tuple(known.get(one) for one in row.flags.labels)


def message_lines(
    rows: Sequence[Row],
    me: Me,
    *,
    outgoing: bool = False,
    open_key: str = "",
    drafts: bool = False,
    places: dict[str, str] | None = None,
    **query: object,
) -> Drafts:
    """Lines of single messages. `places` names mailboxes to show beside each (a search over several); the
    `open_key` is a full one then."""
    full = places is not None
    known = labels.of(me)

    def value(row: Row) -> str:
        return urls.full_key(row.ref) if full else row.ref.key

    def make(row: Row, current: bool) -> Line:
        ref = row.ref
        draft = drafts or (full and row.flags.draft)
        href = urls.with_query("/compose", draft=urls.full_key(ref)) if draft else urls.message(ref, **query)
        return Line(
            href=href,
            value=value(row),
            people=who(row, outgoing, me),
            subject=subject_of(row),
            row=row,
            unread=not row.flags.seen,
            starred=row.flags.flagged,
            attachments=row.has_attachment,
            current=current,
            place=(places or {}).get(ref.mailbox, ""),
            labels=_labels(row, known),
        )

    named = tuple((places or {}).items())
    terms = ("message", *reader(me), outgoing, drafts, full, named, tuple(query.items()))
    return Drafts(rows, terms, make, (lambda row: value(row) == open_key) if open_key else None)


def reader(me: Me) -> tuple[Hashable, ...]:
    """What a line depends on beside its message: who reads, in which language and zone, and on which day."""
    locale = i18n.current()
    today = formats.now().astimezone(locale.zone).date()
    chosen = me.preferences.labels
    return (me.account, me.identities, chosen, locale.tag, locale.name, locale.zone_name, today)


def conversation_lines(
    conversations: Sequence[Conversation], me: Me, *, open_key: str = "", **query: object
) -> Drafts:
    known = labels.of(me)

    def keys(one: Conversation) -> list[str]:
        return [ref.key for ref in one.refs] or [one.newest.ref.key]

    def make(one: Conversation, current: bool) -> Line:
        row = one.newest
        return Line(
            href=urls.message(row.ref, **query),
            value=" ".join(keys(one)),
            people=people(one.participants, me) or who(row, False, me),
            subject=subject_of(row),
            row=row,
            unread=one.unread > 0,
            starred=one.flagged,
            attachments=one.attachment,
            count=max(1, one.messages),
            current=current,
            labels=_labels(row, known),
        )

    terms = ("conversation", *reader(me), tuple(query.items()))
    return Drafts(conversations, terms, make, (lambda one: open_key in keys(one)) if open_key else None)


def parse_sort(text: str) -> Order:
    """ "subject" (Z first) or "subject-up" (A first); anything else is the order of arrival."""
    key, _, up = text.partition("-")
    return Order(key, up == "up") if key in SORTS else Order()


def etag(me: Me, parts: Sequence[object], tree: MailboxTree, version: str) -> str:
    """A weak tag over everything that a list page shows (RFC 9110 section 8.8.1)."""
    locale = i18n.current()
    counts = [(one.name, one.unread, one.messages, one.state) for one in tree.mailboxes]
    today = formats.now().astimezone(locale.zone).date()
    whole = repr(
        (
            me.account,
            me.preferences,
            me.grant.session_id,
            locale.name,
            locale.zone_name,
            today,
            version,
            counts,
            tree.stale_seconds,
            *parts,
        )
    )
    return f'W/"{hashlib.sha256(whole.encode()).hexdigest()[:20]}"'
