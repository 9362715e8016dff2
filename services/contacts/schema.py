"""The tables of the contacts service. Text that is compared is folded first (`model.fold`) and compared by
bytes, so that SQLite and MariaDB find the same rows."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData()


def _exact(length: int) -> sa.types.TypeEngine[str]:
    """A string compared byte by byte; MariaDB's default collation folds case and accents its own way."""
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
    )


def _moment() -> sa.types.TypeEngine:
    """A moment in UTC, to the microsecond, kept without a zone."""
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


ID = _exact(32)
ACCOUNT = _exact(320)

books = sa.Table(
    "contacts_books",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("owner", ACCOUNT, nullable=False, index=True),
    sa.Column("name", _exact(200), nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("is_collected", sa.Boolean, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("deleted", _moment()),
    # One default book an account: the marker is the account for a default book and NULL for others.
    sa.Column("default_of", ACCOUNT, unique=True),
)

shares = sa.Table(
    "contacts_shares",
    metadata,
    sa.Column("book_id", ID, sa.ForeignKey("contacts_books.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("account", ACCOUNT, primary_key=True, index=True),
    sa.Column("access", sa.SmallInteger, nullable=False),
)

contacts = sa.Table(
    "contacts_contacts",
    metadata,
    sa.Column("id", ID, primary_key=True),
    sa.Column("book_id", ID, sa.ForeignKey("contacts_books.id", ondelete="CASCADE"), nullable=False),
    sa.Column("uid", _exact(200), nullable=False),
    sa.Column("sort_key", _exact(200), nullable=False),
    sa.Column("card", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    sa.Column("is_group", sa.Boolean, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("updated", _moment(), nullable=False),
    sa.Column("deleted", _moment()),
    sa.Index("contacts_by_name", "book_id", "sort_key", "id"),
)

words = sa.Table(
    "contacts_words",
    metadata,
    sa.Column("word", _exact(64), primary_key=True),
    sa.Column(
        "contact_id",
        ID,
        sa.ForeignKey("contacts_contacts.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    sa.Column("book_id", ID, nullable=False),
)

uses = sa.Table(
    "contacts_uses",
    metadata,
    sa.Column("account", ACCOUNT, primary_key=True),
    sa.Column("address", ACCOUNT, primary_key=True),
    sa.Column("name", _exact(200), nullable=False),
    sa.Column("use_count", sa.Integer, nullable=False),
    sa.Column("last_used", _moment(), nullable=False),
)

requests = sa.Table(
    "contacts_requests",
    metadata,
    sa.Column("account", ACCOUNT, primary_key=True),
    sa.Column("request_id", _exact(128), primary_key=True),
    sa.Column("subject", _exact(64), nullable=False),
    sa.Column("created", _moment(), nullable=False, index=True),
)
