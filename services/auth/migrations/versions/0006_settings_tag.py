"""A tag of an account's settings, new with each change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tag = sa.Column("settings_tag", sa.String(32), nullable=False, server_default="")
    op.add_column("auth_accounts", tag)


def downgrade() -> None:
    op.drop_column("auth_accounts", "settings_tag")
