"""Three parsers that are not ours, each brought to one form: Python's default policy, Dovecot's ENVELOPE and
BODYSTRUCTURE, Perl's Email::MIME."""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.header import decode_header
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from tests.support.dovecot import Dovecot

FIELDS = ("From", "Reply-To", "To", "Cc", "Bcc")
# (group, display name, address); an empty group is its name and nothing else.
Entry = tuple[str, str, str]


@dataclass(frozen=True)
class Leaf:
    """A part that is no multipart. `subject`: of an attached message; `content`: the text with "\\n" line
    ends, or the SHA-1 of an attachment; None where the parser does not show it."""

    type: str
    name: str
    content_id: str
    subject: str | None
    content: str | None


@dataclass(frozen=True)
class Reading:
    """What a message says."""

    subject: str
    people: dict[str, list[Entry]]
    leaves: list[Leaf]


def python(raw: bytes) -> Reading:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    people: dict[str, list[Entry]] = {}
    for name in FIELDS:
        people[name] = []
        for group in message[name].groups if message[name] else ():
            label = group.display_name or "" if not _lone(group) else ""
            if not group.addresses:
                people[name].append((_wide(label), "", ""))
            for one in group.addresses:
                people[name].append((_wide(label), _wide(one.display_name), _wide(one.addr_spec)))
    return Reading(_wide(message["subject"] or ""), people, list(_python_leaves(message)))


def _lone(group: Any) -> bool:
    # An address outside groups is in one of its own without a name.
    return group.display_name is None


def _wide(text: str) -> str:
    """Raw UTF-8 of a header (RFC 6532), which Python gives as surrogates."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _python_leaves(part: EmailMessage) -> Iterator[Leaf]:
    if part.get_content_maintype() == "multipart":
        for child in part.iter_parts():
            yield from _python_leaves(child)  # type: ignore[arg-type]
        return
    type, name, id = part.get_content_type(), part.get_filename() or "", part["content-id"] or ""
    if type == "message/rfc822":
        yield Leaf(type, name, id, _wide(part.get_content()["subject"] or ""), None)
    elif part.get_content_disposition() is None:
        yield Leaf(type, name, id, None, part.get_content().replace("\r\n", "\n"))
    else:
        octets = part.get_payload(decode=True)
        assert isinstance(octets, bytes)
        yield Leaf(type, name, id, None, hashlib.sha1(octets, usedforsecurity=False).hexdigest())


def perl(messages: Sequence[bytes]) -> list[Reading]:
    script = Path(__file__).with_name("email_mime.pl")
    with tempfile.TemporaryDirectory(prefix="postern-drafts-") as directory:
        paths = [Path(directory) / str(number) for number in range(len(messages))]
        for path, raw in zip(paths, messages, strict=True):
            path.write_bytes(raw)
        names = "".join(f"{path}\n" for path in paths)
        done = subprocess.run(
            ["/usr/bin/perl", str(script)], input=names.encode(), stdout=subprocess.PIPE, check=True
        )
    found = []
    for line in done.stdout.splitlines():
        said = json.loads(line)
        people = {name: [(g, n, a) for g, n, a in said[name]] for name in FIELDS}
        leaves = [
            Leaf(one["type"], one["name"], one["id"], one["subject"], one.get("text", one.get("sha1")))
            for one in said["leaves"]
        ]
        found.append(Reading(said["subject"], people, leaves))
    return found


def dovecot(server: Dovecot, messages: Sequence[bytes]) -> list[Reading]:
    user = server.add_user()
    found = []
    with server.connect(user) as client:
        for raw in messages:
            client.append("INBOX", raw)
        client.select_folder("INBOX", readonly=True)
        uids = client.search()
        for at in range(0, len(uids), 100):
            answers = client.fetch(uids[at : at + 100], ["ENVELOPE", "BODYSTRUCTURE"])
            for uid in uids[at : at + 100]:
                envelope, body = answers[uid][b"ENVELOPE"], answers[uid][b"BODYSTRUCTURE"]
                fields = (envelope.from_, envelope.reply_to, envelope.to, envelope.cc, envelope.bcc)
                people = {name: _entries(field) for name, field in zip(FIELDS, fields, strict=True)}
                found.append(Reading(_words(envelope.subject), people, list(_body_leaves(body))))
    return found


def _entries(field: Any) -> list[Entry]:
    out: list[Entry] = []
    group, count = "", 0
    for one in field or ():
        if one.host is None and one.mailbox is not None:  # RFC 3501, 7.4.2: a group begins
            group, count = _words(one.mailbox), 0
        elif one.host is None:
            if not count:
                out.append((group, "", ""))
            group = ""
        else:
            count += 1
            out.append((group, _words(one.name), f"{_words(one.mailbox)}@{one.host.decode()}"))
    return out


def _words(raw: bytes | None) -> str:
    """RFC 2047: Dovecot gives headers as they are."""
    text = re.sub(r"\r\n(?=[ \t])", "", (raw or b"").decode("utf-8", "replace"))
    pieces = decode_header(text)
    return "".join(
        p if isinstance(p, str) else p.decode(charset or "ascii", "replace") for p, charset in pieces
    )


def _body_leaves(body: Any) -> Iterator[Leaf]:
    if isinstance(body[0], list):
        for child in body[0]:
            yield from _body_leaves(child)
        return
    type = f"{body[0].decode()}/{body[1].decode()}".lower()
    subject, disposition = None, 8
    if type == "message/rfc822":
        subject, disposition = _words(body[7][1]), 11
    elif type.startswith("text/"):
        disposition = 9
    found = body[disposition]
    name = _filename(found[1]) if found and found[1] else ""
    yield Leaf(type, name, (body[3] or b"").decode(), subject, None)


def _filename(parameters: Any) -> str:
    """The file name out of RFC 2231's pieces, which Dovecot hands on as they are written."""
    pairs = {parameters[n].decode().lower(): parameters[n + 1] for n in range(0, len(parameters), 2)}
    if "filename" in pairs:
        return str(pairs["filename"].decode("utf-8", "replace"))
    pieces, raw = 0, pairs.get("filename*")
    if raw is None:
        raw = b""
        while (piece := pairs.get(f"filename*{pieces}*")) is not None:
            raw, pieces = raw + piece, pieces + 1
    charset, _, rest = raw.partition(b"'")
    return unquote_to_bytes(rest.partition(b"'")[2]).decode(charset.decode() or "ascii", "replace")
