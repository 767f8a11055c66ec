"""The endpoints for callers: method and path -> the operation and the caller's dialect.

A path is exact or a template such as ``/v1/models/{id}``, whose last parameter takes the rest of the path, including
slashes. One dictionary look-up finds an exact path; if there is none, one regular expression matches all templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from penstock.core import did_you_mean
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import CALLERS, ENDPOINTS
from penstock.providers.row import Operation
from penstock.server.content import BodyKind


class Surface(msgspec.Struct, frozen=True):
    """One LLM endpoint.

    ``default_provider`` serves a request for which nothing else names a target (pipeline/choice.py).
    ``forwarded_query`` names the query parameters that are forwarded to a provider of the caller's wire; None: all but
    credentials. ``resource`` is what a provider keeps for its callers there (``Provider.resources``).
    """

    method: str
    path: str
    operation: Operation
    dialect: CallerDialect
    body: bytes = BodyKind.JSON
    default_provider: str | None = None
    forwarded_query: frozenset[str] | None = frozenset()
    resource: str | None = None


class Match(msgspec.Struct, frozen=True):
    """The surface of a request, and the values of its path's parameters: ``{"id": "gpt-5"}``."""

    surface: Surface
    parameters: Mapping[str, str] = {}


class RequestTarget(msgspec.Struct, frozen=True):
    """The target of an HTTP request in its parts: ``path`` without the name before it, the query as it came, and the
    name in ``/@NAME/v1/…``."""

    path: str
    query: str
    name: str | None


_PARAMETER: Final = re.compile(r"\{(\w+)\}")


class SurfaceTable:
    """All surfaces, found by path and method."""

    def __init__(self, surfaces: Iterable[Surface]) -> None:
        self._exact: dict[str, dict[str, Match]] = {}
        templates: dict[str, dict[str, Surface]] = {}
        for surface in surfaces:
            if "{" in surface.path:
                templates.setdefault(surface.path, {})[surface.method] = surface
            else:
                self._exact.setdefault(surface.path, {})[surface.method] = Match(surface)
        self._templates = list(templates.items())
        patterns = [f"(?P<s{number}>{_pattern(path)})" for number, (path, _) in enumerate(self._templates)]
        self._template = re.compile("|".join(patterns) or "(?!)")

    @property
    def paths(self) -> tuple[str, ...]:
        """The exact paths and templates, in the order of the table."""
        return (*self._exact, *(path for path, _ in self._templates))

    @property
    def surfaces(self) -> tuple[Surface, ...]:
        """All of them."""
        exact = [match.surface for by_method in self._exact.values() for match in by_method.values()]
        return (*exact, *(surface for _, by_method in self._templates for surface in by_method.values()))

    def find(self, method: str, path: str) -> Match | str | None:
        """The surface of a request; the allowed methods (``GET, POST``) if the method is another; None for an unknown
        path."""
        by_method = self._exact.get(path)
        if by_method is not None:
            return by_method.get(method) or ", ".join(by_method)
        matched = self._template.fullmatch(path)
        if matched is None or matched.lastgroup is None:
            return None
        for number, (template, methods) in enumerate(self._templates):
            values = re.fullmatch(_pattern(template), path) if matched[f"s{number}"] is not None else None
            if values is not None:
                surface = methods.get(method)
                parameters = dict(zip(_PARAMETER.findall(template), values.groups(), strict=True))
                if not is_plain(parameters.get("rest", "x")):
                    return None
                return ", ".join(methods) if surface is None else Match(surface, parameters)
        return None

    def dialect_of(self, path: str) -> CallerDialect:
        """The dialect in which a request without a surface is refused: that of the surfaces at its path or above."""
        for known, by_method in self._exact.items():
            if path == known or path.startswith(known + "/"):
                return next(iter(by_method.values())).surface.dialect
        return DEFAULT_DIALECT


METHODS: Final = ("GET", "POST", "DELETE", "PUT", "PATCH")
"""The methods that pass."""
_RESOURCES: Final = (
    "assistants",
    "batches",
    "containers",
    "conversations",
    "evals",
    "files",
    "fine_tuning",
    "threads",
    "uploads",
    "vector_stores",
    "videos",
)
"""What OpenAI keeps for its callers, at ``/v1/NAME`` and below. Source: OpenAI API reference."""


def _kept(
    path: str, resource: str, dialect: CallerDialect, methods: Iterable[str] = METHODS, provider: str | None = None
) -> list[Surface]:
    """The surfaces at a path of what a provider keeps."""
    return [
        Surface(method, path, Operation.PROXY, dialect, BodyKind.ANY, provider, None, resource) for method in methods
    ]


def _passed() -> list[Surface]:
    """The surfaces whose requests pass as they are."""
    openai, anthropic = CALLERS["openai_chat"], CALLERS["anthropic"]
    surfaces = _kept("/v1/chat/completions", "chat/completions", openai, ["GET"])
    surfaces += _kept("/v1/chat/completions/{rest}", "chat/completions", openai, ["GET", "POST", "DELETE"])
    for name in _RESOURCES:
        surfaces += _kept(f"/v1/{name}", name, openai) + _kept(f"/v1/{name}/{{rest}}", name, openai)
    for path in ("/v1/messages/batches", "/v1/messages/batches/{rest}"):
        surfaces += _kept(path, "messages/batches", anthropic, provider="anthropic")
    for path in ("client_secrets", "sessions", "transcription_sessions"):
        surfaces += _kept(f"/v1/realtime/{path}", "realtime", openai, ["POST"])
    surfaces += [
        Surface(method, "/v1/proxy/{rest}", Operation.PROXY, openai, BodyKind.ANY, None, None) for method in METHODS
    ]
    return surfaces


def passed(method: str, path: str) -> Match | None:
    """The surface of any other path below ``/v1``: the provider that the request names judges it. None for a method
    that doesn't pass, for a path with an empty segment or dots, and for one that is nearly an endpoint's."""
    rest = path.removeprefix("/v1/")
    if rest == path or method not in METHODS or not is_plain(rest):
        return None
    if did_you_mean.nearest(path, [known for known in SURFACES.paths if "{" not in known], _SLIP) is not None:
        return None
    dialect = SURFACES.dialect_of(path)
    surface = Surface(method, "/v1/{rest}", Operation.PROXY, dialect, BodyKind.ANY, None, None)
    return Match(surface, {"rest": rest})


_SLIP: Final = 0.9
"""The likeness of a path to an endpoint's from which it is a slip."""


def is_plain(path: str) -> bool:
    """Whether every segment of a path names something: none is empty, but for the last, none is dots."""
    *segments, last = path.split("/")
    return bool(path) and not any(each in ("", ".", "..") for each in segments) and last not in (".", "..")


def named_path(path: str) -> tuple[str | None, str]:
    """The name in a path ``/@NAME/v1/…``, and the rest of the path; None and the whole path for any other.

    ``path`` is percent-decoded. A name holds no slash, and is not empty.
    """
    if not path.startswith("/@"):
        return None, path
    name, slash, rest = path[2:].partition("/")
    return (name, slash + rest) if name and slash else (None, path)


def _pattern(template: str) -> str:
    """The template as a pattern with one unnamed group for each parameter; only the last group matches slashes."""
    names = _PARAMETER.findall(template)
    pattern, rest = "", template
    for position, name in enumerate(names):
        literal, _, rest = rest.partition(f"{{{name}}}")
        is_last = position == len(names) - 1
        pattern += re.escape(literal) + ("(.+)" if is_last else "([^/]+)")
    return pattern + re.escape(rest)


DEFAULT_DIALECT: Final = CALLERS["openai_chat"]

SURFACES: Final = SurfaceTable(
    (
        Surface("POST", "/v1/chat/completions", Operation.CHAT, CALLERS["openai_chat"]),
        Surface("GET", "/v1/models", Operation.MODELS, CALLERS["openai_chat"], BodyKind.NONE),
        Surface("GET", "/v1/models/{id}", Operation.MODEL, CALLERS["openai_chat"], BodyKind.NONE),
        Surface("POST", "/v1/embeddings", Operation.EMBEDDINGS, CALLERS["openai_chat"]),
        Surface(
            "POST",
            "/v1/messages",
            Operation.CHAT,
            CALLERS["anthropic"],
            default_provider="anthropic",
            forwarded_query=frozenset({"beta"}),
        ),
        Surface(
            "POST",
            "/v1/messages/count_tokens",
            Operation.COUNT_TOKENS,
            CALLERS["anthropic"],
            default_provider="anthropic",
            forwarded_query=frozenset({"beta"}),
        ),
        Surface("POST", "/v1/completions", Operation.COMPLETIONS, ENDPOINTS["completions"]),
        Surface("POST", "/v1/images/generations", Operation.IMAGES, ENDPOINTS["typed"]),
        Surface("POST", "/v1/images/edits", Operation.IMAGE_EDITS, ENDPOINTS["typed"], BodyKind.FORM_OR_JSON),
        Surface("POST", "/v1/images/variations", Operation.IMAGE_VARIATIONS, ENDPOINTS["typed"], BodyKind.MULTIPART),
        Surface("POST", "/v1/audio/speech", Operation.SPEECH, ENDPOINTS["speech"]),
        Surface(
            "POST", "/v1/audio/transcriptions", Operation.TRANSCRIPTIONS, ENDPOINTS["transcripts"], BodyKind.MULTIPART
        ),
        Surface("POST", "/v1/audio/translations", Operation.TRANSLATIONS, ENDPOINTS["transcripts"], BodyKind.MULTIPART),
        Surface("POST", "/v1/moderations", Operation.MODERATIONS, ENDPOINTS["typed"]),
        Surface("POST", "/v1/rerank", Operation.RERANK, ENDPOINTS["typed"]),
        Surface("POST", "/v2/rerank", Operation.RERANK, ENDPOINTS["typed"]),
        Surface("POST", "/rerank", Operation.RERANK, ENDPOINTS["typed"]),
        *_passed(),
    )
)
