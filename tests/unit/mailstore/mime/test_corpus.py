"""Real messages: all of them are read, and what stalwart made of its own is what we make of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from services.mailstore.mime.body import read_text
from services.mailstore.mime.parse import parse_message
from services.mailstore.mime.select import select

from .agreement import FIELDS, compare

# Values in which we differ on purpose, with the rule that we follow instead.
_LAST_PART = "a text part stays text when the message ends without a close-delimiter (RFC 2046 5.1.1)"
_OUTER = "a delimiter of the outer multipart ends the inner one (RFC 2046 5.1.2)"
_FIRST_TYPE = (
    "of two Content-Types the multipart is the one that its delimiters bear out; the HTML is readable so"
)
_ON_PURPOSE = {
    ("malformed/001", "texts"): _LAST_PART,
    ("malformed/002", "texts"): "no delimiter at all: the text is shown rather than hidden",
    ("malformed/003", "texts"): _LAST_PART,
    ("malformed/004", "texts"): _LAST_PART,
    ("malformed/006", "texts"): _LAST_PART,
    ("malformed/008", "texts"): _LAST_PART,
    ("malformed/009", "texts"): _OUTER,
    ("malformed/011", "texts"): _OUTER,
    ("malformed/016", "texts"): "boundaries that begin alike for 80 octets are still different ones",
    ("malformed/017", "names"): "a filename counts also where the disposition's type is missing",
    ("malformed/019", "texts"): "a line that is no header field begins the body: no text is lost",
    ("malformed/020", "texts"): _FIRST_TYPE,
    ("malformed/021", "texts"): _FIRST_TYPE,
    ("thirdparty/002", "texts"): "padding ends base64 (RFC 2045 6.8)",
    ("thirdparty/005", "texts"): "a delimiter stands at the beginning of a line (RFC 2046 5.1.1)",
    ("thirdparty/015", "names"): "all three attachments are there",
}
# Of these the ones in which Python's `email` reads exactly as we do.
_SECONDED = {
    *(
        (f"malformed/{number}", "texts")
        for number in ("001", "002", "003", "006", "008", "009", "011", "016")
    ),
    ("malformed/020", "texts"),
    ("malformed/021", "texts"),
    ("thirdparty/005", "texts"),
    ("thirdparty/015", "names"),
}
_MESSAGES, _COMPARED = 157, 53


def _folder() -> Path:
    """`shared/corpora/mime` beside the project, also where this is a worktree of it."""
    here = Path(__file__).resolve().parents[4]
    common = subprocess.run(
        ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"],
        cwd=here,
        capture_output=True,
        text=True,
    )
    places = [here.parent, Path(common.stdout.strip() or here / ".git").parent.parent]
    for place in places:
        if (place / "shared/corpora/mime").is_dir():
            return place / "shared/corpora/mime"
    if os.environ.get("CI") == "true":
        pytest.fail("the corpora are not beside the project, and CI must run them")
    pytest.skip("no ../shared/corpora beside the project: the corpus of real messages was not read")


def test_every_message_is_read() -> None:
    paths = [
        p for p in sorted(_folder().rglob("*")) if p.suffix == ".eml" or p.name == "sample_output_multipart"
    ]
    for path in paths:
        message = parse_message(path.read_bytes())
        chosen = select(message.root)
        for part in message.root.walk():
            assert message.content(part.number) is not None, path
        for part in (*chosen.plain, *chosen.html):
            read_text(part, message.content(part.number) or b"")
    assert len(paths) >= _MESSAGES


def test_agreement(record_property: pytest.RecordProperty) -> None:
    compared = 0
    differing, seconded = [], set()
    for one in compare(_folder()):
        compared += 1
        differing += [(one.name, field, one.expected[field], one.ours[field]) for field in one.differing]
        seconded |= {(one.name, field) for field in one.seconded}
    values = compared * len(FIELDS)
    unexplained = [item for item in differing if (item[0], item[1]) not in _ON_PURPOSE]
    strict = (values - len(differing)) / values
    backed = (values - len(differing) + len(seconded)) / values
    print(f"mime agreement: {strict:.1%} of {values} values; with a second reader on our side {backed:.1%}")
    record_property("mime_agreement", strict)
    assert compared >= _COMPARED
    assert strict >= 0.939
    assert not unexplained
    # What is left is not our whim: another reader, which knows nothing of ours, reads the same.
    assert backed >= 0.97
    assert seconded >= _SECONDED
