"""One mailbox: its name and place, whether it is listed, and deleting it with what becomes of its mail."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason, invalid_argument
from services.web import listing, urls
from services.web.edge import Edge, is_fragment, request_id
from services.web.errors import explain
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.model.mail import MailboxTree, MailboxView, Space, Use
from services.web.notices import Notice
from services.web.routes.mailboxes import answer, full_name, parents, problem_words, refused
from services.web.session import Me


async def named(edge: Edge, request: Request, me: Me) -> tuple[MailboxTree, MailboxView]:
    """The mailbox of the address, in its tree."""
    tree = await edge.services.mail.mailboxes(me.token("mailstore"))
    mailbox = tree.find(urls.mailbox_name(request.path_params["mailbox"]))
    if mailbox is None:
        raise PosternError(Reason.MAILBOX_NOT_FOUND)
    return tree, mailbox


async def show(edge: Edge, request: Request, me: Me) -> Response:
    tree, mailbox = await named(edge, request, me)
    return _page(edge, request, me, tree, mailbox)


async def menu(edge: Edge, request: Request, me: Me) -> Response:
    """What can be done to a mailbox, as a menu for scripts."""
    tree, mailbox = await named(edge, request, me)
    context = {
        "csrf": me.form_token,
        "request_id": request_id(),
        "here": urls.safe_next(request.query_params.get("back", "/")),
        **_context(tree, mailbox),
    }
    return edge.renderer.page(request, "mailbox_menu.html", context, headers={"cache-control": "no-store"})


def _context(tree: MailboxTree, mailbox: MailboxView) -> dict[str, Any]:
    below = _below(tree, mailbox)
    return {
        "mailbox": mailbox,
        "title": listing.mailbox_label(mailbox),
        "fixed": mailbox.use is Use.INBOX,
        "shares": tree.shares,
        "below": len(below),
        "held": mailbox.messages + sum(one.messages for one in below),
        "trash": _trash_for(tree, mailbox),
        "hides": mailbox.use is Use.NONE and listing.uses_subscriptions(tree, mailbox.space),
        "own": mailbox.space is Space.OWN,
    }


def _page(
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
        name=mailbox.display_name if typed is None else typed,
        problem=problem,
        parents=parents(tree, mailbox.name),
        request_id=request_id(),
        **_context(tree, mailbox),
    )


def _below(tree: MailboxTree, mailbox: MailboxView) -> list[MailboxView]:
    prefix = mailbox.name + mailbox.delimiter
    return [one for one in tree.mailboxes if mailbox.delimiter and one.name.startswith(prefix)]


def _trash_for(tree: MailboxTree, mailbox: MailboxView) -> MailboxView | None:
    """Trash, where the mailbox can be put away in it as it is and had back."""
    trash = tree.special(Use.TRASH)
    if trash is None or mailbox.use is not Use.NONE or mailbox.space is not Space.OWN:
        return None
    if not trash.can_have_children or not trash.delimiter or trash.delimiter != mailbox.delimiter:
        return None
    return None if mailbox.name.startswith(trash.name + trash.delimiter) else trash


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    if form.get("do") == "restore":
        return await _restore(edge, request, me, form)
    tree, mailbox = await named(edge, request, me)
    typed = form.get("name").strip()
    try:
        match form.get("do"):
            case "delete":
                return await _delete(edge, request, me, form, tree, mailbox)
            case "trash":
                return await _put_away(edge, request, me, form, tree, mailbox)
            case "hide" | "show":
                return await _subscribe(edge, request, me, form, mailbox)
        parent = form.get("parent") if "parent" in form else mailbox.parent
        full = full_name(tree, typed or mailbox.display_name, parent) if typed or "parent" in form else ""
        if not full:
            raise invalid_argument("name", "missing")
        if full == mailbox.name:
            return edge.redirect(me, urls.mailbox(mailbox.name))
        made = await edge.services.mail.rename_mailbox(
            me.token("mailstore"), mailbox.name, full, form.write_id()
        )
    except PosternError as err:
        if is_fragment(request, "notices"):
            return refused(edge, request, me, err)
        problem = problem_words(err)
        if err.reason == Reason.CONFLICT and form.get("do") == "delete":
            problem = _("The mailbox is not empty. Tick the box to delete its messages as well.")
            if err.metadata.get("problem") == "has_children":
                problem = _("There are mailboxes below it. Delete them first.")
        shown = typed if "name" in form else None
        return _page(edge, request, me, tree, mailbox, problem, shown, explain(err).status)
    return answer(edge, request, me, _renamed("mailbox-renamed", mailbox, made, full), urls.mailbox(made))


def _renamed(kind: str, mailbox: MailboxView, made: str, name: str, count: int = 0) -> Notice:
    """With what gives it its old name again."""
    undo = {"do": "restore", "to": mailbox.name}
    return Notice(kind, count, name, f"{urls.mailbox(made)}/manage", undo)


async def _restore(edge: Edge, request: Request, me: Me, form: Form) -> Response:
    """What was renamed or put away gets its old name again, or what was empty and is deleted is made anew."""
    now, before = urls.mailbox_name(request.path_params["mailbox"]), form.get("to")[:500]
    if form.get("made") == "1":
        made = await edge.services.mail.create_mailbox(me.token("mailstore"), before, request_id())
    else:
        made = await edge.services.mail.rename_mailbox(me.token("mailstore"), now, before, request_id())
    return answer(edge, request, me, Notice("undone"), urls.mailbox(made))


async def _put_away(
    edge: Edge, request: Request, me: Me, form: Form, tree: MailboxTree, mailbox: MailboxView
) -> Response:
    """Into Trash with all that is in it; what holds nothing is deleted. Both can be taken back."""
    mail, token = edge.services.mail, me.token("mailstore")
    below = _below(tree, mailbox)
    if not mailbox.messages and not below:
        await mail.delete_mailbox(token, mailbox.name, with_messages=False, request_id=form.write_id())
        undo = {"do": "restore", "to": mailbox.name, "made": "1"}
        action = f"{urls.mailbox(mailbox.name)}/manage"
        notice = Notice("mailbox-deleted", 0, mailbox.display_name, action, undo)
        return answer(edge, request, me, notice, "/mail/INBOX")
    trash = _trash_for(tree, mailbox)
    if trash is None:
        raise PosternError(Reason.CONFLICT, metadata={"problem": "not_empty"})
    taken = {one.name for one in tree.mailboxes}
    base = full = f"{trash.name}{trash.delimiter}{mailbox.display_name}"
    number = 1
    while full in taken:
        number += 1
        full = f"{base} ({number})"
    made = await mail.rename_mailbox(token, mailbox.name, full, form.write_id())
    count = mailbox.messages + sum(one.messages for one in below)
    notice = _renamed("mailbox-trashed", mailbox, made, mailbox.display_name, count)
    return answer(edge, request, me, notice, "/mail/INBOX")


async def _subscribe(edge: Edge, request: Request, me: Me, form: Form, mailbox: MailboxView) -> Response:
    shown = form.get("do") == "show"
    await edge.services.mail.subscribe(
        me.token("mailstore"), mailbox.name, subscribed=shown, request_id=request_id()
    )
    undo = {"do": "hide" if shown else "show", "back": form.get("back")}
    notice = Notice(
        "mailbox-shown" if shown else "mailbox-hidden",
        0,
        listing.mailbox_label(mailbox),
        f"{urls.mailbox(mailbox.name)}/manage",
        undo,
    )
    return answer(edge, request, me, notice, urls.safe_next(form.get("back") or "/mailboxes"))


async def _delete(
    edge: Edge, request: Request, me: Me, form: Form, tree: MailboxTree, mailbox: MailboxView
) -> Response:
    """Deletes what the form said it holds: with its messages only where the box was ticked."""
    await edge.services.mail.delete_mailbox(
        me.token("mailstore"),
        mailbox.name,
        with_messages=form.get("with_messages") == "1",
        request_id=form.write_id(),
    )
    notice = Notice("mailbox-deleted", name=mailbox.display_name)
    return answer(edge, request, me, notice, "/mail/INBOX")
