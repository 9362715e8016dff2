"""Settings: display, identities."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason, invalid_argument
from services.web import addresses, i18n, listing, urls
from services.web.edge import Edge, request_id
from services.web.errors import explain, sentence
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.model.account import Identity, Preferences
from services.web.model.outgoing import Standings
from services.web.notices import Notice
from services.web.routes.mail import VIEWS
from services.web.session import Me

THEMES = ("", "light", "dark")
DENSITIES = ("", "compact", "roomy")
PAGE_ROWS = (0, 25, 100, 200)
UNDO_SECONDS = (0, 5, 10, 30, 60)
FIELDS = (
    "language",
    "time_zone",
    "theme",
    "density",
    "conversations",
    "page_rows",
    "undo_send_seconds",
    "shortcuts_off",
    "extra.write",
    "extra.spell",
)
WRITE = ("", "plain", "rich")


async def show(edge: Edge, request: Request, me: Me) -> Response:
    return await page(edge, request, me)


async def page(edge: Edge, request: Request, me: Me, problem: str = "", status: int = 200) -> Response:
    asked = [one.address for one in me.identities]
    nav, (standings, _problem) = await asyncio.gather(
        edge.nav(me), edge.attempt(edge.services.send.standings(me.token("sender"), asked))
    )
    return edge.page(
        request,
        me,
        "settings.html",
        "settings",
        status=status,
        wide=True,
        preferences=me.preferences,
        identities=me.identities,
        standings=standings or Standings(),
        account=me.account,
        problem=problem,
        languages=[("", _("As the browser says")), *edge.languages.names()],
        zones=[("", _("As the browser says")), *((name, name.replace("_", " ")) for name in i18n.zones())],
        themes=[("", _("As the system says")), ("light", _("Light")), ("dark", _("Dark"))],
        densities=[("compact", _("Compact")), ("", _("Default")), ("roomy", _("Roomy"))],
        writes=[
            ("", _("As the message that is answered")),
            ("plain", _("Plain text")),
            ("rich", _("With formatting")),
        ],
        spells=[("", _("As the browser says")), *i18n.language_names()],
        page_rows=[(0, "50"), *((n, str(n)) for n in PAGE_ROWS if n)],
        undo_seconds=[
            (n, i18n.ngettext("%(count)s second", "%(count)s seconds", n) % {"count": n} if n else _("Off"))
            for n in UNDO_SECONDS
        ],
        mail_places=listing.move_targets(nav["tree"], ""),
        request_id=request_id(),
        **nav,
    )


async def transfer(edge: Edge, request: Request, me: Me) -> Response:
    """The page that takes messages into the chosen mailbox, or gives them out."""
    mailbox, way = request.query_params.get("mailbox", ""), request.query_params.get("to", "")
    if not mailbox or way not in ("import", "export"):
        raise invalid_argument("to" if mailbox else "mailbox", "unknown")
    return edge.redirect(me, f"{urls.mailbox(mailbox)}/{way}")


def _chosen(form: Form, languages: tuple[str, ...]) -> Preferences:
    def one_of(name: str, allowed: tuple[str, ...]) -> str:
        value = form.get(name)
        if value not in allowed:
            raise invalid_argument(name, "unknown")
        return value

    def number(name: str, allowed: tuple[int, ...]) -> int:
        value = form.get(name) or "0"
        if not value.isdigit() or int(value) not in allowed:
            raise invalid_argument(name, "unknown")
        return int(value)

    return Preferences(
        language=one_of("language", ("", *languages)),
        time_zone=one_of("time_zone", ("", *i18n.zones())),
        theme=one_of("theme", THEMES),
        density=one_of("density", DENSITIES),
        conversations=form.get("conversations") == "1",
        page_rows=number("page_rows", PAGE_ROWS),
        undo_send_seconds=number("undo_send_seconds", UNDO_SECONDS),
        shortcuts_off=form.get("shortcuts_off") == "1",
        write=one_of("write", WRITE),
        spell=one_of("spell", ("", *(tag for tag, _name in i18n.language_names()))),
    )


async def save_preferences(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    chosen = _chosen(form, edge.languages.tags)
    await edge.services.auth.update_preferences(me.token("auth"), chosen, FIELDS)
    edge.sessions.forget(me.secret)
    return edge.redirect(me, "/settings", Notice("settings-saved"))


async def save_view(edge: Edge, request: Request, me: Me) -> Response:
    """Conversations or single messages, as chosen in one list: for all lists, until the next choice."""
    form = await edge.form(request, me)
    if form.get("view") not in VIEWS:
        raise invalid_argument("view", "unknown")
    chosen = replace(me.preferences, conversations=form.get("view") == "conversations")
    return await _chosen_in_list(edge, me, form, chosen, "conversations")


async def save_greeted(edge: Edge, request: Request, me: Me) -> Response:
    """The first steps have been read."""
    form = await edge.form(request, me)
    return await _chosen_in_list(edge, me, form, replace(me.preferences, greeted="1"), "extra.greeted")


async def _chosen_in_list(edge: Edge, me: Me, form: Form, chosen: Preferences, field: str) -> Response:
    await edge.services.auth.update_preferences(me.token("auth"), chosen, (field,))
    edge.sessions.forget(me.secret)
    # What was chosen counts, not what the address said before; in that order, a page is another one.
    path, _mark, query = urls.safe_next(form.get("back") or "/").partition("?")
    kept = {name: value for name, value in parse_qsl(query) if name == "filter"}
    return edge.redirect(me, urls.with_query(path, **kept))


async def save_identity(edge: Edge, request: Request, me: Me) -> Response:
    """One identity: changed, made the default, removed, or (without an id) made."""
    form = await edge.form(request, me)
    verb, token, auth = form.get("do") or "save", me.token("auth"), edge.services.auth
    wanted = next((one for one in me.identities if one.identity_id == form.get("identity_id")), None)
    if wanted is None and form.get("identity_id"):
        raise PosternError(Reason.NOT_FOUND)
    address = form.get("address").strip()
    if wanted is None and not addresses.good(address):
        problem = _("This is not an email address: %(address)s") % {"address": address}
        return await page(edge, request, me, problem, 400)
    before = wanted or Identity("", address)
    signature = form.get("signature")[:10_000]
    # A formatted signature of another program's says the same as the plain one, or it goes.
    same = signature.splitlines() == before.signature.splitlines()
    changed = replace(
        before,
        name=form.get("name").strip()[:200],
        reply_to=form.get("reply_to").strip()[:320],
        signature=signature,
        signature_html=before.signature_html if same else "",
        etag=form.get("etag"),
    )
    try:
        if wanted is None:
            await auth.create_identity(token, changed, form.write_id())
        elif verb == "remove":
            await auth.delete_identity(token, wanted.identity_id)
            await edge.attempt(edge.services.send.forget_address(me.token("sender"), wanted.address))
        else:
            default = wanted.is_default or verb == "default"
            await auth.update_identity(token, replace(changed, is_default=default), form.write_id())
    except PosternError as err:
        if err.reason == Reason.SESSION_ENDED:
            raise
        return await page(edge, request, me, sentence(err), explain(err).status)
    edge.sessions.forget(me.secret)
    return edge.redirect(me, "/settings", Notice("settings-saved"))
