"""What the pages' handlers have at hand: the services, sessions, templates; and the frame around every
handler."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.common.errors import PosternError, Reason
from services.common.logging import get_logger
from services.common.rpc import context
from services.web import crypto, i18n, notices, urls
from services.web.asides import Asides
from services.web.crypto import Capabilities
from services.web.errors import FormExpired, MustEnrol, explain
from services.web.finding import Flows
from services.web.forms import FileSink, Form, read_form
from services.web.i18n import Languages
from services.web.images import ImageProxy
from services.web.limits import Limiter
from services.web.middleware.client import client as client_of
from services.web.model.account import Client
from services.web.model.mail import MailboxTree
from services.web.notices import Notice
from services.web.places import Places
from services.web.ports import Services
from services.web.positions import Positions
from services.web.render import Renderer
from services.web.session import Cookies, Me, Sessions
from services.web.settings import WebSettings
from services.web.static import Static
from services.web.warm import Warm
from services.web.works import Works

log = get_logger(__name__)
T = TypeVar("T")
# What a page that is not about mail waits for the tree of mailboxes.
NAV_SECONDS = 2.0
METHODS_SECONDS = 60.0
# Notices after which something is in the outbox.
ON_ITS_WAY = {"sent", "held", "scheduled", "rescheduled"}
SINCE_KEY = "postern_since"
Handler = Callable[["Edge", Request, Me], Awaitable[Response]]


@dataclass
class Edge:
    settings: WebSettings
    services: Services
    sessions: Sessions
    cookies: Cookies
    languages: Languages
    renderer: Renderer
    static: Static
    capabilities: Capabilities
    warm: Warm = field(default_factory=Warm)
    images: ImageProxy | None = None
    # Of files that are open to whoever has the link: 60 at once, and one each second.
    link_limit: Limiter = field(default_factory=lambda: Limiter(60, 1.0))
    works: Works = field(default_factory=Works)
    flows: Flows = field(default_factory=Flows)
    places: Places = field(default_factory=Places)
    positions: Positions = field(default_factory=Positions)
    asides: Asides = field(init=False)
    passkeys_offered: bool = False
    openid_offered: str | None = None
    _methods_asked: float = field(default=-math.inf, repr=False)

    def __post_init__(self) -> None:
        self.asides = Asides(self.services)

    async def ask_methods(self) -> None:
        """Learn anew, once in a while, whether passkeys sign in; the sign-in page does not wait for an auth
        that is down."""
        if time.monotonic() - self._methods_asked < METHODS_SECONDS:
            return
        self._methods_asked = time.monotonic()
        try:
            async with asyncio.timeout(NAV_SECONDS):
                self.passkeys_offered = await self.services.auth.passkeys_offered()
                self.openid_offered = await self.services.auth.openid_offered()
        except (PosternError, TimeoutError):
            self._methods_asked = -math.inf

    def client(self, request: Request) -> Client:
        """Where the request comes from; the services are told so from here on."""
        client = client_of(request, self.settings.trusted_proxies)
        context.tell_client_address(client.address)
        return client

    def speak(self, request: Request, me: Me | None = None) -> None:
        """Use the reader's language and time zone for this request."""
        chosen = me.preferences if me else None
        i18n.use(
            self.languages.locale(
                chosen.language if chosen else "",
                request.headers.get("accept-language", ""),
                (chosen.time_zone if chosen else "") or request.cookies.get("tz", ""),
            )
        )

    async def open(self, request: Request) -> Me:
        client = self.client(request)
        me = await self.sessions.open(self.cookies.secret(request), client)
        if client.certificate_accounts and me.account not in client.certificate_accounts:
            # The tokens may have been had with another certificate, which is good for this account.
            raise PosternError(Reason.SESSION_ENDED, cause="the certificate is for another account")
        self.speak(request, me)
        return me

    def images_wanted(self, request: Request) -> bool:
        """Whether pictures from elsewhere are to be loaded: the reader asked for it on a page of ours. A link
        in a message or on another site cannot ask in their place."""
        return (
            self.images is not None
            and request.query_params.get("images") == "1"
            and request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
        )

    async def form(
        self, request: Request, me: Me, on_file: FileSink | None = None, limit: int | None = None
    ) -> Form:
        """The POSTed form, its token checked before any file is taken; `limit` as in read_form."""

        def check(form: Form) -> None:
            if not crypto.form_token_good(me.secret, form.get("csrf")):
                raise FormExpired

        form = await read_form(request, limit or self.settings.max_form_bytes, on_file, check)
        request.scope["postern_form"] = form
        return form

    def frame(self, request: Request, me: Me, place: str, **context: Any) -> dict[str, Any]:
        """The context of a page with a session."""
        preferences = me.preferences
        self.asides.look(me)
        self.places.saw(me.account, context.get("tree") or MailboxTree())
        return {
            "account": me.account,
            "me": me,
            "csrf": me.form_token,
            "place": place,
            "query": "",
            "has_settings": True,
            "theme": preferences.theme,
            "density": preferences.density,
            "shortcuts_off": preferences.shortcuts_off,
            "tree": MailboxTree(),
            "tree_error": "",
            "current_mailbox": "",
            "current_search": "",
            "aside": self.asides.of(me.account),
            "wide": False,
            "notice": None,
            "work": self.works.running(me.grant.session_id),
            "here": own_path(request),
            "since": request.scope.get(SINCE_KEY, ""),
            **context,
        }

    def page(
        self,
        request: Request,
        me: Me,
        template: str,
        place: str,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        answer: Callable[[str], Response] | None = None,
        **context: Any,
    ) -> Response:
        """Draw a page; the notice that waits for it is shown once. `answer`: what to send of its text."""
        notice = notices.unpack(me.secret, request.cookies.get(self.cookies.notice, ""))
        context.setdefault("notice", notice)
        whole = self.frame(request, me, place, **context)
        if answer is not None:
            response = answer(self.renderer.text(template, whole))
        else:
            response = self.renderer.page(request, template, whole, status, headers)
        if self.cookies.notice in request.cookies:
            self.cookies.drop(response, self.cookies.notice)
        return response

    def redirect(self, me: Me, target: str, notice: Notice | None = None) -> Response:
        """See other, with something to say there."""
        response = RedirectResponse(target, 303)
        if notice is not None:
            if notice.kind in ON_ITS_WAY:
                self.asides.sent(me.account)
            self.cookies.put(response, self.cookies.notice, notices.pack(me.secret, notice), max_age=60)
        return response

    async def nav(self, me: Me) -> dict[str, Any]:
        """The tree for pages that are not about mail: when the mailstore is down or slow, they stand without
        it."""

        async def soon() -> MailboxTree:
            try:
                async with asyncio.timeout(NAV_SECONDS):
                    return await self.services.mail.mailboxes(me.token("mailstore"))
            except TimeoutError:
                raise PosternError(Reason.DEADLINE_EXCEEDED) from None

        tree, error = await self.attempt(soon())
        return {
            "tree": tree or MailboxTree(),
            "tree_error": explain(error).title if error else "",
        }

    async def attempt(self, call: Awaitable[T]) -> tuple[T | None, PosternError | None]:
        """The answer, or why there is none; an ended session still ends the page."""
        try:
            return await call, None
        except PosternError as err:
            if err.reason in (Reason.SESSION_ENDED, Reason.TOKEN_INVALID):
                raise
            log.warning("pane.failed", reason=err.reason)
            return None, err


def request_id() -> str:
    return str(uuid.uuid4())


def signed_in(
    edge: Edge, handler: Handler, *, slow: bool = False, enrolling: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """A handler for those with a session, under the page's time limit unless `slow` (uploads, downloads).
    Who must enrol a second factor reaches those that are `enrolling` alone."""

    async def run(request: Request) -> Response:
        async with asyncio.timeout(None if slow else edge.settings.page_seconds):
            me = await edge.open(request)
            if me.must_enrol and not enrolling:
                # Another replica may have seen the enrolment.
                edge.sessions.forget(me.secret)
                me = await edge.open(request)
                if me.must_enrol:
                    raise MustEnrol
            # Before anything that the page shows is read.
            request.scope[SINCE_KEY] = edge.positions.of(me.account)
            try:
                return await handler(edge, request, me)
            except PosternError as err:
                if err.reason != Reason.TOKEN_INVALID:
                    raise
                # Signed with a key that is gone, or by another clock: once more with fresh tokens.
                edge.sessions.forget(me.secret)
                if request.method not in ("GET", "HEAD"):
                    raise
                return await handler(edge, request, await edge.open(request))

    return run


def is_fragment(request: Request, target: str) -> bool:
    """Whether htmx asks for the content of one pane ("section#reading")."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-target", "").endswith(
        f"#{target}"
    )


def own_path(request: Request) -> str:
    """The request's path and query, for coming back to it."""
    scope = request.scope
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.split(b"?", 1)[0].decode("ascii", "replace")
    query = scope.get("query_string", b"").decode("ascii", "replace")
    return urls.safe_next(f"{path}?{query}" if query else path)
