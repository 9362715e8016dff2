"""What is remembered of each account's mailboxes between its pages: those that have a purpose, and those
where not everything is allowed. A pane that is drawn alone is drawn right by it, without asking for the tree.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from services.web.model.mail import MailboxTree, Use

MOST = 20_000
# What one may want to do with messages: flags, stars and labels, moving away (RFC 4314 section 2.1).
ACTS = "swte"


class Places:
    """By account; the one seen longest ago is dropped first."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, MailboxTree] = OrderedDict()

    def saw(self, account: str, tree: MailboxTree) -> None:
        if not tree.mailboxes:
            return
        told = tuple(one for one in tree.mailboxes if one.use is not Use.NONE or not one.may(ACTS))
        self._known[account] = replace(tree, mailboxes=told)
        self._known.move_to_end(account)
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    def of(self, account: str) -> MailboxTree | None:
        """None where nothing is known; a mailbox that is not in it is one like any other."""
        return self._known.get(account)
