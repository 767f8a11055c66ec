"""The console's files at ``/console``: what ``make console`` built, part of the package (docs/console.md).

They hold no data and need no key: their script signs in at ``/v1/penstock/session`` and calls the admin API.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from penstock.core.session_cookie import CONSOLE as PATH

BUILD: Final = Path(__file__).with_name("console_build")
_INDEX: Final = "index.html"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
)
_HEADERS: Final = {
    "cache-control": "no-cache",
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
}
_GZIP: Final = "gzip"


class _File(msgspec.Struct, frozen=True):
    """One file, as it is and as gzip."""

    media_type: str
    body: bytes
    packed: bytes
    etag: str

    def tag(self, coding: str) -> str:
        return f'"{self.etag}-{coding}"' if coding else f'"{self.etag}"'


class ConsoleFiles:
    """An ASGI application that serves the files of a folder. They are read once."""

    def __init__(self, folder: Path = BUILD) -> None:
        self._files = dict(_read(folder))

    @staticmethod
    def serves(path: str) -> bool:
        """Whether a path, percent-decoded, is below /console."""
        return path == PATH or path.startswith(f"{PATH}/")

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        status, headers, body = self.answer(scope["method"], scope["path"], _fields(scope["headers"]))
        headers["content-length"] = str(len(body))
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def answer(self, method: str, path: str, fields: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body. ``fields`` are the request's headers."""
        if method not in {"GET", "HEAD"}:
            return _text(405, f"{PATH} takes GET.", allow="GET, HEAD")
        if path == PATH:
            # Relative: a proxy may put a path before the gateway's. The files' own addresses are relative, too.
            return _text(308, "The console is at console/.", location="console/")
        file = self._files.get(path.removeprefix(f"{PATH}/") or _INDEX)
        if file is None:
            return _text(404, f"The console has no file of this name: it is at {PATH}/.")
        coding = _GZIP if _takes_gzip(fields.get("accept-encoding", "")) and len(file.packed) < len(file.body) else ""
        headers = {**_HEADERS, "etag": file.tag(coding)}
        if file.tag(coding) in {each.strip().removeprefix("W/") for each in fields.get("if-none-match", "").split(",")}:
            return 304, headers, b""
        headers["content-type"] = file.media_type
        if coding:
            return 200, {**headers, "content-encoding": coding}, file.packed
        return 200, headers, file.body


def _read(folder: Path) -> list[tuple[str, _File]]:
    import gzip  # every start would pay for it

    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        media_type = _TYPES.get(path.suffix)
        if media_type is not None:
            body = path.read_bytes()
            etag = hashlib.sha256(body).hexdigest()[:32]
            found.append((path.name, _File(media_type, body, gzip.compress(body, mtime=0), etag)))
    return found


def _text(status: int, text: str, **more: str) -> tuple[int, dict[str, str], bytes]:
    return status, {**_HEADERS, "content-type": "text/plain; charset=utf-8", **more}, f"{text}\n".encode()


def _takes_gzip(accept: str) -> bool:
    """Whether Accept-Encoding names gzip, with a weight above 0."""
    for each in accept.lower().split(","):
        name, _, weight = each.partition(";")
        if name.strip() == _GZIP:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _fields(headers: Any) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
