"""What a mailbox is for: by the server's word (RFC 6154), else by its name in the languages that clients
write.

Invariants: an attribute always wins over a name; each use has at most one mailbox; a name decides only for
a use that no attribute names, and only in the account's own namespace, at the top or directly below INBOX.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from services.mailstore.mailboxes.model import Mailbox, Namespace, Use

ATTRIBUTES: dict[str, Use] = {
    "\\ALL": Use.ALL,
    "\\ARCHIVE": Use.ARCHIVE,
    "\\DRAFTS": Use.DRAFTS,
    "\\FLAGGED": Use.FLAGGED,
    "\\JUNK": Use.JUNK,
    "\\SENT": Use.SENT,
    "\\TRASH": Use.TRASH,
}

# What common clients and servers call them, the usual English name first: it is the name of a new one.
_WORDS: dict[Use, str] = {
    Use.SENT: (
        "Sent|Sent Items|Sent Messages|Sent Mail|Sent-Mail|Outbox Sent|Gesendet|"
        "Gesendete Elemente|Gesendete Objekte|Gesendete Nachrichten|Envoyés|Éléments envoyés|"
        "Messages envoyés|Enviados|Elementos enviados|Mensajes enviados|Correo enviado|"
        "Itens enviados|Mensagens enviadas|Posta inviata|Inviati|Inviata|Elementi inviati|"
        "Verzonden|Verzonden items|Verzonden berichten|Skickat|Skickade|Sendt|Sendte|Sendt post|"
        "Sendte elementer|Lähetetyt|Wysłane|Elementy wysłane|Odeslané|Odeslaná pošta|Odoslané|"
        "Elküldött|Elküldött elemek|Trimise|Elemente trimise|Poslano|Poslane|Отправленные|"
        "Надіслані|Изпратени|Απεσταλμένα|Gönderilmiş Öğeler|Gönderilenler|送信済み|送信済みメール|"
        "送信済みトレイ|"
        "已发送|已发送邮件|寄件備份|已傳送|보낸편지함|보낸 편지함|המשלוחים|נשלחו|פריטים שנשלחו|"
        "المرسلة|العناصر المرسلة|"
        "البريد المرسل|ارسال شده|Đã gửi|Terkirim|ส่งแล้ว"
    ),
    Use.DRAFTS: (
        "Drafts|Draft|Entwürfe|Entwurf|Brouillons|Brouillon|Borradores|Borrador|Rascunhos|Bozze|"
        "Concepten|Utkast|Kladder|Luonnokset|Wersje robocze|Kopie robocze|Szkice|Koncepty|"
        "Rozepsané|Piszkozatok|Ciorne|Schițe|Nacrti|Skice|Osnutki|Черновики|Чернетки|Чернови|"
        "Πρόχειρα|Taslaklar|下書き|草稿|草稿箱|草稿匣|임시보관함|임시 보관함|טיוטות|المسودات|مسودات|"
        "پیش نویس ها|"
        "Thư nháp|Konsep|Draf|ร่างจดหมาย"
    ),
    Use.TRASH: (
        "Trash|Deleted Items|Deleted Messages|Deleted|Bin|Wastebasket|Papierkorb|"
        "Gelöschte Elemente|Gelöschte Objekte|Gelöscht|Corbeille|Éléments supprimés|Papelera|"
        "Elementos eliminados|Papelera de reciclaje|Lixo|Lixeira|Itens excluídos|"
        "Itens eliminados|Cestino|Posta eliminata|Elementi eliminati|Prullenbak|Prullenmand|"
        "Verwijderde items|Papperskorg|Papperskorgen|Borttagna objekt|Papirkurv|Slettet post|"
        "Slettede elementer|Roskakori|Poistetut|Kosz|Elementy usunięte|Koš|Odstraněná pošta|Kôš|"
        "Lomtár|Kuka|Törölt elemek|Coș de gunoi|Gunoi|Elemente șterse|Smeće|Otpad|Koš za smeti|"
        "Корзина|Удаленные|Удалённые|Кошик|Видалені|Кошче|Κάδος|Απορρίμματα|Διαγραμμένα|Çöp|"
        "Çöp Kutusu|Silinmiş Öğeler|ゴミ箱|ごみ箱|削除済みアイテム|已删除|已删除邮件|垃圾桶|"
        "刪除的郵件|휴지통|지운 편지함|אשפה|"
        "פריטים שנמחקו|سلة المهملات|العناصر المحذوفة|المهملات|زباله دان|Thùng rác|Sampah|ถังขยะ"
    ),
    Use.JUNK: (
        "Junk|Spam|Junk E-mail|Junk Email|Junk Mail|Bulk Mail|Bulk|Werbung|Unerwünscht|"
        "Spamverdacht|Courrier indésirable|Indésirables|Pourriel|Pourriels|Correo no deseado|"
        "No deseado|Lixo eletrônico|Lixo eletrónico|Posta indesiderata|Indesiderata|Ongewenst|"
        "Ongewenste e-mail|Skräppost|Søppelpost|Uønsket post|Uønsket mail|Roskaposti|"
        "Wiadomości-śmieci|Nevyžádaná pošta|Nevyžiadaná pošta|Levélszemét|Neželjena pošta|"
        "Нежелательная почта|Спам|Ανεπιθύμητα|İstenmeyen|Gereksiz|Önemsiz E-posta|迷惑メール|垃圾邮件|"
        "垃圾郵件|스팸|스팸편지함|דואר זבל|ספאם|البريد غير الهام|البريد المزعج|هرزنامه|Thư rác"
    ),
    Use.ARCHIVE: (
        "Archive|Archives|Archiv|Archivio|Archief|Arquivo|Archivo|Arkiv|Arkisto|Archiwum|Archív|"
        "Archívum|Arhivă|Arhiva|Архив|Архів|Αρχείο|Arşiv|アーカイブ|归档|存档|封存|보관함|ארכיון|الأرشيف|"
        "بایگانی|Lưu trữ|Arsip"
    ),
}
NAMES: dict[Use, tuple[str, ...]] = {use: tuple(words.split("|")) for use, words in _WORDS.items()}

# A use that may never be taken from a name alone where somebody might mean something else by it is not here:
# ALL and FLAGGED are views, which only the server can declare.


def fold(name: str) -> str:
    """A name for comparing: one normal form, no case, one kind of space."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


_BY_NAME: dict[str, Use] = {fold(name): use for use, names in NAMES.items() for name in names}
_RANK: dict[tuple[Use, str], int] = {
    (use, fold(name)): rank for use, names in NAMES.items() for rank, name in enumerate(names)
}


def assign(found: Sequence[tuple[Mailbox, frozenset[str]]]) -> tuple[Mailbox, ...]:
    """The mailboxes with their uses. `found` pairs each with the attributes that LIST gave, in upper case."""
    uses: dict[str, Use] = {}
    taken: set[Use] = set()
    for box, attributes in found:
        if box.name == "INBOX":
            uses[box.name] = Use.INBOX
            continue
        use = next((ATTRIBUTES[word] for word in sorted(attributes) if word in ATTRIBUTES), None)
        if use is not None and use not in taken and box.selectable:
            uses[box.name] = use
            taken.add(use)
    candidates: list[tuple[int, int, str, Use]] = []
    for box, _ in found:
        if box.name in uses or not box.selectable or box.namespace is not Namespace.PERSONAL:
            continue
        folded = fold(box.last_level)
        use = _BY_NAME.get(folded)
        # Below a mailbox of one's own ("Clients/Sent") a name says nothing about the account.
        if use is None or use in taken or box.parent not in ("", "INBOX"):
            continue
        candidates.append((0 if not box.parent else 1, _RANK[use, folded], box.name, use))
    for _, _, name, use in sorted(candidates):
        if use not in taken:
            uses[name] = use
            taken.add(use)
    return tuple(replace(box, use=uses.get(box.name, Use.NONE)) for box, _ in found)


_ORDER = (Use.INBOX, Use.DRAFTS, Use.SENT, Use.ARCHIVE, Use.JUNK, Use.TRASH, Use.ALL, Use.FLAGGED)


def sort_key(box: Mailbox) -> tuple[int, list[str]]:
    """Special mailboxes first, then by name, each level for itself so that children follow their parent."""
    levels = box.name.split(box.delimiter) if box.delimiter else [box.name]
    return (_ORDER.index(box.use) if box.use in _ORDER else len(_ORDER), [fold(level) for level in levels])
