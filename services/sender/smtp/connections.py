"""Connections to the submission server: TLS verified, signed in as the user, kept for the next message."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import ssl
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import aiosmtplib
from aiosmtplib import SMTP

from services.common.endpoint import Endpoint, TlsMode
from services.common.logging import get_logger
from services.common.sealing import Credential
from services.sender.smtp import attempt
from services.sender.smtp.attempt import BeforeDot, Envelope, Octets, Outcome, Timeouts
from services.sender.smtp.session import Session, SessionLost, take_over

log = get_logger(__name__)

IDLE_SECONDS = 20.0
MOST_MESSAGES = 100


class CannotConnect(Exception):
    """No session for this user came about; `problem` is a stable reason."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass
class _Kept:
    session: Session
    since: float
    messages: int


class Connections:
    """A pool of sessions by user. A session that timed out or broke off is closed and never used again."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        ca_file: Path | None = None,
        ehlo_name: str = "[127.0.0.1]",
        timeouts: Timeouts = Timeouts(),
        most_idle: int = 32,
    ) -> None:
        self._endpoint = endpoint
        self._ehlo_name = ehlo_name
        self.timeouts = timeouts
        self._most_idle = most_idle
        self._idle: dict[bytes, list[_Kept]] = defaultdict(list)
        self._tls = None if endpoint.tls is TlsMode.PLAIN else _trusting(ca_file)
        self._size = 0
        # The pool's keys tell nothing about the passwords.
        self._key = secrets.token_bytes(32)

    async def submit(
        self, credential: Credential | None, envelope: Envelope, message: Octets, before_dot: BeforeDot
    ) -> Outcome:
        """One attempt: over a kept session where there is one, and where that had died, over a new one."""
        key = self._key_of(credential)
        kept = self._take(key)
        if kept is not None:
            outcome = await self._send(key, kept, envelope, message, before_dot)
            if not outcome.stale:
                return outcome
        try:
            session = await self._connect(credential)
        except CannotConnect as err:
            return Outcome(problem=err.problem)
        return await self._send(key, _Kept(session, 0, 0), envelope, message, before_dot)

    def size_limit(self) -> int:
        """The largest message that the server takes, as it last said; 0 where it has not, or has no limit."""
        return self._size

    async def close(self) -> None:
        for sessions in self._idle.values():
            for kept in sessions:
                kept.session.leave()
        self._idle.clear()

    async def _send(
        self, key: bytes, kept: _Kept, envelope: Envelope, message: Octets, before_dot: BeforeDot
    ) -> Outcome:
        outcome = await attempt.send(kept.session, envelope, message(), before_dot, self.timeouts)
        kept.messages += 1
        if outcome.reusable and kept.messages < MOST_MESSAGES:
            self._keep(key, kept)
        elif outcome.reusable:
            kept.session.leave()
        return outcome

    def _key_of(self, credential: Credential | None) -> bytes:
        text = "" if credential is None else f"{credential.username}\x00{credential.password}"
        return hmac.digest(self._key, text.encode(), hashlib.sha256)

    def _take(self, key: bytes) -> _Kept | None:
        self._expire()
        sessions = self._idle.get(key)
        while sessions:
            kept = sessions.pop()
            if kept.session.is_good:
                return kept
            kept.session.close()
        return None

    def _keep(self, key: bytes, kept: _Kept) -> None:
        kept.since = time.monotonic()
        if sum(map(len, self._idle.values())) >= self._most_idle:
            kept.session.leave()
        else:
            self._idle[key].append(kept)

    def _expire(self) -> None:
        limit = time.monotonic() - IDLE_SECONDS
        for key in list(self._idle):
            for kept in [kept for kept in self._idle[key] if kept.since < limit]:
                kept.session.leave()
                self._idle[key].remove(kept)
            if not self._idle[key]:
                del self._idle[key]

    async def _connect(self, credential: Credential | None) -> Session:
        smtp = SMTP(
            hostname=self._endpoint.host,
            port=self._endpoint.port,
            local_hostname=self._ehlo_name,
            timeout=self.timeouts.connect,
            use_tls=self._endpoint.tls is TlsMode.IMPLICIT,
            start_tls=self._endpoint.tls is TlsMode.STARTTLS,
            tls_context=self._tls,
        )
        try:
            await smtp.connect()
            await smtp.ehlo(timeout=self.timeouts.connect)
            if credential is not None and smtp.supports_extension("auth"):
                await self._sign_in(smtp, credential)
            self._size = attempt.size_limit(smtp.esmtp_extensions)
            return take_over(smtp.transport, smtp.esmtp_extensions)
        except BaseException as err:
            smtp.close()
            problem = _problem(err)
            if problem is None:
                raise
            log.warning("smtp.no_session", problem=problem, cause=type(err).__name__)
            raise CannotConnect(problem) from err

    async def _sign_in(self, smtp: SMTP, credential: Credential) -> None:
        user, password = credential.username.encode(), credential.password.encode()
        methods = smtp.server_auth_methods
        if credential.kind == "oauth":
            await _with_token(smtp, credential, self.timeouts.connect)
            return
        # Over TLS (or loopback) PLAIN is the one that every server means (RFC 4616); the rest as it comes.
        if "plain" in methods:
            await smtp.auth_plain(user, password, timeout=self.timeouts.connect)
        else:
            await smtp.login(user, password, timeout=self.timeouts.connect)


async def _with_token(smtp: SMTP, credential: Credential, seconds: float) -> None:
    """OAUTHBEARER (RFC 7628), or the older XOAUTH2 where the server has that alone. A refusal comes as a
    question that wants an answer first."""
    methods = [method.lower() for method in smtp.server_auth_methods]
    name, token = credential.username, credential.password
    if any(char < " " for char in name + token):
        raise aiosmtplib.SMTPAuthenticationError(535, "a control character in the credential")
    if "oauthbearer" in methods:
        escaped = name.replace("=", "=3D").replace(",", "=2C")
        mechanism, text, on_error = b"OAUTHBEARER", f"n,a={escaped},\x01auth=Bearer {token}\x01\x01", b"AQ=="
    else:
        mechanism, text, on_error = b"XOAUTH2", f"user={name}\x01auth=Bearer {token}\x01\x01", b""
    initial = base64.b64encode(text.encode())
    # RFC 4954, 4: a command has 12,288 octets at most with AUTH; tokens are shorter.
    response = await smtp.execute_command(b"AUTH", mechanism, initial, timeout=seconds)
    if response.code == 334:
        response = await smtp.execute_command(on_error, timeout=seconds)
    if response.code != 235:
        raise aiosmtplib.SMTPAuthenticationError(response.code, response.message)


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies chain and name by the system's authorities and those of `ca_file`."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def _problem(err: BaseException) -> str | None:
    chain: list[BaseException] = []
    at: BaseException | None = err
    while at is not None and len(chain) < 6:
        chain.append(at)
        at = at.__cause__ or at.__context__
    if any(isinstance(item, ssl.SSLError) for item in chain):
        return attempt.TLS_FAILED
    if isinstance(err, aiosmtplib.SMTPAuthenticationError):
        return attempt.AUTH_FAILED if 500 <= err.code < 600 else attempt.REFUSED
    if isinstance(err, SessionLost):
        return attempt.UNREACHABLE
    if isinstance(err, aiosmtplib.SMTPTimeoutError | asyncio.TimeoutError):
        return attempt.TIMEOUT
    if isinstance(err, aiosmtplib.SMTPServerDisconnected | aiosmtplib.SMTPConnectError) and not isinstance(
        err, aiosmtplib.SMTPResponseException
    ):
        return attempt.UNREACHABLE
    if isinstance(err, aiosmtplib.SMTPResponseException):
        return attempt.REFUSED
    if isinstance(err, aiosmtplib.SMTPException):
        # Such as STARTTLS not offered: never without.
        return attempt.TLS_FAILED
    return attempt.UNREACHABLE if isinstance(err, OSError) else None
