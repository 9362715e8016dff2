"""Every message of the corpus, appended to a real Dovecot, opens as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.support.corpora import corpora
from tests.support.pages import browsing, text_of
from tests.support.stack import Stack
from tests.unit.mailstore.mime.agreement import expected

LEAST_MESSAGES = 156
LEAST_AGREEMENT = 0.9


def squeezed(text: str) -> str:
    """Without white space, controls and the marks of quotes, which the page folds into blocks."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f>]+", "", text)


def agreement(eml: Path, said: str) -> list[str]:
    """What of the expected parse the page does not say: "text" and the names of attachments."""
    want = json.loads(eml.with_suffix(".json").read_text("utf-8"))
    page = squeezed(said)
    missing = [] if any(shows(page, want, form) for form in ("text_body", "html_body")) else ["text"]
    # A name that is a path is shown without its directories: RFC 2183 section 2.3.
    names = [re.split(r"[/\\]", name)[-1] for name in expected(eml.with_suffix(".json"))["names"]]
    return missing + [name for name in names if squeezed(name) not in page]


def shows(page: str, want: dict[str, Any], form: str) -> bool:
    """Whether the page says every text of one rendering (RFC 8621 section 4.1.4), HTML by its text."""
    bodies = [want["parts"][index]["body"] for index in want[form]]
    texts = [text_of(body["Html"]) if "Html" in body else body.get("Text", "") for body in bodies]
    return all(squeezed(text) in page for text in texts)


def test_every_message_of_the_corpus_opens_as_a_page(real: Stack) -> None:
    files = sorted(corpora("mime").rglob("*.eml"))
    assert len(files) >= LEAST_MESSAGES
    user, _ = real.people()
    with real.imap(user) as client:
        for eml in files:
            # IMAP wants CRLF (RFC 9051 section 2.3); some of the corpus was kept with bare LF.
            client.append("INBOX", re.sub(rb"\r?\n", b"\r\n", eml.read_bytes()))
        uid_validity = client.select_folder("INBOX", readonly=True)[b"UIDVALIDITY"]
        uids = client.search()
    assert len(uids) == len(files)

    failed, empty, compared, disagreed = [], [], 0, {}
    with browsing(real, user) as pages:
        for eml, uid in zip(files, uids, strict=True):
            page, said = pages.message("INBOX", uid_validity, uid)
            name = f"{eml.parent.name}/{eml.name}"
            if page.status_code != 200:
                failed.append(f"{name}: {page.status_code}")
            elif len(squeezed(said)) < 40:
                empty.append(name)
            elif eml.with_suffix(".json").exists():
                compared += 1
                if missing := agreement(eml, said):
                    disagreed[name] = missing
    print(f"corpus pages: {len(files)} opened, {compared - len(disagreed)} of {compared} agree; {disagreed}")
    assert not failed
    assert not empty
    assert compared >= 53
    assert len(disagreed) <= compared * (1 - LEAST_AGREEMENT)
