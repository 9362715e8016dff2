"""What a mailbox is, for the rest of the service."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.mailstore.imap import utf7


class Use(StrEnum):
    """What a mailbox is for (RFC 6154 section 2)."""

    NONE = ""
    INBOX = "inbox"
    DRAFTS = "drafts"
    SENT = "sent"
    ARCHIVE = "archive"
    JUNK = "junk"
    TRASH = "trash"
    ALL = "all"
    FLAGGED = "flagged"


class Namespace(StrEnum):
    """Whose a mailbox is (RFC 2342)."""

    UNKNOWN = ""
    PERSONAL = "personal"
    OTHER_USERS = "other_users"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox. `name` is the full name in Unicode with the server's delimiter; counts are 0 where
    unknown.
    """

    name: str
    delimiter: str = ""
    use: Use = Use.NONE
    selectable: bool = True
    can_have_children: bool = True
    subscribed: bool = True
    message_count: int = 0
    unread_count: int = 0
    uid_validity: int = 0
    uid_next: int = 0
    highest_modseq: int = 0
    namespace: Namespace = Namespace.PERSONAL
    my_rights: str = ""
    mailbox_id: str = ""

    @property
    def last_level(self) -> str:
        return self.name.rpartition(self.delimiter)[2] if self.delimiter else self.name

    @property
    def parent(self) -> str:
        above = self.name.rpartition(self.delimiter)[0] if self.delimiter else ""
        # What is wrong with a name may be wrong with its last level alone.
        return utf7.decode(utf7.encode(above)) if utf7.is_raw(above) else above

    @property
    def state(self) -> str:
        """A word that changes whenever the list of messages may have changed."""
        return (
            f"{self.uid_validity:x}.{self.uid_next:x}.{self.message_count:x}.{self.unread_count:x}"
            f".{self.highest_modseq:x}"
        )


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the mail server can do. `local_mailboxes`: it has INBOX alone, and the rest is kept here."""

    rights: bool
    quota: bool
    local_mailboxes: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """All mailboxes of an account, in the order in which the server gave them."""

    mailboxes: tuple[Mailbox, ...]

    def by_use(self, use: Use) -> Mailbox | None:
        """The mailbox of this use, None where there is none."""
        return next((box for box in self.mailboxes if box.use is use and box.selectable), None)

    def by_name(self, name: str) -> Mailbox | None:
        return next((box for box in self.mailboxes if box.name == name), None)

    @property
    def delimiter(self) -> str:
        """The delimiter of the account's own mailboxes."""
        inbox = self.by_name("INBOX")
        if inbox is not None and inbox.delimiter:
            return inbox.delimiter
        return next((box.delimiter for box in self.mailboxes if box.delimiter), "")
