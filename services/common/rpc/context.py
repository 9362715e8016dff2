"""What belongs to the call being answered: identity, peer, deadline; and the token for calls being made.

Context variables, set by the server's guard in the task that runs the handler. A task that outlives its call
must not inherit them: start it with `asyncio.create_task(work(), context=contextvars.Context())`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from services.common.errors import PosternError, Reason
from services.common.tokens import Identity

# Metadata with the browser's address; believed of web alone, which faces browsers.
CLIENT_ADDRESS = "postern-client-address"

_identity: ContextVar[Identity | None] = ContextVar("postern_identity", default=None)
_peer: ContextVar[frozenset[str]] = ContextVar("postern_peer", default=frozenset())
_deadline: ContextVar[float | None] = ContextVar("postern_deadline", default=None)
_token: ContextVar[str | None] = ContextVar("postern_token", default=None)
_client: ContextVar[str] = ContextVar("postern_client", default="")
_client_told: ContextVar[str] = ContextVar("postern_client_told", default="")


def current_identity() -> Identity:
    """The verified identity of the caller; TOKEN_INVALID in a call that carries none."""
    identity = _identity.get()
    if identity is None:
        raise PosternError(Reason.TOKEN_INVALID, cause="this call carries no identity")
    return identity


def current_peer() -> frozenset[str]:
    """The service names in the caller's certificate, such as {"web"}; empty without TLS."""
    return _peer.get()


def client_address() -> str:
    """The address of the browser that this call is made for, as web tells it; empty where it is not known."""
    return _client.get()


def set_client_address(address: str) -> None:
    """For work that outlives its call in a context of its own."""
    _client.set(address)


def tell_client_address(address: str) -> None:
    """Every call made from here on says that it is for a browser at `address`. Not passed on by itself: what
    a service does in its own time is nobody's call."""
    _client_told.set(address)


def outgoing_client_address() -> str:
    return _client_told.get()


def remaining() -> float | None:
    """Seconds left of the current deadline (may be negative), None where there is none."""
    deadline = _deadline.get()
    return None if deadline is None else deadline - time.monotonic()


@contextmanager
def use_deadline(seconds: float) -> Iterator[None]:
    """Every call in this block ends within `seconds` from now, or sooner where a deadline already holds."""
    deadline, outer = time.monotonic() + seconds, _deadline.get()
    reset = _deadline.set(deadline if outer is None else min(outer, deadline))
    try:
        yield
    finally:
        _deadline.reset(reset)


@contextmanager
def use_token(token: str | None) -> Iterator[None]:
    """Every call made in this block carries `token` (None: no token)."""
    reset = _token.set(token)
    try:
        yield
    finally:
        _token.reset(reset)


def outgoing_token() -> str | None:
    return _token.get()


def enter_call(*, deadline: float, peer: frozenset[str], client: str = "") -> None:
    """For the guard: begin a call. `deadline` is in time.monotonic() seconds."""
    _deadline.set(deadline)
    _peer.set(peer)
    _client.set(client)
    _identity.set(None)


def set_identity(identity: Identity) -> None:
    _identity.set(identity)
