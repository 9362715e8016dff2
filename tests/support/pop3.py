"""mailstore in front of a Dovecot's POP3, for tests."""

from __future__ import annotations

import socketserver
import ssl
import threading
import time
from pathlib import Path

from services.common.endpoint import HostPort, TlsMode
from services.common.rpc.server import ServerSettings
from services.common.sealing import PrivateKey
from services.mailstore.imap.pool import PoolLimits
from services.mailstore.index.shelf import IndexSettings
from services.mailstore.pop3.account import PopSettings
from services.mailstore.pop3.client import PopEndpoint
from services.mailstore.pop3.keys import KeyRing
from services.mailstore.pop3.server import pop_server
from services.mailstore.settings import MailstoreSettings
from tests.support.dovecot import Dovecot
from tests.support.process import HOST
from tests.support.rpc import sealing_key


def operator(directory: Path) -> PrivateKey:
    """The operator's key of this directory, also in another process."""
    path = directory / "local-mail.key"
    if not path.exists():
        path.write_text(PrivateKey.generate().to_text())
    return PrivateKey.from_text(path.read_text())


def endpoint(dovecot: Dovecot, tls: TlsMode = TlsMode.PLAIN) -> PopEndpoint:
    """Where Dovecot's POP3 is."""
    if tls is TlsMode.PLAIN:
        return PopEndpoint(HOST, dovecot.pop3_port, tls, None, 5.0, 10.0)
    context = ssl.create_default_context(cafile=str(dovecot.ca_file))
    port = dovecot.pop3s_port if tls is TlsMode.IMPLICIT else dovecot.pop3_port
    return PopEndpoint("localhost", port, tls, context, 5.0, 10.0)


def pop3_settings(
    server: PopEndpoint,
    directory: Path,
    *,
    interval: float = 0.3,
    recovery: bool = True,
    index: bool = False,
    max_message_bytes: int = 64 * 1024 * 1024,
    account_bytes: int = 1024**3,
) -> MailstoreSettings:
    """mailstore's settings for a POP3 server; local mail, and the index, lie in `directory`. Without
    `recovery` it has only the public half of the operator's key.
    """
    local = directory / "mail"
    local.mkdir(exist_ok=True)
    key = operator(directory)
    pop3 = PopSettings(
        server,
        local,
        KeyRing(b"pepper", sealing_key("mailstore"), key.public_key(), key if recovery else None),
        interval=interval,
        max_message_bytes=max_message_bytes,
        account_bytes=account_bytes,
    )
    return MailstoreSettings(
        server=ServerSettings(HostPort("127.0.0.1", 0)),
        imap=pop_server(pop3),
        pool=PoolLimits(),
        sealing_key=sealing_key("mailstore"),
        max_message_bytes=max_message_bytes,
        index=IndexSettings(directory / "index") if index else None,
    )


class FakePop3(socketserver.ThreadingTCPServer):
    """A POP3 server whose maildrop and faults the test sets. One maildrop for all, any password but "wrong".

    `mails`: (UIDL, octets) in order. `capabilities`: None for a server from before CAPA. `refuse`: what
    commands are answered -ERR. `at_quit`: "delete" as it should be, "fail" (-ERR, nothing deleted), "lost"
    (deleted, but the answer never comes), "drop" (neither). `slow`: seconds before each message.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, mails: list[tuple[str, bytes]]) -> None:
        super().__init__((HOST, 0), _Conversation)
        self.mails = mails
        self.capabilities: list[str] | None = ["USER", "UIDL", "TOP", "PIPELINING"]
        self.refuse: dict[str, str] = {}
        self.at_quit = "delete"
        self.slow = 0.0
        self.commands: list[str] = []
        self.logins = 0
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def endpoint(self) -> PopEndpoint:
        return PopEndpoint(HOST, self.server_address[1], TlsMode.PLAIN, None, 2.0, 2.0)

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _Conversation(socketserver.StreamRequestHandler):
    server: FakePop3
    disable_nagle_algorithm = True

    def say(self, text: str | bytes) -> None:
        self.wfile.write((text.encode() if isinstance(text, str) else text) + b"\r\n")

    def lines(self, data: bytes) -> None:
        for line in data.removesuffix(b"\r\n").split(b"\r\n"):
            self.say(b"." + line if line.startswith(b".") else line)
        self.say(".")

    def handle(self) -> None:
        self.say("+OK ready")
        self.mails = list(self.server.mails)
        self.marked: set[int] = set()
        for raw in self.rfile:
            words = raw.decode().split()
            name = words[0].upper()
            self.server.commands.append(name)
            if name in self.server.refuse:
                self.say(f"-ERR {self.server.refuse[name]}")
            elif not self.command(name, words[1:]):
                return

    def command(self, name: str, words: list[str]) -> bool:
        """Whether the conversation goes on."""
        match name:
            case "CAPA" if self.server.capabilities is not None:
                self.say("+OK")
                self.lines("\r\n".join(self.server.capabilities).encode())
            case "PASS":
                self.server.logins += 1
                self.say("-ERR [AUTH] no" if words == ["wrong"] else "+OK")
            case "USER" | "NOOP":
                self.say("+OK")
            case "LIST":
                self.say("+OK")
                self.lines(b"".join(b"%d %d\r\n" % (n, len(m[1])) for n, m in enumerate(self.mails, 1)))
            case "UIDL":
                self.say("+OK")
                self.lines(b"".join(b"%d %s\r\n" % (n, m[0].encode()) for n, m in enumerate(self.mails, 1)))
            case "RETR" | "TOP":
                time.sleep(self.server.slow)
                data = self.mails[int(words[0]) - 1][1]
                if name == "TOP":
                    head, _, body = data.partition(b"\r\n\r\n")
                    data = head + b"\r\n\r\n" + b"\r\n".join(body.split(b"\r\n")[: int(words[1])])
                self.say("+OK")
                self.lines(data)
            case "DELE":
                self.marked.add(int(words[0]))
                self.say("+OK")
            case "QUIT":
                return self.quit()
            case _:
                self.say("-ERR unknown")
        return True

    def quit(self) -> bool:
        if self.server.at_quit in ("delete", "lost"):
            self.server.mails = [
                mail for number, mail in enumerate(self.mails, 1) if number not in self.marked
            ]
        if self.server.at_quit == "delete" or not self.marked:
            self.say("+OK bye")
        elif self.server.at_quit == "fail":
            self.say("-ERR some deleted messages not removed")
        return False
