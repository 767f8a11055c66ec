"""The endpoints for callers: method and path -> the operation and the caller's dialect.

A path is exact or a template such as ``/v1/models/{id}``, whose last parameter takes the rest of the path, including
slashes. One dictionary look-up finds an exact path; if there is none, one regular expression matches all templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import CALLERS
from penstock.providers.row import Operation


class BodyKind:
    """What a surface takes as its body: its media type."""

    JSON: Final = b"application/json"
    MULTIPART: Final = b"multipart/form-data"
    NONE: Final = b""


class Surface(msgspec.Struct, frozen=True):
    """One LLM endpoint.

    ``default_provider`` serves a request for which nothing else names a target (pipeline/choice.py).
    ``forwarded_query`` names the query parameters that are forwarded to a provider of the caller's wire.
    """

    method: str
    path: str
    operation: Operation
    dialect: CallerDialect
    body: bytes = BodyKind.JSON
    default_provider: str | None = None
    forwarded_query: frozenset[str] = frozenset()


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
        """The surface of a request; the allowed methods (``GET, POST``) if the method is another; None for an unknown
        path."""
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
                alike = {each.method: each for each in self._templates if each.path == surface.path}
                asked = alike.get(method)
                return ", ".join(alike) if asked is None else Match(asked, parameters)
        return None

    def dialect_of(self, path: str) -> CallerDialect:
        """The dialect in which a request without a surface is refused: that of the surfaces at its path or above."""
        for known, by_method in self._exact.items():
            if path == known or path.startswith(known + "/"):
                return next(iter(by_method.values())).surface.dialect
        return DEFAULT_DIALECT


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
_ABOUT_RESPONSES: Final = frozenset(
    "include include[] include%5B%5D stream starting_after include_obfuscation limit order after before".split()
)
"""The query parameters of requests about responses. A list is written with brackets, which clients may encode."""


def _of_responses(method: str, path: str, operation: Operation, body: bytes = BodyKind.NONE) -> Surface:
    """What can be asked beside making a response."""
    return Surface(
        method,
        f"/v1/responses{path}",
        operation,
        CALLERS["responses"],
        body,
        "openai",
        forwarded_query=_ABOUT_RESPONSES,
    )


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
        Surface("POST", "/v1/responses", Operation.CHAT, CALLERS["responses"], default_provider="openai"),
        _of_responses("POST", "/compact", Operation.RESPONSE_COMPACT, BodyKind.JSON),
        _of_responses("POST", "/input_tokens", Operation.RESPONSE_TOKENS, BodyKind.JSON),
        _of_responses("POST", "/{id}/cancel", Operation.RESPONSE_CANCEL),
        _of_responses("GET", "/{id}/input_items", Operation.RESPONSE_ITEMS),
        _of_responses("GET", "/{id}", Operation.RESPONSE),
        _of_responses("DELETE", "/{id}", Operation.RESPONSE_DELETE),
    )
)
