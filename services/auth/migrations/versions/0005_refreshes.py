"""Who refreshes a session's provider token just now."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def upgrade() -> None:
    op.create_table(
        "auth_refreshes",
        sa.Column("session_id", sa.String(32), primary_key=True),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        **OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("auth_refreshes")
