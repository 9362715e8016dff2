"""Mailbox names that are hard to spell, through the pages: made, listed, opened, renamed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest

from services.web.urls import mailbox_segment
from tests.support import dovecot as dovecot_module
from tests.support import postfix as postfix_module
from tests.support.dovecot import DovecotOptions
from tests.support.mariadb import MariaDB
from tests.support.pages import browsing, csrf_of, text_of
from tests.support.stack import Stack, real_stack

NAMES = [
    "A & B",
    "with  two spaces",
    '<b>"quoted" <script>',
    "it's",
    "Entwürfe & Ideen",
    "日本語のメール",
    "مشاريع",
    "a~0~1~2",
    "back\\slash",
    "#hash?query=1&x",
    "{braces} (parens) [brackets]",
    "emoji 🏰",
    "&-",
]


@pytest.fixture(scope="module", params=["/", "."])
def stack(request: pytest.FixtureRequest, machine: None, mariadb: MariaDB) -> Iterator[Stack]:
    options = DovecotOptions(separator=request.param, layout="fs", storage="mdbox")
    with (
        dovecot_module.dovecot(options) as imap,
        postfix_module.postfix(imap) as smtp,
        real_stack(imap, smtp, mariadb) as running,
    ):
        yield running


def links(document: str) -> set[str]:
    return {html.unescape(path) for path in re.findall(r'href="(/mail/[^"?]*)"', document)}


def test_names_that_are_hard_to_spell(stack: Stack) -> None:
    user, _ = stack.people()
    with browsing(stack, user) as pages:
        for name in NAMES:
            form = {"csrf": csrf_of(pages.get("/mailboxes").text), "name": name, "parent": ""}
            made = pages.post("/mailboxes", form)
            assert made.status_code == 200, (name, made.status_code, text_of(made.text)[:500])
        with stack.imap(user) as client:
            there = {found for _, _, found in client.list_folders()}
            assert set(NAMES) <= there
            for name in NAMES:
                client.append(name, f"Subject: in it\r\n\r\nText of {name}\r\n".encode())
        tree = links(pages.get("/mail/INBOX").text)
        for name in NAMES:
            path = f"/mail/{mailbox_segment(name)}"
            assert path in tree, name
            page = pages.get(path)
            assert page.status_code == 200, name
            assert name in text_of(page.text)
            message = next(one for one in links(page.text) if re.search(r"/\d+\.\d+$", one))
            opened = pages.get(message)
            assert opened.status_code == 200, name
            assert "in it" in text_of(opened.text)
        for name in NAMES:
            path = f"/mail/{mailbox_segment(name)}/manage"
            page = pages.get(path)
            assert page.status_code == 200, name
            form = {"csrf": csrf_of(page.text), "do": "rename", "name": f"new {name}"}
            renamed = pages.post(path, form)
            assert renamed.status_code == 200, (name, text_of(renamed.text)[:500])
        with stack.imap(user) as client:
            there = {found for _, _, found in client.list_folders()}
            assert {f"new {name}" for name in NAMES} <= there
            assert not set(NAMES) & there


def test_a_name_with_the_delimiter_is_refused_and_kept_in_the_form(stack: Stack) -> None:
    user, _ = stack.people()
    with stack.imap(user) as client:
        delimiter = client.list_folders()[0][1].decode()
    with browsing(stack, user) as pages:
        form = {"csrf": csrf_of(pages.get("/mailboxes").text), "name": f"a{delimiter}b", "parent": ""}
        answer = pages.post("/mailboxes", form)
        assert answer.status_code == 400
        assert f'value="a{delimiter}b"' in answer.text


@pytest.mark.parametrize("name", ["100%", "*", "", "a\nb", "x" * 201])
def test_a_name_that_no_server_should_be_given_is_refused_and_kept(stack: Stack, name: str) -> None:
    # RFC 9051 section 5.1: "*" and "%" are wildcards of LIST, and are best avoided in names.
    user, _ = stack.people()
    with browsing(stack, user) as pages:
        form = {"csrf": csrf_of(pages.get("/mailboxes").text), "name": name, "parent": ""}
        answer = pages.post("/mailboxes", form)
        assert answer.status_code == 400
        assert name == "a\nb" or f'value="{name}"' in answer.text


def test_special_use_comes_before_any_name(machine: None, mariadb: MariaDB) -> None:
    options = DovecotOptions(special={"Gesendet": r"\Sent", "Müll": r"\Trash", "Entwürfe": r"\Drafts"})
    with (
        dovecot_module.dovecot(options) as imap,
        postfix_module.postfix(imap) as smtp,
        real_stack(imap, smtp, mariadb) as stack,
    ):
        user, _ = stack.people()
        with stack.imap(user) as client:
            for name in ("Gesendet", "Müll", "Sent", "Trash"):
                client.create_folder(name)
            client.append("INBOX", b"Subject: away with it\r\n\r\nText\r\n")
            uid_validity = client.select_folder("INBOX", readonly=True)[b"UIDVALIDITY"]
        with browsing(stack, user) as pages:
            page = pages.get("/mail/INBOX")
            form = {"csrf": csrf_of(page.text), "do": "delete", "m": f"{uid_validity}.1"}
            assert pages.post("/mail/INBOX/actions", form).status_code == 200
        with stack.imap(user) as client:
            client.select_folder("Müll", readonly=True)
            assert len(client.search()) == 1
            client.select_folder("Trash", readonly=True)
            assert client.search() == []


def test_without_a_trash_nothing_is_deleted_before_the_question_is_answered(stack: Stack) -> None:
    user, _ = stack.people()
    with stack.imap(user) as client:
        client.append("INBOX", b"Subject: keep\r\n\r\nText\r\n")
        uid_validity = client.select_folder("INBOX", readonly=True)[b"UIDVALIDITY"]
    with browsing(stack, user) as pages:
        page = pages.get("/mail/INBOX")
        form = {"csrf": csrf_of(page.text), "do": "delete", "m": f"{uid_validity}.1"}
        asked = pages.post("/mail/INBOX/actions", form)
        assert "Create Trash and move" in text_of(asked.text)
    with stack.imap(user) as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search() == [1]
