"""Makes hostile mail inert: HTML for the sandboxed frame, text for the page (promise 4 of the design).

`sanitise_html` is the first wall, the frame (`FRAME_SANDBOX`, `FRAME_CSP`) the second; each is enough by
itself.
"""

from services.web.sanitise.frame import (
    FRAME_CSP,
    FRAME_SANDBOX,
    PRINTED_TEXT,
    frame_csp,
    frame_document,
    print_document,
)
from services.web.sanitise.glance import Glance, asks_for_pictures, glance
from services.web.sanitise.html import SanitisedHtml, sanitise_html
from services.web.sanitise.text import text_to_html

__all__ = [
    "FRAME_CSP",
    "FRAME_SANDBOX",
    "PRINTED_TEXT",
    "Glance",
    "SanitisedHtml",
    "asks_for_pictures",
    "frame_csp",
    "frame_document",
    "glance",
    "print_document",
    "sanitise_html",
    "text_to_html",
]
