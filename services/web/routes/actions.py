"""What is done to messages (acts.py), as forms: every action is a POST that redirects, with a notice that
holds what undo needs. Nothing is destroyed but by "Delete forever", and a missing Trash or Archive is a
question, never a guess (promise 2). What takes long goes on as work with progress and Stop (works.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason, invalid_argument
from services.common.logging import get_logger
from services.web import labels, listing, notices, urls
from services.web.acts import Acts, ranges, taken_back
from services.web.edge import Edge, is_fragment, request_id
from services.web.errors import sentence
from services.web.forms import Form
from services.web.model.mail import Found, Matching, MessageRange, MessageRef, Messages
from services.web.notices import Notice
from services.web.routes import labels as label_pages
from services.web.routes import mail, picking, works
from services.web.routes.search import Wanted
from services.web.session import Me
from services.web.works import Work, settle

log = get_logger(__name__)
MOST = 10_000
# From so many messages on, an act is work that can be looked at and stopped.
LONG = 500
# Acts that ask which mailbox or label first, where the form does not say.
PICKS = ("move", "label")


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    mailbox = urls.mailbox_name(request.path_params["mailbox"])
    verb, keys = _verb(form)
    refs = [ref for key in keys if (ref := urls.parse_key(mailbox, key)) is not None]
    back = urls.safe_next(form.get("back") or urls.mailbox(mailbox))
    groups: list[Messages] = list(ranges(refs))
    if verb == "all-read":
        verb, groups = "read", [Matching(mailbox, form.get("filter")[:1000])]
    elif "1" in (form.get("all"), form.get("every")):
        groups = [Matching(mailbox, form.get("filter")[:1000])]
    return await _act(edge, request, me, form, verb, refs, groups, back, mailbox)


async def submit_search(edge: Edge, request: Request, me: Me) -> Response:
    """The same from a search, whose messages may lie in several mailboxes."""
    form = await edge.form(request, me)
    verb, keys = _verb(form)
    refs = [ref for key in keys if (ref := urls.parse_full_key(key)) is not None]
    back = urls.safe_next(form.get("back") or "/search")
    groups: list[Messages | Found] = list(ranges(refs))
    wanted = Wanted.of_form(form)
    if "1" in (form.get("all"), form.get("every")) and wanted.text:
        groups = [Found(wanted.text, wanted.places(me), wanted.where, wanted.saved)]
    return await _act(edge, request, me, form, verb, refs, groups, back)


def _verb(form: Form) -> tuple[str, list[str]]:
    """What to do, and to which: the button of one line names its message as "verb:key"."""
    verb, _, key = form.get("do").partition(":")
    return verb, [key] if key else keys_of(form)


def keys_of(form: Form) -> list[str]:
    """The messages that a form names."""
    keys = [one for value in form.all("m") for one in _split(value)]
    if len(keys) > MOST:
        raise invalid_argument("m", "too_many")
    return keys


def _split(value: str) -> list[str]:
    """A line of a conversation names all its messages; a full name may hold spaces, in its mailbox."""
    words = value.split(" ")
    return (
        words if all(word.count(".") == 1 and word.replace(".", "").isdigit() for word in words) else [value]
    )


async def _act(
    edge: Edge,
    request: Request,
    me: Me,
    form: Form,
    verb: str,
    refs: list[MessageRef],
    groups: Sequence[Messages | Found],
    back: str,
    where: str = "",
) -> Response:
    if not groups:
        return _said(edge, request, me, back, Notice("nothing-selected"))
    if verb in PICKS and not any(form.get(name).strip() for name in ("to", "label", "new_label")):
        return await picking.ask(edge, request, me, verb, refs, groups, back)
    if verb == "label" and form.get("new_label").strip():
        await _remember_label(edge, me, form)
    try:
        known = sum(len(group.uids) if isinstance(group, MessageRange) else LONG for group in groups)
        if known < LONG:
            notice = await Acts(edge, me).perform(form, verb, groups)
            shown = form.get("shown") if is_fragment(request, "notices") else ""
            lines = await mail.lines_after(edge, me, where, shown) if shown and where else None
            return _said(edge, request, me, back, notice, lines)

        async def run(work: Work) -> Notice:
            return await Acts(edge, me, work).perform(form, verb, groups)

        return await work_on(edge, request, me, Work(request_id(), "", verb, back, form.get("to")), run)
    except PosternError as err:
        if err.reason != Reason.SPECIAL_MAILBOX_MISSING:
            if is_fragment(request, "notices") and err.reason != Reason.SESSION_ENDED:
                log.info("act.failed", reason=err.reason)
                return works.line(edge, request, me, notice=Notice("failed", 0, sentence(err)), here=back)
            raise
        return _ask(edge, request, me, verb, refs, groups, back)


async def work_on(
    edge: Edge, request: Request, me: Me, work: Work, run: Callable[[Work], Awaitable[Notice]]
) -> Response:
    """The answer to a form that begins `work`: what was done, where that was soon; else how far it is. What
    it raises soon is raised."""
    work.session = me.grant.session_id
    edge.works.start(work, run)
    if not await settle(work):
        return works.show_line(edge, request, me, work)
    if work.error is not None:
        raise work.error
    assert work.notice is not None
    if not is_fragment(request, "notices") and not notices.fits(me.secret, work.notice):
        return edge.redirect(me, f"/works/{work.work_id}")
    return _said(edge, request, me, work.back, work.notice)


async def _remember_label(edge: Edge, me: Me, form: Form) -> None:
    """A label that is typed for the first time is offered from then on, in a colour of its own."""
    known, name = labels.of(me), labels.check(form.get("new_label"))
    found = known.find(name)
    form.items[:] = [pair for pair in form.items if pair[0] not in ("label", "new_label")]
    form.items.append(("label", found.keyword if found else name))
    if found is None and len(known.known) < labels.MOST:
        colour = labels.COLOURS[1 + len(known.known) % (len(labels.COLOURS) - 1)]
        await label_pages.save(edge, me, known.with_(labels.Label(name, name, colour)))


def _said(
    edge: Edge,
    request: Request,
    me: Me,
    back: str,
    notice: Notice,
    lines: tuple[str, dict[str, str]] | None = None,
) -> Response:
    """Back to the list with the notice; a page that changes its list itself gets the notice alone, or with
    the lines that it asked for."""
    if not is_fragment(request, "notices"):
        return edge.redirect(me, back, notice)
    return works.line(edge, request, me, notice=notice, here=back, lines=lines)


def _ask(
    edge: Edge,
    request: Request,
    me: Me,
    verb: str,
    refs: list[MessageRef],
    groups: Sequence[Messages | Found],
    back: str,
) -> Response:
    """There is no Trash (Archive, Junk): what now?"""
    return edge.page(
        request,
        me,
        "missing_mailbox.html",
        "mail",
        wide=True,
        status=409,
        use={"delete": "trash"}.get(verb, verb),
        verb=verb,
        **picking.carried(refs, groups, back),
    )


async def undo(edge: Edge, request: Request, me: Me) -> Response:
    """Take the last action back, from what its notice held."""
    form = await edge.form(request, me)
    back = urls.safe_next(form.get("back"))
    jobs = taken_back(form)
    if sum(len(group.uids) for _target, group in jobs) < LONG:
        return _said(edge, request, me, back, await Acts(edge, me).take_back(form, jobs))

    async def run(work: Work) -> Notice:
        return await Acts(edge, me, work).take_back(form, jobs)

    return await work_on(edge, request, me, Work(request_id(), "", "undo", back), run)


async def ask_emptying(edge: Edge, request: Request, me: Me) -> Response:
    """A mailbox's messages are to be deleted for good: how many there are, and a button that says so."""
    mailbox = urls.mailbox_name(request.path_params["mailbox"])
    tree = await edge.services.mail.mailboxes(me.token("mailstore"))
    found = tree.find(mailbox)
    if found is None:
        raise PosternError(Reason.MAILBOX_NOT_FOUND)
    return edge.page(
        request,
        me,
        "mailbox_empty.html",
        "mail",
        wide=True,
        tree=tree,
        current_mailbox=found.name,
        mailbox=found,
        title=listing.mailbox_label(found),
    )
