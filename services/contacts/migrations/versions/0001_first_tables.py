"""First tables of the contacts service."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _exact(length: int) -> sa.types.TypeEngine[str]:
    variant = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return sa.String(length).with_variant(variant, "mysql", "mariadb")


def _moment() -> sa.types.TypeEngine:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "contacts_books",
        sa.Column("id", _exact(32), nullable=False),
        sa.Column("owner", _exact(320), nullable=False),
        sa.Column("name", _exact(200), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("is_collected", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("deleted", _moment(), nullable=True),
        sa.Column("default_of", _exact(320), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("default_of"),
    )
    op.create_index(op.f("ix_contacts_books_owner"), "contacts_books", ["owner"], unique=False)
    op.create_table(
        "contacts_requests",
        sa.Column("account", _exact(320), nullable=False),
        sa.Column("request_id", _exact(128), nullable=False),
        sa.Column("subject", _exact(64), nullable=False),
        sa.Column("created", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("account", "request_id"),
    )
    op.create_index(op.f("ix_contacts_requests_created"), "contacts_requests", ["created"], unique=False)
    op.create_table(
        "contacts_uses",
        sa.Column("account", _exact(320), nullable=False),
        sa.Column("address", _exact(320), nullable=False),
        sa.Column("name", _exact(200), nullable=False),
        sa.Column("use_count", sa.Integer(), nullable=False),
        sa.Column("last_used", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("account", "address"),
    )
    op.create_table(
        "contacts_contacts",
        sa.Column("id", _exact(32), nullable=False),
        sa.Column("book_id", _exact(32), nullable=False),
        sa.Column("uid", _exact(200), nullable=False),
        sa.Column("sort_key", _exact(200), nullable=False),
        sa.Column("card", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
        sa.Column("is_group", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("updated", _moment(), nullable=False),
        sa.Column("deleted", _moment(), nullable=True),
        sa.ForeignKeyConstraint(["book_id"], ["contacts_books.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("contacts_by_name", "contacts_contacts", ["book_id", "sort_key", "id"], unique=False)
    op.create_table(
        "contacts_shares",
        sa.Column("book_id", _exact(32), nullable=False),
        sa.Column("account", _exact(320), nullable=False),
        sa.Column("access", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["book_id"], ["contacts_books.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("book_id", "account"),
    )
    op.create_index(op.f("ix_contacts_shares_account"), "contacts_shares", ["account"], unique=False)
    op.create_table(
        "contacts_words",
        sa.Column("word", _exact(64), nullable=False),
        sa.Column("contact_id", _exact(32), nullable=False),
        sa.Column("book_id", _exact(32), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts_contacts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("word", "contact_id"),
    )
    op.create_index(op.f("ix_contacts_words_contact_id"), "contacts_words", ["contact_id"], unique=False)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("contacts_words")
    op.drop_table("contacts_shares")
    op.drop_table("contacts_contacts")
    op.drop_table("contacts_uses")
    op.drop_table("contacts_requests")
    op.drop_table("contacts_books")
