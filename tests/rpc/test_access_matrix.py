"""Every RPC of every service and every HTTP route against every wrong caller: no success.

Both lists come from the code (the contract's descriptors with each service's METHOD_SCOPES; the edge's
routes), so that a new one cannot be forgotten. Behind each RPC stands a handler that says yes to whoever
reaches it, and behind the edge services that hold the mail of two people: whatever is refused was refused on
the way.
"""

from __future__ import annotations

import base64
import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.descriptor import MethodDescriptor
from starlette.routing import Route

import services.common.gen.postern as generated
from services.auth.servicer import METHOD_SCOPES as AUTH
from services.common.errors import PosternError
from services.common.rpc.access import Rule, Rules, normalise
from services.common.rpc.context import current_identity
from services.common.tokens import AUDIENCES, SCOPES
from services.contacts.servicer import METHOD_SCOPES as CONTACTS
from services.mailstore.servicer import METHOD_SCOPES as MAILSTORE
from services.sender.servicer import METHOD_SCOPES as SENDER
from services.web.app import build, build_edge, routes
from tests.support.rpc import TestServer, mint, running
from tests.unit.web.conftest import BASE, RENDERER, STATIC, settings
from tests.unit.web.fakes import Fakes

RULES: dict[str, Rules] = {"auth": AUTH, "mailstore": MAILSTORE, "sender": SENDER, "contacts": CONTACTS}
CALLERS = ("web", "auth", "mailstore", "sender", "contacts")
ALICE, BOB = "alice@example.org", "bob@example.org"
# Open to every service, without a token: public keys, and the exchange whose secret is in the request.
PUBLIC = {
    "/postern.auth.v1.TokenService/GetKeySet",
    "/postern.auth.v1.TokenService/CreateSystemToken",
}
# Open to who has no session: the way in, the way out, and addresses that carry a sealed permission of their
# own.
OPEN = {
    "/sign-in",
    "/sign-in/code",
    "/sign-in/passkey",
    "/sign-in/openid",
    "/sign-in/go-on",
    "/sign-out",
    "/inline/{capability}",
    "/image/{capability}",
    "/links/{link}",
    "/static/{path:path}",
    "/favicon.ico",
}


@dataclass
class Count:
    """What was tried, and what got through."""

    cases: int = 0
    passes: list[str] = field(default_factory=list)

    def add(self, what: str, got_through: bool) -> None:
        self.cases += 1
        if got_through:
            self.passes.append(what)


def methods(service: str) -> Iterator[tuple[str, MethodDescriptor]]:
    """Every method that the contract has for a service: full name and descriptor."""
    package = importlib.import_module(f"{generated.__name__}.{service}.v1")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(f"{package.__name__}.{module.name}").DESCRIPTOR
            for found in file.services_by_name.values():
                for method in found.methods:
                    yield f"/{found.full_name}/{method.name}", method


def open_doors(service: str, owner: str, rules: Mapping[str, Rule]) -> Callable[[grpc.aio.Server], None]:
    """Handlers that let everybody in who reaches them, but know one owner: as rows of one account do."""

    async def enter(method: str) -> bytes:
        if rules[method].needs_token and current_identity().account != owner:
            raise PosternError("NOT_FOUND")
        return b""

    def handler(method: str, found: MethodDescriptor) -> grpc.RpcMethodHandler:
        async def unary(request: bytes, context: Any) -> bytes:
            return await enter(method)

        async def stream(request: Any, context: Any) -> Any:
            yield await enter(method)

        kinds = {
            (False, False): grpc.unary_unary_rpc_method_handler(unary),
            (False, True): grpc.unary_stream_rpc_method_handler(stream),
            (True, False): grpc.stream_unary_rpc_method_handler(unary),
            (True, True): grpc.stream_stream_rpc_method_handler(stream),
        }
        return kinds[(found.client_streaming, found.server_streaming)]

    def register(server: grpc.aio.Server) -> None:
        by_service: dict[str, dict[str, grpc.RpcMethodHandler]] = {}
        for full, found in methods(service):
            _, name, method = full.split("/")
            if full in rules:
                by_service.setdefault(name, {})[method] = handler(full, found)
        for name, handlers in by_service.items():
            generic = grpc.method_handlers_generic_handler(name, handlers)
            server.add_generic_rpc_handlers((generic,))
            server.add_registered_method_handlers(name, handlers)  # type: ignore[attr-defined]

    return register


async def outcome(
    server: TestServer, peer: str | None, method: str, kind: MethodDescriptor, token: str
) -> str:
    """The status of one call."""
    channel = CHANNELS.setdefault((server.address, peer), server.channel(peer))
    requests = iter([b""]) if kind.client_streaming else b""
    try:
        if kind.client_streaming:
            call = channel.stream_stream if kind.server_streaming else channel.stream_unary
        else:
            call = channel.unary_stream if kind.server_streaming else channel.unary_unary
        answer = call(method)(requests, timeout=10, token=token or None)
        if kind.server_streaming:
            async for _ in answer:
                break
        else:
            await answer
    except PosternError as err:
        return err.reason
    return "OK"


CHANNELS: dict[tuple[str, str | None], Any] = {}


def wrong_tokens(service: str, method: str, rule: Rule) -> dict[str, str]:
    """A token for each way of being wrong."""
    good = mint(service, account=ALICE)
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    forged = base64.urlsafe_b64encode(json.dumps({**claims, "sub": ALICE, "scope": "x"}).encode()).decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    flipped = signature[:-6] + ("A" if signature[-6] != "A" else "B") + signature[-5:]
    found = {
        "no token": "",
        "other user's": mint(service, account=BOB),
        "expired": mint(service, account=ALICE, lifetime=-60),
        "forged: another key": mint(service, account=ALICE, key=Ed25519PrivateKey.generate()),
        "forged: other claims": f"{head}.{forged.rstrip('=')}.{signature}",
        "forged: no algorithm": f"{none}.{body}.",
        "forged: a bit": f"{head}.{body}.{flipped}",
        "forged: not a token": "x.y.z",
        "another issuer": mint(service, account=ALICE, iss="somebody"),
        "no account": mint(service, account=ALICE, sub=None),
        "wrong scope": mint(service, " ".join(set(SCOPES) - rule.scopes), account=ALICE),
        "no scope": mint(service, "", account=ALICE),
        "for another method": mint(service, account=ALICE, mth=["/postern.auth.v1.X/Y"]),
    }
    others = [name for name in AUDIENCES if name != service]
    return found | {f"wrong audience: {name}": mint(name, account=ALICE) for name in others}


async def every_rpc(count: Count) -> None:
    CHANNELS.clear()
    public = set()
    for service, table in RULES.items():
        rules = normalise(table)
        contract = dict(methods(service))
        assert set(rules) <= set(contract)
        async with running(service, open_doors(service, ALICE, rules), table) as server:
            for method, kind in contract.items():
                rule = rules.get(method)
                if rule is None:  # in the contract, not served yet
                    status = await outcome(server, "web", method, kind, mint(service, account=ALICE))
                    count.add(f"{method}: not served", status == "OK")
                    continue
                if rule.peers:
                    for peer in (None, *(name for name in CALLERS if name not in rule.peers)):
                        status = await outcome(server, peer, method, kind, mint(service, account=ALICE))
                        count.add(f"{method} by {peer}", status == "OK")
                    for peer in rule.peers:
                        if not rule.needs_token:
                            assert await outcome(server, peer, method, kind, "") == "OK"
                elif not rule.needs_token:
                    public.add(method)
                if rule.needs_token:
                    # The right one passes: what follows is refused for the reason given.
                    good = mint(service, " ".join(rule.scopes) or None, account=ALICE)
                    assert await outcome(server, "web", method, kind, good) == "OK", method
                    for name, token in wrong_tokens(service, method, rule).items():
                        if name == "wrong scope" and not rule.scopes:
                            continue
                        status = await outcome(server, "web", method, kind, token)
                        count.add(f"{method}: {name}", status == "OK")
                    for peer in set(CALLERS) - rule.delegates:  # a delegate's token by who is none
                        for delegate in rule.delegates:
                            token = mint(delegate, account=ALICE)
                            status = await outcome(server, peer, method, kind, token)
                            count.add(f"{method}: {delegate}'s token by {peer}", status == "OK")
    assert public == PUBLIC


# HTTP


def address(route: Route) -> str:
    """An address of the route that names something of Alice's."""
    values = {
        "mailbox": "INBOX",
        "key": "7.1",
        "part": "2",
        "submission": "s1",
        "contact": "c1",
        "path:path": "x.js",
        "capability": "AAAA",
    }
    return re.sub(r"{([^}]+)}", lambda found: values.get(found[1], "1"), route.path)


async def every_route(count: Count) -> None:
    fakes = Fakes()
    fakes.auth.passwords[BOB] = "bob"
    fakes.auth.identities = ()  # each has the own address alone
    app = build(edge := build_edge(settings(), fakes.services(), STATIC, RENDERER))
    alice = (await fakes.auth.sign_in(ALICE, "alice", None)).secret  # type: ignore[arg-type, union-attr]
    ended = (await fakes.auth.sign_in(ALICE, "alice", None)).secret  # type: ignore[arg-type, union-attr]
    bob = (await fakes.auth.sign_in(BOB, "bob", None)).secret  # type: ignore[arg-type, union-attr]
    await fakes.auth.end_session(ended)
    form_token = (await edge.sessions.open(alice, None)).form_token  # type: ignore[arg-type]
    flipped = ("A" if alice[0] != "A" else "B") + alice[1:]
    cookies = {
        "no cookie": {},
        "expired": {"postern": ended},
        "forged": {"postern": "A" * 43},
        "forged: a character": {"postern": flipped},
        "forged: not ASCII": {"postern": "\u00e4".encode().decode("latin-1")},
        "wrong audience: an access token": {"postern": mint("mailstore", account=ALICE)[:190]},
        "wrong audience: a form token": {"postern": form_token},
        "wrong audience: the form's cookie": {"postern-form": alice},
    }
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:

        async def ask(route: Route, method: str, jar: dict[str, str], form: str = "") -> httpx.Response:
            # Set as a header: the client's own jar would keep what a page sets.
            pairs = "; ".join(f"{name}={value}" for name, value in jar.items())
            headers = {"cookie": pairs.encode("latin-1")} if pairs else {}
            http.cookies.clear()
            data = {"csrf": form} if method == "POST" else None
            return await http.request(method, address(route), headers=headers, data=data)

        found = [route for route in routes(edge) if isinstance(route, Route)]
        assert {route.path for route in found if route.path in OPEN} == OPEN
        for route in found:
            for method in sorted(set(route.methods or ()) - {"HEAD"}):
                what = f"{method} {route.path}"
                for name, jar in cookies.items():
                    answer = await ask(route, method, jar, form_token)
                    got_through = _opens(answer) if route.path in OPEN else not _refused(answer)
                    count.add(f"{what}: {name}", got_through or ALICE in answer.text)
                # Bob's cookie: with Alice's form nothing is done; a page shows nothing of hers.
                answer = await ask(route, method, {"postern": bob}, form_token)
                hers = ALICE in answer.text
                done = method == "POST" and route.path not in OPEN and answer.status_code < 400
                count.add(f"{what}: other user's", hers or (done and not _to_sign_in(answer)))
                # Alice's own cookie without a form token of hers, or with one of another session.
                if method == "POST" and route.path not in OPEN:
                    for form in ("", (await edge.sessions.open(bob, None)).form_token):  # type: ignore[arg-type]
                        answer = await ask(route, method, {"postern": alice}, form)
                        count.add(f"{what}: another form", answer.status_code < 400)
        # Wrong scope: who must enrol first reaches the enrolment and nothing else.
        fakes.auth.required = True
        edge.sessions.forget(alice)
        for route in found:
            for method in sorted(set(route.methods or ()) - {"HEAD"}):
                if route.path in OPEN or "/settings/security/" in route.path:
                    continue
                answer = await ask(route, method, {"postern": alice}, form_token)
                goes = answer.headers.get("location", "").startswith("/settings/security/app")
                refused = answer.status_code in (401, 403) or (answer.status_code == 303 and goes)
                count.add(f"{method} {route.path}: wrong scope", not refused)


def _to_sign_in(answer: httpx.Response) -> bool:
    return answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")


def _refused(answer: httpx.Response) -> bool:
    return _to_sign_in(answer) or answer.status_code in (400, 401, 403, 404, 405)


def _opens(answer: httpx.Response) -> bool:
    """Whether an address that is open to all has given a session, or what a sealed permission is for."""
    given = any(name in ("postern", "__Host-postern") and value for name, value in answer.cookies.items())
    into_mail = answer.status_code == 303 and answer.headers["location"].startswith("/mail")
    return given or into_mail


async def test_no_wrong_caller_gets_through(record_property: Callable[[str, object], None]) -> None:
    count = Count()
    await every_rpc(count)
    rpcs = count.cases
    await every_route(count)
    record_property("figure:auth.access_matrix_cases", count.cases)
    record_property("figure:auth.access_matrix_passes", len(count.passes))
    assert not count.passes
    assert rpcs > 900 and count.cases - rpcs > 500, (rpcs, count.cases)
