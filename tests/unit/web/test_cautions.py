"""What is said before a message goes, in several languages; and when it might go later."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.web import cautions, i18n, later
from services.web.composition import Composition
from services.web.model.mail import Address
from services.web.model.outgoing import Attachment, Outgoing

ALICE = Address("Alice", "alice@example.org")


@pytest.fixture(autouse=True)
def english() -> None:
    i18n.use(i18n.Languages().locale())


def said(text: str, *attachments: Attachment) -> bool:
    letter = Outgoing(ALICE, to=(ALICE,), subject="S", text=text, attachments=attachments)
    return bool(cautions.of(Composition(), letter, ()))


@pytest.mark.parametrize(
    "text",
    [
        "Please see the attached plan.", "Der Plan ist im Anhang.", "Anbei die Anhänge.",
        "Vous trouverez le plan en pièce jointe.", "Le plan en PJ.", "Le envío el plano adjunto.",
        "Segue em anexo o plano.", "Trovi il piano in allegato.", "Zie de bijlage.",
        "Plan jest w załączniku.",
        "Jag bifogar planen.", "Planen er vedhæftet.", "Se vedlegget.", "Suunnitelma on liitteenä.",
        "Plán je v příloze.", "A tervet csatolom.", "Planul este atașat.", "Plan ekte.", "План во вложении.",
        "Прикрепляю план.", "Το σχέδιο είναι συνημμένο.", "התוכנית מצורפת.", "الخطة مرفقة.",
        "見取図を添付します。",
        "请见附件。", "도면을 첨부합니다.",
    ],
)  # fmt: skip
def test_an_attachment_that_was_forgotten(text: str) -> None:
    assert said(text)
    assert not said(text, Attachment("plan.pdf", upload_id="u"))
    assert not said(f"Yes.\n\n> {text}\n")


@pytest.mark.parametrize(
    "text",
    ["I am on it.", "Es bleibt dabei.", "Di atas meja.", "Je te rejoins.", "Nos vemos pronto.", "Hablamos."],
)
def test_nothing_was_forgotten(text: str) -> None:
    assert not said(text)


@pytest.mark.parametrize(
    ("now", "times"),
    [
        # Sunday evening in Tokyo: Monday is tomorrow.
        (datetime(2026, 3, 1, 9, 0, tzinfo=UTC), ["2026-03-02T08:00"]),
        # Saturday noon there.
        (
            datetime(2026, 2, 28, 3, 0, tzinfo=UTC),
            ["2026-02-28T18:00", "2026-03-01T08:00", "2026-03-02T08:00"],
        ),
    ],
)
def test_later_by_the_readers_clock(now: datetime, times: list[str]) -> None:
    i18n.use(i18n.Languages().locale(zone="Asia/Tokyo"))
    assert [at for at, _name in later.choices(now)] == times
