"""Signing in by an OpenID provider: off to it, and back.

What ties the two together is a cookie that scripts cannot read. It holds the state that auth gave, which is
of use once and to this browser, and the page to go on to.
"""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.common.errors import PosternError, Reason
from services.web import crypto, urls
from services.web.edge import Edge
from services.web.errors import explain, sentence
from services.web.forms import Form, read_form
from services.web.i18n import gettext as _
from services.web.kept import Waiting
from services.web.model.account import Challenge
from services.web.pages import sign_in_page
from services.web.routes import signin

PATH = "/sign-in/openid"
_SECONDS = 600
_MAX_QUERY = 8_000


async def start(edge: Edge, request: Request) -> Response:
    """To the provider. A page of ours in between, since a form of ours may lead to no other site
    (form-action)."""
    form = await read_form(request, 2 * edge.settings.max_form_bytes)
    form.drop("password")
    visitor = request.cookies.get(edge.cookies.visitor, "")
    if not visitor or not crypto.form_token_good(visitor, form.get("csrf")):
        problem = _("Your browser did not send back the cookie of this page. Allow cookies, then sign in.")
        return sign_in_page(edge, request, problem=problem, status=403, **signin.carried(form))
    email = form.get("email").strip()[:320]
    try:
        challenge = await edge.services.auth.start_openid(
            email, edge.settings.public_url + PATH, edge.client(request)
        )
    except PosternError as err:
        problem = sentence(err)
        if err.reason == Reason.UNSUPPORTED:
            problem = _("Type your email address first: it says where to sign in.")
            if email:
                problem = _("This address signs in with its password.")
        return sign_in_page(
            edge, request, problem=problem, status=explain(err).status, **signin.carried(form)
        )
    # What was typed is in this page, and in no cookie or memory of ours: the page stays then, and another tab
    # goes to the provider.
    waiting = Waiting.of(form)
    context = {
        "target": challenge.redirect,
        "csrf": crypto.form_token(visitor),
        "waiting": waiting.fields if waiting.kept else [],
    }
    response = edge.renderer.page(request, "openid.html", context)
    if not waiting.kept:
        response.headers["refresh"] = f"0; url={challenge.redirect}"
    content = {"state": challenge.state, "next": urls.safe_next(form.get("next"))[:1000]}
    edge.cookies.put(response, edge.cookies.openid, json.dumps(content), max_age=_SECONDS)
    return response


async def back(edge: Edge, request: Request) -> Response:
    """From the provider, whose answer is in the query."""
    await edge.ask_methods()
    state, next_ = _kept(request.cookies.get(edge.cookies.openid, ""))
    form = Form([("next", next_)], [])
    query = request.url.query
    if not query:
        return RedirectResponse("/sign-in", 303)
    if not state or len(query) > _MAX_QUERY:
        return _again(edge, request, form, _too_long(), 400)
    try:
        outcome = await edge.services.auth.finish_openid(state, query, edge.client(request))
    except PosternError as err:
        problem = sentence(err)
        if err.reason == Reason.SESSION_ENDED:
            problem = _too_long()
        elif err.metadata.get("problem") == "denied":
            problem = _("You did not sign in there.")
        elif err.reason == Reason.AUTHENTICATION_FAILED:
            problem = _("Your provider did not sign you in here. Try again; if it stays so, ask who runs it.")
        return _again(edge, request, form, problem, explain(err).status)
    if isinstance(outcome, Challenge):
        response = signin.code_page(edge, request, outcome, form)
    else:
        response = await signin.signed_in(edge, request, outcome, form)
    edge.cookies.drop(response, edge.cookies.openid)
    return response


def _again(edge: Edge, request: Request, form: Form, problem: str, status: int) -> Response:
    response = sign_in_page(edge, request, problem=problem, status=status, **signin.carried(form))
    edge.cookies.drop(response, edge.cookies.openid)
    return response


def _too_long() -> str:
    return _("It took too long, or was tried before. Sign in again.")


def _kept(text: str) -> tuple[str, str]:
    """The state and the page to go on to; empty where the cookie holds neither."""
    try:
        content = json.loads(text)
        return str(content["state"])[:200], urls.safe_next(str(content["next"]))
    except (ValueError, KeyError, TypeError):
        return "", ""
