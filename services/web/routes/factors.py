"""Second factors: setting up an app, a card or a passkey, recovery codes, removing. Nothing here is kept
between two requests but what auth keeps; the secret travels in the form.

Each change gives the session a new secret, which goes into the cookie; the old one is dropped with its
tokens."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.common.errors import PosternError, Reason, not_found
from services.web import qr, urls
from services.web.edge import Edge
from services.web.enrolling import MAX_ANSWER, PATHS, proof_of, proofs, refusal, start_page, wrong_code
from services.web.errors import explain, sentence
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.kept import Waiting
from services.web.model.security import Changed, Enrolment, Factor
from services.web.notices import Notice
from services.web.routes.security import PAGE
from services.web.session import Me

_MAX_NAME = 100


async def start(edge: Edge, request: Request, me: Me) -> Response:
    waiting = Waiting(request.query_params.get("next", "")[:2000])
    return await start_page(edge, request, me, waiting, kind=_kind(request))


async def begin(edge: Edge, request: Request, me: Me) -> Response:
    form, kind = await _form(edge, request, me), _kind(request)
    waiting, proof = Waiting.of(form), proof_of(form)
    name = form.get("name").strip()[:_MAX_NAME]
    secret = form.get("secret").strip()[:200] if kind == "hotp" else ""

    async def again(problem: str, status: int) -> Response:
        return await start_page(
            edge, request, me, waiting, kind=kind, name=name, problem=problem, status=status
        )

    if not proof and "signed-in" not in form:
        return await again(_nothing_typed(form), 400)
    try:
        enrolment = await edge.services.auth.begin_enrolment(
            me.token("auth"), name or _default_name(kind), proof, kind, secret
        )
    except PosternError as err:
        if _ends_session(err):
            raise
        if err.metadata.get("field") == "otp_secret":
            return await again(_("This is no secret of a card: 16 bytes or more in base32 or hex."), 400)
        return await again(refusal(err, proof), explain(err).status)
    return await _confirm_page(edge, request, me, kind, enrolment, waiting, own=bool(secret))


async def _confirm_page(
    edge: Edge,
    request: Request,
    me: Me,
    kind: str,
    enrolment: Enrolment,
    waiting: Waiting,
    problem: str = "",
    status: int = 200,
    *,
    own: bool = False,
) -> Response:
    """`own`: the card has its secret already."""
    drawn = bool(enrolment.uri) and not own
    return await _page(
        edge,
        request,
        me,
        "passkey_confirm.html" if kind == "passkey" else "factor_confirm.html",
        status,
        kind=kind,
        action=f"{PATHS[kind]}/confirm",
        state=enrolment.state,
        uri=enrolment.uri,
        options=enrolment.options,
        own=own,
        drawing=qr.drawing(enrolment.uri) if drawn else "",
        secret=qr.secret(enrolment.uri) if drawn else "",
        waiting=waiting.fields,
        problem=problem,
    )


async def confirm(edge: Edge, request: Request, me: Me) -> Response:
    """The first proof: with it the factor stands."""
    form, kind = await _form(edge, request, me), _kind(request)
    waiting, own = Waiting.of(form), form.get("own") == "1"
    enrolment = Enrolment(
        form.get("state")[:200], qr.otpauth(form.get("uri")), form.get("options")[:MAX_ANSWER]
    )
    answer = form.get("response") if kind == "passkey" else ""
    codes = ["".join(form.get(field).split())[:20] for field in ("code", "code2") if field in form]
    begun = bool(enrolment.options if kind == "passkey" else enrolment.uri)
    if begun and not answer and not all(codes or [""]):
        problem = _("Use the button to make the passkey.") if kind == "passkey" else _("Type the code.")
        return await _confirm_page(edge, request, me, kind, enrolment, waiting, problem, 400, own=own)
    try:
        changed = await edge.services.auth.finish_enrolment(
            me.token("auth"), enrolment.state, " ".join(codes), passkey=answer, secret=me.secret
        )
    except PosternError as err:
        status = explain(err).status
        if err.reason == Reason.SESSION_ENDED or not begun:  # of the enrolment's own state
            return await _too_late(edge, request, me, waiting, kind)
        if _ends_session(err):
            raise
        problem = sentence(err)
        if err.reason == Reason.AUTHENTICATION_FAILED:
            problem = _two_codes() if kind == "hotp" else wrong_code(kind)
        if err.reason == Reason.QUOTA_EXCEEDED:
            problem = _("There are as many second factors as Postern keeps. Remove one first.")
        if err.reason == Reason.CONFLICT:
            problem = _("This passkey is in the list already.")
        return await _confirm_page(edge, request, me, kind, enrolment, waiting, problem, status, own=own)
    fresh = await _renewed(edge, request, me, changed)
    if not changed.codes:
        response = edge.redirect(fresh, PAGE, Notice("factor-added"))
    else:
        response = await _codes_page(edge, request, fresh, changed.codes, waiting, first=True, kind=kind)
    return _with_secret(edge, response, changed)


async def _too_late(edge: Edge, request: Request, me: Me, waiting: Waiting, kind: str) -> Response:
    """The enrolment has ended: by time, by too many wrong codes, or because it was done before (a page that
    was loaded again)."""
    problem = _("This set-up has ended. Begin again, unless your app is in the list already.")
    if me.must_enrol:
        edge.sessions.forget(me.secret)
        me = await edge.open(request)
    return await start_page(edge, request, me, waiting, kind=kind, problem=problem, status=400)


async def ask_codes(edge: Edge, request: Request, me: Me) -> Response:
    return await _proof_page(edge, request, me, None)


async def make_codes(edge: Edge, request: Request, me: Me) -> Response:
    form = await _form(edge, request, me)
    proof = proof_of(form)
    if not (proof.code or proof.passkey):
        return await _proof_page(edge, request, me, None, _nothing_typed(form), 400)
    try:
        changed = await edge.services.auth.recovery_codes(me.token("auth"), proof, me.secret)
    except PosternError as err:
        if _ends_session(err):
            raise
        return await _proof_page(edge, request, me, None, refusal(err, proof), explain(err).status)
    fresh = await _renewed(edge, request, me, changed)
    response = await _codes_page(edge, request, fresh, changed.codes, Waiting.of(form))
    return _with_secret(edge, response, changed)


async def ask_removal(edge: Edge, request: Request, me: Me) -> Response:
    return await _proof_page(
        edge, request, me, await _factor(edge, me, request.query_params.get("factor", ""))
    )


async def remove(edge: Edge, request: Request, me: Me) -> Response:
    form = await _form(edge, request, me)
    proof, factor_id = proof_of(form), form.get("factor")
    try:
        if proof.code or proof.passkey:
            changed = await edge.services.auth.remove_factor(me.token("auth"), factor_id, proof, me.secret)
            fresh = await _renewed(edge, request, me, changed)
            return _with_secret(edge, edge.redirect(fresh, PAGE, Notice("factor-removed")), changed)
        problem, status = _nothing_typed(form), 400
    except PosternError as err:
        if _ends_session(err):
            raise
        problem, status = refusal(err, proof), explain(err).status
    return await _proof_page(edge, request, me, await _factor(edge, me, factor_id), problem, status)


async def _renewed(edge: Edge, request: Request, me: Me, changed: Changed) -> Me:
    """The session under its new secret."""
    edge.sessions.forget(me.secret)
    return await edge.sessions.open(changed.secret or me.secret, edge.client(request))


def _with_secret(edge: Edge, response: Response, changed: Changed) -> Response:
    if changed.secret:
        edge.cookies.put(response, edge.cookies.name, changed.secret)
    return response


async def _factor(edge: Edge, me: Me, factor_id: str) -> Factor:
    factor = (await edge.services.auth.factors(me.token("auth"))).find(factor_id)
    if factor is None:
        raise not_found("factor")
    return factor


async def _proof_page(
    edge: Edge, request: Request, me: Me, factor: Factor | None, problem: str = "", status: int = 200
) -> Response:
    """Asks for a proof: to remove `factor`, or to make new recovery codes where there is none named."""
    factors, question, failed = await proofs(edge, me)
    return await _page(
        edge,
        request,
        me,
        "factor_proof.html",
        status,
        factor=factor,
        kinds=factors.kinds,
        last=len(factors.proper) == 1,
        question=question,
        problem=problem or failed,
    )


async def _codes_page(
    edge: Edge,
    request: Request,
    me: Me,
    codes: tuple[str, ...],
    waiting: Waiting,
    *,
    first: bool = False,
    kind: str = "",
) -> Response:
    next_ = urls.safe_next(waiting.next_) if waiting.next_ else PAGE
    context = {"codes": codes, "first": first, "kind": kind, "waiting": waiting, "next": next_}
    return await _page(edge, request, me, "factor_codes.html", 200, **context)


async def _page(edge: Edge, request: Request, me: Me, template: str, status: int, **context: Any) -> Response:
    """In the frame of the settings, or alone where nothing else is reachable."""
    nav = {"bare": True} if me.must_enrol else {"wide": True, **await edge.nav(me)}
    return edge.page(request, me, template, "settings", status=status, **nav, **context)


async def leave_off(edge: Edge, request: Request, me: Me) -> Response:
    """An address that only takes forms, asked for by hand or by loading again."""
    return RedirectResponse(PAGE, 303)


def _kind(request: Request) -> str:
    """The kind of factor that the address is about."""
    path = request.url.path.removesuffix("/confirm")
    return next(kind for kind, start in PATHS.items() if start == path)


def _default_name(kind: str) -> str:
    return {"passkey": _("Passkey"), "hotp": _("Card")}.get(kind) or _("App")


async def _form(edge: Edge, request: Request, me: Me) -> Form:
    return await edge.form(request, me, limit=2 * edge.settings.max_form_bytes)


def _nothing_typed(form: Form) -> str:
    return _("Type the code.") if "code" in form else _("Type your password.")


def _two_codes() -> str:
    return _("These are not two codes in a row of this card. Press the button twice and type both.")


def _ends_session(err: PosternError) -> bool:
    return err.reason in (Reason.SESSION_ENDED, Reason.TOKEN_INVALID)
