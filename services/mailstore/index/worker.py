"""`python -m services.mailstore.index.worker [--idle]`: builds the index of one account, then ends.

A process of its own, so that building takes none of the time in which the service answers calls. The job
comes as one line of JSON on standard input, since command lines and environments are seen by others;
progress goes out as lines of JSON on standard output.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from services.common.endpoint import TlsMode
from services.common.errors import PosternError
from services.mailstore.decoding.pool import decoders
from services.mailstore.imap.connect import Account, ImapServer, connect
from services.mailstore.imap.failure import CommandRefused, ConnectionLost
from services.mailstore.imap.session import Session
from services.mailstore.index.build import BuildProgress, build_rows, build_words
from services.mailstore.index.source import SessionSource
from services.mailstore.index.store import Store
from services.mailstore.index.sync import MailboxSync
from services.mailstore.index.writing import Replaced
from services.mailstore.mailboxes import listing
from services.mailstore.mailboxes.model import Mailbox, Tree, Use
from services.mailstore.pop3.server import adopted

HIDDEN = frozenset({Use.TRASH, Use.JUNK})
# Views show again what lies in other mailboxes.
VIEWS = frozenset({Use.ALL, Use.FLAGGED})
_FIRST = (Use.INBOX, Use.SENT, Use.ARCHIVE, Use.DRAFTS, Use.NONE, Use.JUNK, Use.TRASH)
# Octets of SQLite's page cache, per worker: the indices of a large mailbox, while rows go in anywhere.
_CACHE_MIB = 64
_ATTEMPTS = 5


@dataclass(frozen=True)
class Job:
    """What to build. `key` is the file's key in hexadecimal; sizes in octets."""

    account: str
    username: str
    password: str
    path: str
    key: str
    host: str
    port: int
    tls: str
    ca_file: str
    most_bytes: int
    words: bool = True
    kind: str = "password"
    compress: bool = False
    # Of an account behind POP3: where its file is (pop3.server).
    local: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Job({self.account!r})"


class Full(Exception):
    """The file has reached its bound."""


def order(tree: Tree) -> list[Mailbox]:
    """The mailboxes to hold, those that are looked at most first."""
    boxes = [box for box in tree.mailboxes if box.selectable and box.use not in VIEWS]
    return sorted(boxes, key=lambda box: (_FIRST.index(box.use), box.name))


async def build(job: Job, report: Callable[[BuildProgress], None]) -> None:
    """Do the job. Full where the file has grown to its bound; else what goes wrong on the connection."""
    path = Path(job.path)
    store = Store(path, bytes.fromhex(job.key), cache_mib=_CACHE_MIB, busy_ms=5000)
    account = Account(job.account, job.username, job.password, job.kind)
    server = _server(job)
    if job.local:
        server = await adopted(server, account, job.local)
    try:
        for attempt in range(_ATTEMPTS):
            session = await connect(server, account)
            try:
                await _mailboxes(job, store, session, report)
                break
            except ConnectionLost:
                # A server ends the connection whose mailbox another client deletes.
                if attempt + 1 == _ATTEMPTS:
                    raise
            finally:
                await session.logout()
    finally:
        store.close()
        await server.close()
        await decoders().close()


async def _mailboxes(
    job: Job, store: Store, session: Session, report: Callable[[BuildProgress], None]
) -> None:
    def checked(progress: BuildProgress) -> None:
        if store.size_bytes() > job.most_bytes:
            raise Full
        report(progress)

    boxes = order(await listing.list_mailboxes(session, counts=False))
    source = SessionSource(session)
    sync = MailboxSync(store, source)
    for box in boxes:
        for _ in range(_ATTEMPTS):
            try:
                await build_rows(sync, box.name, hidden=box.use in HIDDEN, report=checked)
            except Replaced:
                continue  # the service has begun it anew, and leaves the rest to us
            except (PosternError, CommandRefused) as err:
                # Not ours to read, or gone meanwhile: the others are no worse for it.
                sys.stderr.write(f"passed over: {type(err).__name__}\n")
            break
    if not job.words:
        return
    for box in boxes:
        state = sync.writer.mailbox(box.name)
        if state is not None and state.complete and state.texted > 1:
            try:
                opened = await source.open(box.name)
                if opened.uid_validity == state.uid_validity:
                    await build_words(sync, state, report=checked)
            except (PosternError, CommandRefused, Replaced) as err:
                sys.stderr.write(f"passed over: {type(err).__name__}\n")


def _server(job: Job) -> ImapServer:
    tls = TlsMode(job.tls)
    context = None
    if tls is not TlsMode.PLAIN:
        context = ssl.create_default_context()
        if job.ca_file:
            context.load_verify_locations(job.ca_file)
    return ImapServer(job.host, job.port, tls, context, compress=job.compress)


# Asks for less than a nice process: for the time in which a processor has nothing else to do.
IDLE = "--idle"


def give_way(idle: bool) -> None:
    """Let others go first. Being nice is not enough for who answers calls: a process that wakes up still
    waits while Linux takes a processor with a nice one for a busy one, and for a call half a dozen of them
    wake up, one after the other.
    """
    os.nice(10)
    if idle:
        # Elsewhere than on Linux, or where it is forbidden, being nice has to do.
        with contextlib.suppress(AttributeError, OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> int:
    give_way(IDLE in sys.argv)
    fields: dict[str, Any] = json.loads(sys.stdin.readline())
    job = Job(**fields)

    def report(progress: BuildProgress) -> None:
        sys.stdout.write(json.dumps(asdict(progress)) + "\n")
        sys.stdout.flush()

    try:
        asyncio.run(build(job, report))
    except Full:
        return 3
    except Exception as err:
        # The text of an error may hold what the server said; its kind is enough to look for it.
        sys.stderr.write(f"{type(err).__name__}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
