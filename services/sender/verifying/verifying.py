"""A person shows that they read an address by typing the code that was mailed there.

What must not tell the code to somebody who does not read the address, and what sees to it:

* the copy in Sent, the outbox and "undo": the message goes straight to the SMTP server, and none is kept;
* a bounce, which may bring the whole message back to who asked for it: the envelope has no sender
  (RFC 5321, 4.5.5), so nothing comes back;
* an automatic answer that quotes it: to no envelope sender, and to Auto-Submitted, none is given
  (RFC 3834, 2);
* our database: it has a slow hash;
* a mail server that itself keeps a copy of what its users submit, in their mailbox: that is nothing we can
  see, and one reason why codes are off unless the operator turns them on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.exc import IntegrityError

from services.common.database import Database
from services.common.errors import PosternError, Reason, error, invalid_argument, not_found
from services.common.logging import get_logger
from services.common.sealing import Credential, SealingError
from services.sender import clock
from services.sender.compose import checks
from services.sender.compose.address import Mailbox, parse_address
from services.sender.compose.build import Built, build, new_message_id
from services.sender.identities import Identities
from services.sender.model import Content, EmailAddress, Fate
from services.sender.smtp import attempt
from services.sender.smtp.attempt import Envelope
from services.sender.smtp.connections import Connections
from services.sender.storage import content as stored
from services.sender.storage import verified
from services.sender.storage.usage import Limits
from services.sender.verifying import codes

log = get_logger(__name__)

MAX_ADDRESSES = 100
MAX_SUBJECT, MAX_TEXT = 200, 4000
PLACE = "{code}"
SUBJECT = "Your code for writing as this address"
TEXT = (
    "Somebody who writes mail as {account} wants to write as {address} too.\n\n"
    "If that is you, type this code where you were asked for it:\n\n    {code}\n\n"
    "It holds for {minutes} minutes. If it is not you, there is nothing to do: give the code to nobody.\n"
)
# What a person waits for at most: the server's answer, not the patience of an outbox.
SECONDS = 20.0


class Standing(StrEnum):
    GRANTED = "granted"
    VERIFIED = "verified"
    CODE_SENT = "code_sent"
    REFUSED = "refused"


@dataclass(frozen=True)
class Checked:
    """`code_expires_at` in milliseconds; 0 where no code is open."""

    address: str
    standing: Standing
    code_expires_at: int = 0


@dataclass(frozen=True)
class VerifySettings:
    """`lifetime` of a code in milliseconds."""

    on: bool = False
    lifetime: int = 30 * 60_000


# Gives the credential that the SMTP server is to see, for an account and its token; SealingError where there
# is none.
CredentialOf = Callable[[str, str], Credential | None]


class Verifying:
    """Who may write as what, with the addresses that a code opened."""

    def __init__(
        self,
        db: Database,
        identities: Identities,
        connections: Connections,
        credential_of: CredentialOf,
        *,
        settings: VerifySettings = VerifySettings(),
        limits: Limits = Limits(),
        now: clock.Clock = clock.now,
    ) -> None:
        self._db, self._identities, self._connections = db, identities, connections
        self._credential_of, self.settings, self._limits, self._now = credential_of, settings, limits, now

    async def may(self, account: str, address: Mailbox) -> bool:
        """Whether the account may write as that address. The database is asked only where nothing else
        allows it."""
        if self._identities.may(account, address):
            return True
        if not self.settings.on:
            return False
        return await self._db.read(lambda s: verified.is_verified(s, account, _key(address)))

    async def check(self, account: str, addresses: Sequence[str]) -> list[Checked]:
        """How each stands, in their order; what is no address is REFUSED."""
        if len(addresses) > MAX_ADDRESSES:
            raise invalid_argument("addresses", "too_many")
        known: dict[str, Mailbox | None] = {}
        for address in addresses:
            try:
                known[address] = parse_address(address, "addresses")
            except PosternError:
                known[address] = None
        asked = [_key(found) for found in known.values() if found]
        rows: dict[str, verified.Standing] = {}
        if self.settings.on and asked:
            now = self._now()
            rows = await self._db.read(lambda s: verified.standings(s, account, asked, now))
        return [self._checked(account, address, known[address], rows) for address in addresses]

    def _checked(
        self, account: str, address: str, found: Mailbox | None, rows: dict[str, verified.Standing]
    ) -> Checked:
        if found is None:
            return Checked(address, Standing.REFUSED)
        if self._identities.may(account, found):
            return Checked(address, Standing.GRANTED)
        row = rows.get(_key(found))
        if row is None:
            return Checked(address, Standing.REFUSED)
        if row.verified_at:
            return Checked(address, Standing.VERIFIED)
        standing = Standing.CODE_SENT if row.code_expires_at else Standing.REFUSED
        return Checked(address, standing, row.code_expires_at)

    async def start(self, account: str, token: str, address: str, subject: str = "", text: str = "") -> int:
        """Mails a code; until when it holds. INVALID_ARGUMENT where the account may write as the address
        already; what the SMTP server says to it is MAIL_SERVER_REFUSED, _UNREACHABLE or _TIMEOUT."""
        self._need()
        found = parse_address(checks.no_breaks(address, "address"), "address")
        if await self.may(account, found):
            raise invalid_argument("address", "already_allowed")
        code, now = codes.new_code(), self._now()
        built = self._letter(account, found, code, subject, text, now)
        code_hash = await asyncio.to_thread(codes.hash_of, code)
        expires_at = now + self.settings.lifetime
        try:
            await self._db.run(
                lambda s: verified.open_code(
                    s,
                    account,
                    _key(found),
                    code_hash=code_hash,
                    now=now,
                    expires_at=expires_at,
                    limits=self._limits,
                    size=built.wire_size,
                )
            )
        except IntegrityError as err:
            # Asked for twice at the same moment: one is on its way.
            wait = str(verified.BETWEEN // 1000)
            raise error(Reason.RATE_LIMITED, err, limit="codes", retry_seconds=wait) from err
        try:
            await self._mail(account, token, found, built)
        except PosternError:
            await self._db.run(lambda s: verified.close_code(s, account, _key(found), code_hash))
            raise
        log.info("identities.code_mailed", account=account)
        return expires_at

    def _letter(self, account: str, address: Mailbox, code: str, subject: str, text: str, now: int) -> Built:
        if len(subject) > MAX_SUBJECT:
            raise invalid_argument("subject", "too_long")
        if len(text) > MAX_TEXT:
            raise invalid_argument("text", "too_long")
        if PLACE in subject or (text and text.count(PLACE) != 1):
            raise invalid_argument("text", "malformed")
        words = text or TEXT.replace("{account}", account).replace("{address}", address.address).replace(
            "{minutes}", str(self.settings.lifetime // 60_000)
        )
        content = Content(
            sender=EmailAddress("", account),
            to=(EmailAddress("", address.address),),
            subject=subject or SUBJECT,
            text=words.replace(PLACE, codes.shown(code)),
        )
        checked = checks.check(content)
        when = clock.as_datetime(now)
        return build(checked, [], message_id=new_message_id(checked.sender.domain), date=when, automatic=True)

    async def _mail(self, account: str, token: str, to: Mailbox, built: Built) -> None:
        # RFC 5321, 4.5.5: with no sender in the envelope, no report comes back.
        envelope = Envelope(
            clock.new_id(self._now()), "", (to.address,), built.wire_size, to.needs_smtputf8, built.eight_bit
        )

        async def nothing() -> None:
            return

        def octets() -> AsyncIterator[bytes]:
            return stored.octets(self._db, built.segments, with_sent_only=False)

        try:
            credential = self._credential_of(account, token)
            async with asyncio.timeout(SECONDS):
                outcome = await self._connections.submit(credential, envelope, octets, nothing)
        except SealingError as err:
            raise error(Reason.PERMISSION_DENIED, err) from err
        except TimeoutError as err:
            raise error(Reason.MAIL_SERVER_TIMEOUT, err) from err
        fate = outcome.results.get(to.address)
        if fate is not None and fate.fate in (Fate.ACCEPTED, Fate.UNKNOWN):
            return
        log.warning("identities.code_not_mailed", account=account, problem=outcome.problem)
        if outcome.problem == attempt.TIMEOUT:
            raise error(Reason.MAIL_SERVER_TIMEOUT)
        if outcome.problem in (attempt.UNREACHABLE, attempt.TLS_FAILED):
            raise error(Reason.MAIL_SERVER_UNREACHABLE)
        raise error(Reason.MAIL_SERVER_REFUSED)

    async def complete(self, account: str, address: str, code: str) -> None:
        """The code came back: the account may write as the address. Every call is a try."""
        self._need()
        key = _key(parse_address(checks.no_breaks(address, "address"), "address"))
        now = self._now()
        code_hash, left = await self._db.run(lambda s: verified.take_try(s, account, key, now))
        if not code_hash:
            raise not_found("code")
        if not await asyncio.to_thread(codes.matches, codes.typed(code), code_hash):
            log.info("identities.wrong_code", account=account, tries_left=left)
            metadata = {"field": "code", "problem": "wrong_code", "tries_left": str(left)}
            raise PosternError(Reason.INVALID_ARGUMENT, metadata=metadata)
        if not await self._db.run(lambda s: verified.confirm(s, account, key, code_hash, now)):
            raise not_found("code")
        log.info("identities.verified", account=account)

    async def remove(self, account: str, address: str) -> None:
        key = _key(parse_address(checks.no_breaks(address, "address"), "address"))
        await self._db.run(lambda s: verified.remove(s, account, key))

    def _need(self) -> None:
        if not self.settings.on:
            raise error(Reason.UNSUPPORTED, what="codes")


def _key(address: Mailbox) -> str:
    """Equal for addresses that one mailbox has everywhere in practice: case does not tell them apart, though
    it might (RFC 5321, 2.4). With it, every spelling would have its own count of codes."""
    return f"{address.local.casefold()}@{address.domain}"
