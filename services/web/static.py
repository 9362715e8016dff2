"""The bundle and what lies beside it: read once, served from memory, precompressed, cacheable for ever."""

from __future__ import annotations

import hashlib
import json
import mimetypes
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import not_found
from services.common.logging import get_logger

log = get_logger(__name__)
STATIC_DIR = Path(__file__).parent / "static"
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("image/svg+xml", ".svg")


@dataclass
class _File:
    content: bytes
    media_type: str
    variants: dict[str, bytes] = field(default_factory=dict)


class Static:
    """Everything under `directory` by its path there; a few hundred KB in all."""

    def __init__(self, directory: Path = STATIC_DIR) -> None:
        self._files: dict[str, _File] = {}
        self._manifest: dict[str, str] = {}
        self._load(directory)
        digest = hashlib.sha256()
        for name in sorted(self._files):
            digest.update(name.encode() + hashlib.sha256(self._files[name].content).digest())
        self.version = digest.hexdigest()[:10]

    def _load(self, directory: Path) -> None:
        for path in sorted(directory.rglob("*")) if directory.is_dir() else ():
            if path.is_file() and path.suffix not in (".br", ".gz", ".map"):
                kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                if kind.startswith("text/") or kind == "image/svg+xml":
                    kind += "; charset=utf-8"
                file = _File(path.read_bytes(), kind)
                for encoding, suffix in _ENCODINGS:
                    beside = path.with_name(path.name + suffix)
                    if beside.is_file():
                        file.variants[encoding] = beside.read_bytes()
                self._files[path.relative_to(directory).as_posix()] = file
        manifest = self._files.pop("dist/manifest.json", None)
        if manifest is None:
            log.warning("assets.missing", hint="make assets")
        else:
            self._manifest = json.loads(manifest.content)

    def asset(self, name: str) -> str:
        """The address of a file of the bundle, by its logical name."""
        return f"/static/dist/{self._manifest.get(name, name)}"

    def url(self, name: str) -> str:
        """The address of a file that lies there as it is."""
        return f"/static/{name}?v={self.version}"

    async def serve(self, request: Request) -> Response:
        path = request.path_params["path"]
        file = self._files.get(path)
        if file is None:
            raise not_found("file")
        headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
        accepted = request.headers.get("accept-encoding", "")
        for encoding, content in file.variants.items():
            if encoding in accepted:
                return Response(
                    content, media_type=file.media_type, headers={**headers, "content-encoding": encoding}
                )
        return Response(file.content, media_type=file.media_type, headers=headers)
