"""What changes, as it changes: one stream of server-sent events (HTML Standard section 9.2) for each browser.

The browser's tabs share it. It names what changed and holds no page: tabs read again the lines that they
show.
Bounded: a number of streams in all and for each session, a queue for each, a few minutes of life. What was
missed meanwhile comes with the next one: an event's id holds what both services resume from. A session that
opens one too many loses its oldest: that is the one which nobody reads, as of a page that was left.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse

from services.common.errors import PosternError, Reason
from services.common.logging import get_logger
from services.web import listing, urls
from services.web.edge import Edge
from services.web.i18n import gettext as _
from services.web.model.mail import Change
from services.web.model.outgoing import Submission
from services.web.routes.outbox import state_words, wrong_words
from services.web.session import Me

log = get_logger(__name__)
MOST_STREAMS = 1_500
MOST_OF_A_SESSION = 6
QUEUE = 200
LIFE_SECONDS = 600.0
BEAT_SECONDS = 20.0
# How long a browser waits before it comes again.
RETRY_MS = 2_000
_MAX_ID = 300

Queue = asyncio.Queue[tuple[str, Any]]

# By session, the oldest first.
_open: defaultdict[str, list[Queue]] = defaultdict(list)


async def stream(edge: Edge, request: Request, me: Me) -> StreamingResponse:
    session = me.grant.session_id
    if sum(map(len, _open.values())) >= MOST_STREAMS:
        raise PosternError(Reason.RATE_LIMITED)
    mail, send = _resume(request.headers.get("last-event-id", "") or request.query_params.get("after", ""))
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(
        _events(edge, request, me, session, mail, send), headers=headers, media_type="text/event-stream"
    )


def _resume(text: str) -> tuple[str, str]:
    mail, _, send = text.partition(" ") if len(text) <= _MAX_ID and text.isprintable() else ("", "", "")
    return mail, send


async def _events(
    edge: Edge, request: Request, me: Me, session: str, mail: str, send: str
) -> AsyncIterator[bytes]:
    """The session is looked at again at every beat: a stream outlives no session."""
    queue: Queue = asyncio.Queue(QUEUE)
    mine = _open[session]
    mine.append(queue)
    if len(mine) > MOST_OF_A_SESSION:
        _end(mine.pop(0))
    tasks = [
        asyncio.create_task(_gone(request, queue)),
        asyncio.create_task(_follow_mail(edge, me, mail, queue)),
        asyncio.create_task(_follow_outbox(edge, me, send, queue)),
    ]
    begun = False
    loop = asyncio.get_running_loop()
    end = loop.time() + LIFE_SECONDS
    try:
        yield b"retry: %d\n\n" % RETRY_MS
        while loop.time() < end:
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    kind, found = await queue.get()
            except TimeoutError:
                try:
                    await edge.sessions.open(me.secret, edge.client(request))
                except PosternError as err:
                    if err.reason == Reason.SESSION_ENDED:
                        yield b"event: ended\ndata: {}\n\n"
                        return
                yield b": beat\n\n"
                continue
            if kind == "end":
                return
            if kind == "mail":
                mail = _word(found.token) or mail
                event, data = _mail_event(found)
                if not begun and found.kind == "beat":
                    # From here on all is told: a page that knew no place to go on from looks again now.
                    event, begun = "ready", True
            else:
                submission, token = found
                edge.asides.changed(me.account)
                send = _word(token) or send
                event, data = _outbox_event(submission)
            edge.positions.put(me.account, mail, send)
            if event:
                text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
                yield f"id: {mail} {send}\nevent: {event}\ndata: {text}\n\n".encode()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(ValueError):
            mine.remove(queue)
        if not mine and _open.get(session) is mine:
            del _open[session]


def _end(queue: Queue) -> None:
    """The next thing that the stream hears is that it is over."""
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(("end", None))


async def _gone(request: Request, queue: Queue) -> None:
    """Ends the stream when its browser has left: writing alone would find out minutes later."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    _end(queue)


def _word(token: str) -> str:
    return token if token.isascii() and token.isprintable() and " " not in token and len(token) < 140 else ""


async def _follow_mail(edge: Edge, me: Me, resume: str, queue: Queue) -> None:
    """Its end ends the stream: the browser opens another."""
    try:
        async with edge.services.mail.watch(me.token("mailstore"), resume) as changes:
            async for change in changes:
                await queue.put(("mail", change))
    except PosternError as err:
        log.info("events.mail_ended", reason=err.reason)
    await queue.put(("end", None))


async def _follow_outbox(edge: Edge, me: Me, resume: str, queue: Queue) -> None:
    """Without sender the rest goes on."""
    with suppress(PosternError):
        async with edge.services.send.watch(me.token("sender"), resume) as submissions:
            async for one in submissions:
                await queue.put(("outbox", one))


def _mail_event(change: Change) -> tuple[str, dict[str, Any]]:
    match change.kind:
        case "mailbox" if change.mailbox is not None:
            box = change.mailbox
            return "mailbox", {
                "mailbox": box.name,
                "label": listing.mailbox_label(box),
                "use": box.use.value,
                "unread": box.unread,
                "messages": box.messages,
                "added": [
                    {
                        "href": urls.message(row.ref),
                        "who": next((one.shown for one in row.envelope.from_ if one.shown), ""),
                        "subject": listing.subject_of(row),
                        "unread": not row.flags.seen,
                    }
                    for row in change.added[:20]
                ],
                "changed": [
                    {"key": row.ref.key, "unread": not row.flags.seen, "starred": row.flags.flagged}
                    for row in change.modified
                ],
            }
        case "tree" | "restarted":
            return change.kind, {}
        case "server":
            return "server", {"lost": change.lost}
    return "", {}


def _outbox_event(submission: Submission | None) -> tuple[str, dict[str, Any]]:
    if submission is None:
        return "", {}
    told = {
        "id": submission.submission_id,
        "state": submission.state,
        "words": state_words(submission),
        "subject": submission.subject,
    }
    if wrong := wrong_words(submission):
        settled = submission.state in ("accepted", "filed")
        told |= {"wrong": wrong, "open": _("Outbox"), "href": "/outbox?view=all" if settled else "/outbox"}
    return "outbox", told
