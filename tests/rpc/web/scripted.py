"""Servicers that answer what a test says and remember what they were asked, over real gRPC with the services'
own rules of access."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from services.auth.servicer import METHOD_SCOPES as AUTH_RULES
from services.common.gen.postern.auth.v1 import account_service_pb2_grpc as account_grpc
from services.common.gen.postern.auth.v1 import factor_service_pb2_grpc as factor_grpc
from services.common.gen.postern.auth.v1 import session_service_pb2_grpc as session_grpc
from services.common.gen.postern.contacts.v1 import contact_service_pb2_grpc as contact_grpc
from services.common.gen.postern.contacts.v1 import suggest_service_pb2_grpc as suggest_grpc
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2_grpc as mailbox_grpc
from services.common.gen.postern.mailstore.v1 import message_service_pb2_grpc as message_grpc
from services.common.gen.postern.sender.v1 import compose_service_pb2_grpc as compose_grpc
from services.common.gen.postern.sender.v1 import submission_service_pb2_grpc as submission_grpc
from services.contacts.servicer import METHOD_SCOPES as CONTACTS_RULES
from services.mailstore.servicer import METHOD_SCOPES as MAILSTORE_RULES
from services.sender.servicer import METHOD_SCOPES as SENDER_RULES
from services.web import clients
from services.web.ports import Services
from tests.support.rpc import mint, running

SERVICERS: dict[str, tuple[Any, tuple[tuple[Any, str], ...]]] = {
    "auth": (
        AUTH_RULES,
        (
            (session_grpc, "SessionService"),
            (account_grpc, "AccountService"),
            (factor_grpc, "FactorService"),
        ),
    ),
    "mailstore": (MAILSTORE_RULES, ((mailbox_grpc, "MailboxService"), (message_grpc, "MessageService"))),
    "sender": (SENDER_RULES, ((compose_grpc, "ComposeService"), (submission_grpc, "SubmissionService"))),
    "contacts": (CONTACTS_RULES, ((contact_grpc, "ContactService"), (suggest_grpc, "SuggestService"))),
}
CLIENT_STREAMS = {"UploadAttachment"}


class Script:
    """`answers[method]`: a message, a list of messages (a stream), or an exception. `asked[method]` fills
    with requests,
    `passed[method]` with the call's metadata."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: dict[str, list[Any]] = {}
        self.passed: dict[str, dict[str, str]] = {}

    def servicer(self, base: type) -> Any:
        methods = {name: self._method(name) for name in vars(base) if not name.startswith("_")}
        return type(f"Scripted{base.__name__}", (base,), methods)()

    def _method(self, name: str) -> Any:
        async def unary(_self: Any, request: Any, context: Any) -> Any:
            await self._note(name, request, context)
            if isinstance(self.answers[name], Exception):
                raise self.answers[name]
            return self.answers[name]

        async def stream(_self: Any, request: Any, context: Any) -> AsyncIterator[Any]:
            await self._note(name, request, context)
            for answer in self.answers[name]:
                if isinstance(answer, Exception):
                    raise answer
                yield answer

        return stream if name in STREAMS else unary

    async def _note(self, name: str, request: Any, context: Any) -> None:
        asked = [one async for one in request] if name in CLIENT_STREAMS else [request]
        self.asked.setdefault(name, []).extend(asked)
        self.passed[name] = dict(context.invocation_metadata() or ())


STREAMS = {
    "SearchMessages",
    "ReadPart",
    "ReadSource",
    "ModifyMessages",
    "MoveMessages",
    "CopyMessages",
    "DeleteMessages",
}


@contextlib.asynccontextmanager
async def scripted() -> AsyncIterator[tuple[Script, Services]]:
    """All four services, and the web's clients of them."""
    script = Script()
    async with contextlib.AsyncExitStack() as stack:
        channels = {}
        for name, (rules, servicers) in SERVICERS.items():

            def register(server: Any, servicers: Any = servicers) -> None:
                for module, service in servicers:
                    add = getattr(module, f"add_{service}Servicer_to_server")
                    add(script.servicer(getattr(module, f"{service}Servicer")), server)

            offered = {
                method: rule
                for method, rule in rules.items()
                if method.split("/")[-2].rpartition(".")[2] in {service for _module, service in servicers}
            }
            server = await stack.enter_async_context(running(name, register, offered))
            channels[name] = server.channel("web")
        yield script, clients.services(channels)


def token(audience: str) -> str:
    return mint(audience)
