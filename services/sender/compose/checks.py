"""What a request may contain. Every refusal names the field at fault, as the proto spells it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.common.errors import invalid_argument
from services.sender.compose import extra
from services.sender.compose.address import Mailbox, bad_address, parse_address
from services.sender.model import Content, EmailAddress

MAX_SUBJECT = 2000
MAX_NAME = 500
MAX_REFERENCES = 60
MAX_ATTACHMENTS = 200

_BREAKS = re.compile(r"[\r\n\x00]")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>\Z")
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}\Z")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\Z")

Entry = tuple[str, Mailbox | None, str]


@dataclass(frozen=True)
class Checked:
    """A content whose fields are fit for a header, with its addresses taken apart."""

    content: Content
    sender: Mailbox
    to: tuple[Entry, ...]
    cc: tuple[Entry, ...]
    bcc: tuple[Entry, ...]
    reply_to: tuple[Entry, ...]
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    recipients: tuple[Mailbox, ...]

    @property
    def needs_smtputf8(self) -> bool:
        written = [entry[1] for entry in (*self.to, *self.cc, *self.reply_to)]
        every = [self.sender, *self.recipients, *(mailbox for mailbox in written if mailbox)]
        return any(mailbox.needs_smtputf8 for mailbox in every)


def no_breaks(text: str, field: str) -> str:
    """The text, where it has no CR, LF or NUL."""
    if _BREAKS.search(text):
        raise invalid_argument(field, "line_break_or_nul")
    return text


def media_type(text: str, field: str) -> str:
    """A type and subtype in lower case; multipart/* is refused, since a part of it needs a boundary of
    ours."""
    no_breaks(text, field)
    text = text.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.match(text) or text.startswith("multipart/"):
        raise invalid_argument(field, "media_type")
    return text


def check(content: Content, *, draft: bool = False, max_recipients: int = 500) -> Checked:
    """The content checked. A draft may lack recipients, and may hold addresses that are not finished."""
    _check_text(content)
    lists = {
        name: _entries(getattr(content, name), f"content.{name}", draft)
        for name in ("to", "cc", "bcc", "reply_to")
    }
    no_breaks(content.sender.name, "content.from.name")
    sender = parse_address(no_breaks(content.sender.address, "content.from.address"), "content.from.address")
    unique: dict[str, Mailbox] = {}
    for name in ("to", "cc", "bcc"):
        for _, mailbox, _ in lists[name]:
            if mailbox:
                unique.setdefault(mailbox.key, mailbox)
    if not draft and not unique:
        raise invalid_argument("content.to", "no_recipients")
    if len(unique) > max_recipients:
        raise invalid_argument("content.to", "too_many_recipients")
    return Checked(
        content=content,
        sender=sender,
        to=lists["to"],
        cc=lists["cc"],
        bcc=lists["bcc"],
        reply_to=lists["reply_to"],
        in_reply_to=_message_ids(content.in_reply_to, "content.in_reply_to"),
        references=_message_ids(content.references, "content.references"),
        recipients=tuple(unique.values()),
    )


def _check_text(content: Content) -> None:
    if len(no_breaks(content.subject, "content.subject")) > MAX_SUBJECT:
        raise invalid_argument("content.subject", "too_long")
    for name in ("text", "html"):
        if "\x00" in getattr(content, name):
            raise invalid_argument(f"content.{name}", "line_break_or_nul")
    if len(content.attachments) > MAX_ATTACHMENTS:
        raise invalid_argument("content.attachments", "too_many")
    for number, item in enumerate(content.attachments):
        where = f"content.attachments[{number}]"
        no_breaks(item.filename, f"{where}.filename")
        if item.media_type:
            media_type(item.media_type, f"{where}.media_type")
        if item.content_id and not _CONTENT_ID.match(no_breaks(item.content_id, f"{where}.content_id")):
            raise invalid_argument(f"{where}.content_id", "content_id")
        if bool(item.upload_id) == bool(item.message):
            raise invalid_argument(f"{where}.source", "missing")
    extra.check(content.extra_fields)
    if content.draft_id and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", content.draft_id):
        raise invalid_argument("content.draft_id", "malformed")


def _entries(given: tuple[EmailAddress, ...], where: str, draft: bool) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for number, item in enumerate(given):
        at = f"{where}[{number}]"
        for name in ("name", "address", "group"):
            no_breaks(getattr(item, name), f"{at}.{name}")
        if len(item.name) > MAX_NAME or len(item.group) > MAX_NAME:
            raise invalid_argument(f"{at}.name", "too_long")
        if not item.address.strip() and item.group.strip():
            entries.append(("", None, item.group))
            continue
        try:
            entries.append((item.name, parse_address(item.address, f"{at}.address"), item.group))
        except Exception:
            if not draft:
                raise
            # An address that is not finished is kept in the draft as an empty group named by what was typed
            # (RFC 5322, 3.4): every client shows it, none sends to it, and nothing that was typed is lost.
            typed = " ".join(part for part in (item.name, item.address) if part.strip())
            if typed.strip():
                entries.append(("", None, typed[:MAX_NAME]))
    return tuple(entries)


def _message_ids(given: tuple[str, ...], where: str) -> tuple[str, ...]:
    """The ids that may stand in a header. One that another program garbled is left out rather than
    refused."""
    found = [item for item in (no_breaks(text, where).strip() for text in given) if _MESSAGE_ID.match(item)]
    if len(found) > MAX_REFERENCES:
        # The first is the thread's root, the last are the nearest (RFC 5537, 3.4.4 trims likewise).
        found = [found[0], *found[-(MAX_REFERENCES - 1) :]]
    return tuple(found)


__all__ = ["Checked", "Entry", "bad_address", "check", "media_type", "no_breaks"]
