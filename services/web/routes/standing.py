"""Addresses to write as: a code is mailed there, and typed in here."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason
from services.web import formats
from services.web.edge import Edge
from services.web.errors import explain, sentence
from services.web.i18n import gettext as _
from services.web.i18n import ngettext
from services.web.model.account import Identity
from services.web.notices import Notice
from services.web.routes import settings
from services.web.session import Me


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    """One address: a code is mailed to it (do=send), or the code that came there is typed in."""
    form = await edge.form(request, me)
    wanted = next((one for one in me.identities if one.identity_id == form.get("identity_id")), None)
    if wanted is None:
        raise PosternError(Reason.NOT_FOUND)
    token, send = me.token("sender"), edge.services.send
    try:
        if form.get("do") == "send":
            await send.start_code(token, wanted.address, *_letter(me, wanted))
            notice = Notice("code-sent", 0, wanted.address)
        else:
            await send.finish_code(token, wanted.address, form.get("code")[:64])
            notice = Notice("address-confirmed", 0, wanted.address)
    except PosternError as err:
        if err.reason == Reason.SESSION_ENDED:
            raise
        return await settings.page(edge, request, me, _words(err), explain(err).status)
    return edge.redirect(me, "/settings", notice)


def _letter(me: Me, wanted: Identity) -> tuple[str, str]:
    """Subject and text of the message that brings the code, which sender puts where {code} stands."""
    subject = _("Your code for writing as this address")
    text = _(
        "Somebody who writes mail as %(account)s wants to write as %(address)s too.\n\n"
        "If that is you, type this code under Settings, Addresses that you write as:\n\n"
        "    %(code)s\n\n"
        "It does not hold for long. If it is not you, there is nothing to do: give the code to nobody.\n"
    )
    return subject, text % {"account": me.account, "address": wanted.address, "code": "{code}"}


def _words(err: PosternError) -> str:
    if err.metadata.get("problem") == "wrong_code":
        left = int(err.metadata.get("tries_left", "0"))
        if not left:
            return _("This is not the code that was sent, and it is no longer open. Send another one.")
        return ngettext(
            "This is not the code that was sent. You have %(count)s more try.",
            "This is not the code that was sent. You have %(count)s more tries.",
            left,
        ) % {"count": formats.number(left)}
    if err.reason == Reason.NOT_FOUND:
        return _("The code is no longer open. Send another one.")
    if err.reason == Reason.RATE_LIMITED and err.metadata.get("retry_seconds", "").isdigit():
        time = formats.span(int(err.metadata["retry_seconds"]))
        return _("Too many codes were sent. Wait %(time)s, then try again.") % {"time": time}
    if err.reason == Reason.MAIL_SERVER_REFUSED:
        return _("Your mail server did not take the message with the code. Check the address.")
    return sentence(err)
