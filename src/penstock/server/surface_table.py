"""Surfaces, the endpoints for callers, and how one is found by path and method.

A path is exact or a template such as ``/v1/models/{id}``, whose last parameter takes the rest of the path, including
slashes. One dictionary look-up finds an exact path; if there is none, one regular expression matches all templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import caller_dialect
from penstock.providers.row import Operation
from penstock.server.bodies.media_types import BodyKind
from penstock.server.paths import is_plain


@dataclass(frozen=True)
class Surface:
    """One LLM endpoint.

    ``wire`` names the dialect of its callers (dialects/registry.py), which is loaded by the first request.
    ``default_provider`` serves a request for which nothing else names a target (pipeline/choice.py).
    ``forwarded_query`` names the query parameters that are forwarded to a provider of the caller's wire; None: all but
    credentials. ``streams``: whether the answer is a stream, None where the body says it. A path's parameter
    ``{model}`` is the request's model. ``resource`` is what a provider keeps for its callers there
    (``Provider.resources``). ``others`` are the surfaces of other bodies at the same path, which the body tells apart
    (``Reading.wire_of``); the last of them takes what is none of the others'.
    """

    method: str
    path: str
    operation: Operation
    wire: str
    body: bytes = BodyKind.JSON
    default_provider: str | None = None
    forwarded_query: frozenset[str] | None = frozenset()
    streams: bool | None = None
    resource: str | None = None
    others: tuple[Surface, ...] = ()

    @cached_property
    def takes_json(self) -> bool:
        """Whether each body is one of JSON, and for this surface."""
        return self.body is BodyKind.JSON and not self.others

    def meant_by(self, data: bytes) -> Surface:
        """The surface that a body is for. One that can't be read is for this surface, which says why."""
        wire_of = self.dialect.reading.wire_of
        try:
            wire = self.wire if wire_of is None else wire_of(Body.parse(data))
        except BodyError:
            return self
        return next((each for each in (self, *self.others) if each.wire == wire), (self, *self.others)[-1])

    @cached_property
    def dialect(self) -> CallerDialect:
        return caller_dialect(self.wire)


class Match(msgspec.Struct, frozen=True):
    """The surface of a request, and the values of its path's parameters: ``{"id": "gpt-5"}``."""

    surface: Surface
    parameters: Mapping[str, str] = {}


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
        patterns = [_pattern(path) for path, _ in self._templates]
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
        if self._template.fullmatch(path) is None:
            return None
        allowed: dict[str, None] = {}
        for template, methods in self._templates:
            values = re.fullmatch(_pattern(template), path)
            if values is None:
                continue
            parameters = dict(zip(_PARAMETER.findall(template), values.groups(), strict=True))
            if not is_plain(parameters.get("rest", "x")):
                return None
            if method in methods:
                return Match(methods[method], parameters)
            allowed |= dict.fromkeys(methods)
        return ", ".join(allowed)

    def wire_above(self, path: str) -> str | None:
        """The wire of the surfaces at a path or above it; None if there are none."""
        for known, by_method in self._exact.items():
            if path == known or path.startswith(known + "/"):
                return next(iter(by_method.values())).surface.wire
        return None


def _pattern(template: str) -> str:
    """The template as a pattern with one unnamed group for each parameter; only the last group matches slashes."""
    names = _PARAMETER.findall(template)
    pattern, rest = "", template
    for position, name in enumerate(names):
        literal, _, rest = rest.partition(f"{{{name}}}")
        is_last = position == len(names) - 1
        pattern += re.escape(literal) + ("(.+)" if is_last else "([^/]+)")
    return pattern + re.escape(rest)
