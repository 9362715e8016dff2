"""What the next page has to say after a redirect, with what undo needs; in a signed cookie of its own.

It holds identifiers and counts, never mail content. A notice that grows too large for a cookie loses its
undo.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field

from services.web import crypto, formats
from services.web.i18n import gettext as _
from services.web.i18n import ngettext
from services.web.model.mail import MessageRange

_MAX_COOKIE = 3_500
_PURPOSE = "postern notice v1"


@dataclass(frozen=True)
class Notice:
    """`kind` names the text, `count` its number, `name` a mailbox or contact; `undo` are the fields of the
    undo form. `stopped`: it was ended before all was done."""

    kind: str
    count: int = 0
    name: str = ""
    undo_action: str = ""
    undo: dict[str, str] = field(default_factory=dict)
    stopped: bool = False

    @property
    def text(self) -> str:
        text = _text(self)
        # Translators: %(text)s is a sentence on what was done: "120 messages archived."
        return _("Stopped. %(text)s") % {"text": text} if self.stopped else text


def _text(notice: Notice) -> str:
    count, values = notice.count, {"count": formats.number(notice.count), "name": notice.name}
    match notice.kind:
        case "archived":
            text = ngettext("%(count)s message archived.", "%(count)s messages archived.", count)
        case "trashed":
            text = ngettext("%(count)s message moved to Trash.", "%(count)s messages moved to Trash.", count)
        case "moved":
            text = ngettext(
                "%(count)s message moved to %(name)s.", "%(count)s messages moved to %(name)s.", count
            )
        case "destroyed":
            text = ngettext(
                "%(count)s message deleted for good.", "%(count)s messages deleted for good.", count
            )
        case "read":
            text = ngettext("%(count)s message marked as read.", "%(count)s messages marked as read.", count)
        case "unread":
            text = ngettext(
                "%(count)s message marked as unread.", "%(count)s messages marked as unread.", count
            )
        case "starred":
            text = ngettext("%(count)s message starred.", "%(count)s messages starred.", count)
        case "unstarred":
            text = ngettext("%(count)s star removed.", "%(count)s stars removed.", count)
        case "labelled":
            text = ngettext(
                "%(count)s message labelled %(name)s.", "%(count)s messages labelled %(name)s.", count
            )
        case "unlabelled":
            text = ngettext(
                "Label %(name)s taken off %(count)s message.",
                "Label %(name)s taken off %(count)s messages.",
                count,
            )
        case "undone":
            text = _("Undone.")
        case "not-undone":
            text = _("It could not be undone: the messages are not there any more.")
        case "unsubscribed":
            text = _("You asked to be taken off the list.")
        case "not-unsubscribed":
            text = _("The list did not take the request. Its own link in the message may work.")
        case "nothing-selected":
            text = _("Select messages first.")
        case "sent":
            text = _("Message on its way.")
        case "held":
            text = ngettext(
                "The message will be sent in %(count)s second.",
                "The message will be sent in %(count)s seconds.",
                count,
            )
        case "scheduled":
            # Translators: %(name)s is a date and time
            text = _("The message will be sent on %(name)s.")
        case "discarded":
            text = _("Draft discarded.")
        case "contact-saved":
            text = _("Contact saved.")
        case "contacts-deleted":
            text = ngettext("%(count)s contact deleted.", "%(count)s contacts deleted.", count)
        case "settings-saved":
            text = _("Settings saved.")
        case "code-sent":
            text = _("A code is on its way to %(name)s.")
        case "address-confirmed":
            text = _("You may write as %(name)s now.")
        case "sessions-ended":
            text = ngettext("%(count)s session ended.", "%(count)s sessions ended.", count)
        case "factor-added":
            text = _("Second factor added.")
        case "app-token-revoked":
            text = _("Token revoked. What it opened stays open for five minutes at most.")
        case "factor-removed":
            text = _("Second factor removed.")
        case "mailbox-created":
            text = _("Mailbox %(name)s created.")
        case "mailbox-renamed":
            text = _("Mailbox renamed to %(name)s.")
        case "mailbox-deleted":
            text = _("Mailbox %(name)s deleted.")
        case "mailbox-trashed":
            text = ngettext(
                "Mailbox %(name)s moved to Trash with its %(count)s message.",
                "Mailbox %(name)s moved to Trash with its %(count)s messages.",
                count,
            )
        case "mailbox-hidden":
            text = _("Mailbox %(name)s is hidden from the list.")
        case "mailbox-shown":
            text = _("Mailbox %(name)s is in the list.")
        case "shared":
            text = _("%(name)s can open the mailbox now.")
        case "unshared":
            text = _("%(name)s cannot open the mailbox any more.")
        case "imported":
            text = ngettext("%(count)s message imported.", "%(count)s messages imported.", count)
        case "imported-some":
            text = ngettext(
                "%(count)s message imported; others were there already or are no messages.",
                "%(count)s messages imported; others were there already or are no messages.",
                count,
            )
        case "exported":
            text = ngettext("%(count)s message exported.", "%(count)s messages exported.", count)
        case "label-saved":
            text = _("Label %(name)s saved.")
        case "label-removed":
            text = _("Label %(name)s is not offered any more. Messages keep it.")
        case "search-saved":
            text = _("Search %(name)s saved. It stands below the mailboxes.")
        case "search-renamed":
            text = _("Search renamed to %(name)s.")
        case "search-deleted":
            text = _("Saved search %(name)s deleted.")
        case "cancelled":
            text = _("Sending was cancelled.")
        case "template-saved":
            text = _("Saved as the template “%(name)s”.")
        case "template-deleted":
            text = _("Template deleted.")
        case "drafted":
            text = _("Sending was cancelled. The message is in Drafts.")
        case "rescheduled":
            text = _("The message will be sent on %(name)s.")
        case "failed":
            text = notice.name
        case "resolved":
            text = _("Done.")
        case _:
            return ""
    return text % values


def pack(secret: str, notice: Notice) -> str:
    for undo in (notice.undo, {}):
        action = notice.undo_action if undo else ""
        content = [notice.kind, notice.count, notice.name[:200], action, undo, notice.stopped]
        payload = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 9)
        text = crypto.sign(secret, _PURPOSE, payload)
        if len(text) <= _MAX_COOKIE:
            break
    return text


def fits(secret: str, notice: Notice) -> bool:
    """Whether a cookie holds it with its undo."""
    if sum(map(len, notice.undo.values())) > 20 * _MAX_COOKIE:
        return False
    kept = unpack(secret, pack(secret, notice))
    return kept is not None and kept.undo == notice.undo


def unpack(secret: str, text: str) -> Notice | None:
    payload = crypto.verify(secret, _PURPOSE, text) if text else None
    if payload is None:
        return None
    try:
        kind, count, name, action, undo, *rest = json.loads(zlib.decompress(payload))
    except (ValueError, zlib.error):
        return None
    return Notice(kind, count, name, action, undo, bool(rest and rest[0]))


def range_text(messages: MessageRange) -> str:
    """ "UIDVALIDITY:1-3,7": order is kept, runs are shortened."""
    runs: list[str] = []
    start = previous = None
    for uid in messages.uids:
        if previous is not None and uid == previous + 1:
            previous = uid
            continue
        if start is not None:
            runs.append(f"{start}-{previous}" if previous != start else str(start))
        start = previous = uid
    if start is not None:
        runs.append(f"{start}-{previous}" if previous != start else str(start))
    return f"{messages.uid_validity}:{','.join(runs)}"


def parse_ranges(mailbox: str, text: str, most_in_one: int, most: int = 200_000) -> list[MessageRange] | None:
    """The inverse of range_text, in ranges of at most so many; None where it is no such text or names too
    many."""
    head, _, tail = text.partition(":")
    if not head.isdigit() or not 0 < int(head) < 2**32:
        return None
    uids: list[int] = []
    for run in tail.split(","):
        first, _, last = run.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            return None
        low, high = int(first), int(last or first)
        if not 0 < low <= high < 2**32 or len(uids) + high - low >= most:
            return None
        uids.extend(range(low, high + 1))
    return [
        MessageRange(mailbox, int(head), tuple(uids[start : start + most_in_one]))
        for start in range(0, len(uids), most_in_one)
    ]
