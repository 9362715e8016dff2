"""What goes wrong in a day: each a page or a status that says what happened and what to do, and nothing lost.

Beside real servers of this module's own, which are stopped, paused and changed behind Postern's back.
"""

from __future__ import annotations

import html
import secrets
import time
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from tests.support import dovecot as dovecot_module
from tests.support import postfix as postfix_module
from tests.support.dovecot import Dovecot, MailUser
from tests.support.mariadb import MariaDB
from tests.support.pages import Pages, browsing, csrf_of, text_of
from tests.support.postfix import Postfix
from tests.support.process import wait_until
from tests.support.stack import Stack, real_stack

UPLOAD_LIMIT = 200_000


@pytest.fixture(scope="module")
def servers(machine: None) -> Iterator[tuple[Dovecot, Postfix]]:
    with dovecot_module.dovecot() as imap, postfix_module.postfix(imap) as smtp:
        yield imap, smtp


@pytest.fixture(scope="module")
def stack(servers: tuple[Dovecot, Postfix], mariadb: MariaDB) -> Iterator[Stack]:
    imap, smtp = servers
    with real_stack(imap, smtp, mariadb, POSTERN_MAX_UPLOAD_BYTES=str(UPLOAD_LIMIT)) as running:
        yield running


@pytest.fixture(autouse=True)
def told(stack: Stack) -> Iterator[None]:
    """What the services said meanwhile goes with a failure."""
    before = {name: len(text) for name, text in stack.logs().items()}
    yield
    for name, text in stack.logs().items():
        for line in text[before.get(name, 0) :].splitlines():
            if '"code": "OK"' not in line:
                print(name, line[:600])


@pytest.fixture
def alice(stack: Stack) -> MailUser:
    return stack.people()[0]


@pytest.fixture
def pages(stack: Stack, alice: MailUser) -> Iterator[Pages]:
    with browsing(stack, alice) as browser:
        yield browser


def append(
    stack: Stack, user: MailUser, mailbox: str = "INBOX", subject: str = "A message"
) -> tuple[int, int]:
    """UIDVALIDITY and UID of a message put there by another client."""
    message = EmailMessage()
    message["From"], message["Subject"] = "bob@example.org", subject
    message.set_content("Hello.\n")
    with stack.imap(user) as client:
        client.append(mailbox, message.as_bytes())
        uid_validity = client.select_folder(mailbox, readonly=True)[b"UIDVALIDITY"]
        return uid_validity, max(client.search())


def says(document: str, *words: str) -> None:
    """The page says all of this, and nothing of the inside."""
    said = text_of(document)
    for word in words:
        assert word in said, said[:2000]
    for inside in ("Traceback", "127.0.0.1", "grpc", "Dovecot", "Postfix", "MariaDB", "services."):
        assert inside not in said, inside


def compose(pages: Pages, **fields: object) -> tuple[int, str]:
    page = pages.get("/compose")
    form = {"csrf": csrf_of(page.text), "do": "send", "subject": "", "body": "", "to": ""}
    for line in page.text.split("<input"):
        if 'type="hidden"' in line and 'name="csrf"' not in line:
            name, value = (line.partition(f'{key}="')[2].partition('"')[0] for key in ("name", "value"))
            form[name] = html.unescape(value)
    answer = pages.http.post("/compose", data=form | fields, files=[("attachments", ("", b""))])
    return answer.status_code, answer.text


def test_wrong_password(stack: Stack, alice: MailUser) -> None:
    with browsing(stack) as pages:
        answer = pages.sign_in(alice, "wrong")
        assert answer.status_code == 401
        says(answer.text, "Check both and try again")
        assert alice.address in answer.text


def test_unknown_account_is_answered_like_a_wrong_password(stack: Stack, alice: MailUser) -> None:
    with browsing(stack) as pages:
        wrong = pages.sign_in(alice, "wrong")
        unknown = pages.sign_in(MailUser("nobody-at-all@example.org", "wrong"))
        assert unknown.status_code == wrong.status_code
        assert text_of(unknown.text) == text_of(wrong.text)


def test_an_empty_form_says_what_to_type(stack: Stack) -> None:
    with browsing(stack) as pages:
        answer = pages.sign_in(MailUser("", ""))
        assert answer.status_code == 400
        says(answer.text, "Type your email address and your password")


def test_mail_server_down_and_back(
    stack: Stack, servers: tuple[Dovecot, Postfix], pages: Pages, alice: MailUser
) -> None:
    imap, _ = servers
    uid_validity, uid = append(stack, alice)
    imap.stop()
    try:
        for path in ("/mail/INBOX", f"/mail/INBOX/{uid_validity}.{uid}"):
            answer = pages.get(path)
            assert answer.status_code in (200, 503)
            says(answer.text, "Try again")
        with browsing(stack) as other:
            answer = other.sign_in(alice)
            assert answer.status_code == 503
            says(answer.text, "mail server", "Try again")
    finally:
        imap.start()
    assert wait_until(lambda: pages.get("/mail/INBOX").status_code == 200, 15)


def test_mail_server_hanging_is_told_in_time(
    stack: Stack, servers: tuple[Dovecot, Postfix], pages: Pages
) -> None:
    imap, _ = servers
    assert pages.get("/mail/INBOX").status_code == 200
    imap.pause()
    try:
        started = time.monotonic()
        answer = pages.get("/mail/INBOX")
        assert time.monotonic() - started < 20
        assert answer.status_code in (200, 503, 504)
        says(answer.text, "Try again")
    finally:
        imap.resume()
    assert wait_until(lambda: "Try again" not in text_of(pages.get("/mail/INBOX").text), 15)


def test_message_gone(stack: Stack, pages: Pages, alice: MailUser) -> None:
    uid_validity, uid = append(stack, alice)
    url = f"/mail/INBOX/{uid_validity}.{uid}"
    assert pages.get(url).status_code == 200
    with stack.imap(alice) as client:
        client.select_folder("INBOX")
        client.delete_messages([uid])
        client.expunge()
    answer = pages.get(url)
    assert answer.status_code == 410
    says(answer.text, "This message is not here any more", "Open the mailbox again")


def test_mailbox_renamed_meanwhile(stack: Stack, pages: Pages, alice: MailUser) -> None:
    with stack.imap(alice) as client:
        client.create_folder("Plans")
    uid_validity, uid = append(stack, alice, "Plans")
    assert pages.get("/mail/Plans").status_code == 200
    with stack.imap(alice) as client:
        client.rename_folder("Plans", "Old plans")
    for path in ("/mail/Plans", f"/mail/Plans/{uid_validity}.{uid}"):
        answer = pages.get(path)
        assert answer.status_code == 404, path
        says(answer.text, "This mailbox does not exist", "renamed or deleted")
    assert pages.get("/mail/Old%20plans").status_code == 200


def created(client: IMAPClient, name: str) -> bool:
    try:
        client.create_folder(name)
    except IMAPClientError:
        return False
    return True


def test_an_action_on_a_mailbox_made_anew_touches_nothing(
    stack: Stack, pages: Pages, alice: MailUser
) -> None:
    with stack.imap(alice) as client:
        client.create_folder("Again")
    uid_validity, uid = append(stack, alice, "Again")
    page = pages.get("/mail/Again")
    with stack.imap(alice) as client:
        client.delete_folder("Again")
        # Dovecot says "already exists" for a moment while another session has the old one open.
        assert wait_until(lambda: created(client, "Again"), 5)
    new_validity, new_uid = append(stack, alice, "Again", "Another message")
    if new_validity == uid_validity:
        pytest.fail("the server gave the new mailbox the old UIDVALIDITY")
    form = {"csrf": csrf_of(page.text), "do": "star", "m": f"{uid_validity}.{uid}"}
    answer = pages.post("/mail/Again/actions", form)
    says(answer.text, "Open the mailbox again")
    with stack.imap(alice) as client:
        client.select_folder("Again", readonly=True)
        assert client.search() == [new_uid]
        assert client.search("FLAGGED") == []


@pytest.mark.parametrize(
    "to", ["not an address", "bob@", "bob@example.org, @example.org", "<bob@@example.org>"]
)
def test_bad_address_keeps_what_was_written(pages: Pages, to: str) -> None:
    status, document = compose(pages, to=to, subject="Keep me", body="All of this text.")
    assert status == 400
    says(document, "All of this text.")
    assert "Keep me" in document
    assert 'aria-invalid="true"' in document


def test_no_recipient_keeps_what_was_written(pages: Pages) -> None:
    status, document = compose(pages, body="All of this text.")
    assert status == 400
    says(document, "All of this text.")


def test_a_recipient_that_the_server_refuses_is_told_in_the_outbox(pages: Pages, alice: MailUser) -> None:
    status, _ = compose(pages, to="unknown@example.org", subject="To nobody", body="Hello")
    assert status == 200
    assert wait_until(lambda: "unknown@example.org" in pages.get("/outbox").text, 15)
    assert wait_until(lambda: "efused" in text_of(pages.get("/outbox").text), 90, 0.5)


def test_oversized_upload_keeps_the_text(pages: Pages) -> None:
    page = pages.get("/compose")
    form = {
        "csrf": csrf_of(page.text),
        "do": "send",
        "to": "bob@example.org",
        "subject": "Big",
        "body": "My text.",
    }
    big = ("big.bin", secrets.token_bytes(UPLOAD_LIMIT * 3), "application/octet-stream")
    answer = pages.http.post("/compose", data=form, files=[("attachments", big)])
    assert answer.status_code == 413
    says(answer.text, "My text.", "big.bin")
    assert "Big" in answer.text


def test_smtp_server_down_keeps_the_message_until_it_is_back(
    stack: Stack, servers: tuple[Dovecot, Postfix], pages: Pages
) -> None:
    _, smtp = servers
    bob = stack.people()[1]
    mark = secrets.token_hex(4)
    smtp.stop()
    try:
        status, _ = compose(pages, to=bob.address, subject=f"Later {mark}", body="It can wait.")
        assert status == 200
        assert wait_until(lambda: mark in pages.get("/outbox").text, 15)
    finally:
        smtp.start()

    def arrived() -> bool:
        with stack.imap(bob) as client:
            client.select_folder("INBOX", readonly=True)
            return len(client.search(["SUBJECT", mark])) == 1

    assert wait_until(arrived, 90, 1.0)


def test_a_session_that_ends_while_writing_loses_nothing(stack: Stack, alice: MailUser) -> None:
    with browsing(stack, alice) as pages:
        page = pages.get("/compose")
        with browsing(stack, alice) as other:
            settings = other.get("/settings")
            assert settings.status_code == 200
        pages.http.cookies.delete("postern")
        form = {
            "csrf": csrf_of(page.text),
            "do": "send",
            "to": "bob@example.org",
            "subject": "Kept",
            "body": "My text",
        }
        asked = pages.post("/compose", form)
        assert asked.status_code == 401
        says(asked.text, "Your session has ended")
        hidden = {}
        for line in asked.text.split("<input"):
            if 'type="hidden"' in line:
                name, value = (line.partition(f'{key}="')[2].partition('"')[0] for key in ("name", "value"))
                hidden[name] = html.unescape(value)
        again = pages.post("/sign-in", hidden | {"email": alice.address, "password": alice.password})
        assert again.status_code == 200
        says(again.text, "My text")
        assert "Kept" in again.text and "bob@example.org" in again.text


@pytest.mark.parametrize(
    "path",
    [
        "/mail/No%20such%20mailbox",
        "/mail/INBOX/0.0",
        "/mail/INBOX/1.99999999999999",
        "/mail/INBOX/1.1",
        "/mail/..%2f..%2fetc",
        "/mail/%00",
        "/mail/INBOX?page=%ff",
        "/contacts/no-such-contact",
        "/compose?reply=nonsense",
        "/search?q=" + "x" * 5000,
        "/search?q=from:" + "%22" * 50,
        "/nothing/here",
    ],
)
def test_addresses_that_name_nothing_get_a_page_that_says_so(pages: Pages, path: str) -> None:
    answer = pages.get(path)
    assert answer.status_code < 500
    assert len(text_of(answer.text)) > 20
    says(answer.text)


def test_a_form_without_its_token_does_nothing(stack: Stack, pages: Pages, alice: MailUser) -> None:
    uid_validity, uid = append(stack, alice)
    form = {"csrf": "forged", "do": "delete", "m": f"{uid_validity}.{uid}"}
    answer = pages.post("/mail/INBOX/actions", form)
    assert answer.status_code == 403
    with stack.imap(alice) as client:
        client.select_folder("INBOX", readonly=True)
        assert uid in client.search()
