"""Signing in and out."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.common.errors import PosternError, Reason, invalid_argument
from services.web import crypto, urls
from services.web.edge import Edge
from services.web.enrolling import start_page, wrong_code
from services.web.errors import FormExpired, explain, sentence
from services.web.forms import Form, read_form
from services.web.i18n import gettext as _
from services.web.kept import Waiting, kept_form
from services.web.model.account import Challenge, SignedIn
from services.web.pages import sign_in_page
from services.web.routes import compose
from services.web.session import Me

KINDS = ("passkey", "totp", "hotp", "recovery")
_STATE = "postern sign-in state v1"


async def show(edge: Edge, request: Request) -> Response:
    next_ = request.query_params.get("next", "")
    if edge.cookies.secret(request):
        try:
            await edge.open(request)
            return RedirectResponse(urls.safe_next(next_), 303)
        except PosternError:
            pass
    await edge.ask_methods()
    # Asked over a page whose session has ended: what was typed stands behind it.
    over = request.query_params.get("ended") == "1"
    return sign_in_page(edge, request, waiting=Waiting(next_), ended=over, typed=over)


async def submit(edge: Edge, request: Request) -> Response:
    form = await read_form(request, 2 * edge.settings.max_form_bytes)
    visitor = request.cookies.get(edge.cookies.visitor, "")
    email, password = form.get("email").strip(), form.get("password")
    form.drop("password")
    back = carried(form)
    if not visitor or not crypto.form_token_good(visitor, form.get("csrf")):
        problem = _("Your browser did not send back the cookie of this page. Allow cookies, then sign in.")
        return sign_in_page(edge, request, problem=problem, status=403, **back)
    if not email or not password:
        problem = _("Type your email address and your password.")
        return sign_in_page(edge, request, problem=problem, status=400, **back)
    try:
        outcome = await edge.services.auth.sign_in(email, password, edge.client(request))
    except PosternError as err:
        status = explain(err).status
        return sign_in_page(edge, request, problem=sentence(err), status=status, **back)
    if isinstance(outcome, Challenge):
        return code_page(edge, request, outcome, form)
    return await signed_in(edge, request, outcome, form)


async def ask_passkey(edge: Edge, request: Request) -> Response:
    """The first step with a passkey: the page that asks the browser for one."""
    form = await read_form(request, 2 * edge.settings.max_form_bytes)
    visitor = request.cookies.get(edge.cookies.visitor, "")
    if not visitor or not crypto.form_token_good(visitor, form.get("csrf")):
        problem = _("Your browser did not send back the cookie of this page. Allow cookies, then sign in.")
        return sign_in_page(edge, request, problem=problem, status=403, **carried(form))
    try:
        challenge = await edge.services.auth.ask_passkey(edge.client(request))
    except PosternError as err:
        return sign_in_page(edge, request, problem=sentence(err), status=explain(err).status, **carried(form))
    return code_page(edge, request, challenge, form)


async def to_start(edge: Edge, request: Request) -> Response:
    """An address that only takes forms, asked for by hand or by loading again."""
    return RedirectResponse("/sign-in", 303)


async def submit_code(edge: Edge, request: Request) -> Response:
    """The second step: a code, a passkey's answer, or the mail password after a passkey alone."""
    form = await read_form(request, 2 * edge.settings.max_form_bytes)
    visitor = request.cookies.get(edge.cookies.visitor, "")
    if not visitor or not crypto.form_token_good(visitor, form.get("csrf")):
        raise FormExpired
    kinds = tuple(kind for kind in form.get("kinds").split() if kind in KINDS)
    # A state that was given to another browser does not verify, and has ended for this one.
    state = (crypto.verify(visitor, _STATE, form.get("state")[:400]) or b"").decode()
    challenge = Challenge(state, kinds, form.get("options")[:16_384], form.get("asks") == "password")
    if form.get("do") == "recovery":
        return code_page(edge, request, challenge, form, recovery=True)
    code, answer = "".join(form.get("code").split())[:100], form.get("response")[:16_384]
    password = form.get("password") if challenge.password else ""
    form.drop("password")
    if not (code or answer or password):
        problem = _("Type your password.") if challenge.password else _("Type the code.")
        return code_page(edge, request, challenge, form, problem, 400)
    try:
        outcome = await edge.services.auth.continue_sign_in(
            state, code, _kind(code, kinds), edge.client(request), passkey=answer, password=password
        )
    except PosternError as err:
        status = explain(err).status
        if err.reason == Reason.AUTHENTICATION_FAILED:
            recovery = form.get("recovery") == "1"
            shown = "passkey" if answer else "recovery" if recovery else _kind(code, kinds)
            problem = _("This password is not right.") if password else wrong_code(shown)
            if answer and kinds == ("passkey",) and form.get("first") == "1":
                # The challenge is spent: the next try asks for a new one.
                return sign_in_page(edge, request, problem=problem, status=status, **carried(form))
            return code_page(edge, request, challenge, form, problem, status)
        if err.reason in (Reason.SESSION_ENDED, Reason.NOT_FOUND):
            problem = _("It took too long, or too many codes were wrong. Sign in again.")
            return sign_in_page(edge, request, problem=problem, status=401, **carried(form))
        return code_page(edge, request, challenge, form, sentence(err), status)
    if isinstance(outcome, Challenge):
        return code_page(edge, request, outcome, form)
    return await signed_in(edge, request, outcome, form)


def _kind(code: str, kinds: tuple[str, ...]) -> str:
    """What a code is, by its looks: one-time passwords are digits alone."""
    typed = [kind for kind in kinds if kind != "passkey"]
    return next((kind for kind in typed if (kind != "recovery") == code.isdigit()), "")


def code_page(
    edge: Edge,
    request: Request,
    challenge: Challenge,
    form: Form,
    problem: str = "",
    status: int = 200,
    *,
    recovery: bool = False,
) -> Response:
    """The page that asks for a code, a passkey, or the mail password. It carries what the sign-in page
    carried; `recovery`: nothing else at hand."""
    kinds = [kind for kind in challenge.kinds if kind in KINDS and (kind != "passkey" or challenge.options)]
    if not kinds and not challenge.password:
        problem = sentence(PosternError(Reason.UNSUPPORTED))
        return sign_in_page(edge, request, problem=problem, status=501, **carried(form))
    recovery = "recovery" in kinds and (recovery or form.get("recovery") == "1" or kinds == ["recovery"])
    visitor = request.cookies.get(edge.cookies.visitor, "")
    context = {
        "csrf": crypto.form_token(visitor),
        "state": crypto.sign(visitor, _STATE, challenge.state.encode()),
        "kinds": kinds,
        "options": challenge.options if "passkey" in kinds else "",
        "asks_password": challenge.password,
        "recovery": recovery,
        # Nobody has typed a password yet: there is nothing but the passkey.
        "first": challenge.kinds == ("passkey",),
        "problem": problem,
        "email": form.get("email").strip()[:320],
        "waiting": Waiting.of(form).fields,
    }
    return edge.renderer.page(request, "sign_in_code.html", context, status)


def carried(form: Form) -> dict[str, Any]:
    """What a sign-in page passes on: the address, the way back, and the form that waits."""
    return {"email": form.get("email").strip(), "waiting": Waiting.of(form)}


async def signed_in(edge: Edge, request: Request, outcome: SignedIn, form: Form) -> Response:
    """On to what was asked for, with the session's cookie."""
    waiting = Waiting.of(form)
    response: Response
    if kept_form(waiting.kept) is not None:
        me = await edge.sessions.open(outcome.secret, edge.client(request))
        response = await _with(edge, request, me, waiting)
    else:
        target = urls.safe_next(waiting.next_)
        response = RedirectResponse("/mail/INBOX" if target == "/" else target, 303)
        edge.sessions.expect(outcome.secret, edge.client(request))
    edge.cookies.put(response, edge.cookies.name, outcome.secret)
    return response


async def _with(edge: Edge, request: Request, me: Me, waiting: Waiting) -> Response:
    """On to the form that waits."""
    edge.speak(request, me)
    kept = kept_form(waiting.kept)
    if kept is None:
        return RedirectResponse(urls.safe_next(waiting.next_), 303)
    if me.must_enrol:
        return await start_page(edge, request, me, waiting)
    return await go_on(edge, request, me, kept, waiting.kept_for)


async def signed_in_elsewhere(edge: Edge, request: Request) -> Response:
    """From a page that keeps a form while somebody signs in in another tab."""
    form = await read_form(request, 2 * edge.settings.max_form_bytes)
    visitor = request.cookies.get(edge.cookies.visitor, "")
    if not visitor or not crypto.form_token_good(visitor, form.get("csrf")):
        problem = _("Your browser did not send back the cookie of this page. Allow cookies, then sign in.")
        return sign_in_page(edge, request, problem=problem, status=403, **carried(form))
    try:
        me = await edge.open(request)
    except PosternError as err:
        problem = _("You are not signed in yet.") if err.reason == Reason.SESSION_ENDED else sentence(err)
        status = explain(err).status
        return sign_in_page(edge, request, problem=problem, status=status, **carried(form))
    return await _with(edge, request, me, Waiting.of(form))


async def go_on(edge: Edge, request: Request, me: Me, kept: Form, kept_for: str) -> Response:
    """After a session ended in the midst of something: the same form again, nothing done yet."""
    target = urls.safe_next(kept_for)
    if target.partition("?")[0] in ("/compose", "/compose/autosave"):
        return await compose.present_again(edge, request, me, kept)
    fields = [(key, value) for key, value in kept.items if key != "csrf"]
    return edge.page(request, me, "go_on.html", "error", wide=True, target=target, fields=fields)


async def resume(edge: Edge, request: Request, me: Me) -> Response:
    """On to what waited while a factor was enrolled."""
    form = await edge.form(request, me, limit=2 * edge.settings.max_form_bytes)
    kept = kept_form(form.get("kept"))
    if kept is None:
        raise invalid_argument("kept", "broken")
    return await go_on(edge, request, me, kept, form.get("kept_for"))


async def leave_page(edge: Edge, request: Request) -> Response:
    """The link "Sign out": at once where a page of ours was clicked; else, since a page elsewhere may have
    made the link, with a button."""
    if request.headers.get("sec-fetch-site") == "same-origin":
        return await _leave(edge, request)
    try:
        me = await edge.open(request)
    except PosternError:
        return await _leave(edge, request)
    return edge.renderer.page(request, "sign_out.html", {"csrf": me.form_token})


async def leave(edge: Edge, request: Request) -> Response:
    secret = edge.cookies.secret(request)
    form = await read_form(request, edge.settings.max_form_bytes)
    if secret and not crypto.form_token_good(secret, form.get("csrf")):
        raise FormExpired
    return await _leave(edge, request)


async def _leave(edge: Edge, request: Request) -> Response:
    secret = edge.cookies.secret(request)
    failed = None
    if secret:
        edge.sessions.forget(secret)
        edge.warm.forget(crypto.session_hash(secret))
        _done, failed = await edge.attempt(edge.services.auth.end_session(secret))
    response: Response = RedirectResponse("/sign-in", 303)
    if failed is not None:
        problem = _(
            "This browser is signed out, but the session could not be ended on the server. "
            "It ends by itself later."
        )
        response = sign_in_page(edge, request, problem=problem, status=503)
    for name in (edge.cookies.name, edge.cookies.notice):
        edge.cookies.drop(response, name)
    # Pages kept for the back button go with the session.
    response.headers["clear-site-data"] = '"cache"'
    return response
