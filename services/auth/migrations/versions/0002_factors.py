"""Second factors, recovery codes, the states of sign-ins and enrolments."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ACCOUNT = sa.String(320)
OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def upgrade() -> None:
    op.create_table(
        "auth_factors",
        sa.Column("factor_id", sa.String(32), primary_key=True),
        sa.Column("account", ACCOUNT, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("last_used_ms", sa.BigInteger, nullable=False),
        sa.Column("used_step", sa.BigInteger, nullable=False),
        sa.Column("server_key_id", sa.String(16), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        **OPTIONS,
    )
    op.create_index("ix_auth_factors_account", "auth_factors", ["account"])
    op.create_table(
        "auth_recovery_codes",
        sa.Column("code_hash", sa.String(64), primary_key=True),
        sa.Column("account", ACCOUNT, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("used_ms", sa.BigInteger, nullable=True),
        **OPTIONS,
    )
    op.create_index("ix_auth_recovery_codes_account", "auth_recovery_codes", ["account"])
    op.create_table(
        "auth_states",
        sa.Column("state_hash", sa.String(64), primary_key=True),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("account", ACCOUNT, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("server_key_id", sa.String(16), nullable=False),
        sa.Column("sealed_content", sa.LargeBinary, nullable=False),
        **OPTIONS,
    )
    op.create_index("ix_auth_states_expires", "auth_states", ["expires_ms"])


def downgrade() -> None:
    for table in ("states", "recovery_codes", "factors"):
        op.drop_table(f"auth_{table}")
