"""HTML mail, pictures inside, a calendar invitation, a message inside a message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.utils import make_msgid

from deploy.local.demo import files
from deploy.local.demo.compose import ALICE, BOB, CAROL, ERIN, Letter, letter

A, B = ALICE.addr_spec, BOB.addr_spec


def letters(now: datetime) -> Iterator[Letter]:
    yield _newsletter(now)
    yield _invitation(now)
    yield _forwarded(now)
    yield _formatted(now)
    yield _only_html(now)


def _newsletter(now: datetime) -> Letter:
    """Pictures from elsewhere, one picture inside (cid:), a pixel that counts readers, many links."""
    made = letter(
        "newsletter-42",
        now - timedelta(hours=9),
        Address("The Drawbridge", addr_spec="news@drawbridge.example"),
        ALICE,
        "The Drawbridge, no. 42: moats are back",
        "The Drawbridge, no. 42\n\nMoats are back\nRead it at https://drawbridge.example/42\n",
        headers={
            "List-Id": "The Drawbridge <news.drawbridge.example>",
            "List-Unsubscribe": "<https://drawbridge.example/unsubscribe?u=alice>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        unread_by=(A,),
    )
    cid = make_msgid("castle", domain="drawbridge.example")
    made.message.add_alternative(
        f"""<!doctype html><html><head><style>
body {{ font-family: Georgia, serif; background: #f4f1ea; color: #333 }} .card {{ background: #fff; padding: 16px }}
a {{ color: #0a6a78 }} @media (max-width: 400px) {{ .wide {{ display: none }} }}
</style></head><body>
<table width="600" align="center" cellpadding="0" cellspacing="0"><tr><td class="card">
<h1 style="margin:0 0 8px">The Drawbridge</h1>
<p style="color:#777">No. 42 &middot; for people who like walls</p>
<img src="cid:{cid[1:-1]}" alt="A castle in the evening" width="240" height="120">
<h2>Moats are back</h2>
<p>After two centuries of drained ditches, <b>three towns</b> have flooded theirs again.
<a href="https://drawbridge.example/42/moats?utm_source=mail">Read on</a></p>
<img src="https://images.drawbridge.example/moat.jpg" alt="The moat of Example" width="560" height="200">
<div class="wide" style="background-image:url(https://images.drawbridge.example/bg.png)"><p>In this issue:</p>
<ul><li>Ducks: friend or foe?</li><li>How deep is deep enough</li><li>Letters to the keeper</li></ul></div>
<p><small>You get this because you asked for it.
<a href="https://drawbridge.example/unsubscribe?u=alice">Unsubscribe</a></small></p>
<img src="https://track.drawbridge.example/open.gif?u=alice" width="1" height="1" alt="">
</td></tr></table></body></html>""",
        subtype="html",
    )
    html = made.message.get_payload()[1]  # type: ignore[index]
    html.add_related(files.png(), "image", "png", cid=cid, filename="castle.png")  # type: ignore[union-attr]
    return made


def _invitation(now: datetime) -> Letter:
    """iMIP (RFC 6047): the same invitation as an alternative and as a file."""
    start = (now + timedelta(days=5)).strftime("%Y%m%dT100000Z")
    end = (now + timedelta(days=5)).strftime("%Y%m%dT113000Z")
    calendar = "\r\n".join(
        (
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Castle//Calendar//EN",
            "METHOD:REQUEST",
            "BEGIN:VEVENT",
            "UID:inspection-1@castle.example",
            f"DTSTAMP:{now.strftime('%Y%m%dT%H%M%SZ')}",
            f"DTSTART:{start}",
            f"DTEND:{end}",
            "SUMMARY:Inspection of the gates",
            "LOCATION:Courtyard\\, by the well",
            "ORGANIZER;CN=Carol Castellan:mailto:carol@castle.example",
            f"ATTENDEE;CN=Alice Ashford;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{A}",
            f"ATTENDEE;CN=Bob Brandt;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{B}",
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        )
    )
    made = letter(
        "inspection",
        now - timedelta(hours=26),
        CAROL,
        (ALICE, BOB),
        "Invitation: Inspection of the gates",
        "Carol Castellan invites you: Inspection of the gates, in the courtyard, by the well.\n",
        unread_by=(B,),
    )
    made.message.add_alternative(calendar, subtype="calendar", params={"method": "REQUEST"})
    made.message.add_attachment(
        calendar.encode(), maintype="application", subtype="ics", filename="invite.ics"
    )
    return made


def _forwarded(now: datetime) -> Letter:
    """A message inside a message (message/rfc822), which has an attachment itself."""
    inner = letter(
        "inner",
        now - timedelta(days=20),
        Address("Town council", addr_spec="council@town.example"),
        CAROL,
        "Permit for the postern",
        "Dear keeper,\n\nattached is the permit. It is valid for one gate only.\n",
    )
    inner.message.add_attachment(
        files.pdf("Permit", "One gate, small, at the back.", "Town council of Example"),
        maintype="application",
        subtype="pdf",
        filename="permit.pdf",
    )
    made = letter(
        "permit",
        now - timedelta(days=12),
        CAROL,
        ALICE,
        "Fwd: Permit for the postern",
        "For your files.\n\nCarol\n",
        places={A: "Projects/Castle"},
        unread_by=(A,),
    )
    made.message.add_attachment(inner.message)
    return made


def _formatted(now: datetime) -> Letter:
    return letter(
        "minutes",
        now - timedelta(days=8),
        ERIN,
        (ALICE, BOB),
        "Minutes of the meeting",
        "1. The roof: goes on\n2. The moat: not this year\n3. Next time: bring cake\n",
        html="<h3>Minutes</h3><ol><li>The roof: <em>goes on</em></li><li>The moat: <s>this</s> not this year"
        "</li><li>Next time: bring cake</li></ol><blockquote>&ldquo;A wall is only as good as its smallest "
        "gate.&rdquo; &mdash; Carol</blockquote><pre>for brick in wall:\n    count += 1</pre>",
    )


def _only_html(now: datetime) -> Letter:
    made = letter(
        "only-html",
        now - timedelta(days=10),
        Address("Library", addr_spec="desk@library.example"),
        BOB,
        "Your loan ends in three days",
        "",
    )
    made.message.set_content(
        "<p>Dear reader,</p><p><b>Small Gates of Europe</b> is due back on Friday. "
        "<a href='https://library.example/renew'>Renew it</a></p>",
        subtype="html",
    )
    return made
