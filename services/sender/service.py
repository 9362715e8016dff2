"""The composition root: settings in, a sender out. Tests build it with other ports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.common.database import Database, migrate
from services.common.gen.postern.sender.v1.compose_service_pb2_grpc import (
    add_ComposeServiceServicer_to_server,
)
from services.common.gen.postern.sender.v1.identity_service_pb2_grpc import (
    add_IdentityServiceServicer_to_server,
)
from services.common.gen.postern.sender.v1.link_service_pb2_grpc import (
    add_LinkServiceServicer_to_server,
)
from services.common.gen.postern.sender.v1.submission_service_pb2_grpc import (
    add_SubmissionServiceServicer_to_server,
)
from services.sender import clock
from services.sender.acceptance import Acceptance
from services.sender.links.links import Links
from services.sender.links.servicer import LinkServicer
from services.sender.model import Submission
from services.sender.outbox.filing import Filing
from services.sender.outbox.hub import Hub
from services.sender.outbox.keeping import Kept
from services.sender.outbox.worker import Outbox
from services.sender.ports import Mailstore, Tokens
from services.sender.servicer import ComposeServicer, SubmissionServicer
from services.sender.settings import SenderSettings
from services.sender.smtp.connections import Connections
from services.sender.storage.outcomes import Outcome, write_outcomes
from services.sender.storage.together import Together
from services.sender.uploads import Uploads
from services.sender.verifying.servicer import IdentityServicer
from services.sender.verifying.verifying import Verifying

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "sender_alembic_version"
# Nobody waits for an answer to these, as somebody does for an acceptance's: seconds.
OUTCOMES_LINGER = 0.005


@dataclass(frozen=True)
class Sender:
    """The parts of a running sender."""

    db: Database
    hub: Hub
    uploads: Uploads
    acceptance: Acceptance
    outbox: Outbox
    links: Links
    verifying: Verifying

    def register(self, server: Any) -> None:
        submission = SubmissionServicer(self.db, self.acceptance, self.outbox, self.hub)
        add_SubmissionServiceServicer_to_server(submission, server)
        add_LinkServiceServicer_to_server(LinkServicer(self.links), server)
        add_IdentityServiceServicer_to_server(IdentityServicer(self.verifying), server)
        add_ComposeServiceServicer_to_server(ComposeServicer(self.db, self.acceptance, self.uploads), server)

    async def close(self) -> None:
        await self.outbox.stop()
        self.links.close()
        await self.db.close()


async def build(
    settings: SenderSettings,
    mailstore: Mailstore,
    tokens: Tokens,
    *,
    connections: Connections | None = None,
    now: clock.Clock = clock.now,
) -> Sender:
    """Brings the schema up to date and puts the parts together; `outbox.start()` begins the work."""
    await migrate(settings.database_url, MIGRATIONS, VERSION_TABLE)
    db, hub = Database(settings.database_url, several=True), Hub()
    connections = connections or Connections(
        settings.smtp, ca_file=settings.mail_ca_file, ehlo_name=settings.ehlo_name
    )
    links = Links(db, settings.links, limit=connections.size_limit, now=now)
    lease = settings.worker.lease
    outcomes: Together[Outcome, Submission] = Together(
        db,
        lambda session, items: write_outcomes(session, items, now=now(), lease=lease),
        linger=OUTCOMES_LINGER,
    )
    filing = Filing(db, mailstore, tokens, outcomes, now=now, retry=settings.filing_retry)
    outbox = Outbox(
        db,
        connections,
        filing,
        hub,
        outcomes,
        links,
        sealing_key=settings.sealing_key,
        relay=settings.relay,
        kept=Kept(settings.filing_retry, now=now),
        retry=settings.retry,
        settings=settings.worker,
        now=now,
    )
    uploads = Uploads(db, max_bytes=settings.max_message_bytes, now=now)
    verifying = Verifying(
        db,
        settings.identities,
        connections,
        outbox.credential_of,
        settings=settings.verify,
        limits=settings.limits,
        now=now,
    )
    acceptance = Acceptance(
        db,
        uploads,
        mailstore,
        hub,
        outbox,
        links,
        verifying,
        max_bytes=settings.max_message_bytes,
        max_recipients=settings.max_recipients,
        limits=settings.limits,
        now=now,
    )
    return Sender(db, hub, uploads, acceptance, outbox, links, verifying)
