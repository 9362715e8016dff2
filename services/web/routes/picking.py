"""Which mailbox, which label: the page that asks, for those without scripts and for links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.web import labels, listing, urls
from services.web.edge import Edge
from services.web.model.mail import Found, Matching, MessageRef, Messages
from services.web.session import Me


async def ask(
    edge: Edge,
    request: Request,
    me: Me,
    verb: str,
    refs: list[MessageRef],
    groups: Sequence[Messages | Found],
    back: str,
) -> Response:
    tree = await edge.services.mail.mailboxes(me.token("mailstore"))
    return edge.page(
        request,
        me,
        "pick.html",
        "mail",
        wide=True,
        tree=tree,
        verb=verb,
        targets=listing.move_targets(tree, "" if isinstance(groups[0], Found) else groups[0].mailbox),
        labels=labels.of(me).known,
        label_options=[(one.keyword, one.name) for one in labels.of(me).known],
        **carried(refs, groups, back),
    )


def carried(refs: list[MessageRef], groups: Sequence[Messages | Found], back: str) -> dict[str, Any]:
    """What a page that asks first carries along: where its form goes, and which messages it is about."""
    mailboxes = {"" if isinstance(group, Found) else group.mailbox for group in groups}
    one = len(mailboxes) == 1 and "" not in mailboxes
    return {
        "action": f"{urls.mailbox(*mailboxes)}/actions" if one else "/search/actions",
        "keys": [ref.key if one else urls.full_key(ref) for ref in refs],
        "back": back,
        "everything": next((pairs for group in groups if (pairs := _everything(group))), []),
    }


def _everything(group: Messages | Found) -> list[tuple[str, str]]:
    """The fields that say "all that match"."""
    if isinstance(group, Found):
        return [("all", "1"), ("q", group.text), ("in", group.where), ("saved", group.saved)]
    return [("all", "1"), ("filter", group.text)] if isinstance(group, Matching) else []
