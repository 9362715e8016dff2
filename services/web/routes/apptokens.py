"""Settings, App tokens: letting programs in, and out again."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason, not_found
from services.web import formats
from services.web.edge import Edge
from services.web.enrolling import proof_of, proofs, refusal
from services.web.errors import explain, sentence
from services.web.i18n import gettext as _
from services.web.i18n import mark as N_
from services.web.i18n import ngettext
from services.web.model.security import Proof
from services.web.notices import Notice
from services.web.session import Me

PAGE = "/settings/apps"
DAYS = (30, 90, 365)
SCOPES = {
    "mail.read": N_("Read and search mail"),
    "mail.modify": N_("Move, delete and mark mail"),
    "mail.file": N_("Put messages into mailboxes"),
    "mail.send": N_("Send mail"),
    "contacts.read": N_("Read contacts"),
    "contacts.write": N_("Change contacts"),
    "account.read": N_("Read settings and sender addresses"),
}


async def show(edge: Edge, request: Request, me: Me) -> Response:
    return await _page(edge, request, me)


async def create(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    name = form.get("name").strip()[:100]
    chosen = tuple(scope for scope in SCOPES if form.get(scope) == "1")
    days = int(form.get("days")) if form.get("days") in map(str, DAYS) else DAYS[0]
    proof = proof_of(form)
    form.drop("password")
    problem = ""
    if not name:
        problem = _("Give it a name.")
    elif not chosen:
        problem = _("Choose what it may do.")
    elif not proof and "signed-in" not in form:
        problem = _("Type the code.") if "code" in form else _("Type your password.")
    if problem:
        return await _page(edge, request, me, name, chosen, days, problem, 400)
    try:
        secret = await edge.services.auth.create_app_token(
            me.token("auth"), me.secret, name, chosen, formats.now() + timedelta(days=days), proof
        )
    except PosternError as err:
        if err.reason in (Reason.SESSION_ENDED, Reason.TOKEN_INVALID):
            raise
        return await _page(edge, request, me, name, chosen, days, _refusal(err, proof), explain(err).status)
    return await _page(edge, request, me, made=name, secret=secret)


async def revoke(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    if not form.get("token"):
        raise not_found("app_token")
    await edge.services.auth.revoke_app_token(me.token("auth"), form.get("token")[:100])
    return edge.redirect(me, PAGE, Notice("app-token-revoked"))


async def _page(
    edge: Edge,
    request: Request,
    me: Me,
    name: str = "",
    chosen: tuple[str, ...] = ("mail.read",),
    days: int = DAYS[1],
    problem: str = "",
    status: int = 200,
    *,
    made: str = "",
    secret: str = "",
) -> Response:
    tokens, failed = await edge.attempt(edge.services.auth.app_tokens(me.token("auth")))
    factors, question, no_proofs = await proofs(edge, me)
    return edge.page(
        request,
        me,
        "app_tokens.html",
        "settings",
        status=status,
        wide=True,
        tokens=[
            (one, ", ".join(_(SCOPES.get(scope, scope)) for scope in one.scopes)) for one in tokens or ()
        ],
        tokens_problem=sentence(failed) if failed else "",
        scopes=[(scope, _(words), scope in chosen) for scope, words in SCOPES.items()],
        days=[(n, ngettext("%(count)s day", "%(count)s days", n) % {"count": n}) for n in DAYS],
        chosen_days=days,
        app_name=name,
        kinds=factors.kinds,
        no_proof=factors.no_proof,
        question=question,
        problem=problem or no_proofs,
        made=made,
        secret=secret,
        **await edge.nav(me),
    )


def _refusal(err: PosternError, proof: Proof) -> str:
    if err.metadata.get("what") == "app_token_for_openid_mail":
        return _("You sign in by another provider, and an app token cannot take that over for mail.")
    if err.reason == Reason.QUOTA_EXCEEDED:
        return _("There are as many app tokens as Postern keeps. Revoke one first.")
    return refusal(err, proof)
