"""What the gateway listens to: method and path -> the operation that a caller means, and the dialect that it speaks.

A path is exact or a template such as ``/v1/models/{id}``, whose last parameter takes the rest of the path, slashes
included. Exact paths are found first, by one look-up; templates by one match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

import msgspec

from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import CALLERS
from penstock.providers.row import Operation


class BodyKind(Enum):
    """What a surface takes as its body; the value is the media type, empty for none."""

    JSON = b"application/json"
    MULTIPART = b"multipart/form-data"
    NONE = b""


class Surface(msgspec.Struct, frozen=True):
    """One LLM endpoint.

    ``default_provider`` serves a request that names neither a provider nor a config, where no default config does.
    ``forwarded_query`` names the query parameters that go on to a provider which speaks the caller's wire.
    """

    method: str
    path: str
    operation: Operation
    dialect: CallerDialect
    body: BodyKind = BodyKind.JSON
    default_provider: str | None = None
    forwarded_query: frozenset[str] = frozenset()


class Match(msgspec.Struct, frozen=True):
    """A surface, and what its path's parameters are for one request."""

    surface: Surface
    parameters: Mapping[str, str] = {}


_PARAMETER: Final = re.compile(r"\{(\w+)\}")


class SurfaceTable:
    """All surfaces, found by path and method."""

    def __init__(self, surfaces: Iterable[Surface]) -> None:
        self._exact: dict[str, dict[str, Match]] = {}
        self._templates: list[Surface] = []
        for surface in surfaces:
            if "{" in surface.path:
                self._templates.append(surface)
            else:
                self._exact.setdefault(surface.path, {})[surface.method] = Match(surface)
        patterns = [f"(?P<s{number}>{_pattern(surface.path)})" for number, surface in enumerate(self._templates)]
        self._template = re.compile("|".join(patterns) or "(?!)")

    @property
    def paths(self) -> tuple[str, ...]:
        """The exact paths and templates, in the order of the table."""
        return (*self._exact, *dict.fromkeys(surface.path for surface in self._templates))

    def find(self, method: str, path: str) -> Match | str | None:
        """The surface of a request; the methods that the path takes, where this is none of them; None for no path."""
        by_method = self._exact.get(path)
        if by_method is not None:
            return by_method.get(method) or ", ".join(by_method)
        matched = self._template.fullmatch(path)
        if matched is None or matched.lastgroup is None:
            return None
        for number, surface in enumerate(self._templates):
            values = re.fullmatch(_pattern(surface.path), path) if matched[f"s{number}"] is not None else None
            if values is not None:
                parameters = dict(zip(_PARAMETER.findall(surface.path), values.groups(), strict=True))
                return Match(surface, parameters) if surface.method == method else surface.method
        return None

    def dialect_of(self, path: str) -> CallerDialect:
        """The dialect in which a path or its method is refused: that of the surface there, or that it stands under."""
        for known, by_method in self._exact.items():
            if path == known or path.startswith(known + "/"):
                return next(iter(by_method.values())).surface.dialect
        return DEFAULT_DIALECT


def _pattern(template: str) -> str:
    """The template as a pattern with one unnamed group for each parameter; the last takes slashes, too."""
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
        # Without a provider: the models of the built-in one, so that a newcomer's SDK lists something that works.
        Surface("GET", "/v1/models", Operation.MODELS, CALLERS["openai_chat"], BodyKind.NONE, "echo"),
        Surface("GET", "/v1/models/{id}", Operation.MODEL, CALLERS["openai_chat"], BodyKind.NONE, "echo"),
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
    )
)
