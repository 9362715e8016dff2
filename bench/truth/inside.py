"""Postern, used as the pages use it: it lists, and acts on what it has listed, which may be stale by then."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from bench.truth.ledger import BY_POSTERN, DRAFTS, TRASH, Ledger
from bench.truth.outside import NAMES, WORDS
from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as mailbox_pb
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.common.gen.postern.mailstore.v1 import watch_service_pb2 as watch_pb
from services.common.gen.postern.mailstore.v1.mailbox_service_pb2_grpc import MailboxServiceStub
from services.common.gen.postern.mailstore.v1.message_service_pb2_grpc import MessageServiceStub
from services.common.gen.postern.mailstore.v1.watch_service_pb2_grpc import WatchServiceStub
from services.common.rpc.client import Channel

MAILBOXES = ("INBOX", BY_POSTERN, TRASH, *NAMES.values())
Row = tuple[types_pb.MessageName, str]  # and its Message-ID


class Inside:
    """A person's pages. `refused` counts the reasons that calls were refused with."""

    def __init__(self, channel: Channel, token: Callable[[], str], ledger: Ledger) -> None:
        self.mailboxes = MailboxServiceStub(channel)
        self.messages = MessageServiceStub(channel)
        self.watch = WatchServiceStub(channel)
        self.token = token
        self.ledger = ledger
        self.refused: Counter[str] = Counter()
        # By what told it, and by mailbox.
        self._listed: dict[tuple[str, str], list[Row]] = {}
        self._drafts: dict[str, types_pb.MessageName] = {}

    async def step(self, rng: random.Random) -> str:
        """One action; what it was."""
        what = rng.choices(
            (self._list, self._conversations, self._mark, self._mark_matching, self._move, self._trash,
             self._destroy, self._draft, self._search, self._open),
            (25, 5, 25, 3, 12, 6, 4, 10, 4, 16),
        )[0]  # fmt: skip
        try:
            await what(rng)
        except PosternError as err:
            self.refused[str(err.reason)] += 1
            if str(err.reason) == "UNAVAILABLE":
                await asyncio.sleep(0.1)
        return what.__name__

    async def watching(self) -> None:
        """Keep a watch stream open, as a page does; until cancelled."""
        while True:
            try:
                async for _ in self.watch.WatchAccount(
                    watch_pb.WatchAccountRequest(), token=self.token(), timeout=60
                ):
                    pass
            except PosternError as err:
                if str(err.reason) != "DEADLINE_EXCEEDED":  # the minute is over
                    self.refused["watch " + str(err.reason)] += 1
            await asyncio.sleep(0.5)

    # looking

    async def rows(self, mailbox: str, **fields: Any) -> pb.ListMessagesResponse:
        request = pb.ListMessagesRequest(mailbox=mailbox, **fields)
        return await self.messages.ListMessages(request, token=self.token())

    async def _list(self, rng: random.Random) -> None:
        mailbox = rng.choice(MAILBOXES)
        page = await self.rows(mailbox, page_size=50, skip=rng.choice((0, 0, 10, 40)))
        self._keep("list", page.messages)

    async def _conversations(self, rng: random.Random) -> None:
        request = pb.ListConversationsRequest(mailbox=rng.choice(MAILBOXES))
        page = await self.messages.ListConversations(request, token=self.token())
        self._keep("conversations", [row.newest for row in page.conversations])
        if page.conversations:
            wanted = pb.GetConversationRequest(message=rng.choice(page.conversations).newest.name)
            opened = await self.messages.GetConversation(wanted, token=self.token())
            self._keep("conversation", opened.messages)

    def _keep(self, what: str, rows: Iterable[types_pb.MessageSummary]) -> None:
        """What was told can be acted upon from now on."""
        found: dict[tuple[str, int], list[Row]] = {}
        for row in rows:
            name, message_id = row.name, row.envelope.message_id
            self.ledger.tell((name.mailbox, name.uid_validity, name.uid), message_id)
            found.setdefault((name.mailbox, name.uid_validity), []).append((name, message_id))
        for (mailbox, _), each in found.items():
            self._listed[what, mailbox] = each

    async def _search(self, rng: random.Random) -> None:
        query = types_pb.SearchQuery(text=rng.choice(("lorem", f"subject:{rng.choice(WORDS)}", "is:unread")))
        call = self.messages.SearchMessages(pb.SearchMessagesRequest(query=query), token=self.token())
        async for step in call:
            self._keep("search", step.messages)

    async def search(self, text: str) -> list[tuple[str, int, int]]:
        """The places of all that is found, page by page."""
        found: list[tuple[str, int, int]] = []
        token = ""
        for _ in range(100):
            query = types_pb.SearchQuery(text=text)
            request = pb.SearchMessagesRequest(query=query, page_size=100, page_token=token)
            async for step in self.messages.SearchMessages(request, token=self.token()):
                self._keep("search", step.messages)
                found += [(r.name.mailbox, r.name.uid_validity, r.name.uid) for r in step.messages]
                token = step.next_page_token
            if not token:
                break
        return found

    async def _open(self, rng: random.Random) -> None:
        for name, message_id in await self._some(rng, 1):
            # Marked behind the answer, when who knows what has become of the mailbox.
            mark = rng.random() < 0.7
            if mark:
                self.ledger.read.add(message_id)
            request = pb.GetMessageRequest(name=name, mark_seen=mark)
            opened = await self.messages.GetMessage(request, token=self.token())
            if opened.message.summary.envelope.message_id != message_id:
                self.ledger.marked["opened another"].add(f"than {message_id}")

    async def _some(self, rng: random.Random, most: int, *besides: str) -> list[Row]:
        """Rows of one list, as it was when it was read."""
        if not self._listed or rng.random() < 0.12:
            await self._list(rng)
        lists = [key for key, rows in self._listed.items() if rows and key[1] not in besides]
        if not lists:
            return []
        rows = self._listed[rng.choice(lists)]
        return rng.sample(rows, min(len(rows), rng.randint(1, most)))

    # acting

    async def _act(self, method: str, request: Any) -> None:
        async for _ in getattr(self.messages, method)(request, token=self.token(), timeout=120):
            pass

    async def _mark(self, rng: random.Random) -> None:
        rows = await self._some(rng, 8)
        if rows:
            mark = rng.choice(self.ledger.marks)
            self.ledger.marked[mark].update(message_id for _, message_id in rows)
            request = pb.ModifyMessagesRequest(
                messages=_set(rows), request_id=uuid.uuid4().hex, **_mark(mark)
            )
            await self._act("ModifyMessages", request)

    async def _mark_matching(self, rng: random.Random) -> None:
        mark, word = rng.choice(self.ledger.marks), rng.choice(WORDS)
        # Also those that come while it is under way.
        self.ledger.marked[f"{mark} {word}"].add(word)
        messages = types_pb.MessageSet(query=types_pb.SearchQuery(text=f"subject:{word}"))
        request = pb.ModifyMessagesRequest(messages=messages, request_id=uuid.uuid4().hex, **_mark(mark))
        await self._act("ModifyMessages", request)

    async def _move(self, rng: random.Random) -> None:
        rows = await self._some(rng, 4, BY_POSTERN, DRAFTS)
        if rows:
            self.ledger.moved.update(message_id for _, message_id in rows)
            request = pb.MoveMessagesRequest(
                messages=_set(rows), destination=BY_POSTERN, request_id=uuid.uuid4().hex
            )
            await self._act("MoveMessages", request)

    async def _trash(self, rng: random.Random) -> None:
        rows = await self._some(rng, 3, TRASH, DRAFTS)
        if rows:
            self.ledger.trashed.update(message_id for _, message_id in rows)
            await self._act("DeleteMessages", pb.DeleteMessagesRequest(messages=_set(rows)))

    async def _destroy(self, rng: random.Random) -> None:
        rows = await self._some(rng, 2, DRAFTS)
        if rows:
            self.ledger.destroyed.update(message_id for _, message_id in rows)
            await self._act("DeleteMessages", pb.DeleteMessagesRequest(messages=_set(rows), permanently=True))

    async def _draft(self, rng: random.Random) -> None:
        await self.save_draft(f"truth-draft-{rng.randrange(6)}")

    async def save_draft(self, draft_id: str) -> None:
        """A new version of the draft, in place of the last one that is known."""
        subject = f"Draft {draft_id} {len(self.ledger.drafts[draft_id])}"
        self.ledger.drafts[draft_id].append(subject)
        data = f"From: me@example.org\r\nSubject: {subject}\r\nMessage-ID: <{uuid.uuid4()}@d>\r\n\r\nText\r\n"
        target = pb.DraftTarget(draft_id=draft_id, size_bytes=len(data), create_missing=True)
        if draft_id in self._drafts:
            target.replaces.CopyFrom(self._drafts[draft_id])

        async def steps() -> AsyncIterator[pb.SaveDraftRequest]:
            yield pb.SaveDraftRequest(target=target)
            yield pb.SaveDraftRequest(data=data.encode())

        reply = await self.messages.SaveDraft(steps(), token=self.token(), timeout=120)
        self._drafts[draft_id] = reply.name
        self.ledger.saved[draft_id] = subject

    async def make_mailboxes(self) -> None:
        for name in (BY_POSTERN, TRASH, DRAFTS, "Work"):
            request = mailbox_pb.CreateMailboxRequest(mailbox=name, request_id=uuid.uuid4().hex)
            try:
                await self.mailboxes.CreateMailbox(request, token=self.token())
            except PosternError as err:
                if str(err.reason) != "MAILBOX_EXISTS":
                    raise


def _mark(mark: str) -> dict[str, Any]:
    system = {"\\Flagged": types_pb.SYSTEM_FLAG_FLAGGED, "\\Answered": types_pb.SYSTEM_FLAG_ANSWERED}
    return {"add_flags": [system[mark]]} if mark in system else {"add_labels": [mark]}


def _set(rows: list[Row]) -> types_pb.MessageSet:
    first = rows[0][0]
    uids = [name.uid for name, _ in rows]
    return types_pb.MessageSet(
        range=types_pb.MessageRange(mailbox=first.mailbox, uid_validity=first.uid_validity, uids=uids)
    )
