"""Several languages and scripts, some in the charsets that older programs still send."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.header import Header
from email.headerregistry import Address
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr

from deploy.local.demo.compose import ALICE, BOB, Letter, letter

A, B = ALICE.addr_spec, BOB.addr_spec


def letters(now: datetime) -> Iterator[Letter]:
    yield letter(
        "deutsch",
        now - timedelta(days=2, hours=1),
        Address("Jürgen Großmann", addr_spec="juergen@example.net"),
        (ALICE, BOB),
        "Überprüfung der Burgtorschließanlage: Rückfragen zu Schlüssel und Größe",
        "Liebe Alice, lieber Bob,\n\ndie Schließanlage ist eingebaut. Zwei Fragen:\n\n"
        "– Wie groß soll der Schlüsselbund für die Führungen sein?\n"
        "– Wer übernimmt die Nachtschließung während der Straßenarbeiten?\n\nSchöne Grüße\nJürgen\n",
        unread_by=(A,),
    )
    yield letter(
        "francais",
        now - timedelta(days=11),
        Address("Hélène Lefèvre", addr_spec="helene@exemple.example"),
        ALICE,
        "Réponse à votre demande – visite du château",
        "Bonjour Alice,\n\nc’est d’accord pour samedi. Nous serons « une petite douzaine », dont deux enfants.\n\n"
        "À bientôt\nHélène\n",
    )
    yield _legacy(
        "japanese",
        now - timedelta(days=1, hours=3),
        ("山田 花子", "hanako@example.jp"),
        "お城の見学について",
        "アリス様\n\nいつもお世話になっております。山田です。\n来週の見学の件ですが、午前十時に小門の前で"
        "お待ちしております。\n\nよろしくお願いいたします。\n山田花子\n",
        "iso-2022-jp",
        unread=True,
    )
    yield _legacy(
        "russian",
        now - timedelta(days=5, hours=7),
        ("Иван Петров", "ivan@example.ru"),
        "Чертежи калитки",
        "Здравствуйте, Алиса!\n\nПосылаю размеры калитки: высота 190 см, ширина 85 см.\n"
        "Остальное - на следующей неделе.\n\nС уважением,\nИван\n",
        "koi8-r",
    )
    yield letter(
        "arabic",
        now - timedelta(days=1, hours=9),
        Address("ليلى حداد", addr_spec="layla@example.com"),
        ALICE,
        "موعد زيارة القلعة يوم الخميس",
        "عزيزتي أليس،\n\nنود زيارة القلعة يوم الخميس الساعة 10:30. هل يفتح الباب الصغير (postern) في هذا الوقت؟\n\n"
        "مع خالص التحية\nليلى\n",
        unread_by=(A,),
    )
    yield letter(
        "hebrew",
        now - timedelta(days=15),
        Address("נועה לוי", addr_spec="noa@example.com"),
        ALICE,
        "תודה על הסיור!",
        "שלום אליס,\n\nהסיור היה נפלא. צירפתי קישור לתמונות: https://example.com/photos?id=7\n\nלהתראות,\nנועה\n",
        html="<div dir='rtl'><p>שלום אליס,</p><p>הסיור היה <b>נפלא</b>. צירפתי "
        "<a href='https://example.com/photos?id=7'>קישור לתמונות</a>.</p><p>להתראות,<br>נועה</p></div>",
    )
    yield letter(
        "greek",
        now - timedelta(days=33),
        Address("Ελένη Παππά", addr_spec="eleni@example.gr"),
        BOB,
        "Ευχαριστώ για τη βοήθεια",
        "Αγαπητέ Μπομπ,\n\nη πύλη ανοίγει ξανά. Ευχαριστώ!\n\nΕλένη\n",
    )
    yield letter(
        "chinese",
        now - timedelta(days=21),
        Address("王小明", addr_spec="xiaoming@example.cn"),
        (ALICE, BOB),
        "城门的照片",
        "你好，\n\n附近的城门很漂亮，下次一起去看吧。\n\n小明\n",
    )


def _legacy(
    slug: str,
    when: datetime,
    sender: tuple[str, str],
    subject: str,
    text: str,
    charset: str,
    unread: bool = False,
) -> Letter:
    """Text and encoded words (RFC 2047) in CHARSET, to Alice; the modern API would write UTF-8."""
    old = MIMEText(text, "plain", charset)
    old["Date"] = format_datetime(when)
    old["From"] = formataddr((sender[0], sender[1]), charset)
    old["To"] = str(ALICE)
    old.add_header("Subject", Header(subject, charset).encode())
    old["Message-ID"] = f"<{slug}@{sender[1].partition('@')[2]}>"
    raw = old.as_bytes().replace(b"\n", b"\r\n")
    from_address = Address(addr_spec=sender[1])
    made = letter(slug, when, from_address, ALICE, slug, "", unread_by=(A,) if unread else ())
    made.raw = raw
    return made
