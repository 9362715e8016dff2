"""Long work: how far it is, and stopping it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, not_found
from services.web.edge import Edge, is_fragment
from services.web.errors import sentence
from services.web.notices import Notice
from services.web.session import Me
from services.web.works import Work, settle, words

# A page without scripts asks again after so many seconds.
AGAIN = "1"
STOP_SECONDS = 10.0


def line(
    edge: Edge,
    request: Request,
    me: Me,
    *,
    notice: Notice | None = None,
    work: Work | None = None,
    here: str = "/",
    status: int = 200,
    lines: tuple[str, dict[str, str]] | None = None,
) -> Response:
    """The line at the foot of a page alone; or with lines of the page's list, and what is told of it."""
    context: dict[str, Any] = {
        "notice": notice,
        "work": work,
        "csrf": me.form_token,
        "here": here,
        "brought": Markup(lines[0]) if lines else "",  # noqa: S704 drawn by a template
    }
    told = {name: value for name, value in lines[1].items() if name.startswith("postern-")} if lines else {}
    return edge.renderer.page(
        request, "notice_line.html", context, status, headers={**told, "cache-control": "no-store"}
    )


def show_line(edge: Edge, request: Request, me: Me, work: Work) -> Response:
    """The answer to what began it: a page without scripts goes to the work's own."""
    if is_fragment(request, "notices"):
        return line(edge, request, me, work=work, here=work.back, status=202)
    return edge.redirect(me, f"/works/{work.work_id}")


async def show(edge: Edge, request: Request, me: Me) -> Response:
    work = _found(edge, request, me)
    if is_fragment(request, "notices"):
        return line(
            edge, request, me, notice=ended(work), work=work if work.running else None, here=work.back
        )
    nav = await edge.nav(me)
    headers = {"cache-control": "no-store"}
    if work.running:
        headers["refresh"] = AGAIN
    return edge.page(
        request,
        me,
        "work.html",
        "mail",
        wide=True,
        headers=headers,
        this=work,
        what=words(work),
        notice=None,
        ended=ended(work),
        **{**nav, "work": None},
    )


def ended(work: Work) -> Notice | None:
    """What it came to."""
    if work.error is not None:
        return Notice("failed", work.done, sentence(work.error))
    return work.notice


async def stop(edge: Edge, request: Request, me: Me) -> Response:
    """Ends it after the step that it is at, so that what was done is known; else at once."""
    await edge.form(request, me)
    work = _found(edge, request, me)
    if work.running:
        work.stopping = True
        known = False
        if work.request:
            # Where it cannot be told in time, the work is broken off from here.
            with contextlib.suppress(TimeoutError, PosternError):
                async with asyncio.timeout(STOP_SECONDS):
                    known = await edge.services.mail.stop(me.token("mailstore"), work.request)
        work.breaks = not known
        await settle(work)
    if is_fragment(request, "notices"):
        return await show(edge, request, me)
    return edge.redirect(me, f"/works/{work.work_id}")


def _found(edge: Edge, request: Request, me: Me) -> Work:
    work = edge.works.get(me.grant.session_id, request.path_params["work"])
    if work is None:
        raise not_found("work")
    return work
