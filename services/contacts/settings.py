"""Settings of the contacts service."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.database import database_url
from services.common.rpc.server import ServerSettings
from services.common.settings import Env


@dataclass(frozen=True)
class ContactsSettings:
    """Read from the environment once, at start."""

    server: ServerSettings
    database_url: str
    auth_address: str

    @classmethod
    def from_env(cls, env: Env) -> ContactsSettings:
        """SettingsError, one line for the operator, where something is missing or malformed."""
        return cls(
            ServerSettings.from_env(env, listen="127.0.0.1:5104", metrics="127.0.0.1:5204"),
            database_url(env, "sqlite:///var/contacts.sqlite3"),
            env.address("AUTH_ADDRESS", "127.0.0.1:5101"),
        )
