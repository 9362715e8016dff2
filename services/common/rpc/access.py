"""Who may call which method: the rules that servicers write down and the guard enforces."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import grpc

from services.common.errors import PosternError, Reason
from services.common.rpc.context import CLIENT_ADDRESS
from services.common.tokens import SCOPES, Identity

_SPIFFE = "spiffe://postern/"


@dataclass(frozen=True)
class Rule:
    """What a caller must show. `peers`: one of these mTLS names. `scopes`: a token with one of these.

    `signed_in`: a valid token for this audience, whatever its scopes. `delegates`: services that may show the
    token which a person gave to them, instead: its audience is the caller itself, its scopes do not matter.
    """

    peers: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    signed_in: bool = False
    delegates: frozenset[str] = frozenset()

    @property
    def needs_token(self) -> bool:
        return self.signed_in or bool(self.scopes)


PUBLIC = Rule()
SIGNED_IN = Rule(signed_in=True)


def SCOPE(*any_of: str, delegates: Iterable[str] = ()) -> Rule:
    """A token with at least one of these scopes; or from one of `delegates` a token for that service."""
    unknown = set(any_of) - set(SCOPES)
    if unknown or not any_of:
        raise ValueError(f"unknown scope: {unknown or 'none given'}")
    return Rule(scopes=frozenset(any_of), delegates=frozenset(delegates))


def PEER(*names: str, scope: str | None = None) -> Rule:
    """A caller whose certificate is for one of these services; with `scope` also a token that has it."""
    if not names:
        raise ValueError("no peer named")
    return Rule(peers=frozenset(names), scopes=SCOPE(scope).scopes if scope else frozenset())


Rules = Mapping[str, Rule | str]


def normalise(rules: Rules) -> dict[str, Rule]:
    """The table with every bare scope made a Rule; ValueError names what is malformed."""
    table: dict[str, Rule] = {}
    for method, rule in rules.items():
        if method.count("/") != 2 or not method.startswith("/"):
            raise ValueError(f"not a full method name: {method!r}")
        table[method] = SCOPE(rule) if isinstance(rule, str) else rule
    return table


def peer_names(auth_context: Mapping[str, Iterable[bytes]]) -> frozenset[str]:
    """The service names in a verified client certificate, from grpc's auth_context.

    The URI spiffe://postern/<service> decides; a certificate without one is taken by its DNS names, of which
    "localhost" is nobody's identity.
    """
    return _named(tuple(auth_context.get("x509_subject_alternative_name", ())))


@lru_cache(maxsize=256)
def _named(alternatives: tuple[bytes, ...]) -> frozenset[str]:
    names = [name.decode("utf-8", "replace") for name in alternatives]
    uris = [name for name in names if "://" in name]
    if uris:
        return frozenset(uri.removeprefix(_SPIFFE) for uri in uris if uri.startswith(_SPIFFE))
    return frozenset(name for name in names if name != "localhost" and not _is_address(name))


def _is_address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()


def client_address(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The browser's address that the caller tells; empty where there is none, or it is no IP address."""
    for key, value in metadata:
        if key == CLIENT_ADDRESS:
            return _address(value) if isinstance(value, str) else ""
    return ""


@lru_cache(maxsize=4096)
def _address(told: str) -> str:
    try:
        return str(ipaddress.ip_address(told))
    except ValueError:
        return ""


def bearer_token(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    """The token in `authorization: Bearer …` (RFC 6750, 2.1); None without exactly one."""
    values = [value for key, value in metadata if key == "authorization"]
    if len(values) != 1 or not isinstance(values[0], str):
        return None
    scheme, _, token = values[0].partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def check_peer(rule: Rule, peers: frozenset[str]) -> None:
    if rule.peers and not rule.peers & peers:
        raise PosternError(
            Reason.PERMISSION_DENIED, cause=f"peer {sorted(peers)} is not of {sorted(rule.peers)}"
        )


def audience_of(rule: Rule, peers: frozenset[str], own: str) -> str:
    """The audience that the caller's token must have: `own`, or the caller's name where it is a delegate."""
    return min(rule.delegates & peers, default=own)


def check_scope(rule: Rule, identity: Identity) -> None:
    if identity.audience in rule.delegates:
        return
    if rule.scopes and not rule.scopes & identity.scopes:
        raise PosternError(Reason.SCOPE_MISSING, metadata={"scope": " ".join(sorted(rule.scopes))})


def check_method(method: str, identity: Identity) -> None:
    """A token may be for some methods alone; shown by a delegate it goes by what the delegate may do."""
    if identity.methods and method not in identity.methods:
        raise PosternError(Reason.SCOPE_MISSING, metadata={"method": method})


def auth_context_of(context: grpc.aio.ServicerContext) -> Mapping[str, Iterable[bytes]]:
    return context.auth_context() or {}
