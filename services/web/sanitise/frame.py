"""The document inside the sandboxed frame, and the policy it is served under."""

from __future__ import annotations

from services.web.sanitise.html import SanitisedHtml, attribute_text

# No allow-scripts and no allow-same-origin: the document has an opaque origin and cannot run anything. Links
# open outside, as ordinary pages.
FRAME_SANDBOX = "allow-popups allow-popups-to-escape-sandbox"

_POLICY = (
    "default-src 'none'; img-src {} data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
)


def frame_csp(pictures: str = "'self'") -> str:
    """The policy to serve the frame's document under.

    `pictures` is where its pictures may come from: best the full address that the pictures of messages are
    served below (`https://mail.example.org/pictures/`), so that not even a request to another page of ours is
    made. `sandbox` stands here too: it holds when somebody opens the frame's address by itself.
    """
    return f"{_POLICY.format(pictures)}; frame-ancestors 'self'; sandbox {FRAME_SANDBOX}"


FRAME_CSP = frame_csp()

_BASE = (
    "html{font:1rem/1.5 system-ui,sans-serif;text-size-adjust:none;-webkit-text-size-adjust:none;"
    "overflow-wrap:break-word;color:#1b2428;background:#fff}"
    "body{margin:0;padding:1rem;min-height:calc(100vh - 2rem)}"
    "img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}"
    "a{color:#0b6b76}"
    "blockquote{margin-inline:0;padding-inline-start:.75rem;border-inline-start:2px solid #9aa5aa}"
)
_DARK = (
    "@media (prefers-color-scheme:dark){"
    "html{color-scheme:dark;color:#e8eced;background:#171d20}a{color:#6cc9d3}}"
)


def frame_document(
    message: SanitisedHtml,
    *,
    lang: str = "",
    cut_note: str = "This message is too long; its end is not shown.",
) -> str:
    """The whole document for the frame; serve it as text/html; charset=utf-8 under frame_csp().

    The policy stands in the document as well, for a proxy that drops headers. `cut_note` is in the reader's
    language.
    """
    policy = _POLICY.format("'self'")
    note = f'<p dir="auto"><strong>{attribute_text(cut_note)}</strong></p>' if message.cut else ""
    style = f' style="{attribute_text(message.body_style)}"' if message.body_style else ""
    return (
        f"<!doctype html><html{f' lang={chr(34)}{attribute_text(lang)}{chr(34)}' if lang else ''}><head>"
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="referrer" content="no-referrer">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_BASE}{_DARK if message.supports_dark else ''}</style>"
        f"<style>{message.css}</style>"
        f'</head><body dir="auto"{style}>{message.html}{note}</body></html>'
    )
