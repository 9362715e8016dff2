"""auth's settings, from the environment."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.auth.mailcheck import SCHEMES as IMAP_SCHEMES
from services.auth.mailcheck import ImapSettings
from services.auth.policy import FactorMode, FactorPolicy, networks
from services.auth.sessions import Lifetimes
from services.auth.signin import SignInOptions
from services.auth.signing import SigningKeyError, SigningKeys
from services.auth.vault import KeyFormatError, Vault
from services.auth.ways import file, pop3
from services.auth.ways.threads import Bounds
from services.auth.webauthn import RelyingParty
from services.common.database import database_url
from services.common.rpc.server import ServerSettings
from services.common.sealing import PublicKey, SealingError
from services.common.settings import Env, SettingsError

SCHEMES = {**IMAP_SCHEMES, **pop3.SCHEMES}
SEALED_TO = ("mailstore", "sender")


@dataclass(frozen=True)
class AuthSettings:
    """Everything that auth is told."""

    server: ServerSettings
    database_url: str
    ways: file.WaysSettings
    sign_in: SignInOptions
    lifetimes: Lifetimes
    vault: Vault
    signing: SigningKeys
    sealing: dict[str, PublicKey]
    audit_days: int
    factors: FactorPolicy
    otp_issuer: str
    passkeys: RelyingParty | None = None

    @classmethod
    def from_env(cls, env: Env) -> AuthSettings:
        return cls(
            server=ServerSettings.from_env(env, listen="127.0.0.1:5101", metrics="127.0.0.1:5201"),
            database_url=database_url(env, "sqlite:///var/auth.db"),
            ways=_ways(env),
            sign_in=SignInOptions(
                default_domain=env.optional("DEFAULT_DOMAIN"),
                refusal_step=env.duration("SIGN_IN_REFUSAL_STEP", 1.0),
                undo_send_seconds=env.integer("UNDO_SEND_SECONDS", 10, minimum=0, maximum=120),
                conversations=env.boolean("CONVERSATIONS", True),
            ),
            lifetimes=Lifetimes(
                idle=int(env.duration("SESSION_IDLE", 7 * 86_400.0) * 1000),
                absolute=int(env.duration("SESSION_LIFETIME", 30 * 86_400.0) * 1000),
            ),
            vault=_vault(env),
            signing=_signing(env),
            sealing=_sealing(env),
            audit_days=env.integer("AUDIT_DAYS", 365, minimum=1, maximum=36_500),
            factors=_factors(env),
            otp_issuer=env.text("OTP_ISSUER", "Postern"),
            passkeys=_passkeys(env),
        )


def _ways(env: Env) -> file.WaysSettings:
    path = env.path("SIGN_IN_FILE")
    # With a file, a domain may do without the mail server's word, and auth without its address.
    server = _mail_server(env) if path is None or env.optional("IMAP_URL") else None
    if path is None:
        assert server is not None
        return file.WaysSettings.single(server)
    ca_file, plaintext = env.path("MAIL_CA_FILE"), env.optional("MAIL_PLAINTEXT")
    return file.read(path, server, ca_file=ca_file, plaintext=plaintext)


def _mail_server(env: Env) -> file.MailWaySettings:
    endpoint, ca_file = env.endpoint("IMAP_URL", SCHEMES), env.path("MAIL_CA_FILE")
    connect = env.duration("IMAP_CONNECT_TIMEOUT", 5.0)
    read = env.duration("IMAP_READ_TIMEOUT", 10.0)
    workers = env.integer("IMAP_CHECKS", 16, minimum=1, maximum=256)
    username = env.choice("IMAP_USERNAME", ("ADDRESS", "LOCALPART"), "ADDRESS").lower()
    if endpoint.scheme in IMAP_SCHEMES:
        server = ImapSettings(endpoint, ca_file, connect_seconds=connect, read_seconds=read, workers=workers)
        return file.MailWaySettings(server, username)
    bounds = Bounds(connect_seconds=connect, read_seconds=read, workers=workers)
    return file.MailWaySettings(pop3.Pop3Settings(endpoint, ca_file, bounds), username)


def _factors(env: Env) -> FactorPolicy:
    mode = env.choice("SECOND_FACTOR", ("OFF", "OPTIONAL", "REQUIRED"), "OPTIONAL").lower()
    try:
        return FactorPolicy(FactorMode(mode), networks(env.text("SECOND_FACTOR_INSIDE", "")))
    except ValueError:
        raise SettingsError(
            'POSTERN_SECOND_FACTOR_INSIDE: expected networks such as "10.0.0.0/8, 2001:db8::/32"'
        ) from None


def _passkeys(env: Env) -> RelyingParty | None:
    """Passkeys belong to a host name (WebAuthn, 5.1.2: no IP address), over TLS or on this machine."""
    address = env.text("PUBLIC_URL", "").rstrip("/")
    if not address:
        return None
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        raise SettingsError(
            f"POSTERN_PUBLIC_URL is {address!r}: expected the address people type, "
            "such as https://mail.example.org"
        )
    host = parts.hostname
    local = host == "localhost" or host.endswith(".localhost")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        usable = parts.scheme == "https" or local
    else:
        usable = False
    return (
        RelyingParty(f"{parts.scheme}://{parts.netloc}", env.text("OTP_ISSUER", "Postern"))
        if usable
        else None
    )


def _vault(env: Env) -> Vault:
    text = env.secret("SESSION_KEY", expected="32 bytes in base64, or a file with one or more such lines")
    try:
        return Vault.from_text(text.reveal())
    except KeyFormatError as err:
        raise SettingsError(f"POSTERN_SESSION_KEY: {err}") from None


def _signing(env: Env) -> SigningKeys:
    pem = env.secret("SIGNING_KEY", expected="an Ed25519 private key in PEM, or its file (_FILE)")
    try:
        return SigningKeys.load(pem.reveal(), env.path("SIGNING_RETIRED_DIR"))
    except SigningKeyError as err:
        raise SettingsError(f"POSTERN_SIGNING_KEY: {err}") from None
    except OSError as err:
        raise SettingsError(f"POSTERN_SIGNING_RETIRED_DIR: {err.strerror}") from None


def _sealing(env: Env) -> dict[str, PublicKey]:
    directory = env.required_path("SEALING_PUBLIC_KEYS_DIR")
    keys = {}
    for service in SEALED_TO:
        file = directory / f"{service}.pub"
        try:
            keys[service] = PublicKey.from_text(file.read_text(encoding="ascii"))
        except (OSError, ValueError, SealingError):
            raise SettingsError(
                f"POSTERN_SEALING_PUBLIC_KEYS_DIR: expected the public sealing key of {service} in {file}"
            ) from None
    return keys
