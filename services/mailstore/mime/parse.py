"""A whole message's octets → headers, Part tree and contents, with the numbering of IMAP.

One pass over the lines of the body, with a stack of open multiparts: the cost does not depend on the nesting.
Invariant: a delimiter of an outer multipart ends all inner ones (RFC 2046 5.1.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from . import fields
from .headers import Headers, read_envelope, scan_block
from .model import Envelope, Part
from .params import raw_parameter
from .transfer import decode_transfer

MAX_PARTS = 1000
MAX_DEPTH = 50
_NESTED = ("message/rfc822", "message/global", "message/news")
_ENCODED = ("base64", "quoted-printable")
_GUESS = re.compile(
    rb"^--([^\r\n]{1,200}?)[ \t]{0,20}\r?\nContent-[A-Za-z-]{2,30}[ \t]{0,5}:", re.MULTILINE | re.IGNORECASE
)
_BOUNDARY_BOUND = 500
_BOUNDARY_SEARCH = 1024 * 1024
_GUESS_SEARCH = 64 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed message. `content` gives a part's octets still in their transfer encoding."""

    headers: Headers
    envelope: Envelope
    root: Part
    raw: bytes = field(repr=False)
    spans: dict[str, tuple[int, int]] = field(repr=False)
    decoded: dict[str, bytes] = field(repr=False, default_factory=dict)
    # By part number, where its header begins and where its body does.
    heads: dict[str, tuple[int, int]] = field(repr=False, default_factory=dict)

    def content(self, number: str) -> bytes | None:
        """The octets that BODY[number] would give, or None."""
        if number in self.decoded:
            return self.decoded[number]
        span = self.spans.get(number)
        return None if span is None else self.raw[span[0] : span[1]]


@dataclass(slots=True)
class _Node:
    """A part while it is read: `start` and `end` are the body's offsets, `head` that of its header."""

    info: fields.Fields
    headers: Headers
    start: int
    end: int = -1
    delimiter: bytes = b""
    prefix: str = ""
    number: str = ""
    children: list[_Node] = field(default_factory=list)
    nested: _Node | None = None
    envelope: Envelope | None = None
    depth: int = 0
    is_root: bool = False
    head: int = 0

    @property
    def media_type(self) -> str:
        return self.info["media_type"]


def parse_message(raw: bytes) -> Message:
    """Parse within bounds: 1000 parts, depth 50, 256 KiB a header block; what is beyond stays opaque."""
    parser = _Parser(raw)
    root = parser.run()
    return Message(
        headers=root.headers,
        envelope=read_envelope(root.headers),
        root=parser.part(root),
        raw=raw,
        spans=parser.spans,
        decoded=parser.decoded,
        heads=parser.heads,
    )


class _Parser:
    def __init__(self, raw: bytes, count: int = 0) -> None:
        self.raw = raw
        self.count = count
        self.stack: list[_Node] = []  # open multiparts, outermost first
        self.open: list[_Node] = []  # all nodes that have no end yet
        self.delimiters: dict[bytes, int] = {}  # delimiter or close-delimiter line → index in stack
        self.spans: dict[str, tuple[int, int]] = {}
        self.decoded: dict[str, bytes] = {}
        self.heads: dict[str, tuple[int, int]] = {}

    def run(self, number: str = "", depth: int = 0) -> _Node:
        """Parse all octets as one message; `number` is that of the part it is nested in."""
        raw, end = self.raw, len(self.raw)
        start = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
        root, position = self.begin(start, "text/plain", is_root=True, number=number, depth=depth)
        while self.stack and position < end:
            if not raw.startswith(b"--", position):
                position = raw.find(b"\n--", position) + 1
                if not position:
                    break
            cut = raw.find(b"\n", position)
            following = end if cut < 0 else cut + 1
            line = raw[position : min(following, position + _BOUNDARY_BOUND + 100)].rstrip()
            index = self.match(line)
            if index is not None:
                parent = self.stack[index]
                closing = line != parent.delimiter and line.startswith(parent.delimiter + b"--")
                self.close(parent, position, closing)
                if not closing:
                    following = self.child(parent, following)
            position = following
        while self.open:
            node = self.open.pop()
            node.end = max(node.start, end)
        return root

    def match(self, line: bytes) -> int | None:
        """Which open multipart a line delimits. The whole line counts first, so that boundaries which begin
        alike stay apart; else RFC 2046 5.1.2: "an exact match of the entire candidate line is not required".
        """
        index = self.delimiters.get(line)
        if index is None and line != b"--":
            found = [i for i, node in enumerate(self.stack) if line.startswith(node.delimiter)]
            index = max(found, key=lambda i: (len(self.stack[i].delimiter), i), default=None)
        return index

    def begin(self, start: int, default: str, *, is_root: bool, number: str, depth: int) -> tuple[_Node, int]:
        """Read a header at `start` and open the node; a nested message is entered at once."""
        self.count += 1
        headers, body = scan_block(self.raw, start, len(self.raw), self.delimiters)
        info = fields.from_headers(headers, default)
        node = _Node(info, headers, body, prefix=number, number=number, depth=depth, head=start)
        self.open.append(node)
        if node.media_type.startswith("multipart/"):
            self.begin_multipart(node)
        elif self.may_enter(node):
            own = f"{number}.1".lstrip(".") if is_root else number
            node.nested, body = self.begin(body, "text/plain", is_root=True, number=own, depth=depth + 1)
            node.envelope = read_envelope(node.nested.headers)
        node.is_root = is_root
        return node, body

    def may_enter(self, node: _Node) -> bool:
        plain = node.media_type in _NESTED and node.info["encoding"] not in _ENCODED
        return plain and node.depth < MAX_DEPTH and self.count < MAX_PARTS

    def begin_multipart(self, node: _Node) -> None:
        boundary = self.boundary(node)
        if not boundary or node.depth >= MAX_DEPTH:
            node.info["media_type"] = "text/plain"  # shown as it is rather than not at all
            return
        node.delimiter = b"--" + boundary
        self.stack.append(node)
        self.index_delimiters()

    def boundary(self, node: _Node) -> bytes:
        """The boundary as octets. Without the parameter, or any line with it: from the first likely line."""
        raw = next((value for value in node.headers.get_all("content-type") if value.strip()), b"")
        octets = raw_parameter(raw, b"boundary") or node.info["params"].get("boundary", "").encode("utf-8")
        octets = octets[:_BOUNDARY_BOUND].rstrip()
        if octets and self.raw.find(b"--" + octets, node.start, node.start + _BOUNDARY_SEARCH) >= 0:
            return octets
        match = _GUESS.search(self.raw, node.start, min(len(self.raw), node.start + _GUESS_SEARCH))
        if match is None or b"--" + match.group(1) in self.delimiters:
            return octets
        return match.group(1)

    def child(self, parent: _Node, position: int) -> int:
        """Open the next part of `parent`, whose header is at `position`; where to go on."""
        if self.count >= MAX_PARTS:
            return position
        number = f"{parent.prefix}.{len(parent.children) + 1}".lstrip(".")
        default = "message/rfc822" if parent.media_type == "multipart/digest" else "text/plain"
        slot = len(parent.children)
        node, body = self.begin(position, default, is_root=False, number=number, depth=parent.depth + 1)
        parent.children.insert(slot, node)
        return body

    def close(self, parent: _Node, line_start: int, closing: bool) -> None:
        """End what is open inside `parent` at its delimiter, to which the line end before it belongs."""
        end = line_start
        if end > 0 and self.raw[end - 1] == 0x0A:
            end -= 2 if end > 1 and self.raw[end - 2] == 0x0D else 1
        while self.open[-1] is not parent:
            node = self.open.pop()
            node.end = max(node.start, end)
        while self.stack[-1] is not parent:
            self.stack.pop()
        if closing:
            self.stack.pop()
        self.index_delimiters()

    def index_delimiters(self) -> None:
        """Of equal lines the innermost multipart's counts."""
        self.delimiters.clear()
        for index, node in enumerate(self.stack):
            self.delimiters[node.delimiter + b"--"] = index
            self.delimiters[node.delimiter] = index

    def part(self, node: _Node) -> Part:
        """The finished Part. A multipart in which no part was found becomes text."""
        if node.delimiter and not node.children:
            node.info["media_type"] = "text/plain"
        if node.is_root:
            last = "TEXT" if node.media_type.startswith("multipart/") else "1"
            node.number = f"{node.prefix}.{last}".lstrip(".")
        children = [self.part(child) for child in node.children]
        if node.nested is not None:
            children = [self.part(node.nested)]
        elif node.media_type in _NESTED and node.info["encoding"] in _ENCODED:
            children = self.encoded_message(node)
        self.spans[node.number] = (node.start, node.end)
        self.heads[node.number] = (node.head, node.start)
        return Part(
            number=node.number,
            size=node.end - node.start,
            children=tuple(children),
            envelope=node.envelope,
            **node.info,
        )

    def encoded_message(self, node: _Node) -> list[Part]:
        """A message/rfc822 in base64 (RFC 2046 5.2.1 forbids it, and it is common): decoded, then parsed."""
        if node.depth >= MAX_DEPTH or self.count >= MAX_PARTS:
            return []
        raw = decode_transfer(self.raw[node.start : node.end], node.info["encoding"])
        inner = _Parser(raw, self.count)
        root = inner.run(node.number, node.depth + 1)
        node.envelope = read_envelope(root.headers)
        part = inner.part(root)
        self.count = inner.count
        self.decoded |= {number: raw[start:end] for number, (start, end) in inner.spans.items()}
        self.decoded |= inner.decoded
        return [part]
