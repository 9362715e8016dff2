"""Messages in and out as files: .eml, mbox, zip; streamed both ways, with progress and Stop (works.py)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason, invalid_argument, too_large
from services.web import listing, urls
from services.web.acts import MOST_UNDONE, ranges
from services.web.edge import Edge, is_fragment, request_id
from services.web.forms import Form, base_name
from services.web.i18n import gettext as _
from services.web.model.mail import ExportStep, ImportResult, MailboxView, Matching, Messages, Use
from services.web.notices import Notice, range_text
from services.web.routes.actions import keys_of
from services.web.routes.parts import Streamed, disposition
from services.web.routes.works import line
from services.web.session import Me
from services.web.uploads import QUEUED_CHUNKS, put
from services.web.works import Work, settle

KINDS = {"zip": "application/zip", "mbox": "application/mbox", "eml": "message/rfc822"}


async def show_export(edge: Edge, request: Request, me: Me) -> Response:
    return await _page(edge, request, me, "mailbox_export.html")


async def show_import(edge: Edge, request: Request, me: Me) -> Response:
    return await _page(edge, request, me, "mailbox_import.html")


async def _page(edge: Edge, request: Request, me: Me, template: str, problem: str = "") -> Response:
    tree = await edge.services.mail.mailboxes(me.token("mailstore"))
    mailbox = tree.find(urls.mailbox_name(request.path_params["mailbox"]))
    if mailbox is None:
        raise PosternError(Reason.MAILBOX_NOT_FOUND)
    return edge.page(
        request,
        me,
        template,
        "mail",
        wide=True,
        status=400 if problem else 200,
        tree=tree,
        current_mailbox=mailbox.name,
        mailbox=mailbox,
        title=listing.mailbox_label(mailbox),
        problem=problem,
        limit=edge.settings.max_import_bytes,
        work_id=request_id(),
        kinds=[("zip", _("A zip file with one .eml file for each message")), ("mbox", _("One mbox file"))],
    )


def _work_id(text: str) -> str:
    """The id that the page gave the work; where it is none, or a page is sent again, a fresh one."""
    with suppress(ValueError):
        return str(uuid.UUID(text))
    return request_id()


# Out


async def export(edge: Edge, request: Request, me: Me) -> Response:
    """The file, as it is read. Stopped, it is broken off, so that no browser takes it for whole."""
    form = await edge.form(request, me)
    mailbox = urls.mailbox_name(request.path_params["mailbox"])
    refs = [ref for key in keys_of(form) if (ref := urls.parse_key(mailbox, key)) is not None]
    chosen: list[Messages] = list(ranges(refs))
    every = "1" in (form.get("all"), form.get("every"))
    if every:
        chosen = [Matching(mailbox, form.get("filter")[:1000])]
    if len(chosen) != 1:
        back = urls.safe_next(form.get("back") or urls.mailbox(mailbox))
        return edge.redirect(me, back, Notice("nothing-selected"))
    kind = form.get("kind") or ("eml" if len(refs) == 1 and not every else "zip")
    if kind not in KINDS:
        raise invalid_argument("kind", "unknown")
    stack = AsyncExitStack()
    steps = await stack.enter_async_context(edge.services.mail.export(me.token("mailstore"), chosen[0], kind))
    first = await anext(steps, None)
    work = Work(_work_id(form.get("work")), me.grant.session_id, "export", urls.mailbox(mailbox))
    edge.works.add(work)
    headers = {
        "content-type": KINDS[kind],
        "content-disposition": disposition(f"{_file_name(mailbox)}.{kind}", False),
        "cache-control": "no-store",
    }
    return Streamed(stack, _octets(work, first, steps), headers)


def _file_name(mailbox: str) -> str:
    name = base_name(mailbox.replace("/", "-")).strip(" .")
    return _("Inbox") if name.upper() == "INBOX" else name or "export"


async def _octets(
    work: Work, first: ExportStep | None, steps: AsyncIterator[ExportStep]
) -> AsyncIterator[bytes]:
    try:
        step = first
        while step is not None:
            if work.stopping:
                raise PosternError(Reason.CANCELLED)
            work.done, work.total = step.done, step.total
            if step.data:
                yield step.data
            step = await anext(steps, None)
        work.notice = Notice("exported", work.done)
    finally:
        if work.running:
            work.notice = Notice("exported", work.done, stopped=True)


# In


class _Feed:
    """Files of a form on their way to the work that imports them; a few chunks wait between the two."""

    def __init__(self, limit: int) -> None:
        self.files: asyncio.Queue[asyncio.Queue[bytes | None] | None] = asyncio.Queue(1)
        self.names: list[str] = []
        self.task: asyncio.Task[None] | None = None
        self._limit, self._total = limit, 0

    async def __call__(self, filename: str, media_type: str, content: AsyncIterator[bytes]) -> None:
        if not filename or self.task is None or self.task.done():
            return
        chunks: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED_CHUNKS)
        self.names.append(filename)
        await put(self.files, chunks, self.task)
        async for chunk in content:
            self._total += len(chunk)
            if self._total > self._limit:
                raise too_large(self._limit)
            await put(chunks, chunk, self.task)
            if self.task.done():
                return
        await put(chunks, None, self.task)

    async def end(self) -> None:
        if self.task is not None:
            await put(self.files, None, self.task)

    async def each(self) -> AsyncIterator[AsyncIterator[bytes]]:
        while (chunks := await self.files.get()) is not None:
            yield _until_none(chunks)


async def _until_none(chunks: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while (chunk := await chunks.get()) is not None:
        yield chunk


async def take(edge: Edge, request: Request, me: Me) -> Response:
    """The form with the file. The work begins with its first octets and is looked at meanwhile."""
    tree = await edge.services.mail.mailboxes(me.token("mailstore"))
    mailbox = tree.find(urls.mailbox_name(request.path_params["mailbox"]))
    if mailbox is None:
        raise PosternError(Reason.MAILBOX_NOT_FOUND)
    back = urls.mailbox(mailbox.name)
    trash = tree.special(Use.TRASH)
    skip = request.query_params.get("skip") == "1"
    work = Work(
        _work_id(request.query_params.get("work", "")),
        me.grant.session_id,
        "import",
        back,
        listing.mailbox_label(mailbox),
    )
    if edge.works.get(work.session, work.work_id) is not None:
        work.work_id = request_id()
    feed = _Feed(edge.settings.max_import_bytes)

    async def run(work: Work) -> Notice:
        return await _import(edge, me, work, mailbox, feed, skip, trash)

    async def on_file(filename: str, media_type: str, content: AsyncIterator[bytes]) -> None:
        # Only now is the form's token checked.
        if feed.task is None and filename:
            feed.task = edge.works.start(work, run).task
        await feed(base_name(filename), media_type, content)

    try:
        form: Form = await edge.form(request, me, on_file)
        await feed.end()
    except BaseException:
        if feed.task is not None:
            feed.task.cancel()
        raise
    if feed.task is None or not form.files or not feed.names:
        return await _page(edge, request, me, "mailbox_import.html", _("Choose a file first."))
    if not await settle(work):
        return edge.redirect(me, f"/works/{work.work_id}")
    if is_fragment(request, "notices"):
        return line(edge, request, me, here=back, notice=work.notice)
    if work.error is not None:
        raise work.error
    return edge.redirect(me, f"/works/{work.work_id}")


async def _import(
    edge: Edge, me: Me, work: Work, mailbox: MailboxView, feed: _Feed, skip: bool, trash: MailboxView | None
) -> Notice:
    results: list[ImportResult] = []
    async for chunks in feed.each():
        work.request = f"{work.work_id}.{len(results)}"
        before = sum(one.imported for one in results)

        def tell(done: int, _total: int, before: int = before) -> bool:
            work.done = before + done
            return not work.breaks

        results.append(
            await edge.services.mail.import_messages(
                me.token("mailstore"),
                mailbox.name,
                chunks,
                skip_duplicates=skip,
                request_id=work.request,
                tell=tell,
            )
        )
        if work.stopping:
            break
    count = sum(one.imported for one in results)
    left_out = any(one.skipped or one.refused for one in results)
    undo: dict[str, str] = {}
    if trash is not None and trash.name != mailbox.name and count <= MOST_UNDONE:
        found = [each for one in results for each in one.messages]
        for number, each in enumerate(found):
            undo |= {
                f"from{number}": each.mailbox,
                f"to{number}": trash.name,
                f"what{number}": range_text(each),
            }
    kind = "imported-some" if left_out else "imported"
    return Notice(kind, count, "", "/undo" if undo else "", undo, work.stopping)
