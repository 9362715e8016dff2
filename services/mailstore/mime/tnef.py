"""winmail.dat: attachments out of Microsoft's TNEF (MS-OXTNEF), within bounds, damage tolerated."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .charset import decode
from .filenames import safe_filename
from .model import EmbeddedFile

_SIGNATURE = 0x223E9F78
_ATTACHMENT_LEVEL = 2
_REND_DATA, _TITLE, _DATA, _ATTACHMENT = 0x00069002, 0x00018010, 0x0006800F, 0x00069005
_MESSAGE_PROPERTIES, _CODE_PAGE, _BODY = 0x00069003, 0x00069007, 0x0002800C
_PR_BODY, _PR_HTML = 0x1000, 0x1013
_PR_DATA, _PR_EXTENSION, _PR_SHORT_NAME, _PR_NAME, _PR_MIME, _PR_CONTENT_ID = (
    0x3701,
    0x3703,
    0x3704,
    0x3707,
    0x370E,
    0x3712,
)
_FILES_BOUND = 200
_PROPERTIES_BOUND = 2000
_FIXED = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16}

_Properties = dict[int, tuple[int, bytes]]


def read_tnef(data: bytes) -> tuple[EmbeddedFile, ...]:
    """The attachments of a decoded winmail.dat (application/ms-tnef); none when it is damaged.

    A body that is only in there comes as `message.html` or `message.txt`.
    """
    if len(data) < 6 or struct.unpack_from("<I", data)[0] != _SIGNATURE:
        return ()
    files: list[EmbeddedFile] = []
    body: list[EmbeddedFile] = []
    label = "windows-1252"
    current: _Attachment | None = None
    for level, identifier, value in _attributes(data):
        if identifier == _CODE_PAGE and len(value) >= 4:
            label = f"cp{struct.unpack_from('<I', value)[0]}"
        elif identifier == _MESSAGE_PROPERTIES:
            body += _message_body(_properties(value), label)
        elif identifier == _BODY and value.strip(b"\0 \r\n"):
            body.append(
                EmbeddedFile("message.txt", "text/plain", decode(value.rstrip(b"\0"), label)[0].encode())
            )
        elif level == _ATTACHMENT_LEVEL:
            if identifier == _REND_DATA or current is None:
                if current is not None:
                    files.append(current.finish(len(files) + 1, label))
                if len(files) >= _FILES_BOUND:
                    current = None
                    break
                current = _Attachment()
            current.take(identifier, value)
    if current is not None:
        files.append(current.finish(len(files) + 1, label))
    return (*[file for file in files if file.data], *body[:1])


class _Attachment:
    def __init__(self) -> None:
        self.title = b""
        self.data = b""
        self.properties: _Properties = {}

    def take(self, identifier: int, value: bytes) -> None:
        if identifier == _TITLE:
            self.title = value.split(b"\0", 1)[0]
        elif identifier == _DATA:
            self.data = value
        elif identifier == _ATTACHMENT:
            self.properties = _properties(value)

    def finish(self, index: int, label: str) -> EmbeddedFile:
        long_name = _string(self.properties, _PR_NAME, label) or _string(
            self.properties, _PR_SHORT_NAME, label
        )
        name = safe_filename(long_name or decode(self.title, label)[0])
        data = self.data or self.properties.get(_PR_DATA, (0, b""))[1]
        return EmbeddedFile(
            name=name or f"file-{index}",
            media_type=_string(self.properties, _PR_MIME, label).lower() or "application/octet-stream",
            data=data,
            content_id=_string(self.properties, _PR_CONTENT_ID, label).strip("<> "),
        )


def _attributes(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(level, identifier, value); ends where the data makes no sense any more. Checksums do not matter."""
    position = 6
    while position + 9 <= len(data):
        level, identifier, length = struct.unpack_from("<BII", data, position)
        position += 9
        if level not in (1, 2) or length > len(data) - position:
            return
        yield level, identifier, data[position : position + length]
        position += length + 2


def _properties(data: bytes) -> _Properties:
    """A MAPI property list (MS-OXTNEF 2.1.3.4): identifier → (type, first value)."""
    found: _Properties = {}
    if len(data) < 4:
        return found
    (count,) = struct.unpack_from("<I", data)
    position = 4
    try:
        for _ in range(min(count, _PROPERTIES_BOUND)):
            kind, identifier = struct.unpack_from("<HH", data, position)
            position += 4
            if identifier >= 0x8000:
                position = _skip_name(data, position)
            values, position = _values(data, position, kind)
            if values:
                found.setdefault(identifier, (kind & 0x0FFF, values[0]))
    except (struct.error, ValueError):
        pass
    return found


def _skip_name(data: bytes, position: int) -> int:
    (by_string,) = struct.unpack_from("<I", data, position + 16)
    position += 20
    if not by_string:
        return position + 4
    (length,) = struct.unpack_from("<I", data, position)
    return position + 4 + length + -length % 4


def _values(data: bytes, position: int, kind: int) -> tuple[list[bytes], int]:
    base, multiple = kind & 0x0FFF, bool(kind & 0x1000)
    variable = base in (13, 30, 31, 258)
    count = 1
    if multiple or variable:
        (count,) = struct.unpack_from("<I", data, position)
        position += 4
    if count > _PROPERTIES_BOUND:
        raise ValueError("too many values")
    values = []
    for _ in range(count):
        if variable:
            (length,) = struct.unpack_from("<I", data, position)
            position += 4
            step = length + -length % 4
        elif base in _FIXED:
            length = step = _FIXED[base]
        else:
            raise ValueError("unknown property type")
        if position + length > len(data):
            raise ValueError("cut off")
        values.append(data[position : position + length])
        position += step
    return values, position


def _string(properties: _Properties, identifier: int, label: str) -> str:
    kind, value = properties.get(identifier, (30, b""))
    if kind == 31:
        return value.decode("utf-16-le", "replace").split("\0", 1)[0]
    if kind == 30:
        return decode(value.split(b"\0", 1)[0], label)[0]
    return ""


def _message_body(properties: _Properties, label: str) -> list[EmbeddedFile]:
    if _PR_HTML in properties:
        return [EmbeddedFile("message.html", "text/html", properties[_PR_HTML][1])]
    text = _string(properties, _PR_BODY, label)
    return (
        [EmbeddedFile("message.txt", "text/plain", text.encode("utf-8", "replace"))] if text.strip() else []
    )
