"""Forms as they arrive: bounded text fields, and files streamed on as they come, never whole in memory or on
disk."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from services.common.errors import invalid_argument, too_large
from services.web import forgetful

MAX_FIELDS = 2_000
_MAX_HEADER = 8_192
FileSink = Callable[[str, str, AsyncIterator[bytes]], Awaitable[None]]


@dataclass
class Form:
    """Text fields in order; `files` names the files that were sent, without paths."""

    items: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.items if key == name), default)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.items if key == name]

    def drop(self, name: str) -> None:
        """Forget a field: a password is not kept longer than the call that it is for."""
        self.items[:] = [pair for pair in self.items if pair[0] != name]

    def write_id(self) -> str:
        """The request id for a write of this form: the same for a second click, another where anything typed
        differs (a page that came back from the browser's history and was filled anew)."""
        typed = repr([pair for pair in self.items if pair[0] not in ("csrf", "request_id")])
        return f"{self.get('request_id')[:64]}.{hashlib.sha256(typed.encode()).hexdigest()[:16]}"

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.items)


async def read_form(
    request: Request,
    limit: int,
    on_file: FileSink | None = None,
    on_fields: Callable[[Form], None] | None = None,
) -> Form:
    """The form of a POST with at most `limit` octets of text; TOO_LARGE beyond.

    `on_file` takes each chosen file while it arrives; without it files are read over, only their names are
    kept.
    `on_fields` is called once before the first file, or at the end, and may refuse by raising.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    try:
        if kind == b"multipart/form-data":
            reader = _Multipart(request, options.get(b"boundary", b""), limit)
            return await reader.read(on_file, on_fields)
        form = Form(_urlencoded(await _whole(request, limit)))
    except ClientDisconnect:
        raise invalid_argument("form", "broken_off") from None
    if "password" in form:
        await forgetful.scrub()
    if on_fields is not None:
        on_fields(form)
    return form


async def _whole(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large(limit)
    return bytes(body)


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS, separator="&"
        )
    except ValueError:
        raise invalid_argument("form", "too_many_fields") from None
    return [(key, _lines(value)) for key, value in pairs]


def _lines(value: str) -> str:
    """Browsers send CRLF for line ends (HTML, "normalize newlines"); NUL is nobody's text."""
    return value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def base_name(filename: str) -> str:
    """A file's name without path, controls or excess length."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in name if char.isprintable())[:200]


class _Multipart:
    """multipart/form-data (RFC 7578), parsed as it arrives."""

    def __init__(self, request: Request, boundary: bytes, limit: int) -> None:
        if not 0 < len(boundary) <= 200:
            raise invalid_argument("form", "broken")
        self._request, self._limit = request, limit
        self._events: list[tuple[str, bytes]] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": lambda: self._events.append(("begin", b"")),
                "on_part_data": lambda data, start, end: self._events.append(("data", data[start:end])),
                "on_part_end": lambda: self._events.append(("end", b"")),
                "on_header_field": lambda data, start, end: self._events.append(("name", data[start:end])),
                "on_header_value": lambda data, start, end: self._events.append(("value", data[start:end])),
                "on_header_end": lambda: self._events.append(("header", b"")),
                "on_headers_finished": lambda: self._events.append(("headers", b"")),
                "on_end": lambda: None,
            },
        )
        self._source = self._walk()

    async def _walk(self) -> AsyncIterator[tuple[str, bytes]]:
        async for chunk in self._request.stream():
            if not chunk:
                continue
            try:
                self._parser.write(chunk)
            except FormParserError as err:
                raise invalid_argument("form", "broken", err) from None
            events, self._events = self._events, []
            for event in events:
                yield event

    async def read(self, on_file: FileSink | None, on_fields: Callable[[Form], None] | None) -> Form:
        form, used, told = Form(), 0, False
        async for event, _ in self._source:
            if event != "begin":
                continue
            disposition, content_type = await self._headers()
            _, options = parse_options_header(disposition)
            name = options.get(b"name", b"").decode("utf-8", "replace")
            if b"filename" not in options:
                value = bytearray()
                async for data in self._content():
                    used += len(data)
                    if used > self._limit:
                        raise too_large(self._limit)
                    value += data
                if len(form.items) >= MAX_FIELDS:
                    raise invalid_argument("form", "too_many_fields")
                form.items.append((name, _lines(value.decode("utf-8", "replace"))))
                continue
            filename = base_name(options[b"filename"].decode("utf-8", "replace"))
            if not filename:  # an empty file field
                async for _ in self._content():
                    pass
                continue
            if not told and on_fields is not None:
                on_fields(form)
                told = True
            form.files.append(filename)
            content = self._content()
            if on_file is not None:
                await on_file(filename, content_type.decode("ascii", "replace"), content)
            async for _ in content:  # what the sink left, so that the browser can read the answer
                pass
        if not told and on_fields is not None:
            on_fields(form)
        return form

    async def _headers(self) -> tuple[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        name, value, size = b"", b"", 0
        async for event, data in self._source:
            size += len(data)
            if size > _MAX_HEADER:
                raise invalid_argument("form", "broken")
            if event == "name":
                name += data
            elif event == "value":
                value += data
            elif event == "header":
                found[name.strip().lower()] = value
                name, value = b"", b""
            elif event == "headers":
                break
        return found.get(b"content-disposition", b""), found.get(b"content-type", b"")

    async def _content(self) -> AsyncIterator[bytes]:
        async for event, data in self._source:
            if event == "end":
                return
            if event == "data":
                yield data
        raise invalid_argument("form", "broken_off")
