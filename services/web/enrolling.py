"""Where the enrolment of a second factor begins: from the settings, and before anything else where the
operator demands it. What waits behind it is carried along."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.common.errors import PosternError, Reason
from services.web import urls
from services.web.edge import Edge, own_path
from services.web.errors import sentence
from services.web.forms import Form, read_form
from services.web.i18n import gettext as _
from services.web.kept import Waiting
from services.web.model.security import Factors, Proof, Question
from services.web.session import Me

PAGE = "/settings/security"
PATHS = {"passkey": f"{PAGE}/passkey", "totp": f"{PAGE}/app", "hotp": f"{PAGE}/card"}
START = PATHS["totp"]
MAX_ANSWER = 16_384  # octets of a passkey's answer


async def start_page(
    edge: Edge,
    request: Request,
    me: Me,
    waiting: Waiting = Waiting(),
    *,
    kind: str = "totp",
    name: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    """The first step: a name, and a proof that it is the person. Who must enrol has no factor to prove with,
    and no mail to list beside it."""
    factors, question, failed = await proofs(edge, me)
    nav = {"bare": True} if me.must_enrol else {"wide": True, **await edge.nav(me)}
    if not failed and kind not in factors.offered:
        raise PosternError(Reason.UNSUPPORTED)
    return edge.page(
        request,
        me,
        "factor_start.html",
        "settings",
        status=status,
        kind=kind,
        others=[(PATHS[one], one) for one in factors.offered if one != kind],
        with_code=bool(factors.proper),
        kinds=factors.kinds,
        no_proof=factors.no_proof,
        question=question,
        factor_name=name,
        problem=problem or failed,
        waiting=waiting.fields,
        **nav,
    )


async def proofs(edge: Edge, me: Me) -> tuple[Factors, Question, str]:
    """The factors, the question for a passkey where there is one, and what to say where auth does not
    answer."""
    auth, token = edge.services.auth, me.token("auth")
    factors, failed = await edge.attempt(auth.factors(token))
    question = None
    if factors and "passkey" in factors.kinds:
        question, failed = await edge.attempt(auth.ask_proof(token))
    return factors or Factors(), question or Question(), sentence(failed) if failed else ""


async def enrol_first(edge: Edge, request: Request) -> Response:
    """To the enrolment instead of what was asked for; a form that was typed waits behind it."""
    if request.method != "POST":
        target = own_path(request)
        where = urls.with_query(START, next=target if target not in ("/", "/mail/INBOX") else "")
        if request.headers.get("hx-request") == "true":
            return Response(status_code=403, headers={"hx-redirect": where})
        return RedirectResponse(where, 303)
    me = await edge.open(request)
    form = request.scope.get("postern_form")
    if form is None:
        form = await read_form(request, 2 * edge.settings.max_form_bytes)
    return await start_page(edge, request, me, Waiting.after(request, form, own_path(request)), status=403)


def wrong_code(kind: str = "") -> str:
    """`kind`: what the person was asked for, or what came; a code of an app unless said."""
    if kind == "recovery":
        return _("This code is not right, or was used before. Try another one.")
    if kind == "passkey":
        return _("This passkey was not accepted. Try again, or use another way.")
    if kind == "hotp":
        return _("This code is not right, or was used before. Press the button again and type the next one.")
    return _("This code is not right, or was used before. Wait until your app shows the next one.")


def proof_of(form: Form) -> Proof:
    """What was typed or touched on a form with `proof_fields`."""
    code, answer = "".join(form.get("code").split())[:100], form.get("response")[:MAX_ANSWER]
    return Proof(code, form.get("password"), answer, form.get("proof_state")[:200])


def refusal(err: PosternError, proof: Proof) -> str:
    """Why a proof was not taken, for the person who gave it."""
    if err.reason != Reason.AUTHENTICATION_FAILED:
        return sentence(err)
    if err.metadata.get("problem") == "sign_in_again":
        return _sign_in_again()
    if proof.passkey:
        return wrong_code("passkey")
    return wrong_code() if proof.code else _("This password is not right.")


def _sign_in_again() -> str:
    return _(
        "You signed in a while ago. Sign out and in again, then come back here: that shows that it is you."
    )
