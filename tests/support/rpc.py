"""A real server in the test's own process, over loopback with mTLS, and what its callers need.

async with running("mailstore", register, METHOD_SCOPES) as server:
    stub = MailboxServiceStub(server.channel())                      # as the web calls
    await stub.ListMailboxes(request, token=server.token(scopes="mail.read"))
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.common.endpoint import HostPort
from services.common.keys import make_keys
from services.common.rpc.access import Rules
from services.common.rpc.client import Channel, connect
from services.common.rpc.server import Register, RunningServer, ServerSettings, start
from services.common.rpc.tls import TlsSettings
from services.common.sealing import Credential, PrivateKey, PublicKey, seal_credential
from services.common.tokens import (
    CLAIM_CREDENTIAL,
    CLAIM_FILING,
    CLAIM_SCOPE,
    CLAIM_SESSION,
    ISSUER,
    SCOPES,
    KeySet,
    encode_sealed,
    sign,
)

ACCOUNT = "alice@example.org"


@functools.cache
def _holder() -> tempfile.TemporaryDirectory[str]:
    holder = tempfile.TemporaryDirectory(prefix="postern-keys-")
    make_keys(Path(holder.name))
    return holder


def keys_dir() -> Path:
    """The keys of this test run, laid out as `python -m services.common.keys` does."""
    return Path(_holder().name)


def tls(service: str) -> TlsSettings:
    folder = keys_dir() / "tls"
    return TlsSettings(folder / f"{service}.pem", folder / f"{service}.key", folder / "ca.pem")


@functools.cache
def signing_key() -> Ed25519PrivateKey:
    key = load_pem_private_key((keys_dir() / "signing.pem").read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def key_set() -> KeySet:
    return KeySet.fixed(signing_key().public_key())


@functools.cache
def sealing_key(service: str) -> PrivateKey:
    return PrivateKey.from_text((keys_dir() / "sealing" / f"{service}.key").read_text())


@functools.cache
def public_sealing_key(service: str) -> PublicKey:
    return PublicKey.from_text((keys_dir() / "sealing" / f"{service}.pub").read_text())


def mint(
    audience: str,
    scopes: str | None = None,
    *,
    account: str = ACCOUNT,
    password: str | None = None,
    lifetime: float = 300,
    key: Ed25519PrivateKey | None = None,
    **claims: Any,
) -> str:
    """A token as auth mints it. `scopes`: with spaces, else all; `password` adds the sealed claims."""
    now = int(time.time())
    content: dict[str, Any] = {
        "iss": ISSUER,
        "aud": audience,
        "sub": account,
        "iat": now,
        "exp": now + int(lifetime),
        "jti": uuid.uuid4().hex,
        CLAIM_SESSION: "session-1",
        CLAIM_SCOPE: " ".join(SCOPES) if scopes is None else scopes,
    }
    if password is not None:
        credential = Credential("password", account, password)

        def sealed(service: str) -> str:
            sealed_bytes = seal_credential(
                public_sealing_key(service), credential, account=account, audience=service
            )
            return encode_sealed(sealed_bytes)

        if audience in ("mailstore", "sender"):
            content[CLAIM_CREDENTIAL] = sealed(audience)
        if audience == "sender":
            content[CLAIM_FILING] = sealed("mailstore")
    content.update(claims)
    return sign({name: value for name, value in content.items() if value is not None}, key or signing_key())


class TestServer:
    """A running server of service `name`."""

    __test__ = False

    def __init__(self, name: str, running: RunningServer, stack: contextlib.AsyncExitStack) -> None:
        self.name, self.running, self._stack = name, running, stack
        self.address = f"127.0.0.1:{running.port}"

    def channel(self, as_service: str | None = "web", **options: Any) -> Channel:
        """A channel to it with the certificate of `as_service`; closed with the server."""
        credentials = tls(as_service) if as_service else None
        channel = connect(self.address, tls=credentials, service=self.name, **options)
        self._stack.push_async_callback(channel.close)
        return channel

    def token(self, scopes: str | None = None, **options: Any) -> str:
        return mint(self.name, scopes, **options)


@contextlib.asynccontextmanager
async def running(
    name: str, register: Register, rules: Rules, *, secure: bool = True, grace: float = 0.2, **options: Any
) -> AsyncIterator[TestServer]:
    """Start `name` on a free port; `options` as services.common.rpc.server.start takes them."""
    settings = ServerSettings(
        listen=HostPort("127.0.0.1", 0),
        metrics_listen=HostPort("127.0.0.1", 0),
        tls=tls(name) if secure else None,
        **options.pop("settings", {}),
    )
    options.setdefault("keys", key_set())
    server = await start(name, settings, register, rules, **options)
    try:
        async with contextlib.AsyncExitStack() as stack:
            yield TestServer(name, server, stack)
    finally:
        await server.stop(grace)
