"""The sender's settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from services.common.database import database_url
from services.common.endpoint import Endpoint, Scheme, TlsMode
from services.common.rpc.server import ServerSettings
from services.common.sealing import Credential, PrivateKey, SealingError
from services.common.settings import Env, SettingsError
from services.sender.identities import Identities
from services.sender.links.links import LinkSettings
from services.sender.outbox.states import Retry
from services.sender.outbox.worker import WorkerSettings
from services.sender.storage.usage import Limits
from services.sender.verifying.verifying import VerifySettings

SCHEMES = {
    "smtp": Scheme(587, TlsMode.PLAIN),
    "smtp+starttls": Scheme(587, TlsMode.STARTTLS),
    "smtps": Scheme(465, TlsMode.IMPLICIT),
}
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class SenderSettings:
    """See README.md for what each means. Durations in milliseconds where a class of the outbox holds them."""

    server: ServerSettings
    database_url: str = field(repr=False)
    smtp: Endpoint
    mail_ca_file: Path | None
    auth_address: str
    mailstore_address: str
    sealing_key: PrivateKey = field(repr=False)
    relay: Credential | None = field(repr=False)
    max_message_bytes: int
    max_recipients: int
    ehlo_name: str
    limits: Limits
    identities: Identities
    retry: Retry
    filing_retry: Retry
    worker: WorkerSettings
    links: LinkSettings = field(default_factory=LinkSettings)
    verify: VerifySettings = field(default_factory=VerifySettings)

    @classmethod
    def from_env(cls, env: Env) -> SenderSettings:
        """From POSTERN_ variables; SettingsError says in one line what is wrong."""
        key = env.secret("SEALING_KEY", expected="the private key, or POSTERN_SEALING_KEY_FILE with it")
        try:
            sealing_key = PrivateKey.from_text(key.reveal())
        except SealingError as err:
            raise SettingsError(f"POSTERN_SEALING_KEY: {err}") from None
        return cls(
            server=ServerSettings.from_env(env, listen="127.0.0.1:5103", metrics="127.0.0.1:5203"),
            database_url=database_url(env),
            smtp=env.endpoint("SMTP_URL", SCHEMES),
            mail_ca_file=env.path("MAIL_CA_FILE"),
            auth_address=env.address("AUTH_ADDRESS"),
            mailstore_address=env.address("MAILSTORE_ADDRESS"),
            sealing_key=sealing_key,
            relay=_relay(env),
            max_message_bytes=env.integer("MAX_MESSAGE_BYTES", 36 * MEBIBYTE, minimum=MEBIBYTE),
            max_recipients=env.integer("MAX_RECIPIENTS", 500, minimum=1, maximum=10_000),
            ehlo_name=env.text("SMTP_EHLO_NAME", "[127.0.0.1]"),
            limits=_limits(env),
            identities=Identities(
                env.path("SENDER_ALIASES_FILE"), subaddress=env.text("SENDER_SUBADDRESS", "+")
            ),
            retry=Retry(
                first=int(env.duration("SENDER_RETRY", 15.0) * 1000),
                longest=int(env.duration("SENDER_RETRY_LONGEST", 3600.0) * 1000),
                max_age=int(env.duration("SENDER_MAX_AGE", 5 * 86400) * 1000),
            ),
            filing_retry=Retry(
                first=int(env.duration("SENDER_FILING_RETRY", 5.0) * 1000),
                longest=int(env.duration("SENDER_FILING_RETRY_LONGEST", 900.0) * 1000),
            ),
            worker=WorkerSettings(
                workers=env.integer("SENDER_WORKERS", 24, minimum=1, maximum=256),
                ahead=env.integer("SENDER_WORKERS", 24, minimum=1, maximum=256),
                lease=int(env.duration("SENDER_LEASE", 60.0) * 1000),
                keep=int(env.duration("SENDER_KEEP", 30 * 86400) * 1000),
            ),
            links=_links(env),
            verify=VerifySettings(
                on=env.boolean("SENDER_VERIFY"),
                lifetime=int(env.duration("SENDER_VERIFY_LIFETIME", 1800.0) * 1000),
            ),
        )


def _links(env: Env) -> LinkSettings:
    """Off without a directory."""
    defaults = LinkSettings()
    most = env.integer("MAX_MESSAGE_BYTES", 36 * MEBIBYTE, minimum=MEBIBYTE)
    return LinkSettings(
        directory=env.path("LINKS_DIR"),
        # What attachments come to in base64 (RFC 2045, 6.8), with something for the rest.
        over=env.integer("LINKS_OVER_BYTES", most * 7 // 10, minimum=1),
        max_bytes=env.integer("LINKS_FILE_BYTES", defaults.max_bytes, minimum=1),
        account_bytes=env.integer("LINKS_ACCOUNT_BYTES", defaults.account_bytes, minimum=1),
        all_bytes=env.integer("LINKS_TOTAL_BYTES", defaults.all_bytes, minimum=1),
        keep=int(env.duration("LINKS_KEEP", defaults.keep / 1000) * 1000),
    )


def _limits(env: Env) -> Limits:
    """What one account may send; 0 is no limit."""

    def most(name: str, default: int) -> int:
        return env.integer(name, default, minimum=0)

    return Limits(
        messages=most("SENDER_HOURLY_MESSAGES", 500),
        recipients=most("SENDER_HOURLY_RECIPIENTS", 2000),
        octets=most("SENDER_HOURLY_BYTES", 1024 * MEBIBYTE),
        burst=most("SENDER_BURST", 100),
        burst_recipients=most("SENDER_BURST_RECIPIENTS", 1000),
    )


def _relay(env: Env) -> Credential | None:
    """The operator's own account at the SMTP server, used for everybody's mail where set."""
    user, password = env.optional("SMTP_USERNAME"), env.optional_secret("SMTP_PASSWORD")
    if (user is None) != (password is None):
        raise SettingsError("POSTERN_SMTP_USERNAME and POSTERN_SMTP_PASSWORD: set both or neither")
    return Credential("password", user, password.reveal()) if user and password else None
