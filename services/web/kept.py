"""What waits while somebody must do something else first (sign in anew, enrol a factor): the page to go on
to, and a form that was typed, carried in hidden fields so that nothing is lost (promise 2)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from starlette.requests import Request

from services.web.forms import Form

# Fields that a kept form must not bring back: the old session's token, proofs, and what names the browser's
# own state.
_NOT_KEPT = {"csrf", "password", "kept", "kept_for"}
# Forms below it hold proofs and secrets, and are begun anew; what waited before them goes on waiting.
_SECURITY = "/settings/security"


@dataclass(frozen=True)
class Waiting:
    """`next_` a path of ours; `kept` a form as keep() wrote it, which was on its way to `kept_for`."""

    next_: str = ""
    kept: str = ""
    kept_for: str = ""

    @classmethod
    def of(cls, form: Form) -> Waiting:
        """What a form of our own carries on."""
        return cls(form.get("next"), form.get("kept"), form.get("kept_for"))

    @classmethod
    def after(cls, request: Request, form: Form, target: str) -> Waiting:
        """What waits once a POST to `target` was put off."""
        if request.url.path.startswith(_SECURITY):
            old = cls.of(form)
            return cls(old.next_ or _SECURITY, old.kept, old.kept_for)
        return cls("", keep(form), target)

    @property
    def fields(self) -> list[tuple[str, str]]:
        pairs = [("next", self.next_), ("kept", self.kept), ("kept_for", self.kept_for)]
        return [pair for pair in pairs if pair[1]]


def keep(form: Form) -> str:
    """A form as text for a hidden field; of chosen files the names alone."""
    items = [(key, value) for key, value in form.items if key not in _NOT_KEPT]
    return json.dumps([*items, *(("lost_file", name) for name in form.files)])


def kept_form(text: str) -> Form | None:
    """The form that keep() wrote; None where it is no such thing."""
    try:
        items = json.loads(text)
        pairs = [(str(key), str(value)) for key, value in items]
    except (ValueError, TypeError):
        return None
    return Form(
        [(key, value) for key, value in pairs if key != "lost_file"],
        [value for key, value in pairs if key == "lost_file"],
    )
