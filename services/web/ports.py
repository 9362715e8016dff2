"""What the pages ask of the four services. The clients satisfy these; tests satisfy them with fakes.

Every call takes the access token of its audience and may raise PosternError.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.web.model.account import Challenge, Client, Device, Grant, Identity, Preferences, SignedIn
from services.web.model.mail import (
    ActionResult,
    Change,
    ConversationPage,
    ExportStep,
    FlagChange,
    ImportResult,
    MailboxTree,
    MessagePage,
    MessageRef,
    Messages,
    OpenMessage,
    Order,
    Part,
    Quota,
    Right,
    Rights,
    Row,
    SearchStep,
    Tell,
    Use,
)
from services.web.model.outgoing import (
    Attachment,
    Link,
    LinkTerms,
    Outgoing,
    SavedDraft,
    Standings,
    Submission,
    Template,
    Upload,
)
from services.web.model.people import Contact, ContactPage, Suggestion
from services.web.model.security import Activity, Changed, Enrolment, Factors, Proof, Question
from services.web.model.systems import AppToken


@dataclass(frozen=True)
class PartStream:
    """A part being read: what it is, and its decoded octets in chunks of at most 64 KiB."""

    part: Part
    chunks: AsyncIterator[bytes]


class AuthPort(Protocol):
    async def sign_in(self, address: str, password: str, client: Client) -> SignedIn | Challenge: ...
    async def passkeys_offered(self) -> bool:
        """Whether somebody may sign in with a passkey alone."""
        ...

    async def ask_passkey(self, client: Client) -> Challenge:
        """A question that any enrolled passkey may answer."""
        ...

    async def continue_sign_in(
        self, state: str, code: str, kind: str, client: Client, *, passkey: str = "", password: str = ""
    ) -> SignedIn | Challenge:
        """With a code, a passkey's answer, or the mail password where it was asked for."""
        ...

    async def openid_offered(self) -> str | None:
        """Name of the OpenID provider; "" where there are several, None where there is none."""
        ...

    async def start_openid(self, address: str, redirect: str, client: Client) -> Challenge:
        """Where to send the browser. UNSUPPORTED where the address has no provider."""
        ...

    async def finish_openid(self, state: str, query: str, client: Client) -> SignedIn | Challenge: ...
    async def app_tokens(self, token: str) -> tuple[AppToken, ...]: ...
    async def create_app_token(
        self,
        token: str,
        secret: str,
        name: str,
        scopes: Sequence[str],
        expires: datetime,
        proof: Proof,
    ) -> str:
        """Its secret, which is told once; `secret` is the session's. AUTHENTICATION_FAILED: the proof is no
        good."""
        ...

    async def revoke_app_token(self, token: str, token_id: str) -> None: ...
    async def grant(self, secret: str, client: Client) -> Grant: ...
    async def end_session(self, secret: str) -> None: ...
    async def devices(self, token: str) -> tuple[Device, ...]: ...
    async def revoke(self, token: str, session_id: str) -> int: ...
    async def revoke_others(self, token: str) -> int: ...
    async def update_preferences(
        self, token: str, preferences: Preferences, fields: Sequence[str]
    ) -> Preferences: ...
    async def update_identity(self, token: str, identity: Identity, request_id: str) -> Identity: ...
    async def create_identity(self, token: str, identity: Identity, request_id: str) -> Identity: ...
    async def delete_identity(self, token: str, identity_id: str) -> None: ...
    async def activity(self, token: str, *, rows: int, page: str) -> Activity: ...
    async def factors(self, token: str) -> Factors: ...
    async def begin_enrolment(
        self, token: str, name: str, proof: Proof, kind: str = "totp", secret: str = ""
    ) -> Enrolment:
        """AUTHENTICATION_FAILED where the proof is no good. `kind` "totp", "hotp", "passkey"; `secret`: of a
        card, as its maker gave it."""
        ...

    async def finish_enrolment(
        self, token: str, state: str, code: str, *, passkey: str = "", secret: str = ""
    ) -> Changed:
        """Recovery codes, with the first factor. AUTHENTICATION_FAILED: the proof is no good; SESSION_ENDED:
        the enrolment has ended, not the session. `secret`: the session's, which gets a new one."""
        ...

    async def ask_proof(self, token: str) -> Question:
        """What asks for a passkey of the account."""
        ...

    async def remove_factor(self, token: str, factor_id: str, proof: Proof, secret: str = "") -> Changed: ...
    async def recovery_codes(self, token: str, proof: Proof, secret: str = "") -> Changed:
        """New ones in place of the old."""
        ...


class MailPort(Protocol):
    async def mailboxes(self, token: str) -> MailboxTree: ...
    async def messages(
        self, token: str, mailbox: str, *, rows: int, page: str, order: Order, query: str, skip: int = 0
    ) -> MessagePage: ...
    async def conversations(
        self, token: str, mailbox: str, *, rows: int, page: str, order: Order, query: str, skip: int = 0
    ) -> ConversationPage: ...
    async def message(
        self,
        token: str,
        ref: MessageRef,
        *,
        mark_seen: bool,
        neighbours: bool,
        within: str,
        all_headers: bool = False,
    ) -> OpenMessage: ...
    async def thread(self, token: str, ref: MessageRef) -> tuple[tuple[Row, ...], int]:
        """The messages of a message's conversation over all mailboxes, oldest first."""
        ...

    def search(
        self, token: str, text: str, mailboxes: Sequence[str], *, rows: int, page: str
    ) -> AsyncGenerator[SearchStep, None]:
        """Step by step, newest first. Whoever does not take all steps closes it, which ends the search."""
        ...

    def watch(self, token: str, resume: str) -> AbstractAsyncContextManager[AsyncIterator[Change]]:
        """What changes in the account, from after `resume`, else from now."""
        ...

    def read_part(
        self, token: str, ref: MessageRef, part_id: str
    ) -> AbstractAsyncContextManager[PartStream]: ...
    def read_source(
        self, token: str, ref: MessageRef, *, headers_only: bool
    ) -> AbstractAsyncContextManager[tuple[int, AsyncIterator[bytes]]]: ...
    async def flag(
        self,
        token: str,
        messages: Messages,
        change: FlagChange,
        request_id: str,
        tell: Tell | None = None,
    ) -> ActionResult:
        """`tell`, here and below, hears how far it is, and ends it by answering False."""
        ...

    async def move(
        self, token: str, messages: Messages, destination: str, request_id: str, tell: Tell | None = None
    ) -> ActionResult: ...
    async def copy(
        self, token: str, messages: Messages, destination: str, request_id: str, tell: Tell | None = None
    ) -> ActionResult: ...
    async def delete(
        self,
        token: str,
        messages: Messages,
        *,
        permanently: bool,
        request_id: str,
        tell: Tell | None = None,
    ) -> ActionResult: ...
    async def stop(self, token: str, request_id: str) -> bool:
        """End the act or import of that id after its present step; it then returns what it did. False where
        it is not known."""
        ...

    async def import_messages(
        self,
        token: str,
        mailbox: str,
        chunks: AsyncIterator[bytes],
        *,
        skip_duplicates: bool,
        request_id: str,
        tell: Tell | None = None,
    ) -> ImportResult: ...
    def export(
        self, token: str, messages: Messages, kind: str
    ) -> AbstractAsyncContextManager[AsyncIterator[ExportStep]]:
        """A file of messages; `kind` is "eml", "mbox" or "zip"."""
        ...

    async def ensure_special(self, token: str, use: Use, *, create: bool, request_id: str) -> str: ...
    async def create_mailbox(self, token: str, name: str, request_id: str) -> str: ...
    async def rename_mailbox(self, token: str, name: str, new_name: str, request_id: str) -> str: ...
    async def delete_mailbox(
        self, token: str, name: str, *, with_messages: bool, request_id: str
    ) -> None: ...
    async def subscribe(self, token: str, name: str, *, subscribed: bool, request_id: str) -> None: ...
    async def rights(self, token: str, name: str) -> Rights:
        """Who may do what; UNSUPPORTED where the mail server does not tell."""
        ...

    async def set_right(self, token: str, name: str, right: Right, request_id: str) -> None:
        """Empty letters take the entry away."""
        ...

    async def quota(self, token: str) -> tuple[Quota, ...]:
        """Nothing where the mail server has no bounds."""
        ...


class SendPort(Protocol):
    """`mailstore_token` is passed on: with it sender reads attached parts and saves drafts in this account's
    name."""

    async def upload(
        self, token: str, filename: str, media_type: str, chunks: AsyncIterator[bytes]
    ) -> Attachment: ...
    async def upload_piece(
        self, token: str, upload: Upload, total: int, chunks: AsyncIterator[bytes]
    ) -> Upload:
        """More of a file, after the `upload.received` octets that are there; an empty id starts one.
        CONFLICT, whose metadata says the `offset`, where more or less is there."""
        ...

    async def get_upload(self, token: str, upload_id: str) -> Upload: ...
    async def delete_upload(self, token: str, upload_id: str) -> None: ...
    async def save_draft(
        self,
        token: str,
        mailstore_token: str,
        content: Outgoing,
        replaces: MessageRef | None,
        request_id: str,
    ) -> SavedDraft:
        """CONFLICT where the version that it replaces is not there any more; its metadata may name a newer
        one."""
        ...

    async def standings(self, token: str, addresses: Sequence[str]) -> Standings:
        """As which of these addresses the account may write."""
        ...

    async def start_code(self, token: str, address: str, subject: str, text: str) -> datetime | None:
        """Mails a code to the address, where "{code}" stands in the text; until when it holds."""
        ...

    async def finish_code(self, token: str, address: str, code: str) -> None: ...
    async def forget_address(self, token: str, address: str) -> None: ...
    async def link_terms(self, token: str) -> LinkTerms: ...
    async def create_link(self, token: str, filename: str, media_type: str, total: int) -> Link: ...
    async def get_link(self, token: str, link: str) -> Link: ...
    async def upload_link(self, token: str, link: str, offset: int, chunks: AsyncIterator[bytes]) -> Link:
        """CONFLICT where more or less than `offset` is there."""
        ...

    def read_link(
        self, link: str, offset: int
    ) -> AbstractAsyncContextManager[tuple[Link, AsyncIterator[bytes]]]:
        """From that octet on, for nobody in particular: NOT_FOUND unless a message with the link is on its
        way or gone."""
        ...

    async def templates(self, token: str) -> tuple[Template, ...]:
        """By name."""
        ...

    async def template(self, token: str, template_id: str) -> tuple[Template, Outgoing]: ...
    async def save_template(self, token: str, name: str, content: Outgoing) -> Template:
        """In place of one of that name. What belongs to one message alone (attachments, what it answers) is
        not kept."""
        ...

    async def delete_template(self, token: str, template_id: str) -> None: ...
    async def send(
        self,
        token: str,
        mailstore_token: str,
        content: Outgoing,
        *,
        request_id: str,
        undo_seconds: int,
        send_at: datetime | None,
        draft: MessageRef | None,
    ) -> Submission: ...
    async def cancel(
        self, token: str, submission_id: str, request_id: str
    ) -> tuple[Submission, Outgoing]: ...
    async def reschedule(
        self, token: str, submission_id: str, at: datetime | None, request_id: str
    ) -> Submission:
        """`at` None: now."""
        ...

    async def resolve(
        self, token: str, submission_id: str, resolution: str, request_id: str
    ) -> Submission: ...
    def watch(
        self, token: str, resume: str
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[Submission | None, str]]]:
        """Submissions as they change, each with what resumes after it; None is a sign of life."""
        ...

    async def outbox(self, token: str, mailstore_token: str = "") -> tuple[Submission, ...]:
        """With `mailstore_token`, what may or may not have gone is looked for in the mailboxes first."""
        ...

    async def history(self, token: str, page: str = "") -> tuple[tuple[Submission, ...], str]:
        """All that are still known, newest first, and the token of the next page."""
        ...

    async def submission_of(self, token: str, message_id: str) -> Submission:
        """The submission of a message; NOT_FOUND where it did not go from here, or long ago."""
        ...

    async def record_report(self, token: str, mailstore_token: str, report: MessageRef) -> Submission:
        """The submission that a report is about, with what it says; NOT_FOUND where it is about none."""
        ...


class PeoplePort(Protocol):
    async def contacts(self, token: str, query: str, *, page: str, rows: int) -> ContactPage: ...
    async def contact(self, token: str, contact_id: str) -> Contact: ...
    async def create(self, token: str, contact: Contact, request_id: str) -> Contact: ...
    async def update(self, token: str, contact: Contact, request_id: str) -> Contact: ...
    async def delete(self, token: str, ids: Sequence[str], request_id: str) -> int: ...
    async def undelete(self, token: str, ids: Sequence[str], request_id: str) -> int: ...
    async def suggest(
        self, token: str, prefix: str, exclude: Sequence[str], rows: int
    ) -> tuple[Suggestion, ...]: ...
    async def record_use(self, token: str, people: Sequence[tuple[str, str]], request_id: str) -> None: ...


@dataclass(frozen=True)
class Services:
    """The four services as the pages see them."""

    auth: AuthPort
    mail: MailPort
    send: SendPort
    people: PeoplePort
