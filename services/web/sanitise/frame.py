"""The document inside the sandboxed frame, and the policy it is served under."""

from __future__ import annotations

from collections.abc import Sequence

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
    ".postern-quote>summary{display:inline-block;padding:0 .5rem;margin-block:.5rem;border:1px solid #9aa5aa;"
    "border-radius:.375rem;color:inherit;font:600 .75rem/1.5rem system-ui,sans-serif;cursor:pointer;"
    "list-style:none;min-width:1.5rem;text-align:center}"
    "@media print{.postern-quote>summary{display:none}.postern-quote::details-content{display:block;"
    "content-visibility:visible;height:auto}}"
)
_FITTING = (
    ":host{overflow-wrap:break-word}img{max-width:100%;height:auto}table{max-width:100%}"
    "pre{white-space:pre-wrap}"
)
_DARK = (
    "@media (prefers-color-scheme:dark){"
    "html{color-scheme:dark;color:#e8eced;background:#171d20}a{color:#6cc9d3}}"
)


# The style of plain text in a document that is printed.
PRINTED_TEXT = (
    "p{white-space:pre-wrap;margin:0 0 1em}details>summary{display:none}"
    "details::details-content{display:block;content-visibility:visible;height:auto}"
    "blockquote{margin:0;padding-inline-start:.75rem;border-inline-start:2px solid #9aa5aa;color:#3d474c}"
)
_PRINTED = (
    "html{font:1rem/1.5 system-ui,sans-serif;color:#1b2428;background:#fff}"
    "body{max-width:48rem;margin:1rem auto;padding:0 1rem}"
    "h1{font-size:1.25rem;margin:0 0 .5rem}dl{display:grid;grid-template-columns:max-content 1fr;"
    "gap:.125rem .75rem;margin:0 0 1rem;padding-block-end:1rem;border-block-end:1px solid #9aa5aa}"
    "dt{color:#4a555a}dd{margin:0;overflow-wrap:anywhere}"
    "section{display:block!important;contain:layout paint;overflow:clip}"
    "@media print{body{max-width:none;margin:0;padding:0}}"
)


def print_document(
    title: str,
    head: Sequence[tuple[str, str]],
    bodies: Sequence[SanitisedHtml],
    *,
    lang: str = "",
    direction: str = "ltr",
) -> str:
    """A message as a document by itself, under frame_csp() as in the frame. What the message brings stands in
    a shadow tree, so that its styles reach neither the head of the document nor each other."""
    policy = _POLICY.format("'self'")
    rows = "".join(
        f"<dt>{attribute_text(name)}</dt><dd><bdi>{attribute_text(value)}</bdi></dd>" for name, value in head
    )
    sections = "".join(
        '<section><template shadowrootmode="open">'
        f"<style>{_FITTING}</style><style>{body.css}</style>"
        f'<div dir="auto" style="{attribute_text(body.body_style)}">{body.html}</div></template></section>'
        for body in bodies
    )
    return (
        f'<!doctype html><html lang="{attribute_text(lang)}" dir="{attribute_text(direction)}"><head>'
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="referrer" content="no-referrer">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{attribute_text(title)}</title><style>{_PRINTED}</style></head>"
        f"<body><main><h1><bdi>{attribute_text(title)}</bdi></h1><dl>{rows}</dl>{sections}</main></body></html>"
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
