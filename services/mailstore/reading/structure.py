"""The structure of one message: the server's, or our own reading of the source where the server's is
unusable.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from services.common.errors import Reason, error
from services.mailstore.decoding.pool import NotDecoded, decoders
from services.mailstore.imap.parser import body_item, header_item
from services.mailstore.imap.session import Session
from services.mailstore.mime.model import Part
from services.mailstore.mime.parse import Message as Parsed
from services.mailstore.mime.structure import from_bodystructure, is_doubtful, refine
from services.mailstore.names import MessageName
from services.mailstore.reading.rows import gather

NUMBER = re.compile(r"\d{1,4}(\.\d{1,4}){0,60}\Z")
# Octets of source that are read where the structure is unusable; what is beyond is not shown.
MAX_SOURCE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Structure:
    """`parsed` holds the contents where they were read from the source, else the server serves the parts."""

    root: Part
    parsed: Parsed | None = None


class Structures:
    """Part trees lately used, by account and message: a download follows an opened message."""

    def __init__(self, most: int = 2000) -> None:
        self._kept: OrderedDict[tuple[str, MessageName], Part] = OrderedDict()
        self._most = most

    def get(self, account: str, name: MessageName) -> Part | None:
        return self._kept.get((account, name))

    def put(self, account: str, name: MessageName, root: Part) -> None:
        self._kept[account, name] = root
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


async def fetch_structure(session: Session, name: MessageName, part_id: str) -> Structure:
    """The structure of a message of the open mailbox, `part_id` as its own header tells it. MESSAGE_GONE."""
    items = [b"UID", b"BODYSTRUCTURE"]
    if NUMBER.match(part_id):
        items.append(b"BODY.PEEK[%s.MIME]<0.8192>" % part_id.encode("ascii"))
    if part_id == "1":
        # What a message without parts says of its body stands in its header.
        items.append(b"BODY.PEEK[HEADER]<0.65536>")
    command = [b"UID", b"FETCH", b"%d" % name.uid, b"(" + b" ".join(items) + b")"]
    (result,) = await session.execute(command)
    data = gather([result]).get(name.uid)
    if data is None:
        session.require(result, command)
        raise error(Reason.MESSAGE_GONE)
    root = from_bodystructure(data.get(b"BODYSTRUCTURE"))
    if root is None or is_doubtful(root):
        return await read_source(session, name)
    single = part_id == "1" and not root.is_multipart
    block = header_item(data) if single else body_item(data, part_id.encode("ascii", "replace") + b".MIME")
    return Structure(refine(root, {part_id: block}) if block else root)


async def read_source(session: Session, name: MessageName) -> Structure:
    """The message parsed from its source, bounded. MESSAGE_GONE; UNSUPPORTED where no reading of it ends."""
    command = [b"UID", b"FETCH", b"%d" % name.uid, b"(UID BODY.PEEK[]<0.%d>)" % MAX_SOURCE]
    (result,) = await session.execute(command)
    data = gather([result]).get(name.uid)
    source = body_item(data, b"") if data is not None else None
    if source is None:
        session.require(result, command)
        raise error(Reason.MESSAGE_GONE)
    try:
        parsed = await decoders().run("message", len(source), source)
    except NotDecoded as err:
        raise error(Reason.UNSUPPORTED, err, feature="message") from None
    return Structure(parsed.root, parsed)
