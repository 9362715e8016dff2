"""What is done to messages: archive, delete, read, star, move; and how it is taken back.

Every action is a POST that redirects, with a notice that holds what undo needs. Nothing is destroyed but by
"Delete forever", and a missing Trash or Archive is a question, never a guess (promise 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason, invalid_argument
from services.web import urls
from services.web.edge import Edge, is_fragment, request_id
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.model.mail import (
    ActionResult,
    FlagChange,
    Matching,
    MessageRange,
    MessageRef,
    Messages,
    Use,
)
from services.web.notices import Notice, parse_range, range_text
from services.web.session import Me

FLAGS: dict[str, tuple[FlagChange, str]] = {
    "read": (FlagChange(add=("seen",)), "read"),
    "unread": (FlagChange(remove=("seen",)), "unread"),
    "star": (FlagChange(add=("flagged",)), "starred"),
    "unstar": (FlagChange(remove=("flagged",)), "unstarred"),
}
MOST = 10_000


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    mailbox = urls.mailbox_name(request.path_params["mailbox"])
    verb, keys = _verb(form)
    refs = [ref for key in keys if (ref := urls.parse_key(mailbox, key)) is not None]
    back = urls.safe_next(form.get("back") or urls.mailbox(mailbox))
    if form.get("all") == "1":
        groups: list[Messages] = [Matching(mailbox, form.get("filter")[:1000])]
    else:
        groups = list(ranges(refs))
    return await _act(edge, request, me, form, verb, refs, groups, back)


async def submit_search(edge: Edge, request: Request, me: Me) -> Response:
    """The same from a search, whose messages may lie in several mailboxes."""
    form = await edge.form(request, me)
    verb, keys = _verb(form)
    refs = [ref for key in keys if (ref := urls.parse_full_key(key)) is not None]
    back = urls.safe_next(form.get("back") or "/search")
    return await _act(edge, request, me, form, verb, refs, list(ranges(refs)), back)


def _verb(form: Form) -> tuple[str, list[str]]:
    """What to do, and to which: the button of one line names its message as "verb:key"."""
    verb, _, key = form.get("do").partition(":")
    keys = [key] if key else [one for value in form.all("m") for one in _split(value)]
    if len(keys) > MOST:
        raise invalid_argument("m", "too_many")
    return verb, keys


def _split(value: str) -> list[str]:
    """A line of a conversation names all its messages; a full name may hold spaces, in its mailbox."""
    words = value.split(" ")
    return (
        words if all(word.count(".") == 1 and word.replace(".", "").isdigit() for word in words) else [value]
    )


def ranges(refs: Sequence[MessageRef]) -> list[MessageRange]:
    """By mailbox and UIDVALIDITY, in order."""
    grouped: dict[tuple[str, int], list[int]] = {}
    for ref in refs:
        uids = grouped.setdefault((ref.mailbox, ref.uid_validity), [])
        if ref.uid not in uids:
            uids.append(ref.uid)
    return [MessageRange(mailbox, validity, tuple(uids)) for (mailbox, validity), uids in grouped.items()]


async def _act(
    edge: Edge,
    request: Request,
    me: Me,
    form: Form,
    verb: str,
    refs: list[MessageRef],
    groups: list[Messages],
    back: str,
) -> Response:
    if not groups:
        return _said(edge, request, me, back, Notice("nothing-selected"))
    try:
        notice = await perform(edge, me, form, verb, groups)
    except PosternError as err:
        if err.reason != Reason.SPECIAL_MAILBOX_MISSING:
            raise
        return _ask(edge, request, me, form, verb, refs, groups, back)
    return _said(edge, request, me, back, notice)


def _said(edge: Edge, request: Request, me: Me, back: str, notice: Notice) -> Response:
    """Back to the list with the notice; a page that changes its list itself gets the notice alone."""
    if not is_fragment(request, "notices"):
        return edge.redirect(me, back, notice)
    context = {"notice": notice, "csrf": me.form_token, "here": back}
    return edge.renderer.page(request, "notice_line.html", context)


async def perform(edge: Edge, me: Me, form: Form, verb: str, groups: list[Messages]) -> Notice:
    """One action over each group. Its request id is new each time: a page may come from the browser's cache,
    and an action done twice finds its messages gone or already so."""
    mail, token, base = edge.services.mail, me.token("mailstore"), request_id()
    if verb in FLAGS:
        change, kind = FLAGS[verb]
        count = 0
        touched: list[MessageRange] = []
        for n, group in enumerate(groups):
            result = await mail.flag(token, group, change, f"{base}.{verb}.{n}")
            count += result.done
            touched += [group] if isinstance(group, MessageRange) else result.changed
        count = count or sum(len(group.uids) for group in touched)
        # More than a page can hold is not taken back: it is said, and not undone by halves.
        undo = _flag_undo(touched, change) if count <= MOST else {}
        return Notice(kind, count, "", "/undo" if undo else "", undo)
    if verb == "delete-forever":
        count = 0
        for n, group in enumerate(groups):
            result = await mail.delete(token, group, permanently=True, request_id=f"{base}.forever.{n}")
            count += result.done
        return Notice("destroyed", count)
    if verb == "delete":
        if form.get("create") == "trash":
            await mail.ensure_special(token, Use.TRASH, create=True, request_id=f"{base}.trash")
        results = [
            await mail.delete(token, group, permanently=False, request_id=f"{base}.delete.{n}")
            for n, group in enumerate(groups)
        ]
        return _moved("trashed", results, "")
    if verb == "archive":
        target = form.get("archive") or await mail.ensure_special(
            token, Use.ARCHIVE, create=form.get("create") == "archive", request_id=f"{base}.archive"
        )
        kind, name = "archived", ""
    elif verb == "junk":
        target = form.get("junk") or await mail.ensure_special(
            token, Use.JUNK, create=form.get("create") == "junk", request_id=f"{base}.junk"
        )
        kind, name = "moved", _("Junk")
    elif verb == "not-junk":
        target, kind, name = "INBOX", "moved", _("Inbox")
    elif verb == "move" and form.get("to"):
        target = kind = form.get("to")
        kind, name = "moved", target
    else:
        raise invalid_argument("do", "unknown")
    results = [
        await mail.move(token, group, target, f"{base}.{verb}.{n}")
        for n, group in enumerate(groups)
        if group.mailbox != target
    ]
    return _moved(kind, results, name)


def _moved(kind: str, results: list[ActionResult], name: str) -> Notice:
    count = sum(result.done for result in results)
    undo: dict[str, str] = {}
    pairs = [pair for result in results for pair in result.moved]
    # Where the server does not say where messages went (no UIDPLUS), there is nothing to take back by.
    if pairs and count <= MOST and all(len(pair.destination.uids) == len(pair.source.uids) for pair in pairs):
        for n, (source, destination) in enumerate(_merged(pairs)):
            undo[f"to{n}"] = source
            undo[f"from{n}"] = destination.mailbox
            undo[f"what{n}"] = range_text(destination)
    return Notice(kind, count, name, "/undo" if undo else "", undo)


def _merged(pairs: Sequence[Any]) -> list[tuple[str, MessageRange]]:
    merged: dict[tuple[str, str, int], list[int]] = {}
    for pair in pairs:
        key = (pair.source.mailbox, pair.destination.mailbox, pair.destination.uid_validity)
        merged.setdefault(key, []).extend(pair.destination.uids)
    return [
        (source, MessageRange(destination, validity, tuple(sorted(uids))))
        for (source, destination, validity), uids in merged.items()
    ]


def _flag_undo(groups: list[MessageRange], change: FlagChange) -> dict[str, str]:
    undo = {"flags": ",".join([f"-{name}" for name in change.add] + [f"+{name}" for name in change.remove])}
    for n, group in enumerate(groups):
        undo[f"from{n}"] = group.mailbox
        undo[f"what{n}"] = range_text(group)
    return undo


def _ask(
    edge: Edge,
    request: Request,
    me: Me,
    form: Form,
    verb: str,
    refs: list[MessageRef],
    groups: list[Messages],
    back: str,
) -> Response:
    """There is no Trash (Archive, Junk): what now?"""
    everything = next((group for group in groups if isinstance(group, Matching)), None)
    one = len({group.mailbox for group in groups}) == 1
    action = f"{urls.mailbox(groups[0].mailbox)}/actions" if one else "/search/actions"
    use = {"delete": "trash"}.get(verb, verb)
    return edge.page(
        request,
        me,
        "missing_mailbox.html",
        "mail",
        wide=True,
        status=409,
        action=action,
        use=use,
        verb=verb,
        keys=[ref.key if one else urls.full_key(ref) for ref in refs],
        back=back,
        everything=everything,
    )


async def undo(edge: Edge, request: Request, me: Me) -> Response:
    """Take the last action back, from what its notice held."""
    form = await edge.form(request, me)
    back = urls.safe_next(form.get("back"))
    mail, token, base = edge.services.mail, me.token("mailstore"), request_id()
    done = n = 0
    while f"what{n}" in form and n < 100:
        group = parse_range(form.get(f"from{n}"), form.get(f"what{n}"))
        if group is None:
            raise invalid_argument("what", "malformed")
        if form.get("flags"):
            words = form.get("flags").split(",")
            change = FlagChange(
                add=tuple(word[1:] for word in words if word in ("+seen", "+flagged")),
                remove=tuple(word[1:] for word in words if word in ("-seen", "-flagged")),
            )
            done += (await mail.flag(token, group, change, f"{base}.undo.{n}")).done
        else:
            done += (await mail.move(token, group, form.get(f"to{n}"), f"{base}.undo.{n}")).done
        n += 1
    return _said(edge, request, me, back, Notice("undone" if done else "not-undone"))
