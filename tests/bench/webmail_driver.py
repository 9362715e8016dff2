"""Postern's driver for the shared benchmark of webmails: each method sends what the pages' scripts send.

That benchmark's folder must be on sys.path or named by POSTERN_SHARED_BENCH; it brings `clients` and
`benchlib`.
"""

from __future__ import annotations

import os
import re
import sys
import urllib.parse
from html import unescape
from typing import Any

if folder := os.environ.get("POSTERN_SHARED_BENCH"):
    sys.path.insert(0, folder)

from benchlib import PASSWORD, Reply
from clients import WebmailClient

DOMAIN = "example.org"
ROWS = {"HX-Request": "true", "HX-Target": "ol#rows"}
READING = {"HX-Request": "true", "HX-Target": "section#reading"}
# On a wide screen the composer opens in a window over the list.
COMPOSER = {"Postern-Fragment": "composer"}
NOTICES = {"HX-Request": "true", "HX-Target": "div#notices"}
FETCHED = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}


class PosternClient(WebmailClient):
    """One browser's session with Postern. Mailboxes and UIDs become addresses of pages; the UIDVALIDITY of
    each mailbox is learnt from its list, untimed."""

    name = "Postern"

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        self.validity: dict[str, str] = {}
        self.view = "messages"
        self.csrf = ""

    def login(self, user: str, password: str = PASSWORD) -> Reply:
        page = self.http.get("/sign-in")
        post = self.http.post(
            "/sign-in",
            {"csrf": _field(page.text, "csrf"), "email": f"{user}@{DOMAIN}", "password": password},
            headers=FETCHED,
        )
        screen = self.http.get("/mail/INBOX?view=messages")

        def check() -> None:
            assert post.status == 303, f"signing in answered {post.status}"
            self._learn(screen)

        return Reply(page, post, screen, check=check)

    def _learn(self, screen: Any) -> None:
        text = screen.text
        assert screen.status == 200 and "data-rows" in text, f"{screen.status}: no list"
        self.csrf = _field(text, "csrf")
        self._validity_from("INBOX", text)

    def _validity_from(self, folder: str, text: str) -> None:
        found = re.search(r'name="m" value="(\d+)\.\d+', text)
        if found:
            self.validity[folder] = found[1]

    def _path(self, folder: str) -> str:
        return "/mail/" + urllib.parse.quote(folder.replace("~", "~0").replace("/", "~1"), safe="")

    def _message(self, folder: str, uid: int) -> str:
        if folder not in self.validity:
            self._validity_from(folder, self.http.get(self._path(folder)).text)
        return f"{self._path(folder)}/{self.validity[folder]}.{uid}"

    def mail_screen(self) -> Reply:
        a = self.http.get("/mail/INBOX?view=messages")
        return Reply(a, check=lambda: self._learn(a))

    def _list(self, folder: str, page: int, view: str) -> Any:
        query = urllib.parse.urlencode({"view": view, "at": (page - 1) * self.page_rows})
        return self.http.get(f"{self._path(folder)}?{query}", headers=ROWS | FETCHED)

    def list_page(self, folder: str = "INBOX", page: int = 1) -> Reply:
        a = self._list(folder, page, "messages")

        def check() -> None:
            rows = a.text.count('class="row-link"')
            assert a.status == 200 and rows == self.page_rows, f"{a.status}, {rows} rows"

        return Reply(a, check=check)

    def set_threads(self, folder: str, on: bool) -> None:
        self.view = "conversations" if on else "messages"

    def list_threads(self, folder: str = "INBOX", page: int = 1) -> Reply:
        a = self._list(folder, page, "conversations")

        def check() -> None:
            text = a.text
            assert a.status == 200 and text.count('class="row-link"') >= self.page_rows, (
                f"{a.status}: no threads"
            )
            assert "row-n" in text, "no conversation has two messages"

        return Reply(a, check=check)

    def folders(self) -> Reply:
        a = self.http.get("/mailboxes/tree?at=INBOX", headers=FETCHED)

        def check() -> None:
            assert a.status == 200 and "/mail/INBOX" in a.text and "in all" in a.text, a.status

        return Reply(a, check=check)

    def open_message(self, folder: str, uid: int, expect: str = "") -> Reply:
        a = self.http.get(self._message(folder, uid) + "?view=messages")
        return Reply(a, check=lambda: _has(a, 'class="thread"', expect))

    def preview_message(self, folder: str, uid: int, expect: str = "") -> Reply:
        """The pane, and the document of the frame where the message is HTML."""
        a = self.http.get(self._message(folder, uid) + "?view=messages", headers=READING | FETCHED)
        frame = re.search(r'<iframe[^>]* src="([^"]+)"', a.text)
        answers = [a, self.http.get(unescape(frame[1]), headers=FETCHED)] if frame else [a]

        def check() -> None:
            _has(a, 'class="thread"')
            assert any(expect in one.text for one in answers), f"{expect!r} is in no answer"

        return Reply(*answers, check=check)

    def search(self, folder: str, field: str, word: str) -> Reply:
        text = f"subject:{word}" if field == "subject" else f"body:{word}"
        query = urllib.parse.urlencode({"q": text, "in": folder})
        a = self.http.get(f"/search?{query}", headers=ROWS | FETCHED)
        return Reply(a, check=lambda: _has(a, 'class="row-link"'))

    def _act(self, folder: str, uid: int, do: str, **more: str) -> Any:
        key = self._message(folder, uid).rpartition("/")[2]
        form = {"csrf": self.csrf, "m": key, "do": do, "back": self._path(folder)} | more
        return self.http.post(f"{self._path(folder)}/actions", form, headers=NOTICES | FETCHED)

    def mark(self, folder: str, uid: int, seen: bool = True) -> Reply:
        a = self._act(folder, uid, "read" if seen else "unread")
        return Reply(a, check=lambda: _has(a, 'class="undo"'))

    def move(self, folder: str, uid: int, target: str) -> Reply:
        """The act, whose answer brings the line that fills the gap at the list's end, and the new count."""
        place = {"view": "messages", "use": "inbox", "at": self.page_rows - 1, "rows": 1}
        a = self._act(folder, uid, "move", to=target, shown=urllib.parse.urlencode(place))

        def check() -> None:
            _has(a, 'class="undo"', "data-brought", 'class="row-link"')
            assert a.headers.get("postern-total", "").isdigit(), "no count"

        return Reply(a, check=check)

    def compose(self) -> Reply:
        a = self.http.get("/compose", headers=COMPOSER | FETCHED)

        def check() -> None:
            text = a.text
            _has(a, 'name="subject"')
            self.draft = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', text))

        return Reply(a, check=check)

    def send(self, to: str, subject: str, body: str) -> Reply:
        fields = {name: unescape(value) for name, value in self.draft.items()}
        form = fields | {"to": to, "subject": subject, "body": body, "do": "send"}
        a = self.http.post("/compose", form, headers=COMPOSER | FETCHED)

        def check() -> None:
            assert a.status == 200 and "postern-done" in a.headers, f"{a.status}: not accepted"

        return Reply(a, check=check)

    def attachment(self, folder: str, uid: int, part: str = "2", least: int = 0) -> Reply:
        a = self.http.get(f"{self._message(folder, uid)}/part/{part}", headers=FETCHED)

        def check() -> None:
            assert a.status == 200 and len(a.body) >= least, f"{a.status}, {len(a.body)} bytes"

        return Reply(a, check=check)

    def end_search(self, folder: str) -> None:
        """A search is a page of its own: there is nothing to leave."""


def _field(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, f"no field {name}"
    return unescape(found[1])


def _has(answer: Any, *words: str) -> None:
    text = answer.text
    assert answer.status == 200, answer.status
    for word in words:
        assert word in text, f"{word!r} is not in {text[:300]!r}"
