"""Everything between "Send" and "delivered and filed", as real processes: auth, mailstore, two senders,
MariaDB with durable settings, Dovecot, and on one SMTP port by turns Postfix, smtp-sink, and
`smtp-sink -q .`, which hangs up after the final dot.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.chaos.processes import FaultPoints, Process
from tests.support import rpc
from tests.support.dovecot import Dovecot, MailUser
from tests.support.dovecot import dovecot as run_dovecot
from tests.support.mariadb import MariaDB
from tests.support.postfix import Postfix
from tests.support.process import HOST, free_port

ROOT = Path(__file__).parents[2]
_BY_POSTFIX = re.compile(rb"by mail\.example\.org \(Postfix\) with \w+\s+id (\w+)[^;]*;\s*([^\r\n]+)")
_BY_SINK = re.compile(rb"by smtp-sink \(smtp-sink\) with \w+ id (\w+);")
_SUBJECT = re.compile(rb"^Subject: chaos ([\w-]+)", re.M)
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>]+>)", re.M | re.I)


@dataclass(frozen=True)
class Receipt:
    """One time that an SMTP server took a message, for one recipient. `transaction` is equal for all of one
    transaction. `body` has "\\n" line ends."""

    token: str
    message_id: str
    recipient: str
    transaction: str
    body: bytes


class World:
    """The processes. SMTP: "postfix", "sink" or "window" as `smtp_mode` says, from the next start on."""

    def __init__(self, directory: Path, dovecot: Dovecot, maria: MariaDB, postfix: Postfix) -> None:
        self.directory, self.dovecot, self.postfix = directory, dovecot, postfix
        self.smtp_mode = "postfix"
        self.writers = [dovecot.add_user() for _ in range(3)]
        self.readers = [dovecot.add_user() for _ in range(2)]
        # RELAY=1: everybody's mail is sent by an account of the operator's, and sender keeps no token.
        self.relay = dovecot.add_user() if os.environ.get("RELAY") else None
        self.sinks = directory / "sink"
        self.sinks.mkdir()
        self.sinks.chmod(0o777)
        self.database_url = maria.create_database("chaos")
        maria.stop()
        self.points = FaultPoints(directory / "faults")
        self.grpc = {name: f"{HOST}:{free_port()}" for name in ("auth", "mailstore", "sender1", "sender2")}
        self.mariadb = Process("mariadb", lambda: maria.daemon.argv, maria.directory / "out", maria.port)
        self.smtp = Process(
            "smtp", self._smtp_argv, directory / "smtp.log", postfix.submission_port, cwd=self.sinks
        )
        self.services = {name: self._service(name) for name in self.grpc}
        self.senders = [self.services["sender1"], self.services["sender2"]]

    async def __aenter__(self) -> World:
        await self.points.__aenter__()
        for process in self.all():
            process.start()
            if process is self.mariadb:
                await process.up()
        await asyncio.gather(*(process.up() for process in self.all()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in reversed(self.all()):
            await process.stop()
        await self.points.__aexit__()

    def all(self) -> list[Process]:
        return [self.mariadb, self.smtp, *self.services.values()]

    def _service(self, name: str) -> Process:
        kind, keys = name.rstrip("12"), rpc.keys_dir()
        own = {key: value for key, value in os.environ.items() if not key.startswith("POSTERN_")}
        metrics = free_port()
        own |= {
            "POSTERN_LISTEN": self.grpc[name],
            "POSTERN_METRICS_LISTEN": f"{HOST}:{metrics}",
            "POSTERN_AUTH_ADDRESS": self.grpc["auth"],
            "POSTERN_MAILSTORE_ADDRESS": self.grpc["mailstore"],
            "POSTERN_IMAP_URL": self.dovecot.url,
            "POSTERN_SMTP_URL": f"smtp://{HOST}:{self.postfix.submission_port}",
            "POSTERN_TLS_CA_FILE": str(keys / "tls/ca.pem"),
            "POSTERN_TLS_CERT_FILE": str(keys / f"tls/{kind}.pem"),
            "POSTERN_TLS_KEY_FILE": str(keys / f"tls/{kind}.key"),
        }
        if kind == "auth":
            own |= {
                "POSTERN_DATABASE_URL": f"sqlite:///{self.directory / 'auth.db'}",
                "POSTERN_SIGNING_KEY_FILE": str(keys / "signing.pem"),
                "POSTERN_SESSION_KEY_FILE": str(keys / "session.key"),
                "POSTERN_SEALING_PUBLIC_KEYS_DIR": str(keys / "sealing"),
            }
        else:
            own["POSTERN_SEALING_KEY_FILE"] = str(keys / f"sealing/{kind}.key")
        if kind == "mailstore":
            own["POSTERN_INDEX_DIR"] = str(self.directory / "index")
        if kind == "sender":
            own |= {
                "POSTERN_DATABASE_URL": self.database_url,
                "POSTERN_FAULT_SOCKET": str(self.points.path),
                "POSTERN_SENDER_LEASE": "4s",
                "POSTERN_SENDER_HOURLY_MESSAGES": "0",
                "POSTERN_SENDER_HOURLY_RECIPIENTS": "0",
                "POSTERN_SENDER_HOURLY_BYTES": "0",
                "POSTERN_SENDER_BURST": "0",
                "POSTERN_SENDER_BURST_RECIPIENTS": "0",
                "POSTERN_SENDER_RETRY": "300ms",
                "POSTERN_SENDER_RETRY_LONGEST": "2s",
                "POSTERN_SENDER_FILING_RETRY": "300ms",
                "POSTERN_SENDER_FILING_RETRY_LONGEST": "2s",
            }
            if self.relay:
                own |= {
                    "POSTERN_SMTP_USERNAME": self.relay.address,
                    "POSTERN_SMTP_PASSWORD": self.relay.password,
                }
        argv = [sys.executable, "-m", f"services.{kind}"]
        port = int(self.grpc[name].rpartition(":")[2])
        return Process(name, lambda: argv, self.directory / f"{name}.log", port, environment=own, cwd=ROOT)

    # SMTP

    def _smtp_argv(self) -> list[str]:
        if self.smtp_mode == "postfix":
            return self.postfix.daemon.argv
        sink = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin") or "/usr/sbin/smtp-sink"
        # -a: no AUTH, which smtp-sink offers and does not do.
        quits = ["-q", "."] if self.smtp_mode == "window" else []
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        number = self.smtp.starts
        return [
            sink,
            *user,
            "-a",
            "-d",
            f"{number}.",
            *quits,
            f"{HOST}:{self.postfix.submission_port}",
            "100",
        ]

    async def switch_smtp(self, mode: str) -> None:
        """Kills what listens and lets `mode` take its place."""
        before, self.smtp_mode = self.smtp.starts, mode
        self.smtp.kill()
        await self.smtp.up(after=before)

    async def drained(self, seconds: float = 60.0) -> bool:
        """Whether Postfix, which must be the one that runs, has delivered all that it took."""
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            if "queue is empty" in await asyncio.to_thread(self.postfix.queue):
                return True
            with contextlib.suppress(Exception):
                await asyncio.to_thread(self.postfix.flush)
            await asyncio.sleep(0.5)
        return False

    # What came of it

    def receipts(self) -> list[Receipt]:
        """Everything that any of the SMTP servers took."""
        found = [receipt for path in sorted(self.sinks.iterdir()) for receipt in _from_sink(path)]
        for reader in self.readers:
            found += [_from_postfix(raw, reader) for raw in self._messages(reader, "INBOX")]
        return found

    def sent(self, writer: MailUser) -> list[tuple[str, str, bytes]]:
        """(token, Message-ID, body) of every copy in Sent."""
        return [_read(raw) for raw in self._messages(writer, "Sent")]

    def _messages(self, user: MailUser, mailbox: str) -> list[bytes]:
        with self.dovecot.connect(user) as client:
            if not client.folder_exists(mailbox):
                return []
            client.select_folder(mailbox, readonly=True)
            uids = client.search()
            answers = client.fetch(uids, ["BODY.PEEK[]"]) if uids else {}
            return [answers[uid][b"BODY[]"] for uid in uids]


def _read(raw: bytes) -> tuple[str, str, bytes]:
    raw = raw.replace(b"\r\n", b"\n")
    head, _, body = raw.partition(b"\n\n")
    token, message_id = _SUBJECT.search(head), _MESSAGE_ID.search(head)
    return (
        token[1].decode() if token else "",
        message_id[1].decode() if message_id else "",
        body.rstrip(b"\n"),
    )


def _from_postfix(raw: bytes, reader: MailUser) -> Receipt:
    token, message_id, body = _read(raw)
    by = _BY_POSTFIX.search(raw)
    # Postfix may deliver twice what it took once, when it is killed itself: that is one transaction.
    return Receipt(token, message_id, reader.address, repr(by and by.groups()), body)


def _from_sink(path: Path) -> Iterator[Receipt]:
    raw = path.read_bytes()
    token, message_id, body = _read(raw)
    # smtp-sink writes its last buffer when the final dot has come: without the last line it had not.
    if not body.endswith(f"END {token}".encode()):
        return
    for recipient in re.findall(rb"^X-Rcpt-Args: <([^>]*)>", raw.partition(b"\n\n")[0], re.M):
        by = _BY_SINK.search(raw)
        yield Receipt(token, message_id, recipient.decode(), f"{path.name} {by and by[1]!r}", body)


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[World]:
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="postern-chaos-", ignore_cleanup_errors=True)
        )
        directory = Path(name)
        directory.chmod(0o755)
        dovecot = stack.enter_context(run_dovecot())
        (directory / "postfix").mkdir()
        (directory / "mariadb").mkdir()
        postfix = Postfix(directory / "postfix", dovecot)
        # Each commit is on disk before it is answered, whatever dies.
        maria = MariaDB(
            directory / "mariadb", "--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync"
        )
        maria.start()
        async with World(directory, dovecot, maria, postfix) as it:
            yield it
