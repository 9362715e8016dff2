"""The composition root: settings and services in, an ASGI application out."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from services.common.errors import not_found
from services.web.crypto import Capabilities
from services.web.edge import Edge, Handler, signed_in
from services.web.enrolling import PATHS
from services.web.gate import Gate
from services.web.i18n import Languages
from services.web.images import ImageProxy
from services.web.middleware.shell import Shell
from services.web.pages import answer_error
from services.web.ports import Services
from services.web.render import Renderer
from services.web.routes import (
    actions,
    apptokens,
    compose,
    contacts,
    drafts,
    events,
    factors,
    labels,
    links,
    mail,
    mailboxes,
    managing,
    message,
    openid,
    outbox,
    parts,
    search,
    searches,
    security,
    sharing,
    signin,
    standing,
    templates,
    transfer,
    uploading,
    works,
)
from services.web.routes import (
    settings as settings_pages,
)
from services.web.routing import ByFirstWord
from services.web.session import Cookies, Sessions
from services.web.settings import WebSettings
from services.web.static import Static


def build_edge(
    settings: WebSettings,
    services: Services,
    static: Static | None = None,
    renderer: Renderer | None = None,
) -> Edge:
    static = static or Static()
    return Edge(
        settings=settings,
        services=services,
        sessions=Sessions(services.auth, settings.session_cache),
        cookies=Cookies(settings.secure),
        languages=Languages(default_zone=settings.time_zone),
        renderer=renderer or Renderer(static),
        static=static,
        capabilities=Capabilities(settings.key.reveal() if settings.key else None),
        images=ImageProxy() if settings.remote_images else None,
    )


def build(edge: Edge) -> ASGIApp:
    async def on_error(request: Request, err: BaseException) -> Response:
        return await answer_error(edge, request, err)

    gate = Gate(edge.settings.gate, edge.settings.trusted_proxies) if edge.settings.gate else None
    return Shell(
        ByFirstWord(routes(edge), _nothing_here),
        edge.settings,
        on_error,
        gate,
        {edge.static.asset("style.css")},
    )


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    raise not_found("page")


def routes(edge: Edge) -> list[Route]:
    """Every address of the edge. `page` needs a session; `slow` runs without the page's time limit;
    `enrolling` is open to who must enrol a second factor first."""

    def page(
        path: str, handler: Handler, method: str = "GET", *, slow: bool = False, enrolling: bool = False
    ) -> Route:
        return _route(path, signed_in(edge, handler, slow=slow, enrolling=enrolling), method)

    def open_to_all(path: str, handler: Callable, method: str = "GET") -> Route:
        async def run(request: Request) -> Response:
            edge.speak(request)
            return await handler(edge, request)

        return _route(path, run, method)

    async def static(request: Request) -> Response:
        return await edge.static.serve(request)

    return [
        page("/", _home),
        open_to_all("/sign-in", signin.show),
        open_to_all("/sign-in", signin.submit, "POST"),
        open_to_all("/sign-in/code", signin.to_start),
        open_to_all("/sign-in/code", signin.submit_code, "POST"),
        open_to_all("/sign-in/openid", openid.back),
        open_to_all("/sign-in/openid", openid.start, "POST"),
        open_to_all("/sign-in/go-on", signin.to_start),
        open_to_all("/sign-in/go-on", signin.signed_in_elsewhere, "POST"),
        open_to_all("/sign-in/passkey", signin.to_start),
        open_to_all("/sign-in/passkey", signin.ask_passkey, "POST"),
        open_to_all("/sign-out", signin.leave_page),
        open_to_all("/sign-out", signin.leave, "POST"),
        page("/mail/{mailbox}", mail.show),
        page("/mail/{mailbox}/actions", actions.submit, "POST", slow=True),
        page("/mail/{mailbox}/manage", managing.show),
        page("/mail/{mailbox}/manage", managing.submit, "POST"),
        page("/mail/{mailbox}/menu", managing.menu),
        page("/mail/{mailbox}/share", sharing.show),
        page("/mail/{mailbox}/share", sharing.submit, "POST"),
        page("/mail/{mailbox}/export", transfer.show_export),
        page("/mail/{mailbox}/export", transfer.export, "POST", slow=True),
        page("/mail/{mailbox}/import", transfer.show_import),
        page("/mail/{mailbox}/import", transfer.take, "POST", slow=True),
        page("/mail/{mailbox}/empty", actions.ask_emptying),
        page("/mail/{mailbox}/{key}", message.show),
        page("/mail/{mailbox}/{key}/html/{part}", parts.html_part),
        page("/mail/{mailbox}/{key}/part/{part}", parts.attachment, slow=True),
        page("/mail/{mailbox}/{key}/attachments.zip", parts.all_zipped, slow=True),
        page("/mail/{mailbox}/{key}/unsubscribe", message.unsubscribe, "POST"),
        page("/mail/{mailbox}/{key}/print", parts.printed),
        page("/mail/{mailbox}/{key}/source", parts.source, slow=True),
        open_to_all("/inline/{capability}", parts.inline),
        open_to_all("/image/{capability}", parts.remote),
        page("/mailboxes", mailboxes.show),
        page("/mailboxes", mailboxes.create, "POST"),
        page("/mailboxes/tree", mailboxes.lines),
        page("/events", events.stream, slow=True),
        page("/works/{work}", works.show),
        page("/works/{work}/stop", works.stop, "POST", slow=True),
        page("/settings/labels", labels.show),
        page("/settings/labels", labels.submit, "POST"),
        page("/undo", actions.undo, "POST", slow=True),
        page("/search", search.show, slow=True),
        page("/search/suggest", searches.suggest),
        page("/search/saved", searches.submit, "POST"),
        page("/search/saved/counts", searches.counts, slow=True),
        page("/search/actions", actions.submit_search, "POST", slow=True),
        page("/compose", compose.show),
        page("/compose", compose.submit, "POST", slow=True),
        page("/compose/autosave", drafts.autosave, "POST", slow=True),
        page("/compose/restore", drafts.restore, "POST"),
        page("/compose/upload", uploading.begin, "POST"),
        page("/compose/upload/{upload}", uploading.state),
        page("/compose/upload/{upload}", uploading.more, "POST", slow=True),
        page("/compose/links", links.terms),
        page("/compose/links", links.begin, "POST"),
        page("/compose/links/{link}", links.state),
        page("/compose/links/{link}", links.more, "POST", slow=True),
        open_to_all("/links/{link}", links.fetch),
        page("/compose/key", uploading.local_key),
        page("/session", uploading.session),
        page("/outbox", outbox.show),
        page("/outbox/{submission}", outbox.submit, "POST"),
        page("/contacts", contacts.show),
        page("/contacts/suggest", contacts.suggest),
        page("/contacts/new", contacts.new),
        page("/contacts/save", contacts.save, "POST"),
        page("/contacts/actions", contacts.act, "POST"),
        page("/contacts/{contact}", contacts.show_one),
        page("/contacts/{contact}/edit", contacts.edit),
        page("/settings", settings_pages.show),
        page("/settings/preferences", settings_pages.save_preferences, "POST"),
        page("/settings/transfer", settings_pages.transfer),
        page("/settings/view", settings_pages.save_view, "POST"),
        page("/settings/greeted", settings_pages.save_greeted, "POST"),
        page("/settings/identity", settings_pages.save_identity, "POST"),
        page("/settings/identity/code", standing.submit, "POST"),
        page("/settings/sessions", security.end_sessions, "POST"),
        page("/settings/security", security.show),
        *(
            route
            for path in PATHS.values()
            for route in (
                page(path, factors.start, enrolling=True),
                page(path, factors.begin, "POST", enrolling=True),
                page(f"{path}/confirm", factors.leave_off),
                page(f"{path}/confirm", factors.confirm, "POST", enrolling=True),
            )
        ),
        page("/settings/security/remove", factors.ask_removal),
        page("/settings/security/remove", factors.remove, "POST"),
        page("/settings/security/codes", factors.ask_codes),
        page("/settings/security/codes", factors.make_codes, "POST"),
        page("/settings/security/go-on", signin.resume, "POST"),
        page("/settings/templates", templates.show),
        page("/settings/templates", templates.submit, "POST"),
        page("/settings/apps", apptokens.show),
        page("/settings/apps", apptokens.create, "POST"),
        page("/settings/apps/revoke", apptokens.revoke, "POST"),
        _route("/static/{path:path}", static, "GET"),
        _route("/favicon.ico", _favicon(edge), "GET"),
    ]


def _route(path: str, run: Callable, method: str) -> Route:
    run.route = path  # type: ignore[attr-defined]
    methods = ["GET", "HEAD"] if method == "GET" else [method]
    return Route(path, run, methods=methods)


async def _home(edge: Edge, request: Request, me: object) -> Response:
    return RedirectResponse("/mail/INBOX", 303)


def _favicon(edge: Edge) -> Callable:
    async def run(request: Request) -> Response:
        return RedirectResponse(edge.static.url("favicon.svg"), 308)

    return run
