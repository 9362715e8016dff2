"""mailstore's settings, from the environment."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from services.common.endpoint import Scheme, TlsMode
from services.common.rpc.server import ServerSettings
from services.common.sealing import PrivateKey, SealingError
from services.common.settings import Env, SettingsError
from services.mailstore.imap.connect import ImapServer
from services.mailstore.imap.pool import PoolLimits
from services.mailstore.index.shelf import IndexSettings
from services.mailstore.pop3 import settings as pop3
from services.mailstore.watching.watchers import MOST_WATCHERS

SCHEMES = {
    "imap": Scheme(143, TlsMode.PLAIN),
    "imaps": Scheme(993, TlsMode.IMPLICIT),
    "imap+starttls": Scheme(143, TlsMode.STARTTLS),
}


@dataclass(frozen=True)
class MailstoreSettings:
    """Everything that mailstore is told. Sizes in octets."""

    server: ServerSettings
    imap: ImapServer
    pool: PoolLimits
    sealing_key: PrivateKey = field(repr=False)
    auth_address: str = ""
    max_message_bytes: int = 64 * 1024 * 1024
    index: IndexSettings | None = None

    @classmethod
    def from_env(cls, env: Env) -> MailstoreSettings:
        return cls(
            server=ServerSettings.from_env(
                env,
                listen="127.0.0.1:5102",
                metrics="127.0.0.1:5202",
                # Each account that is watched has a call open all the time.
                max_concurrent_rpcs=MOST_WATCHERS + 1000,
            ),
            imap=mail_server(env),
            pool=PoolLimits(
                per_account=env.integer("IMAP_CONNECTIONS_PER_ACCOUNT", 4, minimum=1, maximum=50),
                in_all=env.integer("IMAP_CONNECTIONS", 1000, minimum=1, maximum=100_000),
                idle_for=env.duration("IMAP_IDLE_FOR", 300.0),
            ),
            sealing_key=_sealing_key(env),
            auth_address=env.address("AUTH_ADDRESS", "127.0.0.1:5101"),
            max_message_bytes=env.integer("MAX_MESSAGE_BYTES", 64 * 1024 * 1024, minimum=1024),
            index=index_settings(env),
        )


def index_settings(env: Env) -> IndexSettings | None:
    """Where mailboxes are indexed, from POSTERN_INDEX_DIR; None, which is no index, where that is not set."""
    directory = env.path("INDEX_DIR", must_exist=False)
    if directory is None:
        return None
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as err:
        raise SettingsError(f"POSTERN_INDEX_DIR: cannot make {directory}: {err.strerror}") from None
    mib = 1024 * 1024
    return IndexSettings(
        directory=directory,
        account_bytes=env.integer("INDEX_ACCOUNT_MIB", 4 * 1024, minimum=1) * mib,
        total_bytes=env.integer("INDEX_MIB", 50 * 1024, minimum=1) * mib,
        workers=env.integer("INDEX_WORKERS", 1, minimum=1, maximum=64),
        ca_file=env.path("MAIL_CA_FILE"),
    )


def mail_server(env: Env) -> ImapServer:
    """The mail server, IMAP or POP3, its certificate verified by the system's authorities and
    POSTERN_MAIL_CA_FILE.
    """
    endpoint = env.endpoint("IMAP_URL", {**SCHEMES, **pop3.SCHEMES})
    context = None
    if endpoint.tls is not TlsMode.PLAIN:
        context = ssl.create_default_context()
        authority = env.path("MAIL_CA_FILE")
        if authority is not None:
            try:
                context.load_verify_locations(authority)
            except (ssl.SSLError, OSError) as err:
                raise SettingsError(f"POSTERN_MAIL_CA_FILE: no certificates in {authority}") from err
    if endpoint.scheme in pop3.SCHEMES:
        return pop3.server_from_env(env, endpoint, context, _sealing_key(env))
    return ImapServer(
        host=endpoint.host,
        port=endpoint.port,
        tls=endpoint.tls,
        context=context,
        connect_timeout=env.duration("IMAP_CONNECT_TIMEOUT", 10.0),
        io_timeout=env.duration("IMAP_READ_TIMEOUT", 60.0),
        # Over loopback it would only cost time.
        compress=not endpoint.loopback,
    )


def _sealing_key(env: Env) -> PrivateKey:
    try:
        return PrivateKey.from_text(env.secret("SEALING_KEY").reveal())
    except SealingError:
        raise SettingsError("POSTERN_SEALING_KEY_FILE: expected mailstore's private sealing key") from None
