"""What is not an LLM surface: health, readiness, the greeting, and clear answers for everything that isn't there."""

from __future__ import annotations

import difflib
from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.server import explain
from penstock.server.respond import refusal
from penstock.server.surfaces import SURFACES

_JSON: Final = [(b"content-type", b"application/json")]
_TEXT: Final = [(b"content-type", b"text/plain; charset=utf-8")]
_PAGES: Final = ("/", "/health", "/v1/health", "/ready")


class Pages:
    """The small pages. ``draining`` turns readiness off while the last requests are still served."""

    def __init__(self) -> None:
        self.draining = False

    def page(self, path: str, method: str) -> tuple[int, Headers, bytes]:
        """Status, headers and body of a page."""
        if path in _PAGES and method not in {"GET", "HEAD"}:
            return _wrong_method(path, method, "GET")
        match path:
            case "/":
                return _page(200, _TEXT, b"Penstock says hello. POST /v1/chat/completions\n")
            case "/health" | "/v1/health":
                return _page(200, _JSON, b'{"status":"ok"}')
            case "/ready" if self.draining:
                return _page(503, _JSON, b'{"status":"draining"}')
            case "/ready":
                return _page(200, _JSON, b'{"status":"ready"}')
            case explain.PATH:
                return _wrong_method(path, method, "POST")
            case _:
                surface = SURFACES.get(path)
                return _wrong_method(path, method, surface.method) if surface else _not_found(path)


def _page(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
    return status, list(headers), body


def _wrong_method(path: str, method: str, allowed: str) -> tuple[int, Headers, bytes]:
    failure = Failure(Kind.METHOD_NOT_ALLOWED, f"{path} takes {allowed}, not {method[:16]}.")
    return refusal(failure, [(b"allow", allowed.encode())])


def _not_found(path: str) -> tuple[int, Headers, bytes]:
    shown = msgspec.json.encode(path[:100]).decode()
    near = difflib.get_close_matches(path, [*SURFACES, explain.PATH, *_PAGES], 1, 0.6)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SURFACES)}."
    return refusal(Failure(Kind.NOT_FOUND, f"This gateway has no {shown}: {hint}", plain="Not Found"))
