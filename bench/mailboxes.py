"""Large mailboxes for benchmarks: ordinary mail, the same for the same seed, written as Maildir for
Dovecot.
"""

from __future__ import annotations

import base64
import os
import random
import time
from pathlib import Path

from tests.support.dovecot import Dovecot, MailUser

_END = 1_795_000_000
_YEARS = 10 * 365 * 86400
_SYLLABLES = (
    "ba be bi bo bu da de di do du ka ke ki ko la le li lo ma me mi mo "
    "na ne ni no ra re ri ro sa se so ta te ti to"
).split()
_PEOPLE = [
    ("Ada Byron", "ada"),
    ("Émile Noël", "emile"),
    ("Grace Hopper", "grace"),
    ("Jürgen Größe", "juergen"),
    ("山田 太郎", "yamada"),
    ("Нина Петрова", "nina"),
    ("Build Robot", "build"),
    ("Ordering, Books", "orders"),
    ("Tim Smith", "tim"),
    ("Yusuf Demir", "yusuf"),
    ("Zoë Quinn", "zoe"),
    ("Łucja Żak", "lucja"),
]


def _word(value: str) -> str:
    """A header value as encoded words where it is not US-ASCII."""
    if value.isascii():
        return f'"{value}"' if "," in value else value
    return "=?UTF-8?B?" + base64.b64encode(value.encode()).decode() + "?="


class Mail:
    """Makes messages."""

    def __init__(self, seed: int, user: MailUser) -> None:
        self.rng = random.Random(seed)
        self.user = user
        rng = self.rng
        # As language has it: few words make most of the text, and most words are rare.
        self.words = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 4))) for _ in range(40_000)]
        self.weights = [1 / (rank + 3) for rank in range(len(self.words))]
        self.text = rng.choices(self.words, self.weights, k=400_000)
        self.recent: list[tuple[str, str, list[str]]] = []
        self.blob = base64.encodebytes(rng.randbytes(60_000)).decode()

    def some(self, count: int) -> str:
        start = self.rng.randrange(len(self.text) - count)
        return " ".join(self.text[start : start + count])

    def message(self, number: int, when: int) -> tuple[bytes, str]:
        """One message with LF line ends, and its Maildir flags."""
        rng = self.rng
        message_id = f"<{number}.{rng.getrandbits(40):x}@mail.example.org>"
        fields = []
        if self.recent and rng.random() < 0.45:
            subject, parent, references = self.recent[
                -1 - min(int(rng.expovariate(0.1)), len(self.recent) - 1)
            ]
            subject = subject if subject.startswith("Re: ") else "Re: " + subject
            references = [*references, parent][-10:]
            fields += [f"In-Reply-To: {parent}", "References: " + "\n ".join(references)]
        else:
            subject, references = self.some(rng.randint(2, 6)).capitalize(), []
            if rng.random() < 0.1:
                subject = (
                    rng.choice(["Grüße aus Köln", "会議の議事録", "Отчёт о проекте", "Été à Genève"])
                    + f" {number}"
                )
        self.recent = [*self.recent[-200:], (subject, message_id, references)]
        name, local = rng.choice(_PEOPLE)
        body = self.some(min(2000, max(60, int(rng.lognormvariate(5.9, 0.5)))))
        lines = "\n".join(body[start : start + 72] for start in range(0, len(body), 72))
        head = [
            f"Return-Path: <{local}@example.org>",
            "Received: from mx.example.org by mail.example.org; " + _date(when),
            "Date: " + _date(when - rng.randrange(90)),
            f"From: {_word(name)} <{local}@example.org>",
            f"To: Me <{self.user.address}>",
            "Subject: " + _word(subject),
            "Message-ID: " + message_id,
            *fields,
            "MIME-Version: 1.0",
        ]
        if rng.random() < 0.2:
            other, address = rng.choice(_PEOPLE)
            head.insert(5, f"Cc: {_word(other)} <{address}@example.org>")
        kind = rng.random()
        text = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{lines}\n"
        if kind < 0.75:
            content = text
        elif kind < 0.95:
            edge = f"=_{rng.getrandbits(64):x}"
            html = f"Content-Type: text/html; charset=utf-8\n\n<html><body><p>{lines}</p></body></html>\n"
            content = _multipart("alternative", edge, text, html)
        else:
            edge = f"=_{rng.getrandbits(64):x}"
            file = (
                f'Content-Type: application/pdf; name="scan{number}.pdf"\n'
                f'Content-Disposition: attachment; filename="scan{number}.pdf"\n'
                f"Content-Transfer-Encoding: base64\n\n{self.blob[: rng.randrange(1, 60) * 1000]}\n"
            )
            content = _multipart("mixed", edge, text, file)
        flags = ("F" if rng.random() < 0.02 else "") + ("S" if rng.random() < 0.93 else "")
        return ("\n".join(head) + "\n" + content).encode("utf-8"), flags


def _multipart(kind: str, edge: str, *parts: str) -> str:
    inner = "".join(f"--{edge}\n{part}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{edge}"\n\n{inner}--{edge}--\n'


def _date(when: int) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(when))


def fill(server: Dovecot, user: MailUser, count: int, *, seed: int = 1) -> None:
    """Put `count` messages into the INBOX of a new user, and some into Sent."""
    root = server.directory / "mail" / user.address.lower() / "Maildir"
    mail = Mail(seed, user)
    _write(root, mail, count)
    _write(root / "Sent", mail, max(1, count // 50))


def _write(folder: Path, mail: Mail, count: int) -> None:
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        when = _END - _YEARS + number * (_YEARS // count)
        content, flags = mail.message(number, when)
        path = folder / "cur" / f"{when}.{number:07d}.bench,S={len(content)}:2,{flags}"
        path.write_bytes(content)
        os.utime(path, (when, when))
    if os.geteuid() == 0:
        import pwd

        owner = pwd.getpwnam("nobody")
        for path in [folder, folder.parent, *folder.rglob("*")]:
            os.chown(path, owner.pw_uid, owner.pw_gid)
