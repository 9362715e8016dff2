"""Creating, renaming and deleting mailboxes."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason, error, invalid_argument
from services.web import listing, urls
from services.web.edge import Edge, request_id
from services.web.errors import explain, sentence
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.model.mail import MailboxTree, MailboxView, Use
from services.web.notices import Notice
from services.web.session import Me


async def lines(edge: Edge, request: Request, me: Me) -> Response:
    """The lines of the tree alone, with their counts; `at` names the one that is open."""
    tree = await edge.services.mail.mailboxes(me.token("mailstore"))
    current = request.query_params.get("at", "")
    tag = listing.etag(me, ("tree", current), tree, edge.static.version)
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    found = tree.find(current)
    context = {"tree": tree, "current_mailbox": found.name if found else current}
    return edge.renderer.page(request, "tree.html", context, headers=headers)


async def new(edge: Edge, request: Request, me: Me) -> Response:
    nav = await edge.nav(me)
    return _new_page(edge, request, me, nav["tree"], "", "")


def _new_page(
    edge: Edge,
    request: Request,
    me: Me,
    tree: MailboxTree,
    name: str,
    problem: str,
    parent: str = "",
    status: int = 200,
) -> Response:
    parents = [("", _("At the top"))] + [
        (line.mailbox.name, " " * 2 * line.depth + line.name)
        for line in listing.tree_lines(tree, "")
        if line.mailbox.can_have_children and line.mailbox.delimiter
    ]
    return edge.page(
        request,
        me,
        "mailbox_new.html",
        "mail",
        status=status,
        wide=True,
        tree=tree,
        parents=parents,
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
        full = _full_name(tree, name, parent)
        made = await edge.services.mail.create_mailbox(me.token("mailstore"), full, form.write_id())
    except PosternError as err:
        return _new_page(edge, request, me, tree, name, _problem(err), parent, explain(err).status)
    return edge.redirect(me, urls.mailbox(made), Notice("mailbox-created", name=name))


def _full_name(tree: MailboxTree, name: str, parent: str) -> str:
    above = tree.find(parent) if parent else None
    delimiter = (
        above.delimiter if above else next((one.delimiter for one in tree.mailboxes if one.delimiter), "")
    )
    if not name or len(name) > 200 or not name.isprintable():
        raise invalid_argument("name", "missing" if not name else "malformed")
    if delimiter and delimiter in name:
        raise error(Reason.INVALID_ARGUMENT, None, field="name", problem="delimiter", delimiter=delimiter)
    return f"{above.name}{delimiter}{name}" if above else name


def _problem(err: PosternError) -> str:
    if err.reason == Reason.INVALID_ARGUMENT and err.metadata.get("problem") == "missing":
        return _("Type a name.")
    if err.reason == Reason.INVALID_ARGUMENT and err.metadata.get("problem") == "delimiter":
        return _("The name may not contain “%(character)s”, which the mail server uses between levels.") % {
            "character": err.metadata.get("delimiter", "")
        }
    return sentence(err)


async def show(edge: Edge, request: Request, me: Me) -> Response:
    name = urls.mailbox_name(request.path_params["mailbox"])
    tree = await edge.services.mail.mailboxes(me.token("mailstore"))
    return _manage_page(edge, request, me, tree, _found(tree, name))


def _found(tree: MailboxTree, name: str) -> MailboxView:
    mailbox = tree.find(name)
    if mailbox is None:
        raise PosternError(Reason.MAILBOX_NOT_FOUND)
    return mailbox


def _manage_page(
    edge: Edge,
    request: Request,
    me: Me,
    tree: MailboxTree,
    mailbox: MailboxView,
    problem: str = "",
    typed: str | None = None,
    status: int = 200,
) -> Response:
    return edge.page(
        request,
        me,
        "mailbox_manage.html",
        "mail",
        status=status,
        wide=True,
        tree=tree,
        current_mailbox=mailbox.name,
        mailbox=mailbox,
        title=listing.mailbox_label(mailbox),
        name=mailbox.display_name if typed is None else typed,
        problem=problem,
        fixed=mailbox.use is Use.INBOX,
        request_id=request_id(),
    )


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    name = urls.mailbox_name(request.path_params["mailbox"])
    tree = await edge.services.mail.mailboxes(me.token("mailstore"))
    mailbox = _found(tree, name)
    if form.get("do") == "delete":
        return await _delete(edge, request, me, form, tree, mailbox)
    typed = form.get("name").strip()
    try:
        above = tree.find(mailbox.parent) if mailbox.parent else None
        full = _full_name(tree, typed, above.name if above else "")
        made = await edge.services.mail.rename_mailbox(
            me.token("mailstore"), mailbox.name, full, form.write_id()
        )
    except PosternError as err:
        status = explain(err).status
        return _manage_page(edge, request, me, tree, mailbox, _problem(err), typed, status)
    return edge.redirect(me, urls.mailbox(made), Notice("mailbox-renamed", name=typed))


async def _delete(
    edge: Edge, request: Request, me: Me, form: Form, tree: MailboxTree, mailbox: MailboxView
) -> Response:
    """Deletes what the form said it holds: with its messages only where the box was ticked."""
    try:
        await edge.services.mail.delete_mailbox(
            me.token("mailstore"),
            mailbox.name,
            with_messages=form.get("with_messages") == "1",
            request_id=form.write_id(),
        )
    except PosternError as err:
        problem = _problem(err)
        if err.reason == Reason.CONFLICT:
            problem = _("The mailbox is not empty. Tick the box to delete its messages as well.")
        return _manage_page(edge, request, me, tree, mailbox, problem, status=explain(err).status)
    return edge.redirect(me, "/mail/INBOX", Notice("mailbox-deleted", name=mailbox.display_name))
