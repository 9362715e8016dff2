"""The embedded mail server of `make run`: IMAP from pymap, submission from aiosmtpd, all in memory.

`python -m deploy.local.mailserver --imap-port N --smtp-port N [--empty]` serves the demo users on loopback
until SIGTERM. Mail among them is delivered into their INBOX at once; any other recipient is refused, so that
nothing leaves the machine. It is for looking at Postern, not for keeping mail: all ends with the process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hmac
import logging
import os
import signal
import warnings
from argparse import Namespace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pymap.backend.dict import Config, DictBackend, Login
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import MailboxSet
from pymap.backend.mailbox import MailboxDataInterface
from pymap.backend.session import BaseSession
from pymap.exceptions import MailboxNotFound
from pymap.imap import IMAPService
from pymap.mime.parsed import ParsedHeaders
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials.flag import Flag, Wildcard
from pymap.selected import SelectedMailbox
from pymap.user import UserMetadata
from pysasl.hashing import Cleartext

from deploy.local.demo import DOMAIN, MAILBOXES, USERS, Filed, build

HOST = "127.0.0.1"
SIZE_LIMIT = 32 * 1024 * 1024  # bytes; SMTP announces it as SIZE, IMAP as APPENDLIMIT
EMPTY_MAILBOXES = ("Archive", "Drafts", "Junk", "Sent", "Trash")


def _tolerate_bad_dates() -> None:
    """pymap 0.36 drops the connection in the middle of an ENVELOPE when a Date header is no date."""
    original = vars(ParsedHeaders)["date"].fget

    def date(headers: ParsedHeaders) -> object:
        found = original(headers)
        return found if found is not None and found.datetime is not None else None

    setattr(ParsedHeaders, "date", property(date))  # noqa: B010 (mypy forbids the plain assignment)


def _keep_to_the_selected_mailbox() -> None:
    """pymap 0.36 finds the open mailbox by its name at each command: where another client has deleted it and
    made one of that name, UIDs would mean other messages though the client was told of no other UIDVALIDITY.
    """
    original = BaseSession._get_selected

    async def get_selected(self: Any, selected: SelectedMailbox) -> Any:
        mailbox = await original(self, selected)
        if mailbox.mailbox_id != selected.mailbox_id:
            raise MailboxNotFound(selected.lookup)
        return mailbox

    setattr(BaseSession, "_get_selected", get_selected)  # noqa: B010 (mypy forbids the plain assignment)


def _take_labels() -> None:
    """pymap 0.36 takes system flags alone: with the wildcard among PERMANENTFLAGS it keeps keywords, too."""
    original = vars(MailboxDataInterface)["permanent_flags"].fget

    def permanent_flags(mailbox: MailboxDataInterface) -> frozenset[Flag]:
        return frozenset(original(mailbox) | {Wildcard})

    setattr(MailboxDataInterface, "permanent_flags", property(permanent_flags))  # noqa: B010 (as above)


class Mailboxes:
    """The demo users' mailboxes in pymap's in-memory backend."""

    def __init__(self, imap_port: int) -> None:
        # Without TLS, which loopback allows; passwords in clear, as they are printed at start anyway.
        options = Namespace(
            host=HOST,
            port=imap_port,
            debug=False,
            cert=None,
            key=None,
            tls=False,
            proxy_protocol=None,
            passlib_cfg=None,
            inherited_sockets=None,
            demo_data=False,
            demo_user="",
            demo_password="",
        )
        self.config = Config.from_args(
            options, hash_context=Cleartext(), invalid_user_sleep=0.0, max_append_len=SIZE_LIMIT
        )
        self.config.apply_context()
        self.login = Login(self.config)
        self.backend = DictBackend(self.login, self.config)

    async def add_user(self, address: str, password: str, mailboxes: tuple[str, ...]) -> None:
        self.login.users_dict[address] = UserMetadata(self.config, address, password=password)
        boxes = MailboxSet()
        for name in mailboxes:
            await boxes.add_mailbox(name)
            await boxes.set_subscribed(name, True)
        self.config.set_cache[address] = (boxes, FilterSet())

    async def file(self, address: str, filed: Filed, *, recent: bool = False) -> None:
        """Put a message into a mailbox; whoever is idling there is told."""
        mailbox = await self.config.set_cache[address][0].get_mailbox(filed.mailbox)
        flags = frozenset(Flag(flag.encode()) for flag in filed.flags)
        await mailbox.append(AppendMessage(filed.raw, filed.when, flags), recent=recent)


class Submission:
    """What aiosmtpd asks while it takes a message."""

    def __init__(self, mailboxes: Mailboxes) -> None:
        self._mailboxes = mailboxes

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        address = data.login.decode("utf-8", "replace").lower()
        expected = USERS.get(address)
        if expected is None or not hmac.compare_digest(expected.encode(), data.password):
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=address)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.lower() != session.auth_data:
            return f"553 5.7.1 You may send as {session.auth_data} only"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        local = address.lower()
        if local.rpartition("@")[2] != DOMAIN:
            return f"550 5.7.1 This is a demo: mail reaches {' and '.join(USERS)} only"
        if local not in USERS:
            return "550 5.1.1 No such user here"
        if local not in envelope.rcpt_tos:
            envelope.rcpt_tos.append(local)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        now = datetime.now(UTC)
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        trace = (
            f"Return-Path: <{envelope.mail_from}>\r\n"
            f"Received: from {session.host_name} by demo.{DOMAIN} with ESMTPA; {format_datetime(now)}\r\n"
        ).encode()
        for address in envelope.rcpt_tos:
            await self._mailboxes.file(address, Filed("INBOX", trace + raw, now, frozenset()), recent=True)
        return "250 2.0.0 Delivered"


async def serve(imap_port: int, smtp_port: int, *, empty: bool = False) -> None:
    """Serve until SIGTERM or SIGINT. EMPTY: the users have mailboxes and no messages."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    _tolerate_bad_dates()
    _keep_to_the_selected_mailbox()
    _take_labels()
    mailboxes = Mailboxes(imap_port)
    for address, password in USERS.items():
        await mailboxes.add_user(address, password, EMPTY_MAILBOXES if empty else MAILBOXES)
    if not empty:
        for address, messages in build(datetime.now().astimezone()).items():
            for filed in messages:
                await mailboxes.file(address, filed)

    submission = Submission(mailboxes)

    def protocol() -> SMTP:
        return SMTP(
            submission,
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname=f"demo.{DOMAIN}",
            ident="Postern demo",
            auth_required=True,
            auth_require_tls=False,
            authenticator=submission.authenticate,
            command_call_limit={"*": 1000},
            loop=loop,
        )

    async with contextlib.AsyncExitStack() as stack:
        await IMAPService(mailboxes.backend, mailboxes.config).start(stack)
        smtp = await loop.create_server(protocol, HOST, smtp_port)
        stack.callback(smtp.close)
        await stop.wait()
    # Connections that idle would hold the loop open; the process ends with them.
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.mailserver")
    parser.add_argument("--imap-port", type=int, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--empty", action="store_true", help="mailboxes without messages")
    options = parser.parse_args()
    os.environ.setdefault("FQDN", f"demo.{DOMAIN}")  # pymap would ask the resolver at each connection
    logging.basicConfig(level=logging.WARNING)
    warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")  # it is loopback
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    asyncio.run(serve(options.imap_port, options.smtp_port, empty=options.empty))


if __name__ == "__main__":
    main()
