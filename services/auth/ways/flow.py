"""Signing in by an OpenID provider: the beginning, and what comes back.

Between the two the flow lies in a state: sealed under what the browser holds, bound to its User-Agent, used
once. The account is the address that the provider vouches for, where its domain is the provider's.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from sqlalchemy.orm import Session

from services.auth.accounts import MalformedAddress, login_name, normalise
from services.auth.model import Challenge, Client, SignedIn
from services.auth.secondfactor import Pending, SecondFactor
from services.auth.signin import SignIn, log_refusal
from services.auth.states import States
from services.auth.throttle import Throttle
from services.auth.ways import Ways
from services.auth.ways.fresh import Stored
from services.auth.ways.openid import Flow, OpenIdProvider, Tokens, secure_url
from services.common.database import Database
from services.common.errors import PosternError, Reason, error, invalid_argument
from services.common.logging import get_logger

log = get_logger(__name__)
_PURPOSE = "openid"


class OpenIdSignIn:
    """The providers of the settings, as ways into a session."""

    def __init__(
        self,
        database: Database,
        ways: Ways,
        states: States,
        second: SecondFactor,
        sign_in: SignIn,
        throttle: Throttle,
    ) -> None:
        self._database, self._ways, self._states = database, ways, states
        self._second, self._sign_in, self._throttle = second, sign_in, throttle

    def provider_of(self, address: str) -> OpenIdProvider | None:
        """The provider of an address's domain; for no address the only one there is, if so."""
        if not address:
            return self._ways.openid[0] if len(self._ways.openid) == 1 else None
        try:
            return self._ways.of(normalise(address)).openid
        except MalformedAddress:
            return None

    async def start(
        self, address: str, redirect_uri: str, client: Client, present_secret: str = ""
    ) -> Challenge:
        """Where to send the browser. UNSUPPORTED where the domain has no provider."""
        if not secure_url(redirect_uri):
            raise invalid_argument("redirect_uri", "malformed")
        provider = self.provider_of(address.strip())
        if provider is None:
            raise error(Reason.UNSUPPORTED, method="openid")
        url, flow = await provider.begin(redirect_uri, address.strip())
        content = {
            "provider": provider.settings.issuer,
            "client": provider.settings.client_id,
            "flow": asdict(flow),
            "present": present_secret,
        }
        state, expires = await self._database.run(
            lambda session: self._states.begin(
                session, _PURPOSE, "", json.dumps(content).encode(), client.user_agent
            )
        )
        return Challenge(state, (), expires, redirect_uri=url)

    async def finish(self, state: str, query: str, client: Client) -> SignedIn | Challenge:
        """The session, or the question for a second factor. SESSION_ENDED where the sign-in has to begin
        anew."""

        def take(session: Session) -> bytes | None:
            opened = self._states.attempt(session, _PURPOSE, state, client.user_agent)
            if opened is None:
                return None
            self._states.end(session, state)  # one answer for each beginning, be it right or wrong
            return opened.content

        content = await self._database.run(take)
        if content is None:
            raise PosternError(Reason.SESSION_ENDED, metadata={"what": "sign_in"})
        found = json.loads(content)
        provider = next(
            (
                each
                for each in self._ways.openid
                if (each.settings.issuer, each.settings.client_id) == (found["provider"], found["client"])
            ),
            None,
        )
        if provider is None:
            raise PosternError(Reason.SESSION_ENDED, metadata={"what": "sign_in"})
        try:
            tokens = await provider.finish(Flow(**found["flow"]), query)
            account = self._account(provider, tokens)
        except PosternError as err:
            if err.reason == Reason.AUTHENTICATION_FAILED:
                log_refusal(client, f"openid_{err.metadata.get('problem', '')}", "")
            raise
        stored = Stored(
            provider.settings.issuer,
            _username(provider, account, tokens),
            tokens.access,
            tokens.refresh,
            tokens.expires,
        )
        pending = Pending(account, stored.credential(), found["present"])
        # The provider has vouched for the person: a stranger's guesses at the password do not count here.
        attempt = await self._throttle.enter(account, client.address, known_device=True)

        def work(session: Session) -> SignedIn | Challenge:
            challenge = self._second.challenge(session, pending, client)
            if challenge is None:
                return self._sign_in.begin(session, pending, client, attempt)
            self._throttle.give_back(session, attempt)
            return challenge

        return await self._database.run(work)

    def _account(self, provider: OpenIdProvider, tokens: Tokens) -> str:
        try:
            account = normalise(provider.address(tokens.claims))
        except MalformedAddress as err:
            raise PosternError(
                Reason.AUTHENTICATION_FAILED, metadata={"problem": "no_address"}, cause=err
            ) from None
        if self._ways.of(account).openid is not provider:
            # A provider vouches for the addresses of its own domains and for no other's.
            raise PosternError(Reason.AUTHENTICATION_FAILED, metadata={"problem": "domain"})
        return account


def _username(provider: OpenIdProvider, account: str, tokens: Tokens) -> str:
    form = provider.settings.username
    if not form.startswith("claim:"):
        return login_name(account, form)
    name = tokens.claims.get(form.removeprefix("claim:"))
    if not isinstance(name, str) or not name or any(ord(char) < 32 for char in name):
        raise PosternError(Reason.AUTHENTICATION_FAILED, metadata={"problem": "no_username"})
    return name
