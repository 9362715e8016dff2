"""How much a page may weigh, everything counted, compressed as it is sent."""

from contextlib import closing

from tests.support import weight
from tests.support.stack import Stack

FIRST_PAGE = 100_000
WITHOUT_SCRIPTS = 15_000
MESSAGE = 10_000
PANE = {"HX-Request": "true", "HX-Target": "section#reading"}


def test_the_first_page_after_signing_in_is_light_and_all_ours(embedded: Stack) -> None:
    alice, _ = embedded.people()
    with closing(weight.sign_in(embedded.url, alice.address, alice.password)) as client:
        found = weight.weigh(client, "/mail/INBOX")
    assert found.foreign == []
    assert {"page", "script", "style", "other"} <= set(found.kinds), found.kinds
    assert found.total <= FIRST_PAGE, found.bodies
    assert found.bare <= WITHOUT_SCRIPTS, found.bodies


def test_an_opened_message_costs_little_beside_its_own_text(embedded: Stack) -> None:
    alice, bob = embedded.people()
    embedded.deliver(bob, alice, "Nothing to weigh", "x\n")
    with closing(weight.sign_in(embedded.url, alice.address, alice.password)) as client:
        _, text = weight.sent(client, "/mail/INBOX")
        links = weight.message_links(text)
        assert links
        sizes = {link: weight.sent(client, link, **PANE)[0] for link in links[:20]}
    assert max(sizes.values()) <= MESSAGE, sizes
