"""Static files: read once, named by their content's hash, cached for good, gzipped."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

IMMUTABLE = "public, max-age=31536000, immutable"
PREFIX = "/static/"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
_TEXT = ("text/", "image/svg+xml", "application/json")


@dataclass(frozen=True, kw_only=True)
class Asset:
    body: bytes
    zipped: bytes | None
    media_type: str
    version: str


@cache
def read_asset(path: Path) -> Asset:
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return asset(path.read_bytes(), media_type)


def asset(body: bytes, media_type: str) -> Asset:
    zipped = gzip.compress(body, mtime=0) if media_type.startswith(_TEXT) else None
    return Asset(body=body, zipped=zipped, media_type=media_type, version=hashlib.sha256(body).hexdigest()[:16])


class Static:
    """Serves the files below some folders; of two files with one name the first folder's wins."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._assets: dict[str, Asset] = {}
        for folder in folders:
            for path in sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix != ".md"):
                self._assets.setdefault(path.relative_to(folder).as_posix(), read_asset(path))

    def add(self, path: str, body: bytes, media_type: str) -> str:
        """One more file, known only at start; its address."""
        self._assets[path] = asset(body, media_type)
        return self.url(path)

    def url(self, path: str) -> str:
        """The file's address with its version; a name that does not exist is a mistake in a template."""
        if path not in self._assets:
            raise LookupError(f"there is no static file {path!r}")
        return f"{PREFIX}{path}?v={self._assets[path].version}"

    async def serve(self, request: Request) -> Response:
        asset = self._assets.get(request.path_params["path"])
        if asset is None:
            return Response("There is no such file.", status_code=404, media_type="text/plain")
        # A replica of another version must not be remembered under this version's address.
        current = request.query_params.get("v") == asset.version
        headers = {"Cache-Control": IMMUTABLE if current else "no-store", "Vary": "Accept-Encoding"}
        if asset.zipped and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.zipped, headers={**headers, "Content-Encoding": "gzip"}, media_type=asset.media_type)
        return Response(asset.body, headers=headers, media_type=asset.media_type)
