"""Accounts, sessions, identities, audit trail, throttling."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out rather than taken from tables.py: a revision says what was true when it was written.
LONG_TEXT = sa.Text(2**24 - 1)
ACCOUNT = sa.String(320)
OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def upgrade() -> None:
    op.create_table(
        "auth_accounts",
        sa.Column("account", ACCOUNT, primary_key=True),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("preferences", LONG_TEXT, nullable=False),
        **OPTIONS,
    )
    op.create_table(
        "auth_sessions",
        sa.Column("session_id", sa.String(32), primary_key=True),
        sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("account", ACCOUNT, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("last_used_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("client_address", sa.String(64), nullable=False),
        sa.Column("user_agent", sa.String(300), nullable=False),
        sa.Column("factor_kinds", sa.String(64), nullable=False),
        sa.Column("server_key_id", sa.String(16), nullable=False),
        sa.Column("sealed_credential", sa.LargeBinary, nullable=False),
        **OPTIONS,
    )
    op.create_index("ix_auth_sessions_account", "auth_sessions", ["account", "last_used_ms"])
    op.create_index("ix_auth_sessions_expires", "auth_sessions", ["expires_ms"])
    op.create_index("ix_auth_sessions_last_used", "auth_sessions", ["last_used_ms"])
    op.create_table(
        "auth_identities",
        sa.Column("identity_id", sa.String(32), primary_key=True),
        sa.Column("account", ACCOUNT, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("address", ACCOUNT, nullable=False),
        sa.Column("reply_to", ACCOUNT, nullable=False),
        sa.Column("signature_text", LONG_TEXT, nullable=False),
        sa.Column("signature_html", LONG_TEXT, nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("etag", sa.String(32), nullable=False),
        sa.Column("create_request_id", sa.String(64), nullable=True),
        sa.Column("update_request_id", sa.String(64), nullable=True),
        sa.UniqueConstraint("account", "create_request_id", name="uq_auth_identities_request"),
        **OPTIONS,
    )
    op.create_index("ix_auth_identities_account", "auth_identities", ["account"])
    op.create_table(
        "auth_audit",
        sa.Column("event_id", sa.String(40), primary_key=True),
        sa.Column("account", ACCOUNT, nullable=False),
        sa.Column("event_ms", sa.BigInteger, nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("client_address", sa.String(64), nullable=False),
        sa.Column("user_agent", sa.String(300), nullable=False),
        sa.Column("details", LONG_TEXT, nullable=False),
        **OPTIONS,
    )
    op.create_index("ix_auth_audit_account", "auth_audit", ["account", "event_id"])
    op.create_index("ix_auth_audit_time", "auth_audit", ["event_ms"])
    op.create_table(
        "auth_throttle",
        sa.Column("bucket", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        **OPTIONS,
    )
    op.create_index("ix_auth_throttle_last", "auth_throttle", ["kind", "last_ms"])


def downgrade() -> None:
    for table in ("throttle", "audit", "identities", "sessions", "accounts"):
        op.drop_table(f"auth_{table}")
