"""Links to files that are too large for a message."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}
_BLOB = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


def _ascii(length: int) -> sa.String:
    exact = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(exact, "mysql", "mariadb")


def upgrade() -> None:
    table = op.create_table(
        "sender_links",
        sa.Column("id", _ascii(64), nullable=False),
        sa.Column("account", sa.String(length=320), nullable=False),
        sa.Column("head", _BLOB, nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("received_bytes", sa.BigInteger(), nullable=False),
        sa.Column("submission_id", _ascii(32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **_OPTIONS,
    )
    op.create_index("sender_links_account", "sender_links", ["account"], unique=False)
    op.create_index("sender_links_expiry", "sender_links", ["expires_at"], unique=False)
    op.create_index("sender_links_submission", "sender_links", ["submission_id"], unique=False)
    # Locked while somebody counts what all links have together.
    op.bulk_insert(
        table,
        [
            {
                "id": "",
                "account": "",
                "head": b"",
                "total_bytes": 0,
                "received_bytes": 0,
                "submission_id": "",
                "expires_at": 0,
            }
        ],
    )
