"""The tree of mailboxes: its lines, a page of all of them, and making one."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason, error, invalid_argument
from services.web import listing, urls
from services.web.edge import Edge, is_fragment, request_id
from services.web.errors import explain, sentence
from services.web.i18n import gettext as _
from services.web.model.mail import MailboxTree, Space
from services.web.notices import Notice
from services.web.routes import works
from services.web.session import Me


async def lines(edge: Edge, request: Request, me: Me) -> Response:
    """The lines of the tree alone, with their counts; `at` names the one that is open."""
    tree, aside = await asyncio.gather(
        edge.services.mail.mailboxes(me.token("mailstore")), edge.asides.ask(me, quota=True)
    )
    current = request.query_params.get("at", "")[:1000]
    parts = ("tree", current, aside.waiting, aside.quota)

    def draw() -> tuple[str, dict[str, str]]:
        found = tree.find(current)
        context = {
            "tree": tree,
            "current_mailbox": found.name if found else current,
            "aside": aside,
            "alone": True,
            "place": "outbox" if current == "/outbox" else "mail",
        }
        tag = listing.etag(me, parts, tree, edge.static.version)
        return edge.renderer.text("tree.html", context), {"etag": tag, "cache-control": "private, no-cache"}

    return edge.renderer.bodies.answer(
        request, tree, (*parts, me.grant.session_id, *listing.reader(me)), draw
    )


async def show(edge: Edge, request: Request, me: Me) -> Response:
    tree, _aside = await asyncio.gather(
        edge.services.mail.mailboxes(me.token("mailstore")), edge.asides.ask(me, quota=True)
    )
    return _page(edge, request, me, tree, "", "", request.query_params.get("in", ""))


def parents(tree: MailboxTree, but: str = "") -> list[tuple[str, str]]:
    """(name, as shown) of where a mailbox may lie: not in `but` or below it."""
    found = [("", _("At the top"))]
    for line in listing.tree_lines(tree, "", hidden=True):
        box = line.mailbox
        inside = bool(but) and (box.name == but or box.name.startswith(but + box.delimiter))
        if box.can_have_children and box.delimiter and box.may("k") and not inside:
            found.append((box.name, " " * 2 * line.depth + line.name))
    return found


def _page(
    edge: Edge,
    request: Request,
    me: Me,
    tree: MailboxTree,
    name: str,
    problem: str,
    parent: str = "",
    status: int = 200,
) -> Response:
    return edge.page(
        request,
        me,
        "mailboxes.html",
        "mail",
        status=status,
        wide=True,
        tree=tree,
        every=listing.tree_lines(tree, "", hidden=True),
        hides={space for space in Space if listing.uses_subscriptions(tree, space)},
        parents=parents(tree),
        parent=parent,
        name=name,
        problem=problem,
        request_id=request_id(),
    )


async def create(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    name, parent = form.get("name").strip(), form.get("parent")
    tree = await edge.services.mail.mailboxes(me.token("mailstore"))
    try:
        full = full_name(tree, name, parent)
        made = await edge.services.mail.create_mailbox(me.token("mailstore"), full, form.write_id())
    except PosternError as err:
        if is_fragment(request, "notices"):
            return refused(edge, request, me, err)
        return _page(edge, request, me, tree, name, problem_words(err), parent, explain(err).status)
    return answer(edge, request, me, Notice("mailbox-created", name=name), urls.mailbox(made))


def answer(edge: Edge, request: Request, me: Me, notice: Notice, target: str) -> Response:
    """Done: the page there; for scripts the line that says so, and the address of what it was done to."""
    if not is_fragment(request, "notices"):
        return edge.redirect(me, target, notice)
    response = works.line(edge, request, me, notice=notice, here=target)
    response.headers["postern-at"] = target
    return response


def refused(edge: Edge, request: Request, me: Me, err: PosternError) -> Response:
    """The line that says why not, for a script that stays where it is."""
    if err.reason == Reason.SESSION_ENDED:
        raise err
    notice = Notice("failed", name=problem_words(err))
    return works.line(edge, request, me, notice=notice, status=explain(err).status)


def full_name(tree: MailboxTree, name: str, parent: str) -> str:
    """The name below `parent`. INVALID_ARGUMENT where it cannot be one."""
    above = tree.find(parent) if parent else None
    own = (one.delimiter for one in tree.mailboxes if one.delimiter and one.space is Space.OWN)
    delimiter = above.delimiter if above else next(own, "")
    if not name or len(name) > 200 or not name.isprintable():
        raise invalid_argument("name", "missing" if not name else "malformed")
    if delimiter and delimiter in name:
        raise error(Reason.INVALID_ARGUMENT, None, field="name", problem="delimiter", delimiter=delimiter)
    return f"{above.name}{delimiter}{name}" if above else name


def problem_words(err: PosternError) -> str:
    if err.reason == Reason.INVALID_ARGUMENT and err.metadata.get("problem") == "missing":
        return _("Type a name.")
    if err.reason == Reason.INVALID_ARGUMENT and err.metadata.get("problem") == "delimiter":
        return _("The name may not contain “%(character)s”, which the mail server uses between levels.") % {
            "character": err.metadata.get("delimiter", "")
        }
    return sentence(err)
