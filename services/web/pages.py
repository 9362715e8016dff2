"""Pages for what went wrong, and the sign-in page that keeps what was typed."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.common import tracing
from services.common.errors import PosternError, Reason
from services.common.logging import describe_exception, get_logger
from services.web import crypto, urls
from services.web.edge import Edge, own_path
from services.web.enrolling import enrol_first
from services.web.errors import MustEnrol, NoCertificate, explain
from services.web.forms import read_form
from services.web.kept import Waiting

log = get_logger(__name__)


def as_posted(err: BaseException) -> PosternError:
    """Any failure as a PosternError; what nobody foresaw is INTERNAL."""
    if isinstance(err, PosternError):
        return err
    if isinstance(err, TimeoutError):
        return PosternError(Reason.DEADLINE_EXCEEDED, cause=err)
    if isinstance(err, HTTPException):
        return PosternError(Reason.NOT_FOUND if err.status_code == 404 else Reason.UNSUPPORTED, cause=err)
    return PosternError(Reason.INTERNAL, cause=err)


async def answer_error(edge: Edge, request: Request, err: BaseException) -> Response:
    """The page for a failure: the sign-in page where the session ended, else what happened and what to do."""
    problem = as_posted(err)
    edge.speak(request)
    if problem.reason == Reason.SESSION_ENDED:
        return await session_ended(edge, request)
    if isinstance(err, MustEnrol) and not wants_json(request):
        return await enrol_first(edge, request)
    known = explain(problem)
    if known.status >= 500:
        cause = err if problem is not err else problem.cause
        detail = describe_exception(cause) if isinstance(cause, BaseException) else cause
        log.error("page.failed", reason=problem.reason, cause=detail)
    else:
        log.info("page.refused", reason=problem.reason, **_harmless(problem.metadata))
    trace = tracing.current()
    trace_id = trace.trace_id[:16] if trace else ""
    if wants_json(request):
        return JSONResponse(
            {"error": problem.reason, "title": known.title, "text": known.text, "trace": trace_id},
            known.status,
        )
    context: dict[str, Any] = {
        "title": known.title,
        "text": known.text,
        "trace_id": trace_id,
        "retry": own_path(request) if known.retry and request.method == "GET" else "",
    }
    if isinstance(err, NoCertificate):
        # Whatever cookie came along: outside there is nothing of anybody's.
        return edge.renderer.page(request, "outside.html", context, known.status)
    try:
        me = await edge.open(request)
    except Exception:
        return edge.renderer.page(request, "error_solo.html", context, known.status)
    template = "error_pane.html" if request.headers.get("hx-request") == "true" else "error.html"
    if template == "error.html" and known.status < 500:
        context |= await edge.nav(me)
    return edge.page(request, me, template, "error", status=known.status, wide=True, **context)


def _harmless(metadata: dict[str, str]) -> dict[str, str]:
    return {key: metadata[key] for key in ("field", "problem", "limit", "what", "use") if key in metadata}


def wants_json(request: Request) -> bool:
    return (
        request.url.path in ("/contacts/suggest", "/compose/autosave", "/session", "/compose/key")
        or request.headers.get("accept", "").startswith("application/json")
        or "postern-fragment" in request.headers
    )


async def session_ended(edge: Edge, request: Request) -> Response:
    """Back to signing in. A POST's text is kept on the page, so that nothing typed is lost (promise 2)."""
    if wants_json(request):
        return JSONResponse({"error": Reason.SESSION_ENDED}, 401)
    if request.url.path == "/events":
        # No page for a stream; what shows the end to the person is the next thing that they do.
        return Response(status_code=401)
    if request.method != "POST":
        target = own_path(request)
        where = urls.with_query("/sign-in", next=target if target not in ("/", "/mail/INBOX") else "")
        if request.headers.get("hx-request") == "true":
            return Response(status_code=401, headers={"hx-redirect": where})
        response: Response = RedirectResponse(where, 303)
    else:
        form = request.scope.get("postern_form")
        if form is None:
            form = await read_form(request, edge.settings.max_form_bytes)
        waiting = Waiting.after(request, form, own_path(request))
        response = sign_in_page(edge, request, waiting=waiting, ended=True, status=401)
    return response


def sign_in_page(
    edge: Edge,
    request: Request,
    *,
    email: str = "",
    problem: str = "",
    waiting: Waiting = Waiting(),
    ended: bool = False,
    typed: bool = False,
    status: int = 200,
) -> Response:
    """The sign-in page. Its form is tied to a cookie of its own, against signing somebody in as somebody
    else."""
    visitor = request.cookies.get(edge.cookies.visitor, "")
    fresh = len(visitor) < 20
    if fresh:
        visitor = secrets.token_urlsafe(24)
    response = edge.renderer.page(
        request,
        "sign_in.html",
        {
            "csrf": crypto.form_token(visitor),
            "email": email,
            "problem": problem,
            "waiting": waiting.fields,
            "ended": ended,
            "typed": typed or bool(waiting.kept),
            "secure": edge.settings.secure,
            "passkeys": edge.passkeys_offered,
            "openid": edge.openid_offered,
        },
        status,
    )
    if fresh:
        edge.cookies.put(response, edge.cookies.visitor, visitor)
    return response
