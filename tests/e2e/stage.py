"""What scenes are played on: a signed-in page before the web edge over services in memory, furnished with
mail, people and an outbox in every state."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from playwright.async_api import Page
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.web.app import build, build_edge, routes
from services.web.model.account import Identity, SavedSearch
from services.web.model.mail import Address, Flags, Part, Quota, Space, TextPart
from services.web.model.outgoing import Outgoing, RecipientFate, Standing, Submission
from services.web.model.people import Contact, Labelled
from services.web.model.systems import AppToken
from services.web.render import Renderer
from tests.unit.web.conftest import RENDERER, STATIC, settings
from tests.unit.web.fake_auth import NOON
from tests.unit.web.fakes import Fakes, StoredMessage, envelope

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763482dde0e00"
    "03410190ce10f2450000000049454e44ae426082"
)
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft: Rückfragen"
DESIGNED = 21  # the UID of a message in HTML
ENDLESS = "x" * 60 + "@example.com"

LETTER = """<h1 style="color: #264">お城の見学</h1><p>木曜日にお待ちしております。</p>
<table><tr><th>いつ</th><td>10:00</td></tr></table><blockquote>いつですか</blockquote>"""


def pdf(words: str) -> bytes:
    """The smallest document of one page that says WORDS (ISO 32000-1, section 7.5)."""
    stream = f"BT /F 24 Tf 40 100 Td ({words}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start, count = len(out), len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
    return out + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, start)


@dataclass
class Stage:
    """A page, signed in; SERVICES are what is behind it, SHOWN what of the edge it has seen."""

    page: Page
    url: str
    services: Fakes
    shown: Shown

    async def go(self, path: str) -> None:
        if "#" in path:  # without a load where it is the same page
            await self.page.goto("about:blank")
        await self.page.goto(self.url + path)

    async def sign_in(self) -> None:
        await self.page.goto(self.url + "/sign-in")
        await self.page.locator("[name=email]").fill("alice@example.org")
        await self.page.locator("[name=password]").fill("alice")
        await self.page.locator("[name=password]").press("Enter")
        await self.page.locator("[data-rows]").wait_for()

    async def forget(self) -> None:
        """What this browser keeps of letters."""
        await self.page.goto(self.url + "/favicon.ico")
        await self.page.evaluate(
            "() => new Promise(done => { const q = indexedDB.deleteDatabase('postern'); "
            "q.onsuccess = q.onerror = q.onblocked = done })"
        )

    async def select(self, *numbers: int) -> None:
        await self.go("/mail/INBOX")
        for number in numbers:
            await self.page.locator(".row-check input").nth(number).check()

    async def dialog(self, key: str) -> None:
        await self.page.keyboard.press(key)
        await self.page.locator("dialog[open]").wait_for()

    async def submit(self, form: str, **fields: str) -> None:
        """FORM with further FIELDS, as without scripts."""
        await self.page.locator(form).evaluate(
            """(form, fields) => { for (const [name, value] of Object.entries(fields))
            form.append(Object.assign(document.createElement('input'), {type: 'hidden', name, value}));
            form.submit() }""",
            fields,
        )

    async def letter(self, path: str = "/compose?to=bob@example.org&subject=Roof&body=Is+it+dry%3F") -> None:
        await self.go(path)
        await self.page.locator(".composer[data-ready]").wait_for()


class Shown(Renderer):
    """Draws as the tests' renderer does, and remembers which templates and, before `app`, which addresses
    answered with HTML."""

    def __init__(self) -> None:
        self._env, self.bodies = RENDERER._env, RENDERER.bodies
        self.templates: set[str] = set()
        self.routes: set[str] = set()

    def text(self, template: str, context: dict[str, Any]) -> str:
        self.templates.add(template)
        return super().text(template, context)

    def noting(self, app: ASGIApp, routes: Sequence[Route]) -> ASGIApp:
        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            async def note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    kind = dict(message["headers"]).get(b"content-type", b"")
                    shown = message["status"] < 400 or scope["path"].startswith("/sign-in")
                    if shown and kind.startswith(b"text/html"):
                        self.routes.update(
                            route.path for route in routes if route.matches(scope)[0] == Match.FULL
                        )
                await send(message)

            await app(scope, receive, note if scope.get("method") == "GET" else send)

        return run


@contextlib.asynccontextmanager
async def edge_in_memory(services: Fakes, shown: Shown, **changes: object) -> AsyncIterator[str]:
    """The edge over SERVICES; its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        edge = build_edge(settings(public_url=url, **changes), services.services(), STATIC, shown)
        app = shown.noting(build(edge), routes(edge))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield url
        finally:
            server.should_exit = server.force_exit = True
            await serving


@contextlib.asynccontextmanager
async def stage(page: Page) -> AsyncIterator[Stage]:
    services, shown = furnished(), Shown()
    async with edge_in_memory(services, shown, authserv_ids=("mx.example.org",)) as url:
        yield Stage(page, url, services, shown)


def furnished() -> Fakes:
    """Somebody's mail with one of everything, and with names that are too long."""
    services = Fakes()
    mail, auth, send = services.mail, services.auth, services.send
    today = datetime.now(UTC)
    letters = [
        ("About the roof", "Bob Brandt", Flags(labels=("$label1", "Roof"))),
        (LONG, "Dr. Maximiliane Freifrau von und zu Hohenstauffen-Wittelsbach", Flags(flagged=True)),
        ("Q3 " + "x" * 120, "no-reply-" + "a" * 70 + "@example.com", Flags(seen=True, answered=True)),
        ("", "", Flags(seen=True)),
        ("موعد زيارة القلعة يوم الخميس", "ليلى حداد", Flags(seen=True, forwarded=True)),
        ("お城の見学について", "山田 花子", Flags(seen=True, labels=("$label4",))),
        *((f"Delivery {number} of lime and sand", "Dave Okonkwo", Flags(seen=True)) for number in range(20)),
    ]
    for number, (subject, name, flags) in enumerate(letters):
        head = envelope(
            subject, from_=(Address(name, "bob@example.org"),), date=today - timedelta(hours=9 * number)
        )
        message = StoredMessage(len(letters) - number, head, flags=flags)
        if number < 2:
            message.attachments = (
                Part(
                    "2", "application/pdf", "Plan of the east gate, third drawing, revised.pdf", 182_000, True
                ),
                Part("3", "image/png", "gate.png", 70),
                Part("4", "text/csv", "costs.csv", 2_048),
                Part("5", "message/rfc822", "The mason's letter.eml", 3_000),
            )
            message.content = {"2": pdf("The east gate"), "3": PNG, "4": b"what,cost\nlime,40\n"}
            message.headers = (
                ("Authentication-Results", f"mx.example.org; dmarc={'fail' if number else 'pass'}"),
                ("List-Unsubscribe", "<https://example.org/leave>"),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            )
            text = (
                "The roof is dry again.\n\nOn Monday you wrote:\n> Is it dry?\n>> And the gate?\n\n-- \nBob\n"
            )
            message.texts = (TextPart("1", "text/plain", text),)
        if message.uid == DESIGNED:
            message.texts = (TextPart("1", "text/html", LETTER),)
        mail.add(message)
    for name in ("Projects", "Projects/Castle", "Projects/Castle/" + LONG, "Roof", "Team"):
        mail.boxes[name] = {}
    mail.add(StoredMessage(1, envelope("Minutes of the wardens"), flags=Flags(seen=True)), "Team")
    mail.spaces["Team"], mail.rights_of["Team"] = Space.SHARED, "lrs"
    mail.acl = {"Projects": {"bob@example.org": "lrs", "wardens@example.org": "lrswite"}}
    mail.quotas = (Quota("STORAGE", 930_000_000, 1_000_000_000),)
    auth.preferences = replace(
        auth.preferences,
        undo_send_seconds=10,
        labels=json.dumps([["$label1", "Important", "red"], ["Roof", "Roof and gutters", "teal"]]),
        searches=(
            SavedSearch("s1", "Unread from Bob", "from:bob is:unread"),
            SavedSearch("s2", LONG, "roof"),
        ),
    )
    auth.openid = "Example account"
    auth.identities = (
        *auth.identities,
        Identity(
            "i2",
            "warden@castle.example",
            "Alice, the warden",
            signature="-- \nAlice\nWarden of the east gate",
        ),
        Identity("i3", ENDLESS, "Alice"),
    )
    send.standing = {
        "warden@castle.example": Standing("code_sent", today + timedelta(minutes=30)),
        ENDLESS: Standing("refused"),
    }
    auth.tokens = [
        AppToken(
            "t1", "Backup at home", ("mail.read", "contacts.read"), NOON, NOON + timedelta(days=90), NOON
        )
    ]
    services.people.people = {
        f"c{number}": Contact(
            f"c{number}",
            name,
            name.split()[0],
            name.split()[-1],
            (Labelled(address, "work"),),
            (Labelled("+49 30 1234567", "mobile"),),
            "Masons & Co.",
            "Mason",
            "Knows about lime.",
            etag="e",
        )
        for number, (name, address) in enumerate(
            [
                ("Bob Brandt", "bob@example.org"),
                ("Erin Ní Bhriain", "erin@example.net"),
                (LONG, "x" * 60 + "@example.com"),
            ]
        )
    }
    send.submissions = submissions(today)
    send.kept = {
        f"t{number}": (name, Outgoing(auth.identities[0], subject=name, text="Thank you for your letter."))
        for number, name in enumerate(("Thanks", "Opening hours", LONG))
    }
    return services


def submissions(today: datetime) -> tuple[Submission, ...]:
    """One in each state."""
    bob, erin = "bob@example.org", "erin.with.a.very.long.address.indeed@subdomain.example.net"
    soon = today + timedelta(minutes=12)

    def fates(*states: str) -> tuple[RecipientFate, ...]:
        said = {"refused": (550, "5.1.1 No such user here"), "failed": (554, "5.4.7 Delivery expired")}
        return tuple(
            RecipientFate(address, state, *said.get(state, ()))
            for address, state in zip((bob, erin), states, strict=False)
        )

    return (
        Submission("s1", "held", fates("pending"), subject="A moment to think", send_at=soon),
        Submission("s2", "held", fates("pending", "pending"), subject=LONG, send_at=soon, scheduled=True),
        Submission("s3", "submitting", fates("accepted", "pending"), subject="On the way", accepted=today),
        Submission(
            "s4",
            "deferred",
            fates("accepted", "pending"),
            subject="Try again",
            attempts=3,
            next_attempt=soon,
            problem="MAIL_SERVER_UNREACHABLE",
        ),
        Submission("s5", "unknown", fates("unknown"), subject="Did it arrive?", accepted=today),
        Submission("s6", "refused", fates("refused", "refused"), subject="To nobody", accepted=today),
        Submission("s7", "filed", fates("accepted", "refused"), subject="Only one of two", accepted=today),
        Submission("s8", "suspended", fates("pending"), subject="Too many", problem="SENDING_BURST"),
        Submission("s9", "filed", fates("delivered", "displayed"), subject="All well", accepted=today),
    )
