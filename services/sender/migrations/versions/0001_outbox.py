"""The outbox: submissions, recipients, segments, uploads."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out rather than taken from tables.py: a revision says what was true when it was written.
_OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}
_BLOB = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def _ascii(length: int) -> sa.String:
    exact = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(exact, "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "sender_blobs",
        sa.Column("id", _ascii(32), nullable=False),
        sa.Column("account", sa.String(length=320), nullable=False),
        sa.Column("filename", sa.String(length=1000), nullable=False),
        sa.Column("media_type", _ascii(255), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("received_bytes", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("pins", sa.Integer(), nullable=False),
        sa.Column("source_key", _ascii(64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source_key"),
        **_OPTIONS,
    )
    op.create_index("sender_blobs_account", "sender_blobs", ["account"], unique=False)
    op.create_index("sender_blobs_expiry", "sender_blobs", ["pins", "expires_at"], unique=False)
    op.create_table(
        "sender_submissions",
        sa.Column("id", _ascii(32), nullable=False),
        sa.Column("account", sa.String(length=320), nullable=False),
        sa.Column("request_key", _ascii(64), nullable=False),
        sa.Column("state", _ascii(12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(length=400), nullable=False),
        sa.Column("from_address", sa.String(length=320), nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("needs_smtputf8", sa.Boolean(), nullable=False),
        sa.Column("eight_bit", sa.Boolean(), nullable=False),
        sa.Column("delivery_report", sa.Boolean(), nullable=False),
        sa.Column("scheduled", sa.Boolean(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("send_at", sa.BigInteger(), nullable=False),
        sa.Column("deliver_at", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_id", _ascii(32), nullable=False),
        sa.Column("dot_sent", sa.Boolean(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("file_attempts", sa.Integer(), nullable=False),
        sa.Column("problem", _ascii(64), nullable=False),
        sa.Column("filed_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("token", _TEXT, nullable=True),
        sa.Column("content", _BLOB, nullable=True),
        sa.Column("filing", _TEXT, nullable=False),
        sa.Column("last_write", _ascii(64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("request_key"),
        **_OPTIONS,
    )
    op.create_index("sender_submissions_account", "sender_submissions", ["account", "id"], unique=False)
    op.create_index(
        "sender_submissions_changed", "sender_submissions", ["account", "updated_at"], unique=False
    )
    op.create_index("sender_submissions_due", "sender_submissions", ["due_at"], unique=False)
    op.create_index("sender_submissions_message", "sender_submissions", ["message_id"], unique=False)
    op.create_index("sender_submissions_state", "sender_submissions", ["state", "updated_at"], unique=False)
    op.create_table(
        "sender_blob_chunks",
        sa.Column("blob_id", _ascii(32), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("data", _BLOB, nullable=False),
        sa.ForeignKeyConstraint(
            ["blob_id"],
            ["sender_blobs.id"],
        ),
        sa.PrimaryKeyConstraint("blob_id", "position"),
        **_OPTIONS,
    )
    op.create_table(
        "sender_recipients",
        sa.Column("submission_id", _ascii(32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("fate", _ascii(12), nullable=False),
        sa.Column("smtp_code", sa.Integer(), nullable=False),
        sa.Column("enhanced_status", _ascii(16), nullable=False),
        sa.Column("server_text", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"],
            ["sender_submissions.id"],
        ),
        sa.PrimaryKeyConstraint("submission_id", "position"),
        **_OPTIONS,
    )
    op.create_table(
        "sender_segments",
        sa.Column("submission_id", _ascii(32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("data", _BLOB, nullable=False),
        sa.Column("blob_id", _ascii(32), nullable=True),
        sa.Column("encoding", _ascii(12), nullable=False),
        sa.Column("sent_only", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["blob_id"],
            ["sender_blobs.id"],
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"],
            ["sender_submissions.id"],
        ),
        sa.PrimaryKeyConstraint("submission_id", "position"),
        **_OPTIONS,
    )
    op.create_index("sender_segments_blob", "sender_segments", ["blob_id"], unique=False)


def downgrade() -> None:
    op.drop_table("sender_segments")
    op.drop_table("sender_recipients")
    op.drop_table("sender_blob_chunks")
    op.drop_table("sender_submissions")
    op.drop_table("sender_blobs")
