"""One map from stable reasons to what a person reads: an HTTP status, what happened, and what to do.

Nothing of the inside (hosts, versions, stack) is in a text; the cause is in the log under the same trace id.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.common.errors import PosternError, Reason
from services.web import formats
from services.web.i18n import gettext as _
from services.web.i18n import mark as N_


@dataclass(frozen=True)
class Explanation:
    """`retry`: trying the same again may help, and a page offers it."""

    status: int
    title: str
    text: str
    retry: bool = False


_TABLE: dict[str, Explanation] = {
    Reason.AUTHENTICATION_FAILED: Explanation(
        401,
        N_("Signing in did not work"),
        N_("The mail server does not know this address with this password. Check both and try again."),
    ),
    Reason.SESSION_ENDED: Explanation(
        401, N_("Your session has ended"), N_("Sign in again; nothing that you typed is lost.")
    ),
    Reason.TOKEN_INVALID: Explanation(
        503, N_("Your session could not be checked"), N_("Try again; if it stays so, sign in anew."), True
    ),
    Reason.SCOPE_MISSING: Explanation(
        403, N_("Not allowed"), N_("This session may not do that. Sign in anew to get full access.")
    ),
    Reason.PERMISSION_DENIED: Explanation(
        403, N_("Not allowed"), N_("The mail server does not let this account do that.")
    ),
    Reason.THROTTLED: Explanation(429, N_("Too many attempts"), N_("Wait a few minutes, then try again.")),
    Reason.RATE_LIMITED: Explanation(429, N_("Too much at once"), N_("Wait a moment, then try again."), True),
    Reason.MAIL_SERVER_UNREACHABLE: Explanation(
        503,
        N_("The mail server cannot be reached"),
        N_("Your mail is safe there. Try again in a moment."),
        True,
    ),
    Reason.MAIL_SERVER_TIMEOUT: Explanation(
        504,
        N_("The mail server does not answer"),
        N_("It takes longer than it should. Try again in a moment."),
        True,
    ),
    Reason.MAIL_SERVER_REFUSED: Explanation(
        502,
        N_("The mail server refused"),
        N_("Nothing was changed. Try again; if it stays so, ask whoever runs the mail server."),
        True,
    ),
    Reason.MAILBOX_NOT_FOUND: Explanation(
        404,
        N_("This mailbox does not exist"),
        N_("It may have been renamed or deleted. Choose one from the list of mailboxes."),
    ),
    Reason.MAILBOX_EXISTS: Explanation(
        409, N_("There is a mailbox of that name"), N_("Choose another name.")
    ),
    Reason.MAILBOX_CHANGED: Explanation(
        409,
        N_("The mailbox was made anew"),
        N_("The mail server numbered its messages again, so nothing was done. Open the mailbox again."),
    ),
    Reason.MESSAGE_GONE: Explanation(
        410,
        N_("This message is not here any more"),
        N_("It was moved or deleted, perhaps by another program. Open the mailbox again or search for it."),
    ),
    Reason.PART_NOT_FOUND: Explanation(
        404, N_("This attachment does not exist"), N_("The message has no such part. Open it again.")
    ),
    Reason.SPECIAL_MAILBOX_MISSING: Explanation(
        409, N_("A mailbox is missing"), N_("There is no mailbox for this purpose. Create one and try again.")
    ),
    Reason.INVALID_ARGUMENT: Explanation(
        400, N_("Something in the form is not right"), N_("Check what you typed and try again.")
    ),
    Reason.TOO_LARGE: Explanation(413, N_("Too large"), N_("This is larger than Postern takes.")),
    Reason.QUOTA_EXCEEDED: Explanation(
        507, N_("The mailbox is full"), N_("Delete what you do not need, empty the trash, then try again.")
    ),
    Reason.UNSUPPORTED: Explanation(
        501, N_("Not possible here"), N_("This mail system does not offer that.")
    ),
    Reason.CONFLICT: Explanation(
        409,
        N_("It was changed meanwhile"),
        N_("Somebody else, or you elsewhere, changed it. Look again first."),
    ),
    Reason.NOT_FOUND: Explanation(
        404, N_("There is nothing here"), N_("The address may be mistyped, or what it named is gone.")
    ),
    Reason.DEADLINE_EXCEEDED: Explanation(
        504,
        N_("It takes too long"),
        N_("A part of Postern did not answer in time. Try again in a moment."),
        True,
    ),
    Reason.UNAVAILABLE: Explanation(
        503, N_("A part of Postern is not available"), N_("Try again in a moment."), True
    ),
    Reason.INTERNAL: Explanation(
        500, N_("Something went wrong"), N_("It was noted. Try again in a moment."), True
    ),
}
_SAME = {Reason.DEADLINE_TOO_SHORT: Reason.DEADLINE_EXCEEDED, Reason.CANCELLED: Reason.UNAVAILABLE}


class Refused(PosternError):
    """A request that the edge itself refuses."""


class FormExpired(Refused):
    """A form without this session's token: forged, or from before signing in anew."""

    def __init__(self) -> None:
        super().__init__(Reason.PERMISSION_DENIED, metadata={"form": "expired"})


class MustEnrol(Refused):
    """The operator demands a second factor, and this account has none yet."""

    def __init__(self) -> None:
        super().__init__(Reason.PERMISSION_DENIED, metadata={"factor": "missing"})


class NoCertificate(Refused):
    """The gate lets nobody in without a client certificate that is good."""

    def __init__(self) -> None:
        super().__init__(Reason.PERMISSION_DENIED, metadata={"certificate": "missing"})


def explain(err: PosternError) -> Explanation:
    """What to tell; in the reader's language."""
    if isinstance(err, FormExpired):
        return Explanation(
            403, _("This page was too old"), _("Go back, load the page again and repeat what you did.")
        )
    if isinstance(err, NoCertificate):
        return Explanation(
            403,
            _("This browser may not come in"),
            _("It needs a certificate from whoever runs this mail system, and none that is good was shown."),
        )
    if isinstance(err, MustEnrol):
        return Explanation(
            403, _("A second factor is needed first"), _("Set one up in the settings, under Security.")
        )
    if err.metadata.get("what") == "local_mail_locked":
        return Explanation(
            409,
            _("Your mail is locked"),
            _(
                "The password has changed since mail was put away here. Ask whoever runs this mail system to"
                " unlock it; nothing is lost."
            ),
        )
    if err.metadata.get("problem") == "not_an_identity":
        return Explanation(
            403,
            _("You may not write as this address"),
            _("Choose another one to send from. What you may write as stands in the settings."),
        )
    reason = (
        _SAME.get(Reason(err.reason), err.reason) if err.reason in Reason.__members__ else Reason.INTERNAL
    )
    known = _TABLE.get(reason, _TABLE[Reason.INTERNAL])
    text = _(known.text)
    if reason == Reason.TOO_LARGE and err.metadata.get("limit", "").isdigit():
        limit = formats.size(int(err.metadata["limit"]))
        text = _("The limit is %(limit)s.") % {"limit": limit}
    if reason == Reason.THROTTLED and err.metadata.get("retry_seconds", "").isdigit():
        time = formats.span(int(err.metadata["retry_seconds"]))
        text = _("Wait %(time)s, then try again.") % {"time": time}
    return Explanation(known.status, _(known.title), text, known.retry)


def sentence(err: PosternError) -> str:
    """Title and text in one, for a notice."""
    known = explain(err)
    return f"{known.title}. {known.text}"
