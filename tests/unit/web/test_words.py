"""Addresses, quotes, dates and the like: pure functions."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web import addresses, answering, crypto, formats, i18n, notices, quoting, signing, urls
from services.web.model.account import Identity
from services.web.model.mail import Address, MessageRange, MessageRef, OpenMessage, Row, TextPart
from services.web.plaintext import html_to_text
from services.web.reading import choose
from tests.unit.web.fakes import envelope

ALICE = (Identity("i1", "alice@example.org", is_default=True), Identity("i2", "al@other.example"))


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("a@b.org", [("", "a@b.org")]),
        ("Bob <bob@b.org>, c@d.org;", [("Bob", "bob@b.org"), ("", "c@d.org")]),
        ('"Last, First" <x@y.org>', [("Last, First", "x@y.org")]),
        ("a@b.org\nc@d.org", [("", "a@b.org"), ("", "c@d.org")]),
        ("x@y.org (Xavier)", [("Xavier", "x@y.org")]),
        ("Team: a@b.org, c@d.org;", [("", "a@b.org"), ("", "c@d.org")]),
        ("Jürgen <jürgen@müller.example>", [("Jürgen", "jürgen@müller.example")]),
        ("root@localhost", [("", "root@localhost")]),
        ("", []),
    ],
)
def test_addresses_as_people_type_them(typed, found):
    good, bad = addresses.parse(typed)
    assert [(one.name, one.address) for one in good] == found and bad == ()


@pytest.mark.parametrize(
    "typed", ["bob", "a@", "@b.org", "a b@c.org", "a@b..org", "a@-b.org", "<>", "a@b.org>x"]
)
def test_what_is_no_address_is_given_back(typed):
    good, bad = addresses.parse(typed)
    assert good == () and bad


def test_group_members_keep_their_group():
    good, _bad = addresses.parse("Team: a@b.org, c@d.org; e@f.org")
    assert [one.group for one in good] == ["Team", "Team", ""]


@given(st.text(alphabet=st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=40))
def test_shown_addresses_are_read_back(name):
    entry = Address(" ".join(name.split()), "a@b.org")
    good, bad = addresses.parse(addresses.show(entry))
    assert not bad and len(good) == 1 and good[0].address == "a@b.org"


@given(st.text())
def test_any_text_is_parsed(text):
    addresses.parse(text)


@given(st.text(min_size=1, max_size=60).filter(lambda text: "\x00" not in text))
def test_mailbox_addresses_come_back(name):
    from urllib.parse import unquote

    segment = urls.mailbox_segment(name) if name.isprintable() else ""
    if segment:
        assert "/" not in unquote(segment) and unquote(segment) not in (".", "..")
        assert urls.mailbox_name(unquote(segment)) == name


def test_full_keys_come_back():
    ref = MessageRef("A.b/c d", 7, 9)
    assert urls.parse_full_key(urls.full_key(ref)) == ref
    for bad in ("", "7.9", "7.9.", "0.1.x", "a.b.c", "7.99999999999.x"):
        assert urls.parse_full_key(bad) is None


def message(**fields) -> OpenMessage:
    return OpenMessage(Row(MessageRef("INBOX", 7, 1), envelope("S", **fields)))


def test_reply_goes_to_reply_to():
    one = message(reply_to=(Address("", "list@example.org"),))
    assert answering.recipients(one, ALICE, False) == ((Address("", "list@example.org"),), ())


def test_reply_all_leaves_oneself_out_and_nobody_twice():
    one = message(
        to=(Address("", "ALICE@example.org"), Address("", "carol@example.org")),
        cc=(
            *(Address("", one) for one in ("Bob@example.org", "dan@example.org", "al@other.example")),
            *(Address("", one) for one in ("alice+shop@example.org", "carol+list@example.org")),
        ),
    )
    to, cc = answering.recipients(one, ALICE, True)
    assert [entry.address for entry in to] == ["bob@example.org", "carol@example.org"]
    assert [entry.address for entry in cc] == ["dan@example.org", "carol+list@example.org"]


def test_answering_ones_own_message_goes_to_those_it_went_to():
    one = message(from_=(Address("", "alice@example.org"),), to=(Address("", "carol@example.org"),))
    assert answering.recipients(one, ALICE, False)[0] == (Address("", "carol@example.org"),)


def test_note_to_oneself_is_answered_to_oneself():
    one = message(from_=(Address("", "alice@example.org"),), to=(Address("", "alice@example.org"),))
    assert [entry.address for entry in answering.recipients(one, ALICE, True)[0]] == ["alice@example.org"]


def test_identity_that_received_it_answers():
    assert (
        answering.identity_for(message(to=(Address("", "al+shop@other.example"),)), ALICE).identity_id == "i2"
    )
    assert answering.identity_for(message(to=(Address("", "x@example.org"),)), ALICE).identity_id == "i1"


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("Hi", "Re: Hi"),
        ("Re: Hi", "Re: Hi"),
        ("AW: Re: Hi", "Re: Hi"),
        ("RE[2]: Hi", "Re: Hi"),
        ("", "Re:"),
        ("Reason", "Re: Reason"),
    ],
)
def test_subject_of_an_answer(subject, answer):
    assert answering.reply_subject(subject) == answer


def test_references_of_a_message_without_any():
    one = message(message_id="<b@x>", in_reply_to=("<a@x>",))
    assert answering.thread(one) == (("<b@x>",), ("<a@x>", "<b@x>"))
    assert answering.thread(message(message_id="")) == ((), ())


def test_html_read_as_text():
    html = (
        "<style>p{}</style><p>One<br>two</p><ul><li>a</li><li>b</li></ul>"
        '<blockquote><p>said</p></blockquote><a href="https://x.example/y">link</a><script>no()</script>'
    )
    text = html_to_text(html)
    assert text.startswith("One\ntwo") and "- a\n- b" in text and "> said" in text
    assert "link <https://x.example/y>" in text and "no()" not in text and "p{}" not in text


def test_a_quoted_table_keeps_its_lines():
    cell = '<td style="border: 1px solid #ccc; position: fixed">a</td>'
    kept = quoting.cleaned(f'<table border="1" onclick="x()"><tr>{cell}</tr></table>')
    assert '<table border="1">' in kept and '<td style="border: 1px solid #ccc">' in kept


def test_the_line_above_a_signature_keeps_its_space_in_an_editor():
    html = quoting.text_as_html("One\n-- \nAl")
    assert html == "<div>One</div><div>--\xa0</div><div>Al</div>"
    assert html_to_text(html) == "One\n-- \nAl"
    assert signing.in_html(html, "Al", "Bo") == "<div>One</div><div>--\xa0</div><div>Bo</div>"


def test_entries_of_lists_and_signatures_read_as_text():
    html = "<ol><li><p>one</p></li><li>two</li></ol><ul><li><p>a</p></li></ul><div>-- </div><div>Al</div>"
    assert html_to_text(html) == "1. one\n\n2. two\n\n- a\n\n-- \nAl"


@given(st.text(alphabet="<>/abp&;\"'= \n", max_size=300))
def test_any_html_is_read(html):
    html_to_text(html)


def test_of_alternatives_one_is_shown():
    plain = TextPart("1", "text/plain", "p", alternative=1)
    html = TextPart("2", "text/html", "h", alternative=1)
    after = TextPart("3", "text/plain", "footer")
    assert choose((plain, html, after), False) == [html, after]
    assert choose((plain, html, after), True) == [plain, after]
    empty = TextPart("1", "text/plain", " ", alternative=1)
    assert choose((empty, html), True) == [html]


def test_dates_of_a_list_are_short():
    i18n.use(i18n.Languages().locale("en-GB", "", "Europe/Berlin"))
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    assert formats.short_date(now - timedelta(hours=1), now) == "12:00"
    assert formats.short_date(now - timedelta(days=2), now) == "Sun"
    assert formats.short_date(now - timedelta(days=30), now) == "25 Oct"
    assert "2023" in formats.short_date(datetime(2023, 5, 1, tzinfo=UTC), now)
    assert formats.short_date(None) == ""


def test_dates_and_sizes_are_the_readers():
    i18n.use(i18n.Languages().locale("de", "", "America/New_York"))
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    assert formats.full_date(moment) == "Donnerstag, 1. Januar 2026, 22:04"
    assert formats.size(1_234_567) == "1,2 MB"
    assert formats.size(999) == "999 Byte" and formats.size(2048, True).startswith("≈")


@given(st.lists(st.integers(1, 500), unique=True, min_size=1, max_size=60))
def test_ranges_come_back(uids):
    group = MessageRange("X", 7, tuple(sorted(uids)))
    assert notices.parse_ranges("X", notices.range_text(group), 10_000) == [group]


@pytest.mark.parametrize("text", ["", "7:", "x:1", "7:1-x", "7:3-1", "0:1", "7:1-999999", "7:a-b"])
def test_made_up_ranges_are_refused(text):
    assert notices.parse_ranges("X", text, 10_000) is None


def test_notices_are_signed_and_bounded():
    notice = notices.Notice("trashed", 2, "", "/undo", {"what0": "7:1-2"})
    text = notices.pack("secret", notice)
    assert notices.unpack("secret", text) == notice
    assert notices.unpack("other", text) is None and notices.unpack("secret", text[:-3] + "AAA") is None
    import secrets

    big = notices.pack("secret", notices.Notice("moved", 1, "", "/undo", {"what0": secrets.token_hex(9000)}))
    assert len(big) < 3500 and notices.unpack("secret", big).undo == {}


def test_form_tokens_differ_each_time_and_belong_to_a_session():
    one, two = crypto.form_token("s1"), crypto.form_token("s1")
    assert one != two and crypto.form_token_good("s1", one) and crypto.form_token_good("s1", two)
    assert not crypto.form_token_good("s2", one) and not crypto.form_token_good("s1", "")


def test_capabilities_end_and_have_one_purpose():
    capabilities = crypto.Capabilities()
    text = capabilities.seal("inline", {"a": 1}, 60)
    assert capabilities.open("inline", text) == {"a": 1}
    assert capabilities.open("other", text) is None and crypto.Capabilities().open("inline", text) is None
    assert capabilities.open("inline", capabilities.seal("inline", {}, -1)) is None
    assert crypto.Capabilities("k").open("x", crypto.Capabilities("k").seal("x", {}, 9)) == {}


@pytest.mark.parametrize(
    "target", ["//x", "/\\x", "https://x", "/%2F/x", "/%5Cx", "x", "", "/sign-in", "/a\nb"]
)
def test_only_own_paths_are_next(target):
    assert urls.safe_next(target) == "/" or target == "/%2F/x"
