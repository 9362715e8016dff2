"""A whole Postern, started as `make run` does, beside the embedded mail servers or beside real ones.

`with embedded_stack() as stack:` or `with real_stack(dovecot, postfix, mariadb) as stack:`; as fixtures
`embedded`, `real`, and `stack` for both in turn. Logs are kept at level DEBUG, for tests to look at.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import smtplib
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any

from imapclient import IMAPClient

from tests.support.dovecot import Dovecot, MailUser
from tests.support.mariadb import MariaDB
from tests.support.postfix import Postfix
from tests.support.process import Daemon, wait_until

ROOT = Path(__file__).parents[2]


class Stack:
    """A running Postern. KIND: "embedded" or "real"."""

    def __init__(self, kind: str, var: Path, environment: Mapping[str, str], *arguments: str) -> None:
        self.kind = kind
        self.var = var
        own = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("POSTERN_") and name != "PORT"
        }
        self.daemon = Daemon(
            f"Postern ({kind})",
            [sys.executable, "-m", "deploy.local", "--var", str(var), *arguments],
            var / "supervisor.log",
            self._ready,
            # Nobody waits to undo a sending here, but those tests that choose to.
            environment={
                **own,
                "PORT": "0",
                "POSTERN_LOG_LEVEL": "DEBUG",
                "POSTERN_UNDO_SEND_SECONDS": "0",
                # Tests that are about a message count messages.
                "POSTERN_CONVERSATIONS": "no",
                "POSTERN_SENDER_VERIFY": "1",
                **environment,
            },
            cwd=ROOT,
            timeout=90,
        )
        self._people: Callable[[], tuple[MailUser, MailUser]] = lambda: (
            MailUser("alice@example.org", "alice"),
            MailUser("bob@example.org", "bob"),
        )
        self.public_url = ""  # where people reach it, if that is not where it listens
        self._dovecot: Dovecot | None = None
        self._postfix: Postfix | None = None

    # Where things are

    def state(self) -> dict[str, Any]:
        """run.json: pids, addresses and logs of the processes."""
        found: dict[str, Any] = json.loads((self.var / "run.json").read_text())
        return found

    @property
    def url(self) -> str:
        return self.public_url or str(self.state()["url"])

    def process(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.state()["processes"][name]
        return found

    def logs(self) -> dict[str, str]:
        """All that every process has written, by name; also from before a restart of the stack."""
        files = sorted((self.var / "log").iterdir())
        return {path.name: path.read_text(errors="replace") for path in [*files, self.daemon.log]}

    def _ready(self) -> bool:
        try:
            return bool(self.state()["ready"])
        except (OSError, ValueError):
            return False

    # Taking parts of it away

    def kill(self, name: str) -> None:
        """SIGKILL to one process; the supervisor starts it again."""
        os.kill(int(self.process(name)["pid"]), signal.SIGKILL)

    def restarted(self, name: str, timeout: float = 20.0) -> bool:
        """Whether the process has been started again within TIMEOUT seconds."""
        return wait_until(lambda: int(self.process(name)["restarts"]) > 0, timeout)

    # Mail behind Postern's back

    def people(self) -> tuple[MailUser, MailUser]:
        """Alice and Bob: the demo users, or a fresh pair on real servers."""
        return self._people()

    def imap(self, user: MailUser) -> IMAPClient:
        """A logged-in client of USER on the mail server itself."""
        if self._dovecot is not None:
            return self._dovecot.connect(user)
        host, _, port = self.process("mailserver")["imap"].partition(":")
        client = IMAPClient(host, int(port), ssl=False, timeout=20)
        client.login(user.address, user.password)
        return client

    def deliver(self, sender: MailUser, recipient: MailUser, subject: str, text: str) -> None:
        """A plain message from one to the other, submitted over SMTP as any program would."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender.address, recipient.address, subject
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="example.org")
        message.set_content(text)
        with self._smtp(sender) as client:
            client.send_message(message)

    def _smtp(self, user: MailUser) -> smtplib.SMTP:
        if self._postfix is not None:
            return self._postfix.connect(user)
        host, _, port = self.process("mailserver")["smtp"].partition(":")
        client = smtplib.SMTP(host, int(port), timeout=20)
        client.login(user.address, user.password)
        return client

    def beside(self, dovecot: Dovecot, postfix: Postfix) -> None:
        """The real servers that it uses."""
        self._dovecot, self._postfix = dovecot, postfix
        self._people = lambda: (dovecot.add_user(), dovecot.add_user())


@contextlib.contextmanager
def embedded_stack(*arguments: str, **settings: str) -> Iterator[Stack]:
    """The five services, SQLite, and the embedded mail server with the demo mailboxes."""
    with tempfile.TemporaryDirectory(prefix="postern-stack-", ignore_cleanup_errors=True) as name:
        stack = Stack("embedded", Path(name), settings, *arguments)
        try:
            stack.daemon.start()
            yield stack
        finally:
            stack.daemon.stop(30)


@contextlib.contextmanager
def imap_stack(dovecot: Dovecot, postfix: Postfix, **settings: str) -> Iterator[Stack]:
    """The five services and SQLite beside Dovecot (TLS) and Postfix (STARTTLS)."""
    with _beside("imap", dovecot, postfix, POSTERN_IMAP_URL=dovecot.tls_url, **settings) as stack:
        yield stack


@contextlib.contextmanager
def pop3_stack(dovecot: Dovecot, postfix: Postfix, **settings: str) -> Iterator[Stack]:
    """The five services and SQLite beside Dovecot's POP3 (TLS) and Postfix (STARTTLS)."""
    wanted = {"POSTERN_IMAP_URL": dovecot.tls_pop3_url, "POSTERN_POP3_INTERVAL": "15s", **settings}
    with _beside("pop3", dovecot, postfix, **wanted) as stack:
        yield stack


@contextlib.contextmanager
def _beside(kind: str, dovecot: Dovecot, postfix: Postfix, **settings: str) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="postern-stack-", ignore_cleanup_errors=True) as name:
        var = Path(name)
        bundle = var / "mail-ca.pem"
        bundle.write_bytes(dovecot.ca_file.read_bytes() + postfix.ca_file.read_bytes())
        trusted = {"POSTERN_SMTP_URL": postfix.starttls_url, "POSTERN_MAIL_CA_FILE": str(bundle)}
        stack = Stack(kind, var, {**trusted, **settings})
        stack.beside(dovecot, postfix)
        try:
            stack.daemon.start()
            yield stack
        finally:
            stack.daemon.stop(30)


@contextlib.contextmanager
def real_stack(dovecot: Dovecot, postfix: Postfix, mariadb: MariaDB, **settings: str) -> Iterator[Stack]:
    """The five services beside Dovecot (TLS), Postfix (STARTTLS) and MariaDB."""
    with tempfile.TemporaryDirectory(prefix="postern-stack-", ignore_cleanup_errors=True) as name:
        var = Path(name)
        bundle = var / "mail-ca.pem"
        bundle.write_bytes(dovecot.ca_file.read_bytes() + postfix.ca_file.read_bytes())
        database = mariadb.create_database("postern")
        environment = {
            "POSTERN_IMAP_URL": dovecot.tls_url,
            "POSTERN_SMTP_URL": postfix.starttls_url,
            "POSTERN_MAIL_CA_FILE": str(bundle),
            "POSTERN_DATABASE_URL": database,
            **settings,
        }
        stack = Stack("real", var, environment)
        stack.beside(dovecot, postfix)
        try:
            stack.daemon.start()
            yield stack
        finally:
            stack.daemon.stop(30)
            mariadb.drop_database(database)
