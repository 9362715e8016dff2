"""Drafts as people and programs write them at their wildest, from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from services.sender.model import Attachment, Content, EmailAddress, Priority
from tests.unit.sender.composed import Attached

NAMES = (
    "Ada Lovelace",
    'O\'Brien, Seán "the Quick"',
    "Müller, Jürgen (Einkauf)",
    "山田 太郎",
    "محمد بن سلمان",
    "דוד כהן",
    "Zoë 👩‍👩‍👧‍👦 Family",
    'Back\\slash \\"quote\\"',
    "semi;colon: at@sign <angle>",
    "  spaces   all  over ",
    "=?utf-8?q?not_a_word?=",
    "Dr. A. B. C., M.D., Ph.D.",
    "",
    "Ñandú [brackets] (comment (nested))",
    "Ἀριστοτέλης " * 9,
    "Very long plain name that goes on " * 5,
    "a.b",
    "e\u0301 decomposed and é composed",
    "'single'",
    "A" * 130,
)
LOCALS = (
    "ada",
    "first.last",
    "a+b=c",
    "o'brien",
    "x_y-z",
    "A.Very.Long.Local.Part.That.Goes.On.And.On.0123456789",
)
WIDE_LOCALS = ("用户", "почта", "jörg", "δοκιμή")
DOMAINS = (
    "example.org",
    "mail.example.net",
    "bücher.example",
    "例え.example",
    "пример.example",
    "straße.example",
)
GROUPS = ("Team", "Die Räte", "A, B & C", "groupe «été»", "list:one")
SUBJECTS = (
    "Hello",
    "",
    "Re: Fwd: AW: [list] Termin am Dienstag, 14 Uhr",
    "Grüße aus Köln – schöne Tage",
    "会議の議事録について 2026年度",
    "👍🏽 emoji 🇩🇪 and zwj 👨‍💻",
    "שלום עולם mixed עם English",
    "a  b   c  two and three spaces",
    "=?utf-8?b?bm90?= encoded",
    "word" * 60,
    "x" * 400,
    "long subject of many short words " * 12,
    "日本語" * 80,
    "trailing colon:",
    "tab\there",
    "\u202eRTL override",
    "“typographic” ‘quotes’ … and — dashes",
)
TEXTS = (
    "Good morning\n",
    "",
    "From the start\n.\n..\n> quoted\n>> twice\n-- \nSignature\n",
    "Ünïcödé " * 60,
    "x" * 3000,
    "word " * 900,
    "日本語の文章です。" * 120,
    "שורה בעברית\nسطر بالعربية\n",
    "trailing space \n\n\n  indented\n\ttab\n",
    "emoji 👩🏿‍🚀🎉 = signs = and =3D\n",
    "long-url https://example.org/" + "a/b?c=d&" * 150 + "\n",
    "\u2028line separator\u2029 and \x0bvertical tab\n",
)
HTMLS = (
    "",
    "",
    "<p>Hello <b>bold</b> &amp; <i>italic</i></p>",
    '<p>Grüße</p><img src="cid:{cid}" alt="logo">',
    '<div dir="rtl">שלום</div><table><tr><td>1</td><td>2</td></tr></table>',
    "<p>" + "long " * 500 + "</p>",
    "<blockquote><p>quoted</p></blockquote><p>. dot</p>",
)
FILES = (
    "report.pdf",
    "Bericht – März 2026.pdf",
    "日本語のとても長いファイル名" * 6 + ".docx",
    'with "quotes" and \\ back.txt',
    "semi;colon=equals.txt",
    "per%cent'apostrophe.txt",
    "спецификация.xlsx",
    "שם קובץ.png",
    "emoji 🎉.jpg",
    "no-extension",
    "",
    "a" * 100 + ".txt",
    "dots...and spaces  .tar.gz",
    "[brackets] (parens) {braces}.csv",
    "star*zero*.txt",
    "../../etc/passwd",
    "été décomposé e\u0301.txt",
)
TYPES = (
    "application/octet-stream",
    "application/pdf",
    "image/png",
    "text/csv",
    "text/plain",
    "application/zip",
)
NESTED = (
    b"Subject: plain\r\nFrom: x@example.net\r\nMIME-Version: 1.0\r\n\r\nhello\r\n",
    "Subject: raw été\nFrom: Ünï <x@example.net>\n\nvoilà 8 bit\n".encode(),
    b"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n"
    b"\r\n--b\r\nContent-Type: text/plain\r\n\r\none\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: inner\r\n\r\ndeep\r\n--b--\r\n",
    b"Subject: long lines\r\n\r\n" + b"y" * 2500 + b"\r\n.\r\nafter a dot\r\n",
)


@dataclass(frozen=True)
class Draft:
    """A content and what is attached to it."""

    number: int
    content: Content
    attached: tuple[Attached, ...]


def drafts(count: int, seed: int = 2026) -> list[Draft]:
    rnd = random.Random(seed)
    return [_draft(rnd, number) for number in range(count)]


def _address(rnd: random.Random) -> str:
    local = rnd.choice(WIDE_LOCALS if rnd.random() < 0.12 else LOCALS)
    return f"{local}{rnd.randrange(1000)}@{rnd.choice(DOMAINS)}"


def _people(rnd: random.Random, most: int) -> tuple[EmailAddress, ...]:
    people, group = [], ""
    for _ in range(rnd.randrange(most + 1)):
        if rnd.random() < 0.2:
            group = rnd.choice(("", *GROUPS))
        people.append(EmailAddress(rnd.choice(NAMES), _address(rnd), group))
    if rnd.random() < 0.05:
        people.append(EmailAddress("", "", rnd.choice(GROUPS)))
    return tuple(people)


def _draft(rnd: random.Random, number: int) -> Draft:
    attached = []
    html = rnd.choice(HTMLS)
    if "{cid}" in html:
        cid = f"img{number}@example.org"
        html = html.replace("{cid}", cid)
        attached.append(Attached(rnd.randbytes(300), rnd.choice(FILES), "image/png", cid))
    for _ in range(rnd.choice((0, 0, 1, 1, 2, 4))):
        if rnd.random() < 0.25:
            attached.append(Attached(rnd.choice(NESTED), rnd.choice(("", "forwarded.eml")), "message/rfc822"))
        else:
            data = rnd.randbytes(rnd.choice((0, 1, 57, 58, 1000)))
            attached.append(Attached(data, rnd.choice(FILES), rnd.choice(TYPES)))
    to = _people(rnd, rnd.choice((1, 2, 5, 30)))
    content = Content(
        sender=EmailAddress(rnd.choice(NAMES), "alice@example.org"),
        to=(*to, EmailAddress(rnd.choice(NAMES), _address(rnd))),
        cc=_people(rnd, 3),
        bcc=_people(rnd, 2),
        reply_to=_people(rnd, 1),
        subject=rnd.choice(SUBJECTS),
        text=rnd.choice(TEXTS),
        html=html,
        attachments=tuple(
            Attachment(
                upload_id=str(n),
                filename=item.filename,
                media_type=item.media_type,
                content_id=item.content_id,
            )
            for n, item in enumerate(attached)
        ),
        in_reply_to=("<parent@example.net>",) if rnd.random() < 0.4 else (),
        references=tuple(
            f"<r{n}.{rnd.randrange(10**9)}@example.net>" for n in range(rnd.choice((0, 0, 1, 40)))
        ),
        priority=rnd.choice(list(Priority)),
        request_read_receipt=rnd.random() < 0.2,
    )
    return Draft(number, content, tuple(attached))
