"""Every text a person sees goes through gettext, and German is complete."""

import re

import pytest

from services.web.catalogues import HERE, catalogue_paths, extract, missing, read
from services.web.i18n import Languages, use
from services.web.listing import mailbox_label
from services.web.model.mail import MailboxView, Use

TEMPLATES = sorted((HERE / "templates").rglob("*.html"))
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_ATTRIBUTE = re.compile(r'\b(?:aria-label|title|placeholder|alt)="([^"]*)"')
_TAG = re.compile(r"<[^>]*>", re.DOTALL)
# Names that are the same in every language.
_NAMES = {"Postern", "· Postern"}
# Class names and attributes that macros put together outside of any tag.
_MACHINE = re.compile(r"(?:btn|file)(?:-[a-z]+)*-?|image|mail|file-[a-z]+|[a-z-]+=\"[^\"]*\"?|\"")
_PLACEHOLDER = re.compile(r"%\(\w+\)s")


def test_there_is_german():
    assert [path.parts[-3] for path in catalogue_paths()] == ["de"]


@pytest.mark.parametrize("path", catalogue_paths(), ids=lambda path: path.parts[-3])
def test_every_message_is_translated(path):
    assert missing(path, extract()) == []


@pytest.mark.parametrize("path", catalogue_paths(), ids=lambda path: path.parts[-3])
def test_placeholders_are_those_of_the_original(path):
    for message in read(path):
        if message.id:
            sources = message.id if isinstance(message.id, tuple) else (message.id,)
            wanted = set(_PLACEHOLDER.findall(" ".join(sources)))
            for text in message.string if isinstance(message.string, tuple) else (message.string,):
                assert set(_PLACEHOLDER.findall(text)) <= wanted, message.id


def texts_outside(template: str) -> list[str]:
    """Words of a template that are neither Jinja nor markup."""
    bare = _JINJA.sub("\x00", template)
    found = [
        value for value in _ATTRIBUTE.findall(bare) if re.search(r"[^\W\d_]{2,}", value.replace("\x00", ""))
    ]
    # What stands before a ">" that belongs to a Jinja expression is gone already; tags may span lines.
    text = _TAG.sub("\x00", bare)
    found += [one.strip() for one in text.split("\x00") if re.search(r"[^\W\d_]{2,}", one)]
    return [one for one in found if one not in _NAMES and not _MACHINE.fullmatch(one)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_text_in_templates_is_outside_gettext(path):
    assert texts_outside(path.read_text()) == []


def test_the_check_finds_what_it_looks_for():
    assert texts_outside('<p title="Hello">{{ _("fine") }} Not fine</p>') == ["Hello", "Not fine"]


def test_german_is_used():
    languages = Languages()
    assert languages.choose("", "de-AT,de;q=0.9,en;q=0.8") == "de"
    assert languages.choose("", "fr, *;q=0.5") == "en"
    assert languages.choose("en", "de") == "en"
    use(languages.locale("de"))
    assert mailbox_label(MailboxView("INBOX", "INBOX", use=Use.INBOX)) == "Posteingang"
