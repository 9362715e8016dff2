"""Where a message begins: anew, from a mailto: link, as an answer, as a forward, or from a draft."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qsl, unquote

from services.web import addresses, answering, foreign, quoting
from services.web.composition import MAX_SUBJECT, Composition
from services.web.edge import request_id
from services.web.model.account import Identity
from services.web.model.mail import Address, Envelope, OpenMessage
from services.web.model.outgoing import DELIVERY_REPORT, Attachment, Outgoing
from services.web.session import Me


def draft_id() -> str:
    """The name of a draft over all its versions. It is given before the first save, so that a save whose
    answer was lost leaves no second draft."""
    return secrets.token_hex(12)


def _common(identity: Identity) -> dict[str, Any]:
    return {
        "identity": identity.identity_id or identity.address,
        "request_id": request_id(),
        "draft_id": draft_id(),
    }


def blank(me: Me, query: dict[str, str]) -> Composition:
    """A new message, filled from the address of the page or a mailto: link (RFC 6068)."""
    fields = dict(query)
    if "mailto" in query:
        rest = query["mailto"]
        rest = rest[7:] if rest[:7].lower() == "mailto:" else rest
        to, _mark, parameters = rest.partition("?")
        fields = {key.lower(): value for key, value in parse_qsl(parameters.replace("+", "%2B"))}
        fields["to"] = ", ".join(filter(None, (unquote(to), fields.get("to", ""))))
    identity = answering.default_identity(me.identities)
    body = fields.get("body", "").replace("\r\n", "\n")[:100_000]
    composition = Composition(
        to=fields.get("to", "")[:10_000],
        cc=fields.get("cc", "")[:10_000],
        bcc=fields.get("bcc", "")[:10_000],
        subject=fields.get("subject", "")[:MAX_SUBJECT],
        text=answering.with_signature(body, identity),
        **_common(identity),
    )
    return quoting.formatted(composition, body, "", identity) if _rich(me, False) else composition


def _rich(me: Me, source_is_html: bool) -> bool:
    return me.preferences.write == "rich" or (me.preferences.write == "" and source_is_html)


def answer(message: OpenMessage, me: Me, kind: str, back: str) -> Composition:
    """`kind`: "reply", "reply-all" or "reply-list" (RFC 2369 List-Post)."""
    to, cc = answering.recipients(message, me.identities, kind == "reply-all")
    if kind == "reply-list" and (posting := answering.list_address(message)):
        to, cc = (Address("", posting),), ()
    in_reply_to, references = answering.thread(message)
    identity = answering.identity_for(message, me.identities, me.account)
    composition = Composition(
        to=addresses.join(to),
        cc=addresses.join(cc),
        subject=answering.reply_subject(message.row.envelope.subject),
        text=answering.with_signature("\n\n" + answering.quote(message) + "\n", identity),
        answered=message.ref,
        in_reply_to=in_reply_to,
        references=references,
        back=back,
        **_common(identity),
    )
    if _rich(me, quoting.is_html(message)):
        return quoting.formatted(composition, "", quoting.quote(message), identity)
    return composition


def forward(message: OpenMessage, me: Me, back: str, *, as_attachment: bool = False) -> Composition:
    identity = answering.identity_for(message, me.identities, me.account)
    _in_reply_to, references = answering.thread(message)
    subject = message.row.envelope.subject
    whole = Attachment(
        f"{subject or 'message'}.eml"[:120], "message/rfc822", message.row.size, "", message.ref
    )
    text = "" if as_attachment else "\n\n" + answering.forwarded(message) + "\n"
    rich = not as_attachment and _rich(me, quoting.is_html(message))
    parts = (whole,) if as_attachment else answering.parts_of(message, with_ids=rich)
    composition = Composition(
        subject=answering.forward_subject(subject),
        text=answering.with_signature(text, identity),
        attachments=parts,
        forwarded=message.ref,
        references=references,
        back=back,
        **_common(identity),
    )
    return quoting.formatted(composition, "", quoting.forwarded(message), identity) if rich else composition


def resume(message: OpenMessage, me: Me) -> Composition:
    """A draft, of ours or of another program, to go on with. One that is too long to be held whole is begun
    anew as a copy: saving it must not cut off the end of the original."""
    envelope = message.row.envelope
    whole = not any(
        part.truncated or (part.media_type == "text/html" and len(part.text) > quoting.MAX_QUOTED)
        for part in message.texts
    )
    identity = next(
        (one for one in me.identities if any(addresses.same(one.address, e.address) for e in envelope.from_)),
        answering.default_identity(me.identities),
    )
    html = quoting.html_of(message) if quoting.is_html(message) else ""
    text = answering.plain_text(message)
    importance = f"{message.header('importance')} {message.header('x-priority')[:1]}".lower()
    common = _common(identity)
    if whole and (known := message.header(foreign.DRAFT_HEADER).strip()):
        common["draft_id"] = known
    return Composition(
        to=addresses.join(envelope.to),
        cc=addresses.join(envelope.cc),
        bcc=addresses.join(envelope.bcc),
        subject=envelope.subject,
        text=text,
        html=html,
        attachments=answering.parts_of(message, with_ids=bool(html)),
        in_reply_to=envelope.in_reply_to,
        references=envelope.references,
        reply_to=_reply_to(envelope, identity),
        extra_fields=foreign.fields(message),
        answered=message.answers,
        forwarded=message.forwards,
        draft=message.ref if whole else None,
        priority="high"
        if "high" in importance or importance.endswith(("1", "2"))
        else ("low" if "low" in importance or importance.endswith(("4", "5")) else ""),
        receipt=bool(message.header("disposition-notification-to")),
        report=foreign.wants_report(message),
        **common,
    )


def _reply_to(envelope: Envelope, identity: Identity) -> str:
    """Where the draft's writer wants answers, unless that is what the identity says anyway: that follows the
    identity."""
    own, _bad = addresses.parse(identity.reply_to)
    wanted = {one.address.lower() for one in envelope.reply_to}
    return "" if wanted == {one.address.lower() for one in own} else addresses.join(envelope.reply_to)


def from_outgoing(content: Outgoing) -> Composition:
    """A message taken back from the outbox, as it was written; the same draft as before."""
    return Composition(
        to=addresses.join(content.to),
        cc=addresses.join(content.cc),
        bcc=addresses.join(content.bcc),
        subject=content.subject,
        text=content.text,
        html=content.html,
        identity=content.identity_id or content.sender.address,
        attachments=content.attachments,
        answered=content.answered,
        forwarded=content.forwarded,
        in_reply_to=content.in_reply_to,
        references=content.references,
        reply_to=addresses.join(content.reply_to),
        extra_fields=tuple(one for one in content.extra_fields if one != DELIVERY_REPORT),
        priority=content.priority,
        receipt=content.receipt,
        report=content.delivery_report,
        request_id=request_id(),
        draft_id=content.draft_id or draft_id(),
    )
