"""Mail from machines: mailing lists, a shop, delivery reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from deploy.local.demo.compose import ALICE, BOB, ERIN, Letter, letter

A, B = ALICE.addr_spec, BOB.addr_spec
LIST = Address("Gatekeepers", addr_spec="gatekeepers@lists.example")


def letters(now: datetime) -> Iterator[Letter]:
    yield from _list(now)
    yield _flowed(now)
    yield from _shop(now)
    yield _report(now)
    yield _spam(now)


def _list(now: datetime) -> Iterator[Letter]:
    first: Letter | None = None
    people = (ERIN, Address("Grace H.", addr_spec="grace@mills.example"), BOB)
    texts = (
        "Which grease do you use for hinges that stand in the rain all year? Ours squeak in F sharp.\n",
        "Tallow in winter, oil in summer. F sharp is a good sign, worry when it drops to D.\n",
        "Seconded. And wipe off the old first, everybody forgets that.\n",
    )
    for number, (who, text) in enumerate(zip(people, texts, strict=True)):
        made = letter(
            f"list-{number}",
            now - timedelta(days=3, hours=-7 * number),
            who,
            LIST,
            ("Re: " if first else "") + "[gatekeepers] Grease for hinges",
            text + "\n_______________________________________________\ngatekeepers mailing list\n"
            "https://lists.example/gatekeepers\n",
            answers=first,
            headers={
                "List-Id": "People who look after gates <gatekeepers.lists.example>",
                "List-Post": "<mailto:gatekeepers@lists.example>",
                "List-Unsubscribe": "<https://lists.example/u/alice>, <mailto:leave@lists.example>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "Precedence": "list",
            },
            places={A: "INBOX", B: "Archive"},
            unread_by=(A,) if number else (),
        )
        first = first or made
        yield made


def _flowed(now: datetime) -> Letter:
    """format=flowed with quotes (RFC 3676): a line that ends in a space goes on in the next."""
    made = letter(
        "flowed",
        now - timedelta(days=4, hours=2),
        ERIN,
        ALICE,
        "Re: the book about fortresses",
        "",
        headers={"In-Reply-To": "<book-1@example.org>"},
    )
    made.message.set_content(
        "> Do you still have the book about fortresses that I lent to Bob, or \n"
        "> did he give it back to you?\n"
        ">> He says you have it.\n"
        "\n"
        "I have it, and I have read it twice. The chapter on small gates alone is \n"
        "worth the weight of it, and the weight is considerable: this paragraph is \n"
        "one long line, broken where the sender's program liked to.\n"
        "\n"
        "  * This line stands alone.\n"
        "\n"
        "-- \n"
        "Erin\n",
        cte="7bit",
    )
    made.message.set_param("format", "flowed")
    made.message.set_param("delsp", "no")
    return made


def _shop(now: datetime) -> Iterator[Letter]:
    shop = Address("Iron & Oak", addr_spec="orders@ironoak.example")
    for number, (thing, price) in enumerate(
        (("Hinge, forged, 60 cm (2)", "84.00"), ("Oak plank (6)", "132.40"))
    ):
        yield letter(
            f"order-{number}",
            now - timedelta(days=14 + 20 * number),
            shop,
            ALICE,
            f"Your order {70211 + number} is on its way",
            f"{thing}\nTotal {price}\n\nIt should be with you within three days.\n",
            html="<table border='0' cellpadding='8' style='border-collapse:collapse'>"
            "<tr style='background:#eee'><th align='left'>Article</th><th align='right'>Price</th></tr>"
            f"<tr><td>{thing}</td><td align='right'>{price}</td></tr></table>"
            "<p>It should be with you within three days.</p>",
            headers={"Auto-Submitted": "auto-generated"},
            places={A: "Receipts"},
        )


def _report(now: datetime) -> Letter:
    """A delivery status notification (RFC 3464) about a message of Alice's."""
    when = now - timedelta(days=7)
    original = letter(
        "to-nowhere",
        when - timedelta(minutes=1),
        ALICE,
        Address("Frank", addr_spec="frank@gone.example"),
        "Are you still there?",
        "Frank?\n",
    )
    daemon = Address("Mail Delivery System", addr_spec="MAILER-DAEMON@mail.example.org")
    message = EmailMessage(policy=SMTP)
    message["Date"] = format_datetime(when)
    message["From"] = daemon
    message["To"] = ALICE
    message["Subject"] = "Undelivered Mail Returned to Sender"
    message["Message-ID"] = "<report-1@mail.example.org>"
    message["Auto-Submitted"] = "auto-replied"
    message.set_content(
        "I'm sorry to have to inform you that your message could not be delivered to:\n\n"
        "<frank@gone.example>: Host or domain name not found\n"
    )
    message.make_mixed()
    status = message_from_bytes(
        b"Content-Type: message/delivery-status\r\n\r\n"
        b"Reporting-MTA: dns; mail.example.org\r\n\r\n"
        b"Final-Recipient: rfc822; frank@gone.example\r\nAction: failed\r\nStatus: 5.4.4\r\n"
        b"Diagnostic-Code: X-Postfix; Host or domain name not found\r\n",
        policy=SMTP,
    )
    message.attach(status)
    message.add_attachment(original.message)
    message.set_type("multipart/report")
    message.set_param("report-type", "delivery-status")
    return Letter(message, when, (A,), daemon.addr_spec, unread_by=(A,))


def _spam(now: datetime) -> Letter:
    return letter(
        "spam",
        now - timedelta(hours=30),
        Address("PRIZE DEPARTMENT", addr_spec="winner@prizes.invalid"),
        ALICE,
        "YOU HAVE WON A CASTLE!!!",
        "Send us only the transfer fee.\n",
        places={A: "Junk"},
        unread_by=(A,),
    )
