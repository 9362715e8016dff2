"""The servers of a truth run: a mail server of one kind, mailstore as a process that can be killed, and the
keys that it asks auth for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.common import tokens
from services.common.gen.postern.auth.v1 import token_service_pb2 as pb
from services.common.gen.postern.auth.v1 import token_service_pb2_grpc
from services.common.rpc.access import PUBLIC
from tests.support import rpc
from tests.support.dovecot import Dovecot, DovecotOptions, MailUser, dovecot
from tests.support.process import HOST, Daemon, answers, free_port

ROOT = Path(__file__).parents[2]
# Dovecot 2.3 damages its list index under hundreds of renames and deletions at once ("Corrupted transaction
# log file … dovecot.list.index.log"), and hangs for minutes then: one kind of run has it, as is the default.
_STEADY = "mailbox_list_index = no\n"
# The kind that a run is of only where it is asked for: a server that damages its list judges nobody's.
DAMAGED = "listindex"
# Not announced is not used: so one server is five.
KINDS: dict[str, DovecotOptions | None] = {
    "qresync": DovecotOptions(extra=_STEADY),
    "condstore": DovecotOptions(without=("QRESYNC",), extra=_STEADY),
    "neither": DovecotOptions(without=("CONDSTORE", "QRESYNC"), extra=_STEADY),
    DAMAGED: DovecotOptions(),
    "embedded": None,
}


@dataclass(frozen=True)
class Place:
    """A mail server and somebody on it."""

    host: str
    port: int
    user: MailUser
    # None where mail would be lost by it.
    server: Dovecot | None = None

    async def kill_and_start(self) -> None:
        """SIGKILL to the mail server with all its connections, then anew."""
        assert self.server is not None
        await asyncio.to_thread(self.server.daemon.kill)
        # Dovecot would wait for two minutes for those that hold them no more.
        for lock in self.server.directory.glob("mail/**/*.lock"):
            lock.unlink(missing_ok=True)
        await asyncio.to_thread(self.server.daemon.start)


@contextlib.contextmanager
def mail_server(kind: str) -> Iterator[Place]:
    options = KINDS[kind]
    if options is not None:
        with dovecot(options) as server:
            yield Place(HOST, server.imap_port, server.add_user(), server)
        return
    imap, smtp = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="postern-truth-") as name:
        ports = ["--imap-port", str(imap), "--smtp-port", str(smtp)]
        argv = [sys.executable, "-m", "deploy.local.mailserver", *ports, "--empty"]
        daemon = Daemon("mailserver", argv, Path(name) / "out", lambda: answers(imap, b"* OK"), cwd=ROOT)
        daemon.start()
        try:
            yield Place(HOST, imap, MailUser("alice@example.org", "alice"))
        finally:
            daemon.kill()


class _KeySet(token_service_pb2_grpc.TokenServiceServicer):
    async def GetKeySet(self, request: pb.GetKeySetRequest, context: object) -> pb.GetKeySetResponse:
        key = rpc.signing_key().public_key()
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        key_id = tokens.key_id(key)
        return pb.GetKeySetResponse(
            keys=[pb.VerificationKey(key_id=key_id, algorithm="EdDSA", public_key_pem=pem)],
            max_age_seconds=300,
        )


@dataclass
class Mailstore:
    """mailstore as `python -m services.mailstore`."""

    daemon: Daemon
    address: str
    index: Path

    async def kill_and_start(self) -> None:
        """SIGKILL, then anew on the same port."""
        await asyncio.to_thread(self.daemon.kill)
        await asyncio.to_thread(self.daemon.start)


@contextlib.asynccontextmanager
async def mailstore(place: Place) -> AsyncIterator[tuple[Mailstore, Callable[[], str]]]:
    """A running one, and tokens for its calls."""
    service = pb.DESCRIPTOR.services_by_name["TokenService"]
    rules = {f"/{service.full_name}/{method.name}": PUBLIC for method in service.methods}

    def register(server: object) -> None:
        token_service_pb2_grpc.add_TokenServiceServicer_to_server(_KeySet(), server)

    with tempfile.TemporaryDirectory(prefix="postern-truth-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        async with rpc.running("auth", register, rules) as auth:
            port, metrics = free_port(), free_port()
            keys = rpc.keys_dir()
            environment = {
                **{k: v for k, v in os.environ.items() if not k.startswith("POSTERN_")},
                "PYTHONPATH": str(ROOT),
                "POSTERN_LISTEN": f"{HOST}:{port}",
                "POSTERN_METRICS_LISTEN": f"{HOST}:{metrics}",
                "POSTERN_AUTH_ADDRESS": auth.address,
                "POSTERN_IMAP_URL": f"imap://{place.host}:{place.port}",
                "POSTERN_SEALING_KEY_FILE": str(keys / "sealing/mailstore.key"),
                "POSTERN_TLS_CERT_FILE": str(keys / "tls/mailstore.pem"),
                "POSTERN_TLS_KEY_FILE": str(keys / "tls/mailstore.key"),
                "POSTERN_TLS_CA_FILE": str(keys / "tls/ca.pem"),
                "POSTERN_INDEX_DIR": str(directory / "index"),
            }
            log = Path(os.environ.get("TRUTH_LOG") or directory / "mailstore.log")
            argv = [sys.executable, "-m", "services.mailstore"]
            daemon = Daemon("mailstore", argv, log, lambda: answers(port), environment=environment, cwd=ROOT)
            await asyncio.to_thread(daemon.start)
            kept: list[tuple[float, str]] = []

            def token() -> str:
                now = time.monotonic()
                if not kept or now - kept[0][0] > 60:
                    minted = rpc.mint("mailstore", account=place.user.address, password=place.user.password)
                    kept[:] = [(now, minted)]
                return kept[0][1]

            try:
                yield Mailstore(daemon, f"{HOST}:{port}", directory / "index"), token
            finally:
                await asyncio.to_thread(daemon.kill)
