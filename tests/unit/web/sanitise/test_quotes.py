"""Quotes of HTML messages are folded, in the forms that mail programs write."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.web.sanitise import sanitise_html

# ruff: noqa: E501 markup as mail programs write it

FORMS = {
    "gmail": '<div dir="ltr">Answer</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Mon, Bob wrote:'
    '<br></div><blockquote class="gmail_quote" style="margin:0">OLD</blockquote></div>',
    "gmail now": '<div dir="ltr">Answer</div><div class="gmail_quote gmail_quote_container"><blockquote>OLD</blockquote></div>',
    "thunderbird": '<p>Answer<br></p><div class="moz-cite-prefix">Am 1.1. schrieb Bob:<br></div>\n<blockquote type="cite" '
    'cite="mid:x@y">OLD</blockquote>',
    "apple": '<div>Answer</div><div><br><blockquote type="cite"><div>On 1 Jan, Bob wrote:</div>OLD</blockquote></div>',
    "outlook web": '<div>Answer</div><div id="appendonsend"></div><hr style="x"><div id="divRplyFwdMsg" dir="ltr">'
    "<b>Von:</b> Bob</div><div>OLD</div>",
    "outlook windows": "<div class=WordSection1><p class=MsoNormal>Answer</p><div><div style='border:none;border-top:solid "
    "#E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in'><p class=MsoNormal><b><span lang=EN-US>From:</span></b> Bob</p></div></div>"
    "<p class=MsoNormal>OLD</p></div>",
    "outlook 2010": "<div class=WordSection1><p>Answer</p><div style='border:none;border-top:solid #B5C4DF 1.0pt;padding:3pt'>"
    "<p><b>De&nbsp;:</b> Bob</p></div><p>OLD</p></div>",
    "yahoo": '<div>Answer</div><div id="ydp1" class="yahoo_quoted"><div>On Monday</div><div>OLD</div></div>',
    "proton": 'Answer<br><div class="protonmail_quote">On Monday<blockquote>OLD</blockquote></div>',
}


def parts(html: str) -> tuple[str, list[str]]:
    """The text that is seen at once, and that of each fold."""
    clean = sanitise_html(html, fold_label="Quoted").html
    folds = re.findall(r'<details class="postern-quote">(.*?)</details>', clean, re.DOTALL)
    return re.sub(r'<details class="postern-quote">.*?</details>', "", clean, flags=re.DOTALL), folds


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_folded(form: str) -> None:
    seen, (fold,) = parts(FORMS[form])
    assert "Answer" in seen and "OLD" not in seen
    assert "OLD" in fold and 'aria-label="Quoted"' in fold
    assert (
        sanitise_html(FORMS[form]).html.count("OLD") == 1
        and "<details" not in sanitise_html(FORMS[form]).html
    )


def test_what_introduces_a_quote_goes_with_it() -> None:
    seen, (fold,) = parts(FORMS["thunderbird"])
    assert "schrieb" not in seen and "schrieb" in fold


def test_a_quote_within_a_quote_is_part_of_it() -> None:
    seen, (fold,) = parts(f'<p>Answer</p><blockquote type="cite">{FORMS["thunderbird"]}</blockquote>')
    assert seen.count("Answer") == 1 and "OLD" in fold


def test_an_answer_between_short_quotes_stays_open() -> None:
    seen, folds = parts(
        '<blockquote type="cite">Shall we?</blockquote><p>Yes.</p><blockquote type="cite">When?</blockquote><p>Now.</p>'
    )
    assert folds == [] and "When?" in seen
    seen, folds = parts(f'<p>Yes</p><blockquote type="cite">{"long " * 300}</blockquote><p>See above.</p>')
    assert len(folds) == 1 and "See above." in seen


def test_a_message_that_is_a_quote_alone_is_shown() -> None:
    seen, folds = parts('<div><br></div><div class="gmail_quote">Forwarded</div>')
    assert folds == [] and "Forwarded" in seen


def test_a_rule_that_is_no_header_is_left_alone() -> None:
    seen, folds = parts(
        '<p>A</p><div style="border:none;border-top:solid #E1E1E1 1.0pt">The end of it</div><p>B</p>'
    )
    assert folds == [] and "B" in seen


PIECES = [
    *FORMS.values(),
    "<div>", "</div>", "<p>", "</p>", "<b>", "</b>", "<table><tr><td>", "</table>", "x", "<br>",
    '<blockquote type="cite">', "</blockquote>", '<div class="gmail_quote">', '<div id="divRplyFwdMsg">', "<ul><li>", "</ul>",
    '<a title="<div class=&quot;gmail_quote&quot;>">',
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_folding_only_adds_balanced_details(pieces: list[str]) -> None:
    html = "".join(pieces)
    plain, folded = sanitise_html(html).html, sanitise_html(html, fold_label="Q").html
    assert (
        re.sub(
            r'<details class="postern-quote"><summary title="Q" aria-label="Q">•••</summary>|</details>',
            "",
            folded,
        )
        == plain
    )
    stack: list[str] = []
    for end, name in re.findall(r"<(/?)([a-z0-9]+)(?:\s+[^\s=>]+(?:=\"[^\"]*\")?)*>", folded):
        if name in ("br", "hr", "img"):
            continue
        if end:
            assert stack.pop() == name, folded
        else:
            stack.append(name)
    assert stack == []


def test_many_quotes_cost_time_by_their_length() -> None:
    def seconds(times: int) -> float:
        html = "<p>Answer</p>" + '<div class="gmail_quote"><p>x</p></div><p>y</p>' * times
        html += '<div><div id="divRplyFwdMsg"></div></div>' * times
        best = 9.0
        for _ in range(2):
            start = time.process_time()
            sanitise_html(html, fold_label="Q")
            best = min(best, time.process_time() - start)
        return best

    assert seconds(4_000) < 16 * seconds(500) + 0.2
