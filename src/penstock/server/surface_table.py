"""Surfaces, the endpoints for callers, and how one is found by path and method.

A path is exact or a template such as ``/v1/models/{id}``, whose last parameter takes the rest of the path, including
slashes. One dictionary look-up finds an exact path; if there is none, one regular expression matches all templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.operation import Operation
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import caller_dialect
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
    (``Reading.wire_of``); the last of them takes what is none of the others'. ``usual`` is how most bodies
    of this surface begin, and none of the others': one that begins so needs no further look. ``parameters`` are the
    names and values of those that an exact path says.
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
    usual: re.Pattern[bytes] | None = None
    parameters: tuple[tuple[str, str], ...] = ()

    @cached_property
    def takes_json(self) -> bool:
        """Whether each body is one of JSON, and for this surface, as one look tells of most."""
        return self.body in (BodyKind.JSON, BodyKind.JSON_BY_CURL) and (not self.others or self.usual is not None)

    def is_usual(self, data: bytes) -> bool:
        """Whether one look tells that a body is for this surface."""
        return not self.others or (self.usual is not None and self.usual.match(data) is not None)

    def meant_by(self, data: bytes) -> Surface:
        """The surface that a body is for. One that can't be read is for this surface, which says why."""
        if self.is_usual(data):
            return self
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
                self._exact.setdefault(surface.path, {})[surface.method] = Match(surface, dict(surface.parameters))
        self._templates = [_Template(path, methods) for path, methods in templates.items()]
        self._any = re.compile("|".join(f"({each.pattern.pattern})" for each in self._templates) or "(?!)")
        self._by_group = _by_group(self._templates)

    @property
    def paths(self) -> tuple[str, ...]:
        """The exact paths and templates, in the order of the table."""
        return (*self._exact, *(each.path for each in self._templates))

    @property
    def surfaces(self) -> tuple[Surface, ...]:
        """All of them."""
        exact = [match.surface for by_method in self._exact.values() for match in by_method.values()]
        return (*exact, *(surface for each in self._templates for surface in each.methods.values()))

    def find(self, method: str, path: str) -> Match | str | None:
        """The surface of a request; the allowed methods (``GET, POST``) if the method is another; None for an unknown
        path."""
        by_method = self._exact.get(path)
        if by_method is not None:
            return by_method.get(method) or ", ".join(by_method)
        first = self._any.fullmatch(path)
        if first is None:
            return None
        allowed: dict[str, None] = {}
        for template in self._templates[self._by_group[first.lastindex or 0] :]:
            values = template.pattern.fullmatch(path)
            if values is None:
                continue
            parameters = dict(zip(template.names, values.groups(), strict=True))
            if not is_plain(parameters.get("rest", "x")):
                return None
            if method in template.methods:
                return Match(template.methods[method], parameters)
            allowed |= dict.fromkeys(template.methods)
        return ", ".join(allowed)

    def wire_above(self, path: str) -> str | None:
        """The wire of the surfaces at a path or above it; None if there are none."""
        for known, by_method in self._exact.items():
            if path == known or path.startswith(known + "/"):
                return next(iter(by_method.values())).surface.wire
        return None


class _Template:
    """A path with parameters, its surfaces by their method, and what finds them."""

    __slots__ = ("methods", "names", "path", "pattern")

    def __init__(self, path: str, methods: Mapping[str, Surface]) -> None:
        self.path = path
        self.methods = methods
        self.names = _PARAMETER.findall(path)
        self.pattern = re.compile(_pattern(path))


def _by_group(templates: Sequence[_Template]) -> dict[int, int]:
    """Which template a group of the pattern of all stands for: each has a group around its own ones."""
    groups, found = 1, {}
    for number, template in enumerate(templates):
        found[groups] = number
        groups += 1 + len(template.names)
    return found


def _pattern(template: str) -> str:
    """The template as a pattern with one unnamed group for each parameter; only the last group matches slashes."""
    names = _PARAMETER.findall(template)
    pattern, rest = "", template
    for position, name in enumerate(names):
        literal, _, rest = rest.partition(f"{{{name}}}")
        is_last = position == len(names) - 1
        pattern += re.escape(literal) + ("(.+)" if is_last else "([^/]+)")
    return pattern + re.escape(rest)
