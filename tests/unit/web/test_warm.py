"""What is kept of an opened message for its frame: bounds, whose it is, and what is left of it."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from services.web import frames, warm
from services.web.model.mail import Envelope, Flags, MessageRef, OpenMessage, Row, TextPart
from services.web.warm import Warm
from tests.unit.web.conftest import Browser, build
from tests.unit.web.fake_mail import VALIDITY, StoredMessage, envelope

FRAME = f"/mail/INBOX/{VALIDITY}.1/html/1"
PAGE = f"/mail/INBOX/{VALIDITY}.1"


def opened(chars: int = 10) -> OpenMessage:
    row = Row(MessageRef("INBOX", 1, 1), Envelope("A"), Flags())
    return OpenMessage(row, (TextPart("1", "text/html", "x" * chars),))


async def made(chars: int) -> str:
    return "y" * chars


async def test_once_and_for_its_session_alone() -> None:
    kept = Warm()
    kept.put("mine", 1, opened())
    assert kept.take("another", 1) is None
    assert kept.take("mine", 1) is not None
    assert kept.take("mine", 1) is None and len(kept) == 0


async def test_bounds_count_the_documents_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "MAX_CHARS", 400)
    kept = Warm()
    kept.put("s", "large", opened(101))
    assert len(kept) == 0
    for number in range(5):
        kept.put("s", number, opened(100))
    assert len(kept) == 4 and kept.take("s", 0) is None
    kept.put("s", 4, opened(50), make=made(120))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(kept) == 3 and kept.take("s", 1) is None
    monkeypatch.setattr(warm, "MOST", 2)
    kept.put("s", 5, opened(1))
    assert len(kept) == 2


async def test_what_is_old_goes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "SECONDS", 0.01)
    kept = Warm()
    kept.put("s", 1, opened())
    await asyncio.sleep(0.05)
    assert len(kept) == 0 and kept.take("s", 1) is None


async def test_a_session_that_ended_leaves_nothing() -> None:
    kept = Warm()
    release = asyncio.Event()

    async def late() -> str:
        await release.wait()
        return "late"

    message = opened()
    kept.put("mine", 1, message, make=late())
    kept.put("mine", 2, opened())
    kept.put("another", 1, opened())
    kept.forget("mine")
    release.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(kept) == 1 and kept.take("mine", 1) is None and kept.take("another", 1) is not None


class Counted(str):
    """Text whose end can be seen."""


async def test_nothing_holds_what_was_taken() -> None:
    kept = Warm()
    text = Counted("words")
    gone = weakref.ref(text)
    row = Row(MessageRef("INBOX", 1, 1), Envelope("A"), Flags())
    kept.put("s", 1, OpenMessage(row, (TextPart("1", "text/html", text),)), make=made(3))
    del text
    await asyncio.sleep(0.01)
    kept.take("s", 1)
    gc.collect()
    assert gone() is None


# As pages


@pytest.fixture
def newsletter(fakes):
    text = '<p>Hi</p><img src="cid:p"><img src="http://out.example/p.gif"><script>x()</script>'
    fakes.mail.add(StoredMessage(1, envelope("News"), texts=(TextPart("1", "text/html", text),)))
    return fakes


@pytest.fixture
def cleaned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was cleaned, in order."""
    found: list[str] = []
    real = frames.sanitise_html

    def counting(html: str, **options):
        found.append(html)
        return real(html, **options)

    monkeypatch.setattr(frames, "sanitise_html", counting)
    return found


async def test_frame_is_ready_before_it_is_asked_for(alice, newsletter, cleaned) -> None:
    await alice.get(PAGE)
    await asyncio.sleep(0.01)
    assert len(cleaned) == 1
    ready = await alice.get(FRAME)
    assert len(cleaned) == 1 and newsletter.mail.calls.count("message") == 1
    # The same, and under the same policy, where nothing is ready.
    anew = await alice.get(FRAME)
    assert len(cleaned) == 2 and newsletter.mail.calls.count("message") == 2
    assert anew.text == ready.text and "x()" not in anew.text and "out.example" not in anew.text
    for header in ("content-security-policy", "x-frame-options", "cache-control"):
        assert anew.headers[header] == ready.headers[header]


async def test_other_terms_get_another_document(alice, newsletter, cleaned) -> None:
    await alice.get(PAGE)
    shown = await alice.get(FRAME + "?images=1")
    assert 'src="/image/' in shown.text and newsletter.mail.calls.count("message") == 1
    await alice.get(PAGE)
    german = await alice.get(FRAME, accept_language="de")
    assert 'lang="de"' in german.text
    await alice.get(PAGE + "?images=1")
    without = await alice.get(FRAME)
    assert "/image/" not in without.text and "out.example" not in without.text


async def test_what_is_only_fetched_ahead_is_not_made(alice, newsletter, cleaned) -> None:
    await alice.get(PAGE, sec_purpose="prefetch")
    await asyncio.sleep(0.01)
    assert not cleaned


async def test_another_session_gets_nothing_of_it(edge, alice, newsletter) -> None:
    other = Browser(build(edge))
    await other.sign_in()
    await alice.get(PAGE)
    assert len(edge.warm) == 1
    await other.get(FRAME)
    assert newsletter.mail.calls.count("message") == 2 and len(edge.warm) == 1


async def test_signing_out_leaves_nothing(edge, alice, newsletter) -> None:
    await alice.get(PAGE)
    assert len(edge.warm) == 1
    await alice.post("/sign-out")
    assert len(edge.warm) == 0
    assert (await alice.get(FRAME)).status_code == 303


async def test_what_could_not_be_made_is_told_by_the_frame(alice, newsletter, monkeypatch) -> None:
    async def failing(*_args):
        raise ValueError("odd")

    monkeypatch.setattr(frames, "document", failing)
    assert (await alice.get(PAGE)).status_code == 200
    await asyncio.sleep(0.01)
    assert (await alice.get(FRAME)).status_code == 500
