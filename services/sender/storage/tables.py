"""Tables, all with the prefix sender_. Times are milliseconds since 1970 in UTC; 0 means never.

`due_at` is the one column that workers look at: the moment at which somebody should take the row. A lease
moves it to the lease's end, so a worker that died gives its row back without anybody noticing the death.
NULL: nothing to do.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects import mysql

metadata = MetaData()
_OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def _ascii(length: int) -> String:
    return String(length).with_variant(
        mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
    )


_BLOB = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
_TEXT = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

submissions = Table(
    "sender_submissions",
    metadata,
    Column("id", _ascii(32), primary_key=True),
    Column("account", String(320), nullable=False),
    # SHA-256 of account and request id: exact whatever the database's collation thinks is equal.
    Column("request_key", _ascii(64), nullable=False, unique=True),
    Column("state", _ascii(12), nullable=False),
    Column("version", Integer, nullable=False),
    Column("message_id", String(400), nullable=False),
    Column("from_address", String(320), nullable=False),
    Column("subject", _TEXT, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("needs_smtputf8", Boolean, nullable=False),
    Column("eight_bit", Boolean, nullable=False),
    Column("delivery_report", Boolean, nullable=False),
    Column("scheduled", Boolean, nullable=False),
    Column("accepted_at", BigInteger, nullable=False),
    Column("send_at", BigInteger, nullable=False),
    Column("deliver_at", BigInteger, nullable=False),
    Column("next_attempt_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),
    Column("lease_id", _ascii(32), nullable=False),
    # Whether the final dot of the running attempt may have left (RFC 1047).
    Column("dot_sent", Boolean, nullable=False),
    Column("attempt_count", Integer, nullable=False),
    Column("file_attempts", Integer, nullable=False),
    Column("problem", _ascii(64), nullable=False),
    Column("filed_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # The access token; its credential is sealed to this service (and, for filing, to mailstore). NULL once
    # done, and always with a relay account.
    Column("token", _TEXT),
    # The request's content as it came, to be edited again after a cancel. NULL once filed.
    Column("content", _BLOB),
    # JSON: what filing flags and removes.
    Column("filing", _TEXT, nullable=False),
    # Digest of the last write's request id, so that it may be sent twice.
    Column("last_write", _ascii(64), nullable=False),
    Index("sender_submissions_due", "due_at"),
    Index("sender_submissions_account", "account", "id"),
    Index("sender_submissions_changed", "account", "updated_at"),
    Index("sender_submissions_state", "state", "updated_at"),
    Index("sender_submissions_message", "message_id"),
    **_OPTIONS,
)

recipients = Table(
    "sender_recipients",
    metadata,
    Column("submission_id", _ascii(32), ForeignKey("sender_submissions.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("address", String(320), nullable=False),
    Column("fate", _ascii(12), nullable=False),
    Column("smtp_code", Integer, nullable=False),
    Column("enhanced_status", _ascii(16), nullable=False),
    Column("server_text", String(500), nullable=False),
    **_OPTIONS,
)

# Uploads and copies of stored parts: immutable once complete.
blobs = Table(
    "sender_blobs",
    metadata,
    Column("id", _ascii(32), primary_key=True),
    Column("account", String(320), nullable=False),
    Column("filename", String(1000), nullable=False),
    Column("media_type", _ascii(255), nullable=False),
    Column("total_bytes", BigInteger, nullable=False),
    Column("received_bytes", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    # Submissions that refer to it; only a blob with none may expire.
    Column("pins", Integer, nullable=False),
    # Digest of the stored part that it is a copy of, so that saving a draft again copies nothing; NULL for
    # uploads.
    Column("source_key", _ascii(64), unique=True),
    Index("sender_blobs_expiry", "pins", "expires_at"),
    Index("sender_blobs_account", "account"),
    **_OPTIONS,
)

chunks = Table(
    "sender_blob_chunks",
    metadata,
    Column("blob_id", _ascii(32), ForeignKey("sender_blobs.id"), primary_key=True),
    # Offset of its first octet.
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("data", _BLOB, nullable=False),
    **_OPTIONS,
)

segments = Table(
    "sender_segments",
    metadata,
    Column("submission_id", _ascii(32), ForeignKey("sender_submissions.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("data", _BLOB, nullable=False),
    Column("blob_id", _ascii(32), ForeignKey("sender_blobs.id")),
    Column("encoding", _ascii(12), nullable=False),
    Column("sent_only", Boolean, nullable=False),
    Index("sender_segments_blob", "blob_id"),
    **_OPTIONS,
)

# Files that are fetched by a link. The row with the empty id is nobody's: it is locked to count them all.
links = Table(
    "sender_links",
    metadata,
    # Digest of the name in the link.
    Column("id", _ascii(64), primary_key=True),
    Column("account", String(320), nullable=False),
    # Name, type and size, encrypted with the key that is in the link alone.
    Column("head", _BLOB, nullable=False),
    Column("total_bytes", BigInteger, nullable=False),
    Column("received_bytes", BigInteger, nullable=False),
    # The message that brought it; empty while none has.
    Column("submission_id", _ascii(32), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("sender_links_account", "account"),
    Index("sender_links_expiry", "expires_at"),
    Index("sender_links_submission", "submission_id"),
    **_OPTIONS,
)

# What each account was accepted for, in steps of five minutes since 1970.
usage = Table(
    "sender_usage",
    metadata,
    Column("account", String(320), primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("messages", Integer, nullable=False),
    Column("recipients", Integer, nullable=False),
    Column("octets", BigInteger, nullable=False),
    Index("sender_usage_step", "step"),
    **_OPTIONS,
)

# Addresses beyond the account's own that it may write as, or asked to: `storage/verified.py`.
verified = Table(
    "sender_verified",
    metadata,
    # Digest of account and address.
    Column("id", _ascii(64), primary_key=True),
    Column("account", String(320), nullable=False),
    Column("address", String(320), nullable=False),
    # When a code came back; 0 where none has.
    Column("verified_at", BigInteger, nullable=False),
    # The code that is open: salt and hash, wrong ones typed, when it was mailed and until when it holds.
    Column("code_hash", _ascii(128), nullable=False),
    Column("code_tries", Integer, nullable=False),
    Column("code_sent_at", BigInteger, nullable=False),
    Column("code_expires_at", BigInteger, nullable=False),
    # Codes mailed within the hour that began then.
    Column("codes", Integer, nullable=False),
    Column("codes_since", BigInteger, nullable=False),
    Index("sender_verified_account", "account"),
    Index("sender_verified_address", "address"),
    **_OPTIONS,
)

templates = Table(
    "sender_templates",
    metadata,
    Column("id", _ascii(32), primary_key=True),
    Column("account", String(320), nullable=False),
    Column("name", String(200), nullable=False),
    # MessageContent as it came.
    Column("content", _BLOB, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("sender_templates_account", "account", "name", unique=True),
    **_OPTIONS,
)
