"""A browser's name in a person's words, from its User-Agent; only ever for showing."""

from __future__ import annotations

import re

from services.web.i18n import gettext as _

# The first that fits: most browsers claim to be others as well.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Vivaldi", "Vivaldi"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
    ("w3m", "w3m"),
    ("Lynx", "Lynx"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def name(user_agent: str) -> str:
    """ "Firefox on Windows"; what it says of itself where it is none of those known."""
    browser = next(
        (shown for token, shown in _BROWSERS if re.search(rf"\b{token}[A-Za-z]*/", user_agent)), ""
    )
    system = next((shown for token, shown in _SYSTEMS if token in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or user_agent[:80] or _("Unknown browser")
