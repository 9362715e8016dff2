"""What the next page has to say after a redirect, with what undo needs; in a signed cookie of its own.

It holds identifiers and counts, never mail content. A notice that grows too large for a cookie loses its
undo.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field

from services.web import crypto
from services.web.i18n import gettext as _
from services.web.i18n import ngettext
from services.web.model.mail import MessageRange

_MAX_COOKIE = 3_500
_PURPOSE = "postern notice v1"


@dataclass(frozen=True)
class Notice:
    """`kind` names the text, `count` its number, `name` a mailbox or contact; `undo` are the fields of the
    undo form."""

    kind: str
    count: int = 0
    name: str = ""
    undo_action: str = ""
    undo: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return _text(self)


def _text(notice: Notice) -> str:
    count, values = notice.count, {"count": notice.count, "name": notice.name}
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
        case "resolved":
            text = _("Done.")
        case _:
            return ""
    return text % values


def pack(secret: str, notice: Notice) -> str:
    for undo in (notice.undo, {}):
        content = [notice.kind, notice.count, notice.name[:200], notice.undo_action if undo else "", undo]
        payload = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 9)
        text = crypto.sign(secret, _PURPOSE, payload)
        if len(text) <= _MAX_COOKIE:
            break
    return text


def unpack(secret: str, text: str) -> Notice | None:
    payload = crypto.verify(secret, _PURPOSE, text) if text else None
    if payload is None:
        return None
    try:
        kind, count, name, action, undo = json.loads(zlib.decompress(payload))
    except (ValueError, zlib.error):
        return None
    return Notice(kind, count, name, action, undo)


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


def parse_range(mailbox: str, text: str, most: int = 10_000) -> MessageRange | None:
    """The inverse of range_text; None where it is no such text or names too many."""
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
    return MessageRange(mailbox, int(head), tuple(uids)) if uids else None
