"""What Alice, Bob and their friends write each other: threads, attachments, drafts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from deploy.local.demo import files
from deploy.local.demo.compose import ALICE, BOB, CAROL, DAVE, ERIN, Letter, letter

A, B = ALICE.addr_spec, BOB.addr_spec


def letters(now: datetime) -> Iterator[Letter]:
    yield from _roof(now)
    yield from _lunch(now)
    yield from _invoices(now)
    yield from _single(now)
    yield from _drafts(now)


def _roof(now: datetime) -> Iterator[Letter]:
    first = letter(
        "roof-1",
        now - timedelta(days=6, hours=3),
        CAROL,
        ALICE,
        "The roof over the east gate",
        "Dear Alice,\n\nit rained through again last night, right beside the postern. Dave had a look and says the\n"
        "lead is gone between the second and third rafter. Could you ask Bob whether his scaffolding\n"
        "is free next week?\n\nCarol\n\n-- \nCarol Castellan\nKeeper of the keys\n",
        cc=(DAVE,),
        answered_by=(A,),
    )
    yield first
    second = letter(
        "roof-2",
        now - timedelta(days=6, hours=1),
        ALICE,
        (CAROL, BOB),
        "Re: The roof over the east gate",
        "Bob, is it free?\n\nAlice\n\nOn the roof, Carol Castellan wrote:\n"
        "> it rained through again last night, right beside the postern. Dave had a look and says the\n"
        "> lead is gone between the second and third rafter. Could you ask Bob whether his scaffolding\n"
        "> is free next week?\n",
        cc=(DAVE,),
        answers=first,
        answered_by=(B,),
    )
    yield second
    third = letter(
        "roof-3",
        now - timedelta(days=5, hours=20),
        BOB,
        (ALICE, CAROL),
        "Re: The roof over the east gate",
        "From Tuesday on, yes. I attach what I measured last time, and a picture, so that Dave can order the\n"
        "lead before.\n\nBob\n",
        cc=(DAVE,),
        answers=second,
        flagged_by=(A,),
    )
    third.message.add_attachment(
        b"place;length_cm;width_cm\neast gate;420;95\nstair;210;80\n",
        maintype="text",
        subtype="csv",
        filename="measurements.csv",
    )
    third.message.add_attachment(files.png(), maintype="image", subtype="png", filename="east gate.png")
    yield third
    yield letter(
        "roof-4",
        now - timedelta(days=5, hours=2),
        DAVE,
        (ALICE, BOB, CAROL),
        "Re: The roof over the east gate",
        "Ordered. It comes on Monday, before noon. Somebody has to let the cart in: the main gate is too low,\n"
        "it will have to be the postern.\n\nDave\n",
        answers=third,
        unread_by=(A, B),
    )


def _lunch(now: datetime) -> Iterator[Letter]:
    first = letter(
        "lunch-1",
        now - timedelta(hours=5),
        BOB,
        ALICE,
        "Lunch on Thursday?",
        "Hello Alice,\n\nthe new place by the bridge has dumplings now. Thursday at half past twelve?\n"
        "Could you bring the plan of the gate, then I can look at the hinges.\n\nBob\n",
        unread_by=(A,),
        flagged_by=(A,),
    )
    yield first
    yield letter(
        "lunch-2",
        now - timedelta(hours=4),
        BOB,
        ALICE,
        "Re: Lunch on Thursday?",
        "PS: Erin comes too.\n",
        cc=(ERIN,),
        answers=first,
        unread_by=(A,),
    )


def _invoices(now: datetime) -> Iterator[Letter]:
    for month, amount in enumerate(("1,250.00", "980.50", "2,310.75"), 1):
        made = letter(
            f"invoice-{month}",
            now - timedelta(days=90 - 28 * month),
            DAVE,
            ALICE,
            f"Invoice 2{month:03d} – masonry, part {month} of 3",
            f"Dear Ms Ashford,\n\nplease find attached our invoice over {amount} crowns, payable within "
            "thirty days.\n\nWith kind regards\nDave Okonkwo\nOkonkwo & Daughters, masons\n",
            places={A: "Projects/Castle/Invoices"},
        )
        made.message.add_attachment(
            files.pdf("Okonkwo & Daughters, masons", f"Invoice 2{month:03d}", f"Total: {amount} crowns"),
            maintype="application",
            subtype="pdf",
            filename=f"invoice-2{month:03d}.pdf",
        )
        yield made


def _single(now: datetime) -> Iterator[Letter]:
    yield letter(
        "welcome",
        now - timedelta(minutes=20),
        CAROL,
        (ALICE, BOB),
        "Welcome to Postern",
        "This is a demo mailbox. Everything in it was made up a moment ago and is gone when you stop it.\n\n"
        "Some things to try:\n"
        "  * answer Bob, who asks about lunch, and attach a file;\n"
        "  * sign in as bob@example.org (password: bob) and see it arrive;\n"
        "  * open the newsletter and decide whether its pictures may be loaded;\n"
        "  * look for a word you remember.\n\nMail to anybody but Alice and Bob is refused: nothing leaves this machine.\n",
        unread_by=(A, B),
    )
    yield letter(
        "keys",
        now - timedelta(days=1, hours=6),
        CAROL,
        ALICE,
        "Castle: who has which key",
        "North tower: Erin\nCellar: Dave (lost one, found one)\nPostern: you and Bob\n\n"
        "Please do not copy the last one.\n",
        places={A: "Projects/Castle"},
        flagged_by=(A,),
    )
    photos = letter(
        "photos",
        now - timedelta(days=2, hours=4),
        ERIN,
        (ALICE, BOB),
        "Photos from the wall 📷🏰",
        "Three for now, the rest when I am home. The last one is a film, tell me whether it opens! 🎉\n\nErin\n",
        unread_by=(B,),
    )
    for number in (1, 2):
        photos.message.add_attachment(
            files.png(120 * number, 80 * number),
            maintype="image",
            subtype="png",
            filename=f"wall-{number}.png",
        )
    photos.message.add_attachment(
        files.archive({"wall-3.png": files.png(60, 40), "read me.txt": b"No film after all.\n"}),
        maintype="application",
        subtype="zip",
        filename="the rest (I know, a ZIP).zip",
    )
    yield photos
    yield letter(
        "note-to-self",
        now - timedelta(days=9),
        ALICE,
        ALICE,
        "Note to self",
        "Ask Carol about the hinges.\nGate opens outwards!\n",
        places={A: "Archive"},
    )
    yield letter(
        "idea",
        now - timedelta(days=30),
        ALICE,
        ALICE,
        "Idee: eine Zugbrücke für Fahrräder",
        "Schmal, leicht, von einer Person zu heben. Breite 90 cm. Wer zeichnet das?\n",
        places={A: "Entwürfe & Ideen"},
    )
    yield letter(
        "old-greeting",
        now - timedelta(days=420),
        ERIN,
        ALICE,
        "Happy new year",
        "… and thank you for the soup.\n\nErin\n",
        places={A: "Archive"},
    )
    yield letter(
        "thrown-away",
        now - timedelta(days=3),
        DAVE,
        ALICE,
        "Please ignore my last message",
        "It was for somebody else.\n",
        places={A: "Trash"},
    )


def _drafts(now: datetime) -> Iterator[Letter]:
    yield letter(
        "draft-1",
        now - timedelta(days=1),
        ALICE,
        CAROL,
        "Hinges",
        "Dear Carol,\n\nabout the hinges: ",
        places={A: "Drafts"},
    )
