"""Passkeys; cards that ran ahead."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def upgrade() -> None:
    op.add_column(
        "auth_factors", sa.Column("resync_step", sa.BigInteger, nullable=False, server_default="-1")
    )
    op.create_table(
        "auth_passkeys",
        sa.Column("credential_hash", sa.String(64), primary_key=True),
        sa.Column("factor_id", sa.String(32), nullable=False, unique=True),
        sa.Column("account", sa.String(320), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(1023), nullable=False),
        sa.Column("credential_data", sa.LargeBinary, nullable=False),
        sa.Column("user_handle", sa.LargeBinary(64), nullable=False),
        sa.Column("transports", sa.String(100), nullable=False),
        sa.Column("can_sign_in", sa.Boolean, nullable=False),
        sa.Column("server_key_id", sa.String(16), nullable=False),
        sa.Column("sealed_credential", sa.LargeBinary, nullable=True),
        **OPTIONS,
    )
    op.create_index("ix_auth_passkeys_account", "auth_passkeys", ["account"])


def downgrade() -> None:
    op.drop_table("auth_passkeys")
    op.drop_column("auth_factors", "resync_step")
