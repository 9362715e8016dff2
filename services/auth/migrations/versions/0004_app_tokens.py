"""App tokens and API clients."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LONG_TEXT = sa.Text(2**24 - 1)
ACCOUNT = sa.String(320)
OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def upgrade() -> None:
    op.create_table(
        "auth_app_tokens",
        sa.Column("app_token_id", sa.String(32), primary_key=True),
        sa.Column("account", ACCOUNT, nullable=False),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.String(500), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("last_used_ms", sa.BigInteger, nullable=False),
        sa.Column("server_key_id", sa.String(16), nullable=False),
        sa.Column("sealed_credential", sa.LargeBinary, nullable=False),
        **OPTIONS,
    )
    op.create_index("ix_auth_app_tokens_account", "auth_app_tokens", ["account", "created_ms"])
    op.create_index("ix_auth_app_tokens_expires", "auth_app_tokens", ["expires_ms"])
    op.create_table(
        "auth_api_clients",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("account", ACCOUNT, nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.String(500), nullable=False),
        sa.Column("methods", LONG_TEXT, nullable=False),
        sa.Column("peer", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("last_used_ms", sa.BigInteger, nullable=False),
        **OPTIONS,
    )


def downgrade() -> None:
    for table in ("api_clients", "app_tokens"):
        op.drop_table(f"auth_{table}")
