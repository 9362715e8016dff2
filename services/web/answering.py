"""Answering and forwarding: recipients, subject, threading and quote of the new message."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from services.web import addresses, formats
from services.web.addresses import same
from services.web.conversing import bare_subject
from services.web.i18n import gettext as _
from services.web.model.account import Identity
from services.web.model.mail import Address, OpenMessage
from services.web.model.outgoing import Attachment
from services.web.plaintext import html_to_text
from services.web.reading import choose

_FWD = re.compile(r"(?:\s*(?:fwd?|wg|tr|rv|enc|i)\s*[:：])+\s*", re.IGNORECASE)
MAX_REFERENCES = 100


def plain_text(message: OpenMessage) -> str:
    """The message's text for a quote: its plain text, else its HTML read as text."""
    pieces = [
        html_to_text(part.text) if part.media_type == "text/html" else part.text.strip("\n")
        for part in choose(message.texts, prefer_text=True)
    ]
    return "\n\n".join(piece for piece in pieces if piece.strip())


def _own(identities: Iterable[Identity]) -> set[str]:
    return {identity.address.lower() for identity in identities}


def _unique(entries: Iterable[Address], own: set[str], there: Iterable[Address] = ()) -> tuple[Address, ...]:
    """Each once, without those `own` and those that are `there` already."""
    seen, kept = {entry.address.lower() for entry in there}, []
    for entry in entries:
        address = entry.address.lower()
        if address and address not in seen and not {address, _untagged(address)} & own:
            seen.add(address)
            kept.append(Address(entry.name, entry.address))
    return tuple(kept)


def recipients(
    message: OpenMessage, identities: Iterable[Identity], everyone: bool
) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """(To, Cc) of an answer. Reply-To goes before From (RFC 5322 section 3.6.2); one's own addresses, with
    tags or without, are left out, unless nobody else is there; an answer to one's own message goes to those
    it went to."""
    envelope, own = message.row.envelope, _own(identities)
    authors = envelope.reply_to or envelope.from_
    from_self = bool(envelope.from_) and all(
        {entry.address.lower(), _untagged(entry.address.lower())} & own for entry in envelope.from_
    )
    if from_self and not envelope.reply_to and envelope.to:
        to = _unique(envelope.to, set())
        cc = _unique(envelope.cc, own, to) if everyone else ()
        return to, cc
    if not everyone:
        return _unique(authors, set()), ()
    to = _unique((*authors, *envelope.to), own)
    if not to:
        to = _unique(authors, set())
    return to, _unique(envelope.cc, own, to)


def identity_for(message: OpenMessage, identities: tuple[Identity, ...], account: str = "") -> Identity:
    """The identity that received it (or, for one's own, wrote it), else the default one. Mail to the
    `account`'s own address with a tag is answered as that address."""
    envelope = message.row.envelope
    delivered = tuple(Address("", value) for value in (message.header("delivered-to"),) if value)
    for entry in (*envelope.to, *envelope.cc, *envelope.bcc, *delivered, *envelope.from_):
        for identity in identities:
            if same(entry.address, identity.address):
                return identity
            if same(_untagged(entry.address), identity.address):
                return with_tag(entry.address, identity, account) or identity
    return default_identity(identities)


def with_tag(address: str, identity: Identity, account: str) -> Identity | None:
    """The identity as that address; None where it is no tagged form of the account's own, for sender takes no
    other."""
    if "+" not in address or not same(identity.address, account) or not same(_untagged(address), account):
        return None
    return replace(identity, identity_id="", address=address, is_default=False, etag="")


def was_blind(message: OpenMessage, identities: Iterable[Identity]) -> bool:
    """Whether one got it as a blind copy: none of one's addresses is in To or Cc. Mail by a list is none."""
    own, envelope = _own(identities), message.row.envelope
    entries = (*envelope.to, *envelope.cc)
    shown = {one.lower() for entry in entries for one in (entry.address, _untagged(entry.address))}
    ours = any(entry.address.lower() in own for entry in envelope.from_)
    return bool(shown) and not ours and not message.header("list-id") and not own & shown


def _untagged(address: str) -> str:
    """ "name+tag@domain" is delivered to "name@domain" (RFC 5233)."""
    local, _at, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def default_identity(identities: tuple[Identity, ...]) -> Identity:
    return next((one for one in identities if one.is_default), identities[0])


def reply_subject(subject: str) -> str:
    return f"Re: {bare_subject(subject)}".rstrip()


def forward_subject(subject: str) -> str:
    base = _FWD.sub("", subject, count=1) if _FWD.match(subject) else subject
    return f"Fwd: {base.strip()}".rstrip()


def thread(message: OpenMessage) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(In-Reply-To, References) of an answer (RFC 5322 section 3.6.4)."""
    envelope = message.row.envelope
    if not envelope.message_id:
        return (), ()
    before = envelope.references or (envelope.in_reply_to if len(envelope.in_reply_to) == 1 else ())
    references = [one for one in before if one != envelope.message_id]
    if len(references) > MAX_REFERENCES:  # the first names the thread, the last its place
        references = [references[0], *references[-MAX_REFERENCES:]]
    return (envelope.message_id,), (*references, envelope.message_id)


def quote(message: OpenMessage) -> str:
    """ "On …, … wrote:" and the text with a ">" before each line; its signature is left out."""
    text = plain_text(message)
    if "\n-- \n" in text:
        text = text.rpartition("\n-- \n")[0]
    lines = [
        f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in text.strip("\n").split("\n")
    ]
    return "\n".join([quote_head(message), *lines])


def quote_head(message: OpenMessage) -> str:
    sender = next((entry for entry in message.row.envelope.from_ if entry.address or entry.name), Address())
    date = formats.full_date(message.row.envelope.date or message.row.received)
    # Translators: above the quote in an answer
    return _("On %(date)s, %(name)s wrote:") % {"date": date, "name": sender.shown or _("somebody")}


def forwarded(message: OpenMessage) -> str:
    """The head of the forwarded message and its text."""
    return f"{forwarded_head(message)}\n\n{plain_text(message)}"


def forwarded_head(message: OpenMessage) -> str:
    envelope = message.row.envelope
    head = [
        "---------- " + _("Forwarded message") + " ----------",
        _("From") + ": " + addresses.join(envelope.from_),
        _("Date") + ": " + formats.full_date(envelope.date or message.row.received),
        _("Subject") + ": " + envelope.subject,
        _("To") + ": " + addresses.join(envelope.to),
    ]
    if envelope.cc:
        head.append(_("Cc") + ": " + addresses.join(envelope.cc))
    return "\n".join(head)


_POST = re.compile(r"<mailto:([^>?]+)[^>]*>", re.IGNORECASE)


def list_address(message: OpenMessage) -> str:
    """Where answers to the list go (RFC 2369 section 3.4), or nothing."""
    match = _POST.search(message.header("list-post"))
    return match[1] if match and addresses.good(match[1]) else ""


def parts_of(message: OpenMessage, *, with_ids: bool = False) -> tuple[Attachment, ...]:
    """All attachments of a message by reference, to be copied from server to server; `with_ids`: pictures
    stay within the text."""
    return tuple(
        Attachment(
            filename=part.filename or (part.envelope.subject if part.envelope else "") or _("attachment"),
            media_type=part.media_type,
            size=part.size,
            message=message.ref,
            part_id=part.part_id,
            content_id=part.content_id if with_ids and part.inline else "",
        )
        for part in (*message.attachments, *message.inline)
    )


def with_signature(text: str, identity: Identity) -> str:
    """The text with the identity's signature at its end (RFC 3676 section 4.3)."""
    if not identity.signature.strip():
        return text
    return (
        f"{text.rstrip()}\n\n-- \n{identity.signature.strip()}\n"
        if text.strip()
        else (f"\n\n-- \n{identity.signature.strip()}\n")
    )
