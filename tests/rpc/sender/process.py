"""sender as a process of its own, and servers that stand in for auth and mailstore beside it.

`async with peers() as beside: with SenderProcess(directory, database_url, smtp_url, beside) as sender: …`
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.common.gen.postern.auth.v1 import token_service_pb2, token_service_pb2_grpc
from services.common.gen.postern.mailstore.v1 import message_service_pb2, message_service_pb2_grpc
from services.common.rpc.access import PEER, PUBLIC, SCOPE, Rule
from services.common.rpc.client import Channel, connect
from services.common.tokens import key_id
from tests.support import rpc
from tests.support.process import HOST, Daemon, answers, free_port

ROOT = Path(__file__).parents[3]


def _rules(file: Any, service: str, **rules: Rule) -> dict[str, Rule]:
    """Rules for every method of a service: those given, and for the rest, which are not served, none."""
    described = file.DESCRIPTOR.services_by_name[service]
    return {
        f"/{described.full_name}/{method.name}": rules.get(method.name, PUBLIC)
        for method in described.methods
    }


class _Tokens(token_service_pb2_grpc.TokenServiceServicer):
    async def GetKeySet(self, request: Any, context: Any) -> Any:
        key = rpc.signing_key().public_key()
        text = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return token_service_pb2.GetKeySetResponse(
            keys=[
                token_service_pb2.VerificationKey(key_id=key_id(key), algorithm="EdDSA", public_key_pem=text)
            ]
        )

    async def ExchangeToken(self, request: Any, context: Any) -> Any:
        return token_service_pb2.ExchangeTokenResponse(token=rpc.mint("mailstore", "mail.file"))


class _Messages(message_service_pb2_grpc.MessageServiceServicer):
    def __init__(self, filed: dict[str, int]) -> None:
        self._filed = filed

    async def AppendMessage(self, request_iterator: Any, context: Any) -> Any:
        first = await anext(aiter(request_iterator))
        size = 0
        async for step in request_iterator:
            size += len(step.data)
        assert size == first.target.size_bytes
        known = first.target.unless_message_id in self._filed
        self._filed[first.target.unless_message_id] = size
        return message_service_pb2.AppendMessageResponse(already_there=known)


@dataclass
class Peers:
    """Where the stand-ins listen, and the sizes of what was filed, by Message-ID."""

    auth: str
    mailstore: str
    filed: dict[str, int] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def peers() -> AsyncIterator[Peers]:
    """An auth that publishes the tests' key and a mailstore that files into memory, over mTLS."""
    filed: dict[str, int] = {}
    token_rules = _rules(token_service_pb2, "TokenService", ExchangeToken=PEER("sender"))
    message_rules = _rules(message_service_pb2, "MessageService", AppendMessage=SCOPE("mail.file"))
    async with (
        rpc.running(
            "auth",
            lambda server: token_service_pb2_grpc.add_TokenServiceServicer_to_server(_Tokens(), server),
            token_rules,
        ) as auth,
        rpc.running(
            "mailstore",
            lambda server: message_service_pb2_grpc.add_MessageServiceServicer_to_server(
                _Messages(filed), server
            ),
            message_rules,
        ) as mailstore,
    ):
        yield Peers(auth.address, mailstore.address, filed)


class SenderProcess:
    """One replica, on ports that stay the same when it is killed and started again. `core`: the one
    processor core it may use."""

    def __init__(
        self,
        directory: Path,
        database_url: str,
        smtp_url: str,
        beside: Peers,
        *,
        core: int | None = None,
        command: tuple[str, ...] = (),
        **settings: str,
    ) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self.log = directory / f"sender-{self.port}.log"
        keys = rpc.keys_dir()
        environment = {
            **os.environ,
            "POSTERN_LISTEN": f"{HOST}:{self.port}",
            "POSTERN_METRICS_LISTEN": f"{HOST}:{self.metrics_port}",
            "POSTERN_TLS_CERT_FILE": str(keys / "tls/sender.pem"),
            "POSTERN_TLS_KEY_FILE": str(keys / "tls/sender.key"),
            "POSTERN_TLS_CA_FILE": str(keys / "tls/ca.pem"),
            "POSTERN_DATABASE_URL": database_url,
            "POSTERN_SMTP_URL": smtp_url,
            "POSTERN_AUTH_ADDRESS": beside.auth,
            "POSTERN_MAILSTORE_ADDRESS": beside.mailstore,
            "POSTERN_SEALING_KEY_FILE": str(keys / "sealing/sender.key"),
            **{f"POSTERN_{name}": value for name, value in settings.items()},
        }
        pinned = [] if core is None else ["/usr/bin/taskset", "--cpu-list", str(core)]
        self.daemon = Daemon(
            "sender",
            [*pinned, sys.executable, *(command or ("-m", "services.sender"))],
            self.log,
            lambda: answers(self.port),
            environment=environment,
            cwd=ROOT,
        )

    def __enter__(self) -> SenderProcess:
        self.daemon.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.daemon.kill()

    @property
    def pid(self) -> int:
        assert self.daemon.process is not None
        return self.daemon.process.pid

    def channel(self) -> Channel:
        """A channel as web's; it connects again by itself."""
        return connect(f"{HOST}:{self.port}", tls=rpc.tls("web"), service="sender")

    def cpu_seconds(self) -> float:
        """Processor time that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> tuple[int, int]:
        """(now, peak) resident octets; the peak since `forget_peak`."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Vm")}
        return found["VmRSS"], found["VmHWM"]

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
