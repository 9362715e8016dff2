"""What a page weighs: the octets of a page and of all that it makes a browser fetch, as they are sent."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx

BROWSER = {
    "Accept-Encoding": "gzip, deflate, br",
    "Sec-Fetch-Site": "same-origin",
    "User-Agent": "Mozilla/5.0 (weight)",
}
_URLS_IN_CSS = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s;]+)""")


@dataclass
class Weight:
    """Octets of bodies as sent, by address; `kinds` by what they are ("page", "script", "style", "other")."""

    bodies: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.bodies.values())

    @property
    def bare(self) -> int:
        """Without scripts and styles."""
        return self.total - self.kinds.get("script", 0) - self.kinds.get("style", 0)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "script" and values.get("src"):
            self.found.append(("script", values["src"]))
        elif tag == "link" and values.get("href"):
            rel = values.get("rel", "")
            kind = "style" if "stylesheet" in rel else "script" if "modulepreload" in rel else "other"
            self.found.append((kind, values["href"]))
        elif tag == "use" and values.get("href"):
            self.found.append(("other", values["href"].partition("#")[0]))
        elif tag in ("img", "iframe", "source", "video", "audio") and values.get("src"):
            self.found.append(("other", values["src"]))


def sign_in(base: str, address: str, password: str) -> httpx.Client:
    """A browser's connection with a session at the Postern of that address."""
    client = httpx.Client(base_url=base, headers=BROWSER, timeout=30)
    page = client.get("/sign-in").text
    token = re.search(r'name="csrf" value="([^"]*)"', page)
    assert token
    answer = client.post("/sign-in", data={"csrf": token[1], "email": address, "password": password})
    assert answer.status_code == 303, answer.status_code
    return client


def sent(client: httpx.Client, path: str, **headers: str) -> tuple[int, str]:
    """Octets of the body as sent, and its text."""
    with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, (path, answer.status_code)
        raw = b"".join(answer.iter_raw())
        decoded = httpx.Response(200, headers=answer.headers, content=raw)
        return len(raw), decoded.text


def weigh(client: httpx.Client, path: str) -> Weight:
    """The page at `path` and everything that it names, its styles followed."""
    found = Weight()
    size, text = sent(client, path)
    found.bodies[path], found.kinds["page"] = size, size
    links = _Links()
    links.feed(text)
    waiting = [(kind, urljoin(path, link)) for kind, link in links.found if not link.startswith("data:")]
    while waiting:
        kind, link = waiting.pop()
        parts = urlsplit(link)
        if parts.netloc and parts.netloc != client.base_url.netloc.decode():
            found.foreign.append(link)
            continue
        if link in found.bodies:
            continue
        size, text = sent(client, link)
        found.bodies[link] = size
        found.kinds[kind] = found.kinds.get(kind, 0) + size
        if kind == "style":
            waiting += [
                ("other", urljoin(link, one))
                for one in _URLS_IN_CSS.findall(text)
                if not one.startswith("data:")
            ]
    return found


def message_links(text: str) -> list[str]:
    """The addresses of the messages in a list."""
    return [unescape(one) for one in re.findall(r'class="row-link" href="([^"]+)"', text)]
