"""A draft as another program writes it, with real servers' own reading: opened, changed, saved, sent; nothing
that its writer put there is lost, and nothing that is the program's own leaves with it."""

from __future__ import annotations

import email
import email.policy
import re
import secrets
from email.message import EmailMessage
from html import unescape

import pytest

from tests.support.dovecot import MailUser
from tests.support.pages import Pages, browsing, csrf_of
from tests.support.process import wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
DRAFT = """From: Alice <{alice}>
To: Bob <{bob}>
Reply-To: The office <office@example.org>
Subject: {subject}
Date: Mon, 30 Nov 2026 10:00:00 +0100
Message-ID: <{id}@example.org>
In-Reply-To: Your message of Monday, <monday@example.net>
X-Mozilla-Draft-Info: internal/draft; vcard=0; receipt=0; DSN=0;
 uuencode=0; attachmentreminder=0
X-Identity-Key: id1
Fcc: imap://alice@mail.example.org/Sent
Organization: =?UTF-8?Q?G=C3=A4rtnerei?=
X-Project: the east gate, in words that take more than one line of a
 header
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8; format=flowed
Content-Transfer-Encoding: 8bit

Half a sentence
"""
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


def letters(stack: Stack, user: MailUser, mailbox: str, subject: str) -> dict[int, EmailMessage]:
    with stack.imap(user) as client:
        client.select_folder(mailbox, readonly=True)
        found = client.fetch(client.search(["SUBJECT", subject]), ["BODY.PEEK[]"])
    return {
        uid: email.message_from_bytes(one[b"BODY[]"], policy=email.policy.default)
        for uid, one in found.items()
    }


def submit(pages: Pages, page: str, bob: MailUser, subject: str, **fields: str) -> str:
    """The composer's form as a browser without scripts sends it."""
    form = {name: unescape(value) for name, value in HIDDEN.findall(page)}
    assert form["draft"] and "X-Project" in form["extra_fields"], form
    form |= {"csrf": csrf_of(page), "to": bob.address, "subject": subject, **fields}
    return pages.post("/compose", form).text


async def test_another_program_s_draft_stays_whole(stack: Stack) -> None:
    alice, bob = stack.people()
    subject, id = f"Gate {secrets.token_hex(6)}", secrets.token_hex(8)
    raw = DRAFT.format(alice=alice.address, bob=bob.address, subject=subject, id=id)
    with stack.imap(alice) as client:
        if not client.folder_exists("Drafts"):
            client.create_folder("Drafts")
        client.append("Drafts", raw.replace("\n", "\r\n").encode(), [rb"\Draft", rb"\Seen"])
        validity = client.select_folder("Drafts", readonly=True)[b"UIDVALIDITY"]
        (uid,) = client.search(["SUBJECT", subject])
    with browsing(stack, alice) as pages:
        page = pages.get(f"/compose?draft={validity}.{uid}.Drafts").text
        assert "Half a sentence" in page
        page = submit(pages, page, bob, subject, body="A whole sentence.\n", do="save")
        ((saved, draft),) = letters(stack, alice, "Drafts", subject).items()
        assert saved != uid and "A whole sentence." in draft.get_content()
        before = email.message_from_string(raw, policy=email.policy.default)
        for name in (
            "Reply-To",
            "In-Reply-To",
            "X-Mozilla-Draft-Info",
            "X-Identity-Key",
            "Fcc",
            "Organization",
            "X-Project",
        ):
            assert str(draft[name]) == str(before[name]), name
        # From the version that was saved, opened anew.
        page = pages.get(f"/compose?draft={validity}.{saved}.Drafts").text
        submit(pages, page, bob, subject, body="A whole sentence, sent.\n", do="send")
    assert wait_until(lambda: bool(letters(stack, bob, "INBOX", subject)), 20), "it did not come"
    ((_uid, sent),) = letters(stack, bob, "INBOX", subject).items()
    assert "sent." in sent.get_content()
    assert str(sent["Reply-To"]) == str(before["Reply-To"])
    assert str(sent["X-Project"]) == str(before["X-Project"]) and sent["Organization"] == "Gärtnerei"
    assert sent["In-Reply-To"] == "<monday@example.net>"
    assert not {"x-mozilla-draft-info", "x-identity-key", "fcc"} & {name.lower() for name in sent}
