"""Asks the IMAP server whether a password is right.

Invariants:
* Nothing that somebody typed reaches a command unencoded: AUTHENTICATE PLAIN carries it in base64, LOGIN in
  quoted strings after control characters were refused.
* The socket has a timeout and the threads are bounded; a connection is used for one check and closed.
* What the server says goes into no message.
"""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import logging
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from services.common.endpoint import Endpoint, Scheme, TlsMode
from services.common.errors import PosternError, Reason, error
from services.common.rpc.context import client_address

# imapclient and imaplib write every line at DEBUG, passwords among them.
logging.getLogger("imapclient").setLevel(logging.WARNING)

SCHEMES = {
    "imap": Scheme(143, TlsMode.PLAIN),
    "imaps": Scheme(993, TlsMode.IMPLICIT),
    "imap+starttls": Scheme(143, TlsMode.STARTTLS),
}

# RFC 5530, section 3: these say that the server could not tell, not that the password is wrong.
_NOT_NOW = ("UNAVAILABLE", "INUSE", "LIMIT")
_REFUSED = ("PRIVACYREQUIRED", "CONTACTADMIN", "SERVERBUG", "CLIENTBUG", "CANNOT", "NOPERM")


class PasswordChecker(Protocol):
    """Whether `password` opens the account of `username`. Raises MAIL_SERVER_* where that cannot be told."""

    async def check(self, username: str, password: str) -> bool: ...


@dataclass(frozen=True)
class ImapSettings:
    """`ca_file`: a further authority to trust. Times in seconds; `waiting`: most checks that wait for a
    thread."""

    endpoint: Endpoint
    ca_file: Path | None = None
    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    total_seconds: float = 20.0
    workers: int = 16
    waiting: int = 64


class ImapPasswordChecker:
    """Checks against one IMAP server, on threads of its own."""

    def __init__(self, settings: ImapSettings) -> None:
        self._settings = settings
        self._tls = _tls_context(settings)
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="imap-check")
        self._running = 0

    async def check(self, username: str, password: str) -> bool:
        if not username or not password or "\0" in username + password:
            return False  # RFC 4616, 2: neither is empty nor has NUL
        if self._running >= self._settings.workers + self._settings.waiting:
            raise error(Reason.UNAVAILABLE, "too many password checks at once")
        loop = asyncio.get_running_loop()
        self._running += 1
        answer: asyncio.Future[bool] = loop.create_future()

        def right() -> None:
            """Told before the connection is ended: nobody waits for the server's good-bye."""
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits at all
                loop.call_soon_threadsafe(_tell, answer)

        future = loop.run_in_executor(self._threads, self._check, username, password, client_address(), right)
        future.add_done_callback(self._done)
        future.add_done_callback(lambda done: _settle(answer, done))
        try:
            async with asyncio.timeout(self._settings.total_seconds):
                return await asyncio.shield(answer)
        except TimeoutError as err:
            # The thread ends by itself, by the socket's timeout.
            raise error(Reason.MAIL_SERVER_TIMEOUT, err) from None

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, future: asyncio.Future[bool]) -> None:
        self._running -= 1
        if not future.cancelled():
            future.exception()  # seen, also where nobody waits any more

    def _check(self, username: str, password: str, address: str, right: Callable[[], None]) -> bool:
        client: IMAPClient | None = None
        try:
            client = self._connect()
            _tell_address(client, address)
            _sign_in(client, username, password)
            right()
            return True
        except LoginError as err:
            return _judge(err)
        except (TimeoutError, ssl.SSLError, IMAPClientError, imaplib.IMAP4.error, OSError) as err:
            raise _failure(err) from err
        finally:
            if client is not None:
                with contextlib.suppress(Exception):
                    client.logout() if client._imap.state == "AUTH" else client.shutdown()

    def _connect(self) -> IMAPClient:
        endpoint, settings = self._settings.endpoint, self._settings
        client = IMAPClient(
            endpoint.host,
            endpoint.port,
            ssl=endpoint.tls is TlsMode.IMPLICIT,
            ssl_context=self._tls if endpoint.tls is TlsMode.IMPLICIT else None,
            timeout=SocketTimeout(settings.connect_seconds, settings.read_seconds),
        )
        # imaplib sends the end of a line after AUTHENTICATE by itself; without this it waits for the server's
        # acknowledgement of the line, which comes after 40 ms.
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if endpoint.tls is TlsMode.STARTTLS:
            try:
                client.starttls(self._tls)
            except BaseException:
                with contextlib.suppress(Exception):
                    client.shutdown()
                raise
        return client


def _tell(answer: asyncio.Future[bool]) -> None:
    if not answer.done():
        answer.set_result(True)


def _settle(answer: asyncio.Future[bool], done: asyncio.Future[bool]) -> None:
    """What came out of the thread, where that was not told before."""
    if answer.done():
        return
    if done.cancelled():
        answer.cancel()
    elif (err := done.exception()) is not None:
        answer.set_exception(err)
        answer.exception()  # seen, also where nobody waits any more
    else:
        answer.set_result(done.result())


def _tell_address(client: IMAPClient, address: str) -> None:
    """ID (RFC 2971): at which address the person is. Dovecot, where we are in its login_trusted_networks,
    logs and slows failures by that one, not by ours, which is everybody's; it wants to hear of it before the
    login."""
    if address and b"ID" in client.capabilities():
        with contextlib.suppress(IMAPClientError):  # it may be refused, and nothing hangs on it
            client.id_({"name": "Postern", "x-originating-ip": address})


def _sign_in(client: IMAPClient, username: str, password: str) -> None:
    capabilities = client.capabilities()
    if b"AUTH=PLAIN" in capabilities:
        client.plain_login(username, password)
        return
    if b"LOGINDISABLED" in capabilities:
        raise error(Reason.MAIL_SERVER_REFUSED, "the server offers neither AUTH=PLAIN nor LOGIN")
    if not (username + password).isascii() or any(ord(char) < 32 for char in username + password):
        # LOGIN has no encoding for these (RFC 9051, 9: quoted strings are UTF-8 only after ENABLE).
        raise error(Reason.MAIL_SERVER_REFUSED, "LOGIN cannot carry this user name or password")
    # imaplib quotes the password and leaves the user name as it is.
    client.login('"' + username.replace("\\", "\\\\").replace('"', '\\"') + '"', password)


def _judge(err: LoginError) -> bool:
    """False: the password is wrong. Raises where the server said something else."""
    text = str(err).upper()
    code = text.partition("[")[2].partition("]")[0].partition(" ")[0]
    if code in _NOT_NOW:
        raise error(Reason.MAIL_SERVER_UNREACHABLE, f"the mail server answered {code}")
    if code in _REFUSED:
        raise error(Reason.MAIL_SERVER_REFUSED, f"the mail server answered {code}")
    if any(isinstance(link, IMAPClientAbortError) for link in _chain(err)):
        raise _failure(err)
    return False


def _failure(err: BaseException) -> PosternError:
    """What a failed conversation means. The order counts: a timeout may be wrapped in something else."""
    timeout = any(isinstance(link, TimeoutError) for link in _chain(err))
    return error(Reason.MAIL_SERVER_TIMEOUT if timeout else Reason.MAIL_SERVER_UNREACHABLE, err)


def _chain(err: BaseException) -> list[BaseException]:
    """The exception and what it came from."""
    links: list[BaseException] = []
    current: BaseException | None = err
    while current is not None and len(links) < 5:
        links.append(current)
        current = current.__cause__ or current.__context__
    return links


def _tls_context(settings: ImapSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ca_file is not None:
        context.load_verify_locations(str(settings.ca_file))
    return context
