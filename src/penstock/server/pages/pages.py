"""Paths that are no LLM surface: health, readiness, the greeting, and the errors for unknown paths and methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

from penstock.core.did_you_mean import hint
from penstock.core.failure import Failure, Kind
from penstock.core.http import NO_SNIFF, Headers
from penstock.dialects.caller import NO_STORE
from penstock.server.pages import explain, me
from penstock.server.pages.not_built import not_built
from penstock.server.surface_table import Match
from penstock.server.surfaces import SURFACES

_JSON: Final = [(b"content-type", b"application/json"), NO_STORE, NO_SNIFF]
_TEXT: Final = [(b"content-type", b"text/plain; charset=utf-8"), NO_STORE, NO_SNIFF]
_HELLO: Final = ("/", "/v1", "/v1/", "/v1beta", "/v1beta/", "/api/hello")
"""What clients look at before they begin: their base URL as it was written, or (Claude Code) the last of these."""
_PAGES: Final = (*_HELLO, "/health", "/v1/health", "/ready", me.PATH)
_OF_OLLAMA: Final[Mapping[str, bytes]] = {"/api/version": b'{"version":"0.12.6"}', "/api/ps": b'{"models":[]}'}
"""What clients of Ollama ask before anything else: a version of Ollama's, by which they know its features, and the
models in memory, of which the gateway has none. Source: Ollama API documentation, "Version", "List running models"."""
METRICS: Final = "/metrics"
TELEMETRY: Final = frozenset({"/v1/metrics", "/v1/traces", "/v1/logs"})
"""Paths to which clients send telemetry (client_telemetry.py)."""


class Watched(Protocol):
    """What the health page tells of: a database that is lost, rows of it that can't be used."""

    @property
    def is_lost(self) -> bool: ...

    @property
    def problems(self) -> tuple[str, ...]: ...


class Stored(Watched, Protocol):
    """The control plane's database, as the edge sees it. ``used_keys`` is filled here: the ids of gateway keys that
    requests showed, and when, in seconds since 1970. ``is_guarded``: it has had gateway keys."""

    used_keys: dict[str, float]

    @property
    def is_guarded(self) -> bool: ...


class Shared(Protocol):
    """What the health page tells of replicas: which state they share, and whether the way between them is lost, or the
    store of what their limits have counted."""

    @property
    def is_lost(self) -> bool: ...

    @property
    def limits_are_lost(self) -> bool: ...

    @property
    def state(self) -> Mapping[str, str]: ...


class Losing(Protocol):
    """What the health page tells of the request log: how many requests are missing in it."""

    @property
    def lost(self) -> int: ...


class Reporting(Protocol):
    """What the health page tells of spans and metrics that are sent to a receiver."""

    @property
    def is_failing(self) -> bool: ...

    @property
    def lost(self) -> int: ...


def is_telemetry(method: str, path: str, fields: Mapping[bytes, bytes]) -> bool:
    """Whether a request brings telemetry of its client's."""
    if path not in TELEMETRY:
        return False
    from penstock.server.pages import client_telemetry  # few gateways have such clients

    return client_telemetry.is_export(method, path, fields)


class Pages:
    """The pages. ``draining`` makes the readiness page answer 503 while the last requests are served. ``watched`` and
    ``shared`` are what the health page tells of, beside the process, and ``log``. ``has_metrics``: /metrics is a page,
    which metrics.py makes."""

    def __init__(
        self,
        watched: Watched | None = None,
        shared: Shared | None = None,
        *,
        has_metrics: bool = False,
        log: Losing | None = None,
    ) -> None:
        self._log = log
        self.draining = False
        self.telemetry: Reporting | None = None
        self._watched = watched
        self._shared = shared
        self._paths = (*_PAGES, *_OF_OLLAMA, METRICS) if has_metrics else (*_PAGES, *_OF_OLLAMA)

    def has(self, path: str) -> bool:
        """Whether the path is a page."""
        return path in self._paths

    def page(self, path: str) -> tuple[int, Headers, bytes]:
        """Status, headers and body of an existing page."""
        match path:
            case _ if path in _HELLO:
                return _page(200, _TEXT, b"Penstock says hello. POST /v1/chat/completions\n")
            case "/ready" if self.draining:
                return _page(503, _JSON, b'{"status":"draining"}')
            case "/ready":
                return _page(200, _JSON, b'{"status":"ready"}')
            case _ if path in _OF_OLLAMA:
                return _page(200, _JSON, _OF_OLLAMA[path])
            case _:
                return _page(200, _JSON, self._health())

    def _health(self) -> bytes:
        """The gateway serves as long as it answers: what is wrong beside that is told without any name."""
        members: dict[str, Any] = {}
        watched, shared = self._watched, self._shared
        if watched is not None and watched.is_lost:
            members["database"] = "lost"
        if watched is not None and watched.problems:
            members["unusable_rows"] = len(watched.problems)
        if shared is not None and shared.is_lost:
            members["redis"] = "lost"
        if shared is not None and shared.limits_are_lost:
            members["limits"] = "degraded"
        if self._log is not None and self._log.lost:
            members["lost_logs"] = self._log.lost
        telemetry = self.telemetry
        if telemetry is not None and telemetry.is_failing:
            members["telemetry"] = "lost"
        status = "degraded" if members else "ok"
        if telemetry is not None and telemetry.lost:
            members["telemetry_lost"] = telemetry.lost
        state = {} if shared is None else {"state": shared.state}
        return msgspec.json.encode({"status": status, **members, **state})

    def missing(self, path: str, method: str, methods: Match | str | None) -> tuple[Failure, Headers]:
        """The failure and the response headers for a path that takes other ``methods``, or for an unknown path."""
        if path == explain.PATH:
            methods = "POST"
        elif path in self._paths:
            methods = "GET"
        unbuilt = not_built(path) if ":" in path else None
        if unbuilt is not None:
            return unbuilt, []
        if isinstance(methods, str):
            return _wrong_method(path, method, methods)
        return not_built(path) or _not_found(path), []


_SHOWN: Final = 4
"""Paths that are shown where nothing is like the path that was asked for."""


def _page(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
    return status, list(headers), body


def _wrong_method(path: str, method: str, allowed: str) -> tuple[Failure, Headers]:
    failure = Failure(Kind.METHOD_NOT_ALLOWED, f"{path} takes {allowed}, not {method[:16]}.")
    return failure, [(b"allow", allowed.encode())]


def _not_found(path: str) -> Failure:
    shown = msgspec.json.encode(path[:100]).decode()
    known = [*SURFACES.paths, explain.PATH, *_PAGES]
    way_out = hint(path, known, f"there are {', '.join(SURFACES.paths[:_SHOWN])} and more (docs/endpoints.md).")
    return Failure(Kind.NOT_FOUND, f"This gateway has no {shown}: {way_out}", plain="Not Found")
