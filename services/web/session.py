"""The browser's session: its cookie, and its access tokens in memory for minutes.

Invariants:
* The secret is in the cookie and in memory while a request runs; the cache is keyed by its hash.
* Tokens are dropped 60 s before they end, when the session ends here, and when a service refuses them.
* A session that was ended elsewhere ends here within LOOK_AGAIN: auth is asked again after that time, and its
  tokens serve on only while auth cannot be reached.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason
from services.web import crypto, formats
from services.web.model.account import Client, Grant, Identity, Preferences
from services.web.ports import AuthPort

MARGIN = timedelta(seconds=60)
LOOK_AGAIN = timedelta(seconds=30)
AWAY = (Reason.UNAVAILABLE, Reason.DEADLINE_EXCEEDED)
_MAX_SECRET = 200


@dataclass(frozen=True)
class Me:
    """Who asks, for one request."""

    secret: str
    grant: Grant

    def __repr__(self) -> str:
        return f"Me({self.account!r})"

    @property
    def account(self) -> str:
        return self.grant.account

    @property
    def preferences(self) -> Preferences:
        return self.grant.preferences

    @property
    def identities(self) -> tuple[Identity, ...]:
        return self.grant.identities or (Identity("", self.account, is_default=True),)

    @property
    def must_enrol(self) -> bool:
        """A second factor must be enrolled before anything else."""
        return self.grant.must_enrol

    def token(self, audience: str) -> str:
        try:
            return self.grant.tokens[audience]
        except KeyError:
            raise PosternError(Reason.SCOPE_MISSING, cause=f"no token for {audience}") from None

    @property
    def form_token(self) -> str:
        return crypto.form_token(self.secret)


class Cookies:
    """The cookie's name and attributes follow from the public address (RFC 6265bis section 4.1.3)."""

    def __init__(self, secure: bool) -> None:
        self.secure = secure
        self.name = "__Host-postern" if secure else "postern"
        self.notice = "__Host-postern-notice" if secure else "postern-notice"
        self.openid = "__Host-postern-openid" if secure else "postern-openid"
        self.visitor = "__Host-postern-form" if secure else "postern-form"

    def secret(self, request: Request) -> str:
        secret = request.cookies.get(self.name, "")
        return secret if len(secret) <= _MAX_SECRET and secret.isascii() else ""

    def put(self, response: Response, name: str, value: str, max_age: int | None = None) -> None:
        response.set_cookie(
            name, value, max_age=max_age, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def drop(self, response: Response, name: str) -> None:
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")


class Sessions:
    """Access tokens by session, at most `size`, the one used longest ago dropped first."""

    def __init__(self, auth: AuthPort, size: int) -> None:
        self._auth, self._size = auth, size
        self._grants: OrderedDict[str, tuple[datetime, Grant]] = OrderedDict()
        self._pending: dict[str, asyncio.Task[Grant]] = {}

    async def open(self, secret: str, client: Client) -> Me:
        """The session of a secret; SESSION_ENDED where there is none."""
        if not secret:
            raise PosternError(Reason.SESSION_ENDED)
        key = crypto.session_hash(secret)
        asked, grant = self._grants.get(key, (None, None))
        if asked is None or grant is None or grant.expires - MARGIN <= formats.now():
            return Me(secret, await self._fetch(key, secret, client))
        self._grants.move_to_end(key)
        if formats.now() - asked > LOOK_AGAIN:
            try:
                return Me(secret, await self._fetch(key, secret, client))
            except PosternError as err:
                if err.reason not in AWAY:
                    raise
        return Me(secret, grant)

    async def _fetch(self, key: str, secret: str, client: Client) -> Grant:
        # The tabs of one browser ask together; auth is asked once. A shield, since one tab may go away.
        return await asyncio.shield(self._begin(key, secret, client))

    def _begin(self, key: str, secret: str, client: Client) -> asyncio.Task[Grant]:
        task = self._pending.get(key)
        if task is None:
            task = asyncio.create_task(self._auth.grant(secret, client))
            self._pending[key] = task
            task.add_done_callback(lambda done: self._arrived(key, done))
        return task

    def _arrived(self, key: str, task: asyncio.Task[Grant]) -> None:
        current = self._pending.get(key) is task
        if current:
            del self._pending[key]
        if task.cancelled():
            return
        err = task.exception()
        if err is not None:
            if not (isinstance(err, PosternError) and err.reason in AWAY):
                self._grants.pop(key, None)
            return
        if not current:
            return  # forgotten meanwhile: the session ended or its preferences changed
        self._grants[key] = (formats.now(), task.result())
        self._grants.move_to_end(key)
        while len(self._grants) > self._size:
            self._grants.popitem(last=False)

    def expect(self, secret: str, client: Client) -> None:
        """Ask for the tokens of a session that was just begun, while its browser is on the way to its first
        page."""
        if (key := crypto.session_hash(secret)) not in self._grants:
            self._begin(key, secret, client)

    def forget(self, secret: str) -> None:
        key = crypto.session_hash(secret)
        self._grants.pop(key, None)
        self._pending.pop(key, None)

    def __len__(self) -> int:
        return len(self._grants)
