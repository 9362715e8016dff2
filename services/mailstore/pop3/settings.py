"""Settings of a POP3 server and of the mail that is kept for its accounts, from the environment."""

from __future__ import annotations

import hashlib
import ssl

from services.common.endpoint import Endpoint, Scheme, TlsMode
from services.common.sealing import PrivateKey, PublicKey, SealingError
from services.common.settings import Env, SettingsError
from services.mailstore.pop3.account import PopSettings
from services.mailstore.pop3.client import PopEndpoint
from services.mailstore.pop3.keys import KeyRing
from services.mailstore.pop3.server import PopServer, pop_server

SCHEMES = {
    "pop3": Scheme(110, TlsMode.PLAIN),
    "pop3s": Scheme(995, TlsMode.IMPLICIT),
    "pop3+starttls": Scheme(110, TlsMode.STARTTLS),
}
# Servers end, or lock out, who logs in too often.
SHORTEST_INTERVAL = 15.0
_MIB = 1024 * 1024


def server_from_env(
    env: Env, endpoint: Endpoint, context: ssl.SSLContext | None, sealing: PrivateKey
) -> PopServer:
    """The server. SettingsError where local mail has no place or no key."""
    directory = env.required_path("LOCAL_MAIL_DIR", must_exist=False)
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as err:
        raise SettingsError(f"POSTERN_LOCAL_MAIL_DIR: cannot make {directory}: {err.strerror}") from None
    interval = env.duration("POP3_INTERVAL", 60.0)
    if interval < SHORTEST_INTERVAL:
        raise SettingsError(f"POSTERN_POP3_INTERVAL: expected at least {SHORTEST_INTERVAL:.0f}s")
    return pop_server(
        PopSettings(
            endpoint=PopEndpoint(
                endpoint.host,
                endpoint.port,
                endpoint.tls,
                context,
                env.duration("IMAP_CONNECT_TIMEOUT", 10.0),
                env.duration("IMAP_READ_TIMEOUT", 60.0),
            ),
            directory=directory,
            ring=key_ring(env, sealing),
            interval=interval,
            max_message_bytes=env.integer("MAX_MESSAGE_BYTES", 64 * _MIB, minimum=1024),
            account_bytes=env.integer("LOCAL_MAIL_ACCOUNT_MIB", 10 * 1024, minimum=1) * _MIB,
        )
    )


def key_ring(env: Env, sealing: PrivateKey) -> KeyRing:
    """The keys around local mail: POSTERN_LOCAL_MAIL_KEY, or its public half alone."""
    secret, public = env.optional_secret("LOCAL_MAIL_KEY"), env.optional("LOCAL_MAIL_PUBLIC_KEY")
    if (secret is None) == (public is None):
        raise SettingsError(
            "expected one of POSTERN_LOCAL_MAIL_KEY_FILE and POSTERN_LOCAL_MAIL_PUBLIC_KEY_FILE"
        )
    pepper = hashlib.sha256(b"postern local mail pepper v1" + sealing.to_text().encode()).digest()
    try:
        if secret is not None:
            private = PrivateKey.from_text(secret.reveal())
            return KeyRing(pepper, sealing, private.public_key(), private)
        return KeyRing(pepper, sealing, PublicKey.from_text(public or ""))
    except SealingError as err:
        raise SettingsError(f"POSTERN_LOCAL_MAIL_KEY_FILE: {err}") from None
