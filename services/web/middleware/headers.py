"""Response headers that every page carries."""

from __future__ import annotations

from starlette.types import Message, Send

# No 'unsafe-inline' and no exception: pages hold neither inline scripts nor inline styles.
PAGE_CSP = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; frame-src 'self'"
)
ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", PAGE_CSP.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cache-control", b"no-store"),
)
HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
REMOVE = b"x-postern-without"


class HeaderSend:
    """Adds the headers to a response's start, each unless the page set its own; `x-postern-without` names
    those to leave out."""

    def __init__(self, send: Send, secure: bool) -> None:
        self._send, self._secure = send, secure
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            own = {name.lower() for name, _ in headers}
            without = next((value for name, value in headers if name == REMOVE), b"").split()
            if without:
                headers = [pair for pair in headers if pair[0] != REMOVE]
            headers.extend(pair for pair in ALWAYS if pair[0] not in own and pair[0] not in without)
            if self._secure:
                headers.append(HSTS)
            message = {**message, "headers": headers}
        await self._send(message)
