"""How what the parsers read differs from what was written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.agreement import readers
from bench.agreement.drafts import Draft, drafts
from bench.agreement.readers import Entry, Leaf, Reading
from services.sender.compose import headers, plain, text
from services.sender.compose.address import parse_address
from services.sender.model import EmailAddress
from tests.support.dovecot import Dovecot
from tests.unit.sender.composed import compose

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def disagreements(server: Dovecot, count: int, seed: int = 2026) -> Iterator[str]:
    """One sentence for each field of each draft that a parser reads otherwise than it was written."""
    chosen = drafts(count, seed)
    composed = [compose(draft.content, *draft.attached) for draft in chosen]
    # Both forms are read: what goes over the wire, and the copy in Sent, which alone has Bcc.
    for kept in (False, True):
        messages = [full if kept else wire for wire, full, _ in composed]
        found = {
            "Python": [readers.python(raw) for raw in messages],
            "Dovecot": readers.dovecot(server, messages),
            "Email::MIME": readers.perl(messages),
        }
        for parser, readings in found.items():
            assert len(readings) == len(chosen), f"{parser} read {len(readings)} of {len(chosen)}"
            for draft, reading in zip(chosen, readings, strict=True):
                for difference in _differences(parser, expected(draft, kept=kept), reading):
                    yield f"draft {draft.number}, {parser}: {difference}"


def expected(draft: Draft, *, kept: bool) -> Reading:
    content = draft.content
    people = {
        "From": _entries([content.sender]),
        "Reply-To": _entries(content.reply_to),
        "To": _entries(content.to),
        "Cc": _entries(content.cc),
        "Bcc": _entries(content.bcc) if kept else [],
    }
    words = content.text or (plain.text_of(content.html) if content.html else "")
    leaves = [Leaf("text/plain", "", "", None, text.flowed(words))]
    if content.html:
        leaves.append(Leaf("text/html", "", "", None, text.normalise(plain.document(content.html))))
    inline = [item for item in draft.attached if item.content_id]
    for item in [*inline, *(item for item in draft.attached if not item.content_id)]:
        id = f"<{item.content_id}>" if item.content_id else ""
        name = _CONTROL.sub(" ", item.filename).strip()
        if item.media_type == "message/rfc822":
            subject = readers.python(item.data).subject
            leaves.append(Leaf(item.media_type, name, id, subject, None))
        else:
            digest = hashlib.sha1(item.data, usedforsecurity=False).hexdigest()
            leaves.append(Leaf(item.media_type, name, id, None, digest))
    return Reading(_CONTROL.sub(" ", content.subject), people, leaves)


def _entries(people: Sequence[EmailAddress]) -> list[Entry]:
    return [
        (headers.clean(one.group), headers.clean(one.name), parse_address(one.address, "x").address)
        if one.address
        else (headers.clean(one.group), "", "")
        for one in people
    ]


def _unspaced(entries: Sequence[Entry]) -> list[Entry]:
    """The one thing forgiven: Python 3.11 keeps the space between the encoded words of a phrase, which RFC
    2047, 6.2 has every reader ignore (a word longer than 75 characters comes in several)."""
    return [("".join(group.split()), "".join(name.split()), address) for group, name, address in entries]


def _differences(parser: str, wanted: Reading, found: Reading) -> Iterator[str]:
    if found.subject != wanted.subject:
        yield f"subject {found.subject!r} is not {wanted.subject!r}"
    for field, entries in wanted.people.items():
        read = found.people[field]
        if parser == "Dovecot" and field == "Reply-To" and not entries:
            entries = wanted.people["From"]  # RFC 3501, 7.4.2: it stands in
        if parser == "Python":
            read, entries = _unspaced(read), _unspaced(entries)
        if read != entries:
            yield f"{field} {read!r} is not {entries!r}"
    if len(found.leaves) != len(wanted.leaves):
        yield f"{len(found.leaves)} parts, not {len(wanted.leaves)}"
        return
    for number, (left, right) in enumerate(zip(wanted.leaves, found.leaves, strict=True), 1):
        if right.content is None:
            left = replace(left, content=None)
        elif left.content is not None:
            # The end of the last line belongs to the boundary (RFC 2046, 5.1.1) or to the end of the message.
            left = replace(left, content=left.content.rstrip("\n"))
            right = replace(right, content=right.content.rstrip("\n"))
        if left != right:
            yield f"part {number} {right!r} is not {left!r}"
