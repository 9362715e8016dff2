"""Acts on messages: archive, delete, read, star, label, move; and what takes each back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from services.common.errors import PosternError, Reason, invalid_argument
from services.common.logging import get_logger
from services.web import labels
from services.web.edge import Edge, request_id
from services.web.finding import Finding
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.model.mail import (
    ActionResult,
    FlagChange,
    Found,
    Matching,
    MessageRange,
    MessageRef,
    Messages,
    Moved,
    Tell,
    Use,
)
from services.web.notices import Notice, parse_ranges, range_text
from services.web.session import Me
from services.web.works import Work

# The change, what is said of it, and the words of a search for those that it changes.
FLAGS: dict[str, tuple[FlagChange, str, str]] = {
    "read": (FlagChange(add=("seen",)), "read", "is:unread"),
    "unread": (FlagChange(remove=("seen",)), "unread", "is:read"),
    "star": (FlagChange(add=("flagged",)), "starred", "-is:starred"),
    "unstar": (FlagChange(remove=("flagged",)), "unstarred", "is:starred"),
}
# Names in one message set of the contract, and in one act; beyond, there is no way back.
MOST_IN_RANGE = 10_000
MOST_UNDONE = 200_000
# Messages that a step of a search brings while all that it finds are gathered, and how often it is looked
# whether somebody has stopped that.
FOUND_AT_ONCE, LOOK_SECONDS = 200, 0.5

log = get_logger(__name__)


def ranges(refs: Sequence[MessageRef]) -> list[MessageRange]:
    """By mailbox and UIDVALIDITY, in order."""
    grouped: dict[tuple[str, int], dict[int, None]] = {}
    for ref in refs:
        grouped.setdefault((ref.mailbox, ref.uid_validity), {})[ref.uid] = None
    return [
        MessageRange(mailbox, validity, tuple(uids)[start : start + MOST_IN_RANGE])
        for (mailbox, validity), uids in grouped.items()
        for start in range(0, len(uids), MOST_IN_RANGE)
    ]


def taken_back(form: Form) -> list[tuple[str, MessageRange]]:
    """What the undo form of a notice is about: where to move what; "" where flags change."""
    jobs: list[tuple[str, MessageRange]] = []
    number = 0
    while f"what{number}" in form and number < 1_000:
        groups = parse_ranges(form.get(f"from{number}"), form.get(f"what{number}"), MOST_IN_RANGE)
        if groups is None:
            raise invalid_argument("what", "malformed")
        jobs += [(form.get(f"to{number}"), group) for group in groups]
        number += 1
    return jobs


class Acts:
    """One act over each group. Its request ids are new each time: a page may come from the browser's cache,
    and an act done twice finds its messages gone or already so."""

    def __init__(self, edge: Edge, me: Me, work: Work | None = None) -> None:
        self._mail, self._token = edge.services.mail, me.token("mailstore")
        self._me, self._work, self._base = me, work, request_id()
        self._done, self._broken = 0, False

    async def perform(self, form: Form, verb: str, groups: Sequence[Messages | Found]) -> Notice:
        """SPECIAL_MAILBOX_MISSING where there is no Trash, Archive or Junk, and nothing was said of making
        one."""
        if verb in FLAGS:
            change, kind, those = FLAGS[verb]
            return await self._flag(groups, change, kind, those)
        if verb in ("label", "unlabel"):
            label = labels.chosen(form, new=verb == "label")
            add = verb == "label"
            change = FlagChange(add_labels=(label,)) if add else FlagChange(remove_labels=(label,))
            those = f'{"-" if add else ""}label:"{label}"' if '"' not in label else ""
            kind = "labelled" if add else "unlabelled"
            return await self._flag(groups, change, kind, those, labels.of(self._me).name(label))
        if verb == "delete-forever":
            results = await self._each(await self._named(groups), "forever", self._delete, True)
            return self._ended(Notice("destroyed", sum(result.done for result in results)))
        if verb == "delete":
            if form.get("create") == "trash":
                await self._special(Use.TRASH, True)
            rest = [group for group in groups if not isinstance(group, Found)]
            if len(rest) < len(groups):
                # That there is no Trash is said before all is gathered; what lies in it already stays there.
                trash = await self._special(Use.TRASH, False)
                rest = [group for group in await self._named(groups) if group.mailbox != trash]
            return self._moved("trashed", await self._each(rest, "delete", self._delete, False), "")
        target, kind, name = await self._destination(form, verb)
        rest = [group for group in await self._named(groups) if group.mailbox != target]
        return self._moved(kind, await self._each(rest, verb, self._move, target), name)

    async def _destination(self, form: Form, verb: str) -> tuple[str, str, str]:
        make = form.get("create") == verb
        if verb == "archive":
            return form.get("archive") or await self._special(Use.ARCHIVE, make), "archived", ""
        if verb == "junk":
            return form.get("junk") or await self._special(Use.JUNK, make), "moved", _("Junk")
        if verb == "not-junk":
            return "INBOX", "moved", _("Inbox")
        if verb == "move" and form.get("to"):
            return form.get("to"), "moved", form.get("to")
        raise invalid_argument("do", "unknown")

    async def take_back(self, form: Form, jobs: list[tuple[str, MessageRange]]) -> Notice:
        """Does `jobs` (of taken_back), with the flags or labels of the form."""
        words = form.get("flags").split(",") if form.get("flags") else []
        change = FlagChange(
            add=tuple(word[1:] for word in words if word in ("+seen", "+flagged")),
            remove=tuple(word[1:] for word in words if word in ("-seen", "-flagged")),
            add_labels=tuple(form.all("add_label")),
            remove_labels=tuple(form.all("remove_label")),
        )
        flags = bool(words or change.add_labels or change.remove_labels)
        if self._work is not None:
            self._work.total = sum(len(group.uids) for _target, group in jobs)
        for number, (target, group) in enumerate(jobs):
            if self._stopped:
                break
            self._request(f"undo.{number}")
            result = await (self._change(group, change) if flags else self._move(group, target))
            self._done += result.done
        return self._ended(Notice("undone" if self._done else "not-undone"))

    # One group after the other

    async def _each(
        self, groups: Sequence[Messages], name: str, one: Any, argument: object
    ) -> list[ActionResult]:
        results: list[ActionResult] = []
        for number, group in enumerate(groups):
            if self._stopped:
                break
            self._request(f"{name}.{number}")
            try:
                results.append(await one(group, argument))
            except PosternError as err:
                if not self._done:
                    raise
                # What was done is told, with its undo; the rest was not.
                log.info("act.broken_off", reason=err.reason, done=self._done)
                self._broken = True
                break
            self._done += results[-1].done
        return results

    async def _named(self, groups: Sequence[Messages | Found], those: str = "") -> list[Messages]:
        """All that a search finds, by name: to the message what its pages show. `those`: words that must
        match as well."""
        named: list[Messages] = []
        for group in groups:
            named += await self._found(group, those) if isinstance(group, Found) else [group]
        return named

    async def _found(self, found: Found, those: str) -> list[MessageRange]:
        """DEADLINE_EXCEEDED where the search does not come to its end, TOO_LARGE where it finds too many."""
        refs: list[MessageRef] = []
        text, page = f"{found.text} {those}".strip(), ""
        while not self._stopped:
            finding = Finding(
                self._mail.search(self._token, text, found.mailboxes, rows=FOUND_AT_ONCE, page=page)
            )
            try:
                while not finding.over and not self._stopped:
                    await finding.step(LOOK_SECONDS)
                    self._tell_finding(len(refs) + len(finding.rows))
            finally:
                await finding.stop()
            if finding.problem is not None:
                raise finding.problem
            if not finding.complete and not self._stopped:
                raise PosternError(Reason.DEADLINE_EXCEEDED)
            refs.extend(row.ref for row in finding.rows)
            page = finding.next_token
            if len(refs) > MOST_UNDONE:
                raise PosternError(Reason.TOO_LARGE)
            if not page:
                break
        if self._work is not None:
            self._work.finding, self._work.done, self._work.total = False, 0, len(refs)
        return [] if self._stopped else ranges(refs)

    def _tell_finding(self, count: int) -> None:
        if self._work is not None:
            self._work.finding, self._work.done = True, count

    async def _delete(self, group: Messages, permanently: bool) -> ActionResult:
        return await self._mail.delete(
            self._token, group, permanently=permanently, request_id=self._id, tell=self._tell()
        )

    async def _move(self, group: Messages, target: str) -> ActionResult:
        return await self._mail.move(self._token, group, target, self._id, self._tell())

    async def _change(self, group: Messages, change: FlagChange) -> ActionResult:
        return await self._mail.flag(self._token, group, change, self._id, self._tell())

    async def _special(self, use: Use, create: bool) -> str:
        return await self._mail.ensure_special(
            self._token, use, create=create, request_id=f"{self._base}.{use.value}"
        )

    def _request(self, name: str) -> None:
        self._id = f"{self._base}.{name}"
        if self._work is not None:
            self._work.request = self._id

    def _tell(self) -> Tell | None:
        return self._work.telling(self._done) if self._work is not None else None

    @property
    def _stopped(self) -> bool:
        return self._work is not None and self._work.stopping

    def _ended(self, notice: Notice) -> Notice:
        work = self._work
        # Told to stop when all was done already, it was not stopped.
        early = work is not None and work.stopping and (work.done < work.total or not work.total)
        return replace(notice, stopped=early or self._broken)

    # What is said, and what takes it back

    async def _flag(
        self, groups: Sequence[Messages | Found], change: FlagChange, kind: str, those: str, name: str = ""
    ) -> Notice:
        # Of all that match, only those that change are touched, so that taking it back takes back no more.
        rest: list[Messages] = [
            Matching(group.mailbox, f"{group.text} {those}".strip()) if isinstance(group, Matching) else group
            for group in await self._named(groups, those)
        ]
        results = await self._each(rest, kind, self._change, change)
        touched: list[MessageRange] = []
        for group, result in zip(rest, results, strict=False):
            touched += [group] if isinstance(group, MessageRange) else result.changed
        count = self._done or sum(len(group.uids) for group in touched)
        undo = _flag_undo(touched, change) if 0 < count <= MOST_UNDONE else {}
        return self._ended(Notice(kind, count, name, "/undo" if undo else "", undo))

    def _moved(self, kind: str, results: list[ActionResult], name: str) -> Notice:
        count = sum(result.done for result in results)
        undo: dict[str, str] = {}
        pairs = [pair for result in results for pair in result.moved]
        # Where the server does not say where messages went (no UIDPLUS), there is nothing to take back by.
        known = all(len(pair.destination.uids) == len(pair.source.uids) for pair in pairs)
        if pairs and count <= MOST_UNDONE and known:
            for number, (source, destination) in enumerate(_merged(pairs)):
                undo[f"to{number}"] = source
                undo[f"from{number}"] = destination.mailbox
                undo[f"what{number}"] = range_text(destination)
        return self._ended(Notice(kind, count, name, "/undo" if undo else "", undo))


def _merged(pairs: Sequence[Moved]) -> list[tuple[str, MessageRange]]:
    merged: dict[tuple[str, str, int], list[int]] = {}
    for pair in pairs:
        key = (pair.source.mailbox, pair.destination.mailbox, pair.destination.uid_validity)
        merged.setdefault(key, []).extend(pair.destination.uids)
    return [
        (source, MessageRange(destination, validity, tuple(sorted(uids))))
        for (source, destination, validity), uids in merged.items()
    ]


def _flag_undo(groups: list[MessageRange], change: FlagChange) -> dict[str, str]:
    undo: dict[str, str] = {}
    if change.add or change.remove:
        undo["flags"] = ",".join([*(f"-{name}" for name in change.add), *(f"+{n}" for n in change.remove)])
    for label in change.add_labels:
        undo["remove_label"] = label
    for label in change.remove_labels:
        undo["add_label"] = label
    merged: dict[tuple[str, int], list[int]] = {}
    for group in groups:
        merged.setdefault((group.mailbox, group.uid_validity), []).extend(group.uids)
    for number, ((mailbox, validity), uids) in enumerate(merged.items()):
        undo[f"from{number}"] = mailbox
        undo[f"what{number}"] = range_text(MessageRange(mailbox, validity, tuple(sorted(uids))))
    return undo
