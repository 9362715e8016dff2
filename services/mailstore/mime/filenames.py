"""File names of attachments: made safe, and made up where the sender gave none."""

from __future__ import annotations

import re
from collections.abc import Mapping

_BOUND = 200
# Controls, direction overrides and isolates ("exe.txt" shown for "txt.exe"), zero-width and line separators.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff]"
)
_FORBIDDEN = re.compile(r'[<>:"|?*\\/\u2044\u2215\u29f8\uff0f\uff3c]')
_RESERVED = re.compile(r"^(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)", re.IGNORECASE)
_DRIVE_OR_UNC = re.compile(r"^(?:[A-Za-z]:[\\/]|\\\\)")

# The extension for a part without a name. Nothing that a desktop would run.
_EXTENSIONS = {
    "application/gzip": "gz",
    "application/json": "json",
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/pgp-encrypted": "asc",
    "application/pgp-keys": "asc",
    "application/pgp-signature": "asc",
    "application/pkcs7-mime": "p7m",
    "application/pkcs7-signature": "p7s",
    "application/postscript": "ps",
    "application/rtf": "rtf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/x-pkcs7-mime": "p7m",
    "application/x-pkcs7-signature": "p7s",
    "application/xml": "xml",
    "application/zip": "zip",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg",
    "image/jpg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/tiff": "tiff",
    "image/webp": "webp",
    "message/delivery-status": "txt",
    "message/disposition-notification": "txt",
    "message/rfc822": "eml",
    "message/global": "eml",
    "text/calendar": "ics",
    "text/css": "css",
    "text/csv": "csv",
    "text/directory": "vcf",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
    "text/rfc822-headers": "txt",
    "text/rtf": "rtf",
    "text/vcard": "vcf",
    "text/x-vcard": "vcf",
    "text/xml": "xml",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
}


def safe_filename(name: str) -> str:
    """A name with no path, control or direction-override character, 200 characters at most; may be empty."""
    if not name:
        return ""
    name = name[:8192]
    if _DRIVE_OR_UNC.match(name):
        name = name.replace("\\", "/")
    name = name.rsplit("/", 1)[-1] if "/" in name.strip("/") else name.strip("/")
    name = _FORBIDDEN.sub("_", _INVISIBLE.sub("", name))
    name = " ".join(name.split()).strip(". ") if name.strip(". _") else ""
    if _RESERVED.match(name):
        name = "_" + name
    if len(name) > _BOUND:
        stem, dot, extension = name.rpartition(".")
        if dot and len(extension) <= 16:
            name = stem[: _BOUND - len(extension) - 1].rstrip(". ") + "." + extension
        else:
            name = name[:_BOUND]
    return name


def given_filename(disposition: Mapping[str, str], params: Mapping[str, str]) -> str:
    """The sane form of the sender's name: Content-Disposition's `filename`, else Content-Type's `name`."""
    for candidate in (
        disposition.get("filename"),
        params.get("name"),
        params.get("filename"),
        disposition.get("name"),
    ):
        safe = safe_filename(candidate or "")
        if safe:
            return safe
    return ""


def extension_for(media_type: str) -> str:
    """The usual extension with its dot, or an empty string."""
    extension = _EXTENSIONS.get(media_type)
    return f".{extension}" if extension else ""


def made_up_filename(media_type: str, number: str, title: str = "") -> str:
    """A neutral name: the title (a nested message's subject) or the kind and number of the part."""
    safe = safe_filename(title)[:100].strip()
    main = media_type.partition("/")[0]
    stem = safe or f"{main if main in ('image', 'audio', 'video', 'text', 'message') else 'part'}-{number}"
    return stem + extension_for(media_type)
