"""Templates: what of a message is kept to begin others with, and how one goes into a message."""

from __future__ import annotations

from dataclasses import replace

from services.web import addresses, answering, quoting, signing
from services.web.composition import Composition
from services.web.model.account import Identity
from services.web.model.outgoing import Outgoing
from services.web.plaintext import html_to_text


def to_keep(content: Outgoing, identity: Identity) -> Outgoing:
    """The message without its identity's signature: whoever uses the template signs for themselves."""
    signature = identity.signature.strip()
    if not signature:
        return content
    text, html = (
        signing.in_text(content.text, signature, ""),
        signing.in_html(content.html, signature, ""),
    )
    return replace(content, text=text if text == content.text else text.rstrip(), html=html)


def insert(composition: Composition, content: Outgoing) -> Composition:
    """A template in a message being written: above what is there; fields that are filled stay."""
    filled = replace(
        composition,
        to=composition.to or addresses.join(content.to),
        cc=composition.cc or addresses.join(content.cc),
        bcc=composition.bcc or addresses.join(content.bcc),
        subject=composition.subject or content.subject,
        priority=composition.priority or content.priority,
        receipt=composition.receipt or content.receipt,
        report=composition.report or content.delivery_report,
    )
    if content.html or composition.html:
        above = quoting.cleaned(content.html) or quoting.text_as_html(content.text)
        html = above + (composition.html or quoting.text_as_html(composition.text))
        return replace(filled, html=html, text=html_to_text(html))
    between = "" if composition.text.startswith("\n") or not composition.text else "\n\n"
    return replace(filled, text=content.text.rstrip() + between + composition.text)


def begun(composition: Composition, content: Outgoing, identities: tuple[Identity, ...]) -> Composition:
    """A new message begun with a template, as the identity that the template was written as."""
    identity = next(
        (
            one
            for one in identities
            if one.identity_id == content.identity_id or one.address == content.sender.address
        ),
        answering.default_identity(identities),
    )
    signed = replace(
        composition,
        identity=identity.identity_id,
        text=answering.with_signature("", identity),
        html="",
    )
    if composition.html:
        signed = quoting.formatted(signed, "", "", identity)
    elif content.html:
        signature = identity.signature.strip()
        signed = replace(signed, html=quoting.text_as_html(f"\n-- \n{signature}") if signature else "")
        return insert(replace(signed, text=""), content)
    return insert(signed, content)


def edited(composition: Composition, template_id: str, name: str, content: Outgoing | None) -> Composition:
    """A template to be changed, as it is: without a signature."""
    bare = replace(
        composition, text="", html="", template=template_id, template_name=name, back="/settings/templates"
    )
    if content is None:
        return bare
    identity = content.identity_id or content.sender.address
    return replace(insert(bare, content), identity=identity)
