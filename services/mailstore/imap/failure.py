"""What can go wrong on an IMAP connection, and the stable reason that each becomes."""

from __future__ import annotations

from services.common.errors import PosternError, Reason, error


class ImapError(Exception):
    """Anything wrong between us and the mail server. The text is for the log and never leaves the process."""


class ConnectionLost(ImapError):
    """The server could not be reached, or closed the connection."""


class ServerTimeout(ImapError):
    """The server did not answer in time."""


class ProtocolError(ImapError):
    """The server said something that is not IMAP, or the conversation is out of step."""


class LoginRefused(ImapError):
    """The server does not accept the credential."""


class CommandRefused(ImapError):
    """A tagged NO or BAD. `code` is the response code in upper case (RFC 5530), empty where there was
    none.
    """

    def __init__(self, command: str, status: str, code: str, text: str) -> None:
        super().__init__(f"{command}: {status} [{code}]")
        self.command = command
        self.status = status
        self.code = code
        self.text = text


# Refusals that another try on another connection outlives: a mailbox deleted and made again while a session
# had it open (Dovecot's SERVERBUG), two first connections of a new account that both make its INBOX, and a
# subsystem that is down for a moment (RFC 5530 section 3).
PASSING = frozenset({"SERVERBUG", "ALREADYEXISTS", "UNAVAILABLE"})

_BY_CODE: dict[str, Reason] = {
    "NONEXISTENT": Reason.MAILBOX_NOT_FOUND,
    "TRYCREATE": Reason.MAILBOX_NOT_FOUND,
    "ALREADYEXISTS": Reason.MAILBOX_EXISTS,
    "OVERQUOTA": Reason.QUOTA_EXCEEDED,
    "NOPERM": Reason.PERMISSION_DENIED,
    "AUTHENTICATIONFAILED": Reason.AUTHENTICATION_FAILED,
    "AUTHORIZATIONFAILED": Reason.AUTHENTICATION_FAILED,
    "EXPIRED": Reason.AUTHENTICATION_FAILED,
    "PRIVACYREQUIRED": Reason.MAIL_SERVER_REFUSED,
    "UNAVAILABLE": Reason.MAIL_SERVER_UNREACHABLE,
    "INUSE": Reason.CONFLICT,
    "TOOBIG": Reason.TOO_LARGE,
    "LIMIT": Reason.RATE_LIMITED,
    "HASCHILDREN": Reason.CONFLICT,
}


def to_posterror(err: ImapError) -> PosternError:
    """The error that callers see; `err` itself goes to the log as the cause."""
    match err:
        case CommandRefused():
            return error(_BY_CODE.get(err.code, Reason.MAIL_SERVER_REFUSED), cause=err)
        case LoginRefused():
            return error(Reason.AUTHENTICATION_FAILED, cause=err)
        case ServerTimeout():
            return error(Reason.MAIL_SERVER_TIMEOUT, cause=err)
        case _:
            return error(Reason.MAIL_SERVER_UNREACHABLE, cause=err)
