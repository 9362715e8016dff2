"""How far our reading of a message agrees with the expected parse that stands beside it in the corpus.

The expected parse is stalwart's: RFC 8621 lists of body parts. Compared are subject, senders, recipients, the
shown texts (white space and controls aside) and the names of attachments as the sender wrote them (what is
safe to save under is another matter, test_select.py).

A corpus of broken mail holds one program's answer to each break, not the answer. So a second reader is asked
that is neither ours nor the corpus's: Python's `email`. Where it reads a value exactly as we do, we are not
alone.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.mailstore.mime.body import read_text
from services.mailstore.mime.model import Part
from services.mailstore.mime.parse import Message, parse_message
from services.mailstore.mime.select import select

FIELDS = ("subject", "from", "to", "texts", "names")


def _header(part: dict[str, Any], name: str, form: str) -> Any:
    found = [h["value"][form] for h in part["headers"] if h["name"] == name and form in h["value"]]
    return found[0] if found else None


def _addresses(value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    groups = value["Group"] if "Group" in value else [{"addresses": value["List"]}]
    return [(a["name"] or "", a["address"] or "") for g in groups for a in g["addresses"]]


def _squeeze(text: str) -> str:
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", "", text)


def expected(path: Path) -> dict[str, Any]:
    data = json.loads(path.read_text("utf-8"))
    root = data["parts"][0]
    names = []
    for index in data["attachments"]:
        part = data["parts"][index]
        disposition = _header(part, "content_disposition", "ContentType") or {}
        content_type = _header(part, "content_type", "ContentType") or {}
        for source, key in ((disposition, "filename"), (content_type, "name")):
            found = [a["value"] for a in source.get("attributes") or [] if a["name"] == key]
            if found:
                names.append(found[0])
                break
    texts = {}
    for form in ("text_body", "html_body"):
        bodies = [data["parts"][index]["body"] for index in data[form]]
        texts[form] = "".join(
            _squeeze(value) for body in bodies for kind, value in body.items() if kind in ("Text", "Html")
        )
    return {
        "subject": _header(root, "subject", "Text") or "",
        "from": _addresses(_header(root, "from", "Address")),
        "to": _addresses(_header(root, "to", "Address")),
        "texts": texts,
        "names": sorted(names),
    }


def ours(message: Message) -> dict[str, Any]:
    chosen = select(message.root)
    texts = {}
    for form, parts in (("text_body", chosen.plain), ("html_body", chosen.html)):
        bodies = [read_text(part, message.content(part.number) or b"") for part in parts]
        texts[form] = "".join(_squeeze(body.text) for body in bodies)
    envelope = message.envelope
    named = {part.number: _name(part) for part in message.root.walk() if part.filename}
    return {
        "subject": envelope.subject,
        "from": [(a.name, a.addr) for a in envelope.from_ if a.name or a.addr],
        "to": [(a.name, a.addr) for a in envelope.to if a.name or a.addr],
        "texts": texts,
        "names": sorted(named[a.number] for a in chosen.attachments if a.number in named),
    }


def _name(part: Part) -> str:
    return part.disposition_params.get("filename") or part.params.get("name") or part.filename


def python_reads(raw: bytes) -> dict[str, Any]:
    """What Python's `email` makes of the texts (all of them, HTML too, one after the other) and the names."""
    texts, names = [], []
    for part in email.message_from_bytes(raw, policy=email.policy.compat32).walk():
        if part.get_filename():
            names.append(str(part.get_filename()))
        # What it found to be no multipart after all keeps its type, and its text.
        if not part.is_multipart() and part.get_content_maintype() in ("text", "multipart"):
            octets = part.get_payload(decode=True)
            assert isinstance(octets, bytes)
            texts.append(_squeeze(octets.decode(part.get_content_charset() or "utf-8", "replace")))
    return {"texts": "".join(texts), "names": sorted(names)}


def seconded(raw: bytes, field: str, got: dict[str, Any]) -> bool:
    """Whether Python's `email` reads this field of a message exactly as we do."""
    if field == "texts":
        return bool(python_reads(raw)["texts"] == got["texts"]["html_body"])
    return field == "names" and bool(python_reads(raw)["names"] == got["names"])


@dataclass(frozen=True)
class Compared:
    """One message: the fields in which we differ from the corpus, and of these the ones in which Python's
    `email` reads as we do."""

    name: str
    differing: tuple[str, ...]
    seconded: tuple[str, ...]
    expected: dict[str, Any]
    ours: dict[str, Any]


def compare(folder: Path) -> Iterator[Compared]:
    """Every message with an expected parse."""
    for path in sorted(folder.glob("stalwart/*/*.json")):
        raw = path.with_suffix(".eml").read_bytes()
        want, got = expected(path), ours(parse_message(raw))
        differing = tuple(field for field in FIELDS if want[field] != got[field])
        agreeing = tuple(field for field in differing if seconded(raw, field, got))
        yield Compared(f"{path.parent.name}/{path.stem}", differing, agreeing, want, got)
