"""Whatever is typed: no header is injected, no line is too long, and what comes back is what went in."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.errors import PosternError
from services.sender.compose import text as bodies
from services.sender.compose.segments import MessageLines
from services.sender.model import Attachment, EmailAddress
from tests.unit.sender.composed import Attached, compose, parse
from tests.unit.sender.fakes import letter

ANY = st.text(alphabet=st.characters(codec="utf-8"), max_size=120)
WORDS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=150
)
NASTY = st.lists(
    st.sampled_from(
        ["\r\n", "\r", "\n", "\x00", "Bcc: x@y.example", "a", ":", " ", "\u2028", "\x85", "=?utf-8?q?"]
    )
).map("".join)
EXTRA_NAMES = st.sampled_from(
    ["X-Odd", "X-Odd", "X-Odd:", "X-Odd\r\nBcc", " X-Odd", "Bcc", "FROM", "To ", ""]
)
ADDRESSES = st.sampled_from(["bob@example.org", "carol@example.net", "j@bücher.example"])
NAMES = {"From", "To", "Cc", "Bcc", "Reply-To", "Subject", "Message-ID", "In-Reply-To", "References", "Date"}
NAMES |= {"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "X-Odd"}


def check_wire(wire: bytes) -> None:
    assert wire.count(b"\n") == wire.count(b"\r") == wire.count(b"\r\n")
    assert b"\x00" not in wire
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    header = wire.partition(b"\r\n\r\n")[0]
    for line in header.split(b"\r\n"):
        assert (line[:1] in b" " and line.strip()) or line.partition(b":")[0].decode() in NAMES


@settings(deadline=None, max_examples=75)
@given(st.data())
def test_no_header_can_be_injected(data: st.DataObject) -> None:
    draw = data.draw
    evil = st.one_of(ANY, NASTY)
    people = tuple(
        EmailAddress(draw(evil), draw(st.one_of(ADDRESSES, evil)), draw(evil))
        for _ in range(draw(st.integers(1, 3)))
    )
    content = letter(
        sender=EmailAddress(draw(evil), "alice@example.org"),
        to=people,
        reply_to=(EmailAddress(draw(evil), "alice@example.org"),),
        subject=draw(evil),
        text=draw(evil),
        html=draw(evil),
        in_reply_to=(draw(evil),),
        references=(draw(evil),),
        attachments=(Attachment(upload_id="0", filename=draw(evil), content_id=draw(evil)),),
        extra_fields=((draw(EXTRA_NAMES), draw(evil)),),
    )
    broken = any(
        re.search("[\r\n\0]", value)
        for value in (
            *(part for person in people for part in vars(person).values()),
            *(content.subject, content.sender.name, content.reply_to[0].name),
            *(*content.in_reply_to, *content.references, content.attachments[0].filename),
            content.extra_fields[0][1],
        )
    )
    item = content.attachments[0]
    try:
        wire, full, _ = compose(content, Attached(b"x", item.filename, content_id=item.content_id))
    except PosternError as err:
        assert err.reason == "INVALID_ARGUMENT" and err.metadata["field"]
        return
    assert not broken
    check_wire(wire)
    check_wire(full)
    assert parse(wire)["bcc"] is None


@settings(deadline=None, max_examples=150)
@given(
    subject=WORDS,
    names=st.lists(WORDS, min_size=1, max_size=4),
    body=WORDS,
    html=st.one_of(st.just(""), WORDS),
    # Python's reader takes outer angle brackets and quotes for quoting (email.utils.unquote) and drops them.
    filename=WORDS.filter(lambda name: name.strip() and (name.strip()[0] not in '<"')),
    content=st.binary(max_size=300),
)
def test_what_comes_back_is_what_went_in(subject, names, body, html, filename, content) -> None:
    people = tuple(EmailAddress(name, f"p{number}@example.org") for number, name in enumerate(names))
    wire, _, _ = compose(
        letter(to=people, subject=subject, text=body, html=html), Attached(content, filename)
    )
    check_wire(wire)
    message = parse(wire)
    assert message["subject"] == subject
    found = message["to"].addresses
    assert [a.addr_spec for a in found] == [person.address for person in people]
    # Spaces are left out of the comparison: Python 3.11 keeps one between encoded words of a phrase, which
    # RFC 2047, 6.2 has ignored, and folds white space of any kind. `test_long_names` looks at them.
    assert ["".join(a.display_name.split()) for a in found] == ["".join(name.split()) for name in names]
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == filename.strip() and attachment.get_content() == content


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet=st.sampled_from(" >-Fromab\n.é"), max_size=300))
def test_flowed_text_is_joined_again_to_what_was_typed(typed: str) -> None:
    joined = unflow(bodies.flowed(typed))
    assert joined == [canonical(line) for line in typed.split("\n")]


def canonical(line: str) -> tuple[int, str]:
    match = re.match(r"(?:> ?)+", line)
    depth = match[0].count(">") if match else 0
    rest = line[match.end() :] if match else line
    return depth, rest if rest == "-- " else rest.rstrip(" ")


def unflow(text: str) -> list[tuple[int, str]]:
    """RFC 3676 as a reader does it."""
    lines: list[tuple[int, str]] = []
    flowing = False
    for line in text.split("\n"):
        assert len(line) <= 998
        depth = len(line) - len(line.lstrip(">"))
        rest = line[depth:].removeprefix(" ")
        if flowing and lines[-1][0] == depth:
            lines[-1] = (depth, lines[-1][1] + rest)
        else:
            lines.append((depth, rest))
        flowing = rest.endswith(" ") and rest != "-- "
    return lines


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400), st.integers(1, 50))
def test_a_strangers_message_comes_out_fit_whatever_the_chunks(raw: bytes, step: int) -> None:
    raw = raw.replace(b"\x01", b"\r\n").replace(b"\x02", b"\r").replace(b"\x03", b"\n")
    outs = []
    for size in (step, len(raw) + 1):
        lines = MessageLines()
        out = b"".join(lines.feed(raw[at : at + size]) for at in range(0, len(raw), size)) + lines.finish()
        assert lines.size == len(out) and lines.eight_bit == (not out.isascii())
        assert out.count(b"\n") == out.count(b"\r") == out.count(b"\r\n") and b"\x00" not in out
        outs.append(out)
    assert outs[0] == outs[1]
