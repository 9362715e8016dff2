"""Which header fields of another program's draft go along: web leaves out what sender would refuse. Neither
may import the other, and what both import knows nothing about mail, so that each names them."""

from __future__ import annotations

from services.sender.compose import extra
from services.web import foreign
from services.web.model.mail import MessageRef, OpenMessage, Row
from services.web.model.outgoing import DELIVERY_REPORT
from tests.unit.web.fakes import envelope

# Sender takes it as it stands; the composer has a box to tick for it.
OWN_PLACE = frozenset({DELIVERY_REPORT[0].lower()})


def test_both_name_the_same() -> None:
    assert foreign._KNOWN - OWN_PLACE == extra._OURS
    assert foreign._KNOWN_BEGIN == extra._OURS_BEGIN
    assert foreign._NAME.pattern.removesuffix(r"\Z") == extra._NAME.pattern.removesuffix(r"\Z")
    assert (foreign.MOST, foreign.MAX_VALUE, foreign.MAX_ALL) == (extra.MOST, extra.MAX_VALUE, extra.MAX_ALL)


def test_what_web_passes_on_sender_takes() -> None:
    many = tuple((f"X-Note-{number}", "n" * number) for number in range(1, 300))
    large = tuple((f"X-Large-{number}", "n" * 15_990) for number in range(20))
    for fields in (many, large):
        draft = OpenMessage(Row(MessageRef("Drafts", 1, 1), envelope("Theirs")), all_headers=fields)
        passed = foreign.fields(draft)
        assert passed and set(passed) < set(fields)
        extra.check((*passed, DELIVERY_REPORT))
