"""Who can see a mailbox (RFC 4314): the list, granting and revoking."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason
from services.web import formats, listing, urls
from services.web.edge import Edge, request_id
from services.web.errors import explain, sentence
from services.web.i18n import gettext as _
from services.web.i18n import mark as N_
from services.web.model.mail import MailboxTree, MailboxView, Right, Rights
from services.web.notices import Notice
from services.web.routes.managing import named
from services.web.session import Me

# What is offered, from least to most, as letters of RFC 4314 section 2.1.
LEVELS = {
    "read": ("lrs", N_("Read messages")),
    "write": ("lrswi", N_("Read, add and mark")),
    "edit": ("lrswipte", N_("Read, add, mark and delete messages")),
    "all": ("lrswipkxtea", N_("Everything, sharing included")),
}
# What letters come to that are none of these, in the order in which they are told.
_WORDS = (
    ("r", N_("read")),
    ("w", N_("mark")),
    ("i", N_("add")),
    ("te", N_("delete messages")),
    ("kx", N_("change the mailbox")),
    ("a", N_("share")),
)
# Obsolete letters that servers add to their answers (section 2.1.1).
_OLD = set("cd")
_EVERYBODY = ("anyone", "authenticated")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list; `level` is one of LEVELS or "" for other letters."""

    identifier: str
    who: str
    what: str
    level: str
    letters: str
    mine: bool


def entry(right: Right, me: Me) -> Entry:
    letters = "".join(sorted(set(right.letters) - _OLD))
    level = next((name for name, (given, _text) in LEVELS.items() if set(given) == set(letters)), "")
    what = _(LEVELS[level][1]) if level else _("Allowed: %(what)s") % {"what": _in_words(letters)}
    who = right.identifier
    if who.startswith("-"):
        # Section 2: a negative right takes away what another entry gives.
        what = _("Not allowed: %(what)s") % {"what": _in_words(letters)}
    elif who in _EVERYBODY:
        who = _("Everybody")
    return Entry(right.identifier, who, what, level, letters, who.lower() in (me.account.lower(), "owner"))


def _in_words(letters: str) -> str:
    return formats.joined(_(text) for those, text in _WORDS if set(those) & set(letters)) or letters


async def show(edge: Edge, request: Request, me: Me) -> Response:
    tree, mailbox = await named(edge, request, me)
    return await _page(edge, request, me, tree, mailbox)


async def _page(
    edge: Edge,
    request: Request,
    me: Me,
    tree: MailboxTree,
    mailbox: MailboxView,
    problem: str = "",
    who: str = "",
    status: int = 200,
) -> Response:
    rights, err = await edge.attempt(edge.services.mail.rights(me.token("mailstore"), mailbox.name))
    if err is not None and err.reason != Reason.UNSUPPORTED:
        problem = problem or sentence(err)
    rights = rights or Rights()
    return edge.page(
        request,
        me,
        "mailbox_share.html",
        "mail",
        status=status,
        wide=True,
        tree=tree,
        current_mailbox=mailbox.name,
        mailbox=mailbox,
        title=listing.mailbox_label(mailbox),
        offered=err is None,
        may_share="a" in rights.mine,
        entries=[entry(one, me) for one in rights.entries],
        levels=[(name, _(text)) for name, (_letters, text) in LEVELS.items()],
        problem=problem,
        who=who,
    )


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    tree, mailbox = await named(edge, request, me)
    who = form.get("who").strip()
    revoke = form.get("do") == "revoke"
    if not who or len(who) > 320 or not who.isprintable() or (who.startswith("-") and not revoke):
        return await _page(edge, request, me, tree, mailbox, _("Type who."), who, 400)
    letters = "" if revoke else LEVELS.get(form.get("level"), ("lrs", ""))[0]
    try:
        await edge.services.mail.set_right(
            me.token("mailstore"), mailbox.name, Right(who, letters), request_id()
        )
    except PosternError as err:
        if err.reason == Reason.SESSION_ENDED:
            raise
        return await _page(edge, request, me, tree, mailbox, sentence(err), who, explain(err).status)
    kind = "unshared" if revoke else "shared"
    name = entry(Right(who, letters), me).who
    return edge.redirect(me, f"{urls.mailbox(mailbox.name)}/share", Notice(kind, name=name))
