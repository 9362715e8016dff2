"""Words and names: what decides who is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contacts import cards
from services.contacts.model import Card, Labelled, card_words, fold, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Ångström", "angstrom"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("Ｆｕｌｌ", "full")],
)
def test_case_accents_and_width_do_not_matter(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_a_card_is_found_by_its_names_its_organisation_and_its_addresses() -> None:
    card = Card(display_name="Dr. Zoë Li", organisation="Castle", emails=(Labelled("z.li@example.org"),))
    assert {"zoe", "li", "castle", "z", "example", "z.li@example.org"} <= set(card_words(card))


@given(st.text(max_size=300))
def test_words_are_bounded_and_hold_no_separators(text: str) -> None:
    for word in words(text):
        assert 0 < len(word) <= 64
        assert word.isalnum()


def test_the_shown_name_falls_back_step_by_step() -> None:
    email = (Labelled("a@example.org"),)
    assert Card(emails=email).shown_name() == "a@example.org"
    assert Card(emails=email, organisation="Castle").shown_name() == "Castle"
    assert Card(given_name="Ann", family_name="Lee", organisation="Castle").shown_name() == "Ann Lee"


def test_a_card_survives_its_column_and_fields_of_a_newer_version_are_passed_over() -> None:
    card = Card(display_name="A", emails=(Labelled("a@b.example", "work", True),), categories=("x",))
    assert cards.load(cards.dump(card)) == card
    assert cards.load('{"display_name": "A", "unheard_of": 1}') == Card(display_name="A")
