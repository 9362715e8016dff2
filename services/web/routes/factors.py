"""Second factors: setting up an app, recovery codes, removing. Nothing here is kept between two requests but
what auth keeps; the secret travels in the form."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.common.errors import PosternError, Reason, not_found
from services.web import qr, urls
from services.web.edge import Edge
from services.web.enrolling import start_page, wrong_code
from services.web.errors import explain, sentence
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.kept import Waiting
from services.web.model.security import Enrolment, Factor, Proof
from services.web.notices import Notice
from services.web.routes.security import PAGE
from services.web.session import Me

_MAX_NAME = 100


async def start(edge: Edge, request: Request, me: Me) -> Response:
    return await start_page(edge, request, me, Waiting(request.query_params.get("next", "")[:2000]))


async def begin(edge: Edge, request: Request, me: Me) -> Response:
    form = await _form(edge, request, me)
    waiting, proof = Waiting.of(form), _proof(form)
    name = form.get("name").strip()[:_MAX_NAME]

    async def again(problem: str, status: int) -> Response:
        return await start_page(edge, request, me, waiting, name=name, problem=problem, status=status)

    if not proof:
        return await again(_nothing_typed(form), 400)
    try:
        enrolment = await edge.services.auth.begin_enrolment(me.token("auth"), name or _("App"), proof)
    except PosternError as err:
        if _ends_session(err):
            raise
        return await again(_refusal(err, proof), explain(err).status)
    return await _confirm_page(edge, request, me, enrolment, waiting)


async def _confirm_page(
    edge: Edge,
    request: Request,
    me: Me,
    enrolment: Enrolment,
    waiting: Waiting,
    problem: str = "",
    status: int = 200,
) -> Response:
    return await _page(
        edge,
        request,
        me,
        "factor_confirm.html",
        status,
        state=enrolment.state,
        uri=enrolment.uri,
        drawing=qr.drawing(enrolment.uri),
        secret=qr.secret(enrolment.uri),
        waiting=waiting.fields,
        problem=problem,
    )


async def confirm(edge: Edge, request: Request, me: Me) -> Response:
    """The first code: with it the factor stands."""
    form = await _form(edge, request, me)
    waiting = Waiting.of(form)
    enrolment = Enrolment(form.get("state")[:200], qr.otpauth(form.get("uri")))
    code = "".join(form.get("code").split())[:20]
    if enrolment.uri and not code:
        return await _confirm_page(edge, request, me, enrolment, waiting, _("Type the code."), 400)
    try:
        codes = await edge.services.auth.finish_enrolment(me.token("auth"), enrolment.state, code)
    except PosternError as err:
        status = explain(err).status
        if err.reason == Reason.SESSION_ENDED or not enrolment.uri:  # of the enrolment's own state
            return await _too_late(edge, request, me, waiting)
        if _ends_session(err):
            raise
        problem = wrong_code() if err.reason == Reason.AUTHENTICATION_FAILED else sentence(err)
        if err.reason == Reason.QUOTA_EXCEEDED:
            problem = _("There are as many second factors as Postern keeps. Remove one first.")
        return await _confirm_page(edge, request, me, enrolment, waiting, problem, status)
    edge.sessions.forget(me.secret)
    me = await edge.open(request)
    if not codes:
        return edge.redirect(me, PAGE, Notice("factor-added"))
    return await _codes_page(edge, request, me, codes, waiting, first=True)


async def _too_late(edge: Edge, request: Request, me: Me, waiting: Waiting) -> Response:
    """The enrolment has ended: by time, by too many wrong codes, or because it was done before (a page that
    was loaded again)."""
    problem = _("This set-up has ended. Begin again, unless your app is in the list already.")
    if me.must_enrol:
        edge.sessions.forget(me.secret)
        me = await edge.open(request)
    return await start_page(edge, request, me, waiting, problem=problem, status=400)


async def ask_codes(edge: Edge, request: Request, me: Me) -> Response:
    return await _proof_page(edge, request, me, None)


async def make_codes(edge: Edge, request: Request, me: Me) -> Response:
    form = await _form(edge, request, me)
    proof = _proof(form)
    if not proof.code:
        return await _proof_page(edge, request, me, None, _nothing_typed(form), 400)
    try:
        codes = await edge.services.auth.recovery_codes(me.token("auth"), proof)
    except PosternError as err:
        if _ends_session(err):
            raise
        return await _proof_page(edge, request, me, None, _refusal(err, proof), explain(err).status)
    return await _codes_page(edge, request, me, codes, Waiting.of(form))


async def ask_removal(edge: Edge, request: Request, me: Me) -> Response:
    return await _proof_page(
        edge, request, me, await _factor(edge, me, request.query_params.get("factor", ""))
    )


async def remove(edge: Edge, request: Request, me: Me) -> Response:
    form = await _form(edge, request, me)
    proof, factor_id = _proof(form), form.get("factor")
    try:
        if proof.code:
            await edge.services.auth.remove_factor(me.token("auth"), factor_id, proof)
            edge.sessions.forget(me.secret)
            return edge.redirect(me, PAGE, Notice("factor-removed"))
        problem, status = _nothing_typed(form), 400
    except PosternError as err:
        if _ends_session(err):
            raise
        problem, status = _refusal(err, proof), explain(err).status
    return await _proof_page(edge, request, me, await _factor(edge, me, factor_id), problem, status)


async def _factor(edge: Edge, me: Me, factor_id: str) -> Factor:
    factor = (await edge.services.auth.factors(me.token("auth"))).find(factor_id)
    if factor is None:
        raise not_found("factor")
    return factor


async def _proof_page(
    edge: Edge, request: Request, me: Me, factor: Factor | None, problem: str = "", status: int = 200
) -> Response:
    """Asks for a code: to remove `factor`, or to make new recovery codes where there is none named."""
    return await _page(edge, request, me, "factor_proof.html", status, factor=factor, problem=problem)


async def _codes_page(
    edge: Edge, request: Request, me: Me, codes: tuple[str, ...], waiting: Waiting, first: bool = False
) -> Response:
    next_ = urls.safe_next(waiting.next_) if waiting.next_ else PAGE
    return await _page(
        edge, request, me, "factor_codes.html", 200, codes=codes, first=first, waiting=waiting, next=next_
    )


async def _page(edge: Edge, request: Request, me: Me, template: str, status: int, **context: Any) -> Response:
    """In the frame of the settings, or alone where nothing else is reachable."""
    nav = {"bare": True} if me.must_enrol else {"wide": True, **await edge.nav(me)}
    return edge.page(request, me, template, "settings", status=status, **nav, **context)


async def leave_off(edge: Edge, request: Request, me: Me) -> Response:
    """An address that only takes forms, asked for by hand or by loading again."""
    return RedirectResponse(PAGE, 303)


async def _form(edge: Edge, request: Request, me: Me) -> Form:
    return await edge.form(request, me, limit=2 * edge.settings.max_form_bytes)


def _proof(form: Form) -> Proof:
    return Proof("".join(form.get("code").split())[:100], form.get("password"))


def _nothing_typed(form: Form) -> str:
    return _("Type the code.") if "code" in form else _("Type your password.")


def _refusal(err: PosternError, proof: Proof) -> str:
    if err.reason != Reason.AUTHENTICATION_FAILED:
        return sentence(err)
    return wrong_code() if proof.code else _("This password is not right.")


def _ends_session(err: PosternError) -> bool:
    return err.reason in (Reason.SESSION_ENDED, Reason.TOKEN_INVALID)
