"""What a careful friend would say before a message goes. Nothing is forbidden: who presses Send
again, sends."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from services.web.composition import Composition
from services.web.i18n import gettext as _
from services.web.i18n import ngettext
from services.web.model.account import Identity
from services.web.model.outgoing import Outgoing

# "attached", "enclosed" and the like, in the languages that people here write in most.
_ATTACHED = re.compile(
    r"\b(?:attach(?:ed|ment|ments|ing)?|enclosed|im anhang|angehängt\w*|anbei|beigefügt\w*|anhang|anlage|"
    r"anhänge|angehangen|(?:pièces?|piece) jointes?|ci-joint\w*|ci-inclus\w*|en pj|fichiers? joints?|"
    r"adjunt[oa]s?|archivo adjunto|allegat[oi]|in allegato|anex[oa]s?|anexad[oa]s?|anexei|"
    r"bijlagen?|bijgevoegd|w załączeniu|załącznik\w*|załączam|bifog\w*|bilag\w*|vedlagt\w*|vedlegg\w*|"
    r"vedhæft\w*|liitteenä|liitteet?|přílo[hz]\w*|príloh\w*|mellékel\w*|csatol\w*|ata[sșş](?:at\w*|ez)|"
    r"ekte|ekteki|eklediğim|συνημμέν\w*|вложен\w*|прикреп\w*|прилагаю|вкладенн\w*)\b|"
    r"מצור|مرفق|附件|添付|첨부|แนบ",
    re.IGNORECASE,
)
_KNOWN = (
    "gmail.com googlemail.com outlook.com hotmail.com live.com yahoo.com icloud.com me.com gmx.de gmx.net "
    "web.de t-online.de posteo.de proton.me protonmail.com mail.ru yandex.ru qq.com 163.com orange.fr "
    "free.fr "
    "libero.it"
).split()
MANY = 25


def of(composition: Composition, outgoing: Outgoing, identities: Iterable[Identity]) -> list[str]:
    """What to think of before sending, in the reader's words; empty where nothing is odd."""
    found = []
    if not outgoing.attachments and _ATTACHED.search(own_words(outgoing.text)):
        found.append(_("You write of an attachment, but there is none."))
    if not outgoing.subject:
        found.append(_("The message has no subject."))
    people = [*outgoing.to, *outgoing.cc, *outgoing.bcc]
    known = {one.address.rpartition("@")[2].lower() for one in identities} | set(_KNOWN)
    domains = {one.address.rpartition("@")[2].lower() for one in people}
    for domain in sorted(domains - known):
        near = next((one for one in sorted(known) if _alike(domain, one)), "")
        if near:
            values = {"domain": domain, "near": near}
            found.append(_("“%(domain)s” looks like “%(near)s” but is another address.") % values)
    shown = len({one.address.lower() for one in (*outgoing.to, *outgoing.cc)})
    if shown >= MANY:
        found.append(
            ngettext(
                "%(count)s person will see all the others' addresses. Bcc hides them.",
                "%(count)s people will see one another's addresses. Bcc hides them.",
                shown,
            )
            % {"count": shown}
        )
    return found


def mark(found: list[str]) -> str:
    """A word for these very cautions, so that only what was read is passed over."""
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16] if found else ""


def own_words(text: str) -> str:
    """Without quotes, signature and forwarded text."""
    text = re.split(r"^-- ?$|^-{8,} ", text, maxsplit=1, flags=re.MULTILINE)[0]
    return "\n".join(line for line in text.split("\n") if not line.startswith(">"))


def _alike(one: str, other: str) -> bool:
    """One slip of the hand apart, or alike to the eye."""
    if one == other or one.endswith("." + other) or other.endswith("." + one):
        return False
    if _skeleton(one) == _skeleton(other):
        return True
    if min(len(one), len(other)) < 6:
        return False
    if len(one) == len(other):
        apart = [at for at in range(len(one)) if one[at] != other[at]]
        if len(apart) == 1:
            return True
        return (
            len(apart) == 2
            and apart[1] == apart[0] + 1
            and one[apart[0]] == other[apart[1]]
            and (one[apart[1]] == other[apart[0]])
        )
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return len(longer) - len(shorter) == 1 and any(
        longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer))
    )


def _skeleton(domain: str) -> str:
    for seen, meant in (
        ("rn", "m"),
        ("vv", "w"),
        ("cl", "d"),
        ("0", "o"),
        ("1", "l"),
        ("\u0456", "i"),
        ("\u0430", "a"),
    ):
        domain = domain.replace(seen, meant)
    return domain
