"""The tables of auth. Times are whole milliseconds since 1970 (UTC), so that every database keeps them alike.

Text compares octet by octet (utf8mb4_bin): under a language's collation "jose@" and "josé@" would be one
account.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# More than the 64 KiB at which MySQL's TEXT ends: it takes LONGTEXT for this.
LONG_TEXT = Text(2**24 - 1)
ACCOUNT = String(320)
BINARY_TEXT: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}

accounts = Table(
    "auth_accounts",
    metadata,
    Column("account", ACCOUNT, primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("preferences", LONG_TEXT, nullable=False),  # JSON object
    # New with each change of the preferences or the identities.
    Column("settings_tag", String(32), nullable=False, server_default=""),
    **BINARY_TEXT,
)

sessions = Table(
    "auth_sessions",
    metadata,
    Column("session_id", String(32), primary_key=True),
    Column("secret_hash", String(64), nullable=False, unique=True),  # SHA-256 of the cookie's secret, hex
    Column("account", ACCOUNT, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("last_used_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("client_address", String(64), nullable=False),
    Column("user_agent", String(300), nullable=False),
    Column("factor_kinds", String(64), nullable=False),  # space-separated; "" for the password alone
    Column("server_key_id", String(16), nullable=False),
    Column("sealed_credential", LargeBinary, nullable=False),
    Index("ix_auth_sessions_account", "account", "last_used_ms"),
    Index("ix_auth_sessions_expires", "expires_ms"),
    Index("ix_auth_sessions_last_used", "last_used_ms"),
    **BINARY_TEXT,
)

identities = Table(
    "auth_identities",
    metadata,
    Column("identity_id", String(32), primary_key=True),
    Column("account", ACCOUNT, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("display_name", String(200), nullable=False),
    Column("address", ACCOUNT, nullable=False),
    Column("reply_to", ACCOUNT, nullable=False),
    Column("signature_text", LONG_TEXT, nullable=False),
    Column("signature_html", LONG_TEXT, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("etag", String(32), nullable=False),
    Column("create_request_id", String(64), nullable=True),  # NULLs are distinct in the unique constraint
    Column("update_request_id", String(64), nullable=True),
    Index("ix_auth_identities_account", "account"),
    UniqueConstraint("account", "create_request_id", name="uq_auth_identities_request"),
    **BINARY_TEXT,
)

audit = Table(
    "auth_audit",
    metadata,
    Column("event_id", String(40), primary_key=True),  # begins with the time, so that it sorts
    Column("account", ACCOUNT, nullable=False),
    Column("event_ms", BigInteger, nullable=False),
    Column("action", String(40), nullable=False),
    Column("client_address", String(64), nullable=False),
    Column("user_agent", String(300), nullable=False),
    Column("details", LONG_TEXT, nullable=False),  # JSON object, text to text
    Index("ix_auth_audit_account", "account", "event_id"),
    Index("ix_auth_audit_time", "event_ms"),
    **BINARY_TEXT,
)

throttle = Table(
    "auth_throttle",
    metadata,
    Column("bucket", String(64), primary_key=True),  # digest: what is counted may be anything typed
    Column("kind", String(16), nullable=False),  # account, address, pair, known
    Column("attempts", Integer, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Index("ix_auth_throttle_last", "kind", "last_ms"),
    **BINARY_TEXT,
)

factors = Table(
    "auth_factors",
    metadata,
    Column("factor_id", String(32), primary_key=True),
    Column("account", ACCOUNT, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("display_name", String(200), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("last_used_ms", BigInteger, nullable=False),
    # The last step (TOTP) or counter (HOTP) whose code was accepted; a passkey's signature counter.
    Column("used_step", BigInteger, nullable=False),
    # A card that ran ahead: the counter of the code that was right but far off; -1 for none.
    Column("resync_step", BigInteger, nullable=False, server_default="-1"),
    Column("server_key_id", String(16), nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Index("ix_auth_factors_account", "account"),
    **BINARY_TEXT,
)

passkeys = Table(
    "auth_passkeys",
    metadata,
    Column("credential_hash", String(64), primary_key=True),  # SHA-256 of the credential id, hex
    Column("factor_id", String(32), nullable=False, unique=True),
    Column("account", ACCOUNT, nullable=False),
    Column("credential_id", LargeBinary(1023), nullable=False),
    Column("credential_data", LargeBinary, nullable=False),  # with the public key (WebAuthn, 6.5.1)
    Column("user_handle", LargeBinary(64), nullable=False),
    Column("transports", String(100), nullable=False),
    Column("can_sign_in", Boolean, nullable=False),
    Column("server_key_id", String(16), nullable=False),
    Column("sealed_credential", LargeBinary, nullable=True),  # under the passkey's PRF and the server key
    Index("ix_auth_passkeys_account", "account"),
    **BINARY_TEXT,
)

recovery_codes = Table(
    "auth_recovery_codes",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("account", ACCOUNT, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger, nullable=True),
    Index("ix_auth_recovery_codes_account", "account"),
    **BINARY_TEXT,
)

app_tokens = Table(
    "auth_app_tokens",
    metadata,
    Column("app_token_id", String(32), primary_key=True),
    Column("account", ACCOUNT, nullable=False),
    Column("display_name", String(200), nullable=False),
    Column("secret_hash", String(64), nullable=False, unique=True),  # SHA-256 of the token's secret, hex
    Column("scopes", String(500), nullable=False),  # space-separated
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("last_used_ms", BigInteger, nullable=False),
    Column("server_key_id", String(16), nullable=False),  # "" where it needs no mail credential
    Column("sealed_credential", LargeBinary, nullable=False),
    Index("ix_auth_app_tokens_account", "account", "created_ms"),
    Index("ix_auth_app_tokens_expires", "expires_ms"),
    **BINARY_TEXT,
)

api_clients = Table(
    "auth_api_clients",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("account", ACCOUNT, nullable=False),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("scopes", String(500), nullable=False),
    Column("methods", LONG_TEXT, nullable=False),  # space-separated; "" for all that the scopes open
    Column("peer", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),  # 0: never
    Column("last_used_ms", BigInteger, nullable=False),
    **BINARY_TEXT,
)

refreshes = Table(
    "auth_refreshes",
    metadata,
    Column("session_id", String(32), primary_key=True),
    Column("until_ms", BigInteger, nullable=False),  # till then one replica asks the provider
    **BINARY_TEXT,
)

states = Table(
    "auth_states",
    metadata,
    Column("state_hash", String(64), primary_key=True),  # SHA-256 of what the browser keeps, hex
    Column("purpose", String(16), nullable=False),  # sign-in, enrolment, proof, passkey, spent
    Column("account", ACCOUNT, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("server_key_id", String(16), nullable=False),
    Column("sealed_content", LargeBinary, nullable=False),
    Index("ix_auth_states_expires", "expires_ms"),
    **BINARY_TEXT,
)
