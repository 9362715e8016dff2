"""Somebody's browser without a browser: pages over HTTP, for tests that open many."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import httpx

from tests.support.dovecot import MailUser
from tests.support.stack import Stack

_HIDDEN = re.compile(r'<input type="hidden" name="csrf" value="([^"]+)">')
_FRAME = re.compile(r'<iframe[^>]*\ssrc="([^"]+)"')


class _Text(HTMLParser):
    """The text of a document without its head, scripts and styles."""

    SILENT = frozenset({"script", "style", "title", "template"})

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.depth += tag in self.SILENT

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag in self.SILENT and self.depth > 0

    def handle_data(self, data: str) -> None:
        if not self.depth:
            self.pieces.append(data)


def text_of(document: str) -> str:
    """What a document says, tags and scripts aside."""
    parser = _Text()
    parser.feed(document)
    parser.close()
    return "".join(parser.pieces)


def csrf_of(document: str) -> str:
    """The form token of a page."""
    found = _HIDDEN.search(document)
    assert found, "the page has no form token"
    return html.unescape(found[1])


class Pages:
    """A signed-in browser's requests, in English."""

    def __init__(self, client: httpx.Client) -> None:
        self.http = client

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(path, headers=headers)

    def post(self, path: str, form: dict[str, object], **options: object) -> httpx.Response:
        return self.http.post(path, data=form, **options)  # type: ignore[arg-type]

    def sign_in(self, user: MailUser, password: str | None = None) -> httpx.Response:
        page = self.get("/sign-in")
        form = {
            "csrf": csrf_of(page.text),
            "email": user.address,
            "password": user.password if password is None else password,
        }
        return self.post("/sign-in", form)

    def message(self, mailbox: str, uid_validity: int, uid: int) -> tuple[httpx.Response, str]:
        """A message's page, and all it says, frames included."""
        page = self.get(f"/mail/{quote(mailbox.replace('~', '~0').replace('/', '~1'))}/{uid_validity}.{uid}")
        said = text_of(page.text)
        for source in _FRAME.findall(page.text):
            frame = self.get(html.unescape(source))
            assert frame.status_code == 200, (source, frame.status_code)
            said += "\n" + text_of(frame.text)
        return page, said


@contextlib.contextmanager
def browsing(stack: Stack, user: MailUser | None = None, **options: object) -> Iterator[Pages]:
    """A browser of one's own, signed in where `user` is given."""
    settings: dict[str, object] = {"follow_redirects": True, "timeout": 30.0} | options
    headers = {"accept-language": "en", "user-agent": "Postern tests", "origin": stack.url.rstrip("/")}
    with httpx.Client(base_url=stack.url, headers=headers, **settings) as client:  # type: ignore[arg-type]
        pages = Pages(client)
        if user is not None:
            answer = pages.sign_in(user)
            said = f"{answer.status_code} {answer.url}: {text_of(answer.text)[:500]}"
            assert answer.status_code == 200 and "/mail/" in str(answer.url), said
        yield pages
