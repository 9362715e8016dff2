"""A message being written: what the composer's form holds, as typed, and back.

The form carries everything, so that no page, error or ended session loses a word; the edge itself keeps
nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.web import addresses, answering, signing, urls
from services.web.edge import request_id
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.model.account import Identity
from services.web.model.mail import Address, MessageRef, OpenMessage
from services.web.model.outgoing import DELIVERY_REPORT, Attachment, Outgoing
from services.web.session import Me

MAX_TEXT = 2_000_000
MAX_SUBJECT = 2_000
MAX_ATTACHMENTS = 200
MAX_EXTRA = 200
_DRAFT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


@dataclass(frozen=True)
class Composition:
    """`draft` is the stored version that this one replaces, `draft_id` names the draft over all versions;
    `request_id` makes a second "Send" no second message. `html` is there where the message has formatting.
    `send_at` as a browser writes it, in the reader's zone; `report`: delivery reports are asked for
    (RFC 3461); `confirmed` names the cautions that were read.
    `template`: this is no message but the template of that id ("new": one to be) being changed;
    `reply_to`, `extra_fields`: what a draft of another program has there, kept as it is;
    `template_replace` is a name whose template may be written over."""

    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    identity: str = ""
    priority: str = ""
    receipt: bool = False
    report: bool = False
    send_at: str = ""
    confirmed: str = ""
    attachments: tuple[Attachment, ...] = ()
    answered: MessageRef | None = None
    forwarded: MessageRef | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    reply_to: str = ""
    extra_fields: tuple[tuple[str, str], ...] = ()
    draft: MessageRef | None = None
    draft_id: str = ""
    request_id: str = ""
    back: str = ""
    template: str = ""
    template_name: str = ""
    template_replace: str = ""

    @property
    def empty(self) -> bool:
        return not (self.to or self.cc or self.bcc or self.subject or self.text.strip() or self.attachments)

    @property
    def draft_field(self) -> str:
        return f"{self.draft_id} {urls.full_key(self.draft) if self.draft else ''}"

    def hidden(self) -> list[tuple[str, str]]:
        """The fields that nobody types in."""
        pairs = [
            ("draft", self.draft_field),
            ("answered", urls.full_key(self.answered) if self.answered else ""),
            ("forwarded", urls.full_key(self.forwarded) if self.forwarded else ""),
            ("in_reply_to", " ".join(self.in_reply_to)),
            ("references", " ".join(self.references)),
            ("reply_to", self.reply_to),
            ("extra_fields", extra_text(self.extra_fields)),
            ("request_id", self.request_id),
            ("back", self.back),
            ("confirmed", self.confirmed),
            ("template", self.template),
            ("signed_as", self.identity),
            ("template_replace", self.template_replace),
            ("text_was", text_hash(self.text) if self.html else ""),
        ]
        return [pair for pair in pairs if pair[1] or pair[0] in ("draft", "confirmed")]


def extra_text(fields: Sequence[tuple[str, str]]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")) if fields else ""


def parse_extra(text: str) -> tuple[tuple[str, str], ...]:
    """Header fields as the form carries them; sender refuses what is not one."""
    try:
        pairs = [(str(name), str(value)) for name, value in json.loads(text)][:MAX_EXTRA]
        # Half of a surrogate pair is no text that another service could be sent.
        return tuple((name, value.encode("utf-8", "replace").decode()) for name, value in pairs)
    except (ValueError, TypeError):
        return ()


def text_hash(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]


def attachment_field(attachment: Attachment) -> str:
    """One attachment as the form carries it. Nothing in it opens anything: the services check every
    reference."""
    content = {
        "n": attachment.filename,
        "t": attachment.media_type,
        "s": attachment.size,
        "u": attachment.upload_id,
        "m": urls.full_key(attachment.message) if attachment.message else "",
        "p": attachment.part_id,
        "c": attachment.content_id,
    }
    return json.dumps({key: value for key, value in content.items() if value}, ensure_ascii=False)


def parse_attachment(text: str) -> Attachment | None:
    try:
        content = json.loads(text)
        attachment = Attachment(
            filename=str(content.get("n", ""))[:200],
            media_type=str(content.get("t", ""))[:200],
            size=int(content.get("s", 0)),
            upload_id=str(content.get("u", ""))[:200],
            message=urls.parse_full_key(str(content.get("m", ""))),
            part_id=str(content.get("p", ""))[:100],
            content_id=str(content.get("c", ""))[:300],
        )
    except (ValueError, TypeError, AttributeError):
        return None
    return attachment if attachment.upload_id or attachment.message else None


def from_form(form: Form) -> Composition:
    draft_id, _space, key = form.get("draft").partition(" ")
    return Composition(
        to=form.get("to"),
        cc=form.get("cc"),
        bcc=form.get("bcc"),
        subject=" ".join(form.get("subject").split("\n")),
        text=form.get("body"),
        html=_html(form),
        identity=form.get("identity"),
        attachments=tuple(
            one for value in form.all("attachment")[:MAX_ATTACHMENTS] if (one := parse_attachment(value))
        ),
        answered=urls.parse_full_key(form.get("answered")),
        forwarded=urls.parse_full_key(form.get("forwarded")),
        in_reply_to=tuple(form.get("in_reply_to").split()),
        references=tuple(form.get("references").split()),
        reply_to=form.get("reply_to"),
        extra_fields=parse_extra(form.get("extra_fields")),
        draft=urls.parse_full_key(key),
        draft_id=draft_id if _DRAFT_ID.match(draft_id) else "",
        priority=form.get("priority") if form.get("priority") in ("high", "low") else "",
        receipt=form.get("receipt") == "1",
        report=form.get("report") == "1",
        send_at=form.get("send_at")[:32],
        confirmed=form.get("confirmed")[:100],
        request_id=form.get("request_id")[:100] or request_id(),
        back=form.get("back"),
        template=form.get("template")[:100],
        template_name=" ".join(form.get("template_name").split())[:300],
        template_replace=form.get("template_replace")[:300],
    )


def _html(form: Form) -> str:
    """The formatted text; nothing where the plain one was changed without scripts: what was typed counts."""
    html = form.get("html")
    if not html or form.get("live") == "1":
        return html
    return html if text_hash(form.get("body")) == form.get("text_was") else ""


def identity_of(composition: Composition, me: Me) -> Identity:
    for one in me.identities:
        if composition.identity in (one.identity_id, one.address):
            return one
    for one in me.identities:
        if tagged := answering.with_tag(composition.identity, one, me.account):
            return tagged
    return answering.default_identity(me.identities)


def signed_anew(composition: Composition, was: str, me: Me) -> Composition:
    """With the signature of the identity that now writes in the place of the one that it was drawn with.
    Scripts have done so already, then nothing is found to replace."""
    before = next((one for one in me.identities if was and was in (one.identity_id, one.address)), None)
    after = identity_of(composition, me)
    if before is None or before == after or not before.signature.strip():
        return composition
    old, new = before.signature.strip(), after.signature.strip()
    return replace(
        composition,
        text=signing.in_text(composition.text, old, new),
        html=signing.in_html(composition.html, old, new),
    )


def to_outgoing(composition: Composition, me: Me, *, draft: bool = False) -> tuple[Outgoing, dict[str, str]]:
    """The message, and what is wrong by field, in the reader's language. A `draft` keeps also what is no
    address yet, as typed."""
    problems: dict[str, str] = {}
    parsed: dict[str, tuple[Address, ...]] = {}
    for field in ("to", "cc", "bcc"):
        found, bad = addresses.parse(getattr(composition, field))
        parsed[field] = (*found, *(Address("", one) for one in bad)) if draft else found
        if bad:
            problems[field] = _("This is not an email address: %(address)s") % {"address": ", ".join(bad)}
    if max(len(composition.text), len(composition.html)) > MAX_TEXT:
        problems["body"] = _("The text is too long. Attach it as a file instead.")
    if len(composition.subject) > MAX_SUBJECT:
        problems["subject"] = _("The subject is too long.")
    identity = identity_of(composition, me)
    outgoing = Outgoing(
        sender=Address(identity.name, identity.address),
        to=parsed["to"],
        cc=parsed["cc"],
        bcc=parsed["bcc"],
        reply_to=addresses.parse(composition.reply_to or identity.reply_to)[0],
        subject=composition.subject.strip(),
        text=composition.text,
        html=composition.html,
        attachments=composition.attachments,
        answered=composition.answered,
        forwarded=composition.forwarded,
        in_reply_to=composition.in_reply_to,
        references=composition.references,
        draft_id=composition.draft_id,
        identity_id=identity.identity_id,
        priority=composition.priority,
        receipt=composition.receipt,
        extra_fields=(*composition.extra_fields, *((DELIVERY_REPORT,) if composition.report else ())),
    )
    return outgoing, problems


def send_id(composition: Composition) -> str:
    """The request id of "Send": the same for a second click, another where the message differs (a page from
    the browser's history, written anew, is another message and must not be taken for the one sent before)."""
    c = composition
    typed = repr((c.to, c.cc, c.bcc, c.subject, c.text, c.html, c.identity, c.attachments, c.send_at))
    return f"{c.request_id}.{hashlib.sha256(typed.encode()).hexdigest()[:16]}"


def rebased(composition: Composition, stored: OpenMessage) -> Composition:
    """Attachments that lay in an earlier version of the draft, found again in the version that is stored
    now."""
    free = list(answering.parts_of(stored))
    moved: list[Attachment] = []
    for one in composition.attachments:
        if one.message is None or not one.part_id or one.message in (stored.ref, composition.forwarded):
            moved.append(one)
            continue
        match = next((part for part in free if part.filename == one.filename), None)
        if match is None:
            moved.append(one)
            continue
        free.remove(match)
        moved.append(replace(one, message=match.message, part_id=match.part_id))
    return replace(composition, attachments=tuple(moved))
