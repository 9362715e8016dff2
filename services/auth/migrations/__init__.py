"""Alembic revisions of auth's tables; version table auth_alembic_version."""
