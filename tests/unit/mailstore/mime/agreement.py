"""How far our reading of a message agrees with the expected parse that stands beside it in the corpus.

The expected parse is stalwart's: RFC 8621 lists of body parts. Compared are subject, senders, recipients, the
shown texts (white space and controls aside) and the names of attachments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.mailstore.mime.body import read_text
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
    named = {part.number for part in message.root.walk() if part.filename}
    return {
        "subject": envelope.subject,
        "from": [(a.name, a.addr) for a in envelope.from_ if a.name or a.addr],
        "to": [(a.name, a.addr) for a in envelope.to if a.name or a.addr],
        "texts": texts,
        "names": sorted(a.name for a in chosen.attachments if a.number in named),
    }


def compare(folder: Path) -> Iterator[tuple[str, list[str], dict[str, Any], dict[str, Any]]]:
    """(file, fields that differ, expected, ours) for every message with an expected parse."""
    for path in sorted(folder.glob("stalwart/*/*.json")):
        want = expected(path)
        got = ours(parse_message(path.with_suffix(".eml").read_bytes()))
        yield f"{path.parent.name}/{path.stem}", [f for f in FIELDS if want[f] != got[f]], want, got
