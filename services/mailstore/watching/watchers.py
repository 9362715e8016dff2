"""Who watches what."""

from services.mailstore.imap.connect import ImapServer


class Watchers:
    """Nothing yet."""

    def __init__(self, server: ImapServer) -> None:
        self.server = server

    async def close(self) -> None:
        """Stop watching."""
