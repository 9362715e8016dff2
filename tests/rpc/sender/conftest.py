"""A sender behind its real gRPC server, with a scripted SMTP peer and a mailstore in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.common.gen.postern.sender.v1.compose_service_pb2_grpc import ComposeServiceStub
from services.common.gen.postern.sender.v1.submission_service_pb2_grpc import SubmissionServiceStub
from services.sender.servicer import LONG_LIVED, MAILSTORE_AUTHORIZATION, METHOD_SCOPES
from tests.support import rpc
from tests.unit.sender.fakes import Fixture, sender_on
from tests.unit.sender.smtp_peer import Peer, smtp_peer


@dataclass
class Remote:
    inner: Fixture
    peer: Peer
    server: Any

    def __post_init__(self) -> None:
        self.token = self.server.token(scopes="mail.send", password="alice")
        self.metadata = ((MAILSTORE_AUTHORIZATION, "Bearer mailstore-token"),)
        self.submission: Any = SubmissionServiceStub(self.server.channel())
        self.compose: Any = ComposeServiceStub(self.server.channel())


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[Remote]:
    async with (
        smtp_peer() as peer,
        sender_on(f"sqlite:///{tmp_path / 's.db'}", peer.port) as it,
        rpc.running("sender", it.sender.register, METHOD_SCOPES, long_lived=LONG_LIVED) as server,
    ):
        yield Remote(it, peer, server)
