"""Which models a host says it has: its own list, asked with the request's credential and remembered for a while.

A host that doesn't answer in time, or answers something else, has no models for some seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, Final

from penstock.core.failure import Failure
from penstock.core.http import Limits
from penstock.core.json_text import read_json
from penstock.pipeline.subrequest import RememberedSubrequests, whole_reply
from penstock.pipeline.target_route import TargetRoute
from penstock.pipeline.upstream import Upstream
from penstock.transport.base import Request

_PATIENCE: Final = 5.0
"""Seconds that a host has for its list."""
_KNOWN_FOR: Final = 300.0
_UNKNOWN_FOR: Final = 30.0
_REMEMBERED: Final = 256
_LARGEST: Final = 8 << 20
"""Bytes of a list: OpenRouter's has half a megabyte."""
_MOST: Final = 5000
_LONGEST: Final = 200
_BUILT_IN: Final = {"echo": ("echo",)}
"""Models that are listed of the built-in provider: the others are faults to play."""


class HostModels:
    """Lists of hosts. ``upstream`` sends the requests for them, one for all who wait."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._lists: RememberedSubrequests[tuple[str, ...]] = RememberedSubrequests(_REMEMBERED)

    async def models(self, route: TargetRoute) -> tuple[str, ...]:
        """The names of the models at a route for the list of models; empty where none are told."""
        if route.provider.slug in _BUILT_IN:
            return _BUILT_IN[route.provider.slug]
        request = _request(route)
        signer = route.endpoint.signer
        identity = request.headers + (b"" if signer is None else signer.identity.encode())
        name = f"{request.origin.authority} {request.target.decode()} {hashlib.sha256(identity).hexdigest()}"
        known = self._lists.known(name)
        return known if known is not None else await self._lists.run(name, lambda: self._ask(request, route))

    async def _ask(self, request: Request, route: TargetRoute) -> tuple[tuple[str, ...], float]:
        """The models, and the seconds for which they are remembered."""
        try:
            async with asyncio.timeout(_PATIENCE):
                reply = await self._upstream.send(request, route.endpoint.signer)
                answer = reply if isinstance(reply, Failure) else await whole_reply(reply, _LARGEST)
        except TimeoutError:
            answer = None
        models: tuple[str, ...] = ()
        if isinstance(answer, tuple) and answer[0] == 200:
            models = names_in(answer[1])
        return models, _KNOWN_FOR if models else _UNKNOWN_FOR


def _request(route: TargetRoute) -> Request:
    list_route = route.endpoint.default_route
    limits = Limits(_PATIENCE, _PATIENCE, _PATIENCE, _PATIENCE)
    return Request(list_route.origin, b"GET", list_route.target(None), list_route.headers, b"", limits)


def names_in(body: bytes) -> tuple[str, ...]:
    """The names in a list of models, as hosts write it: ``{"data": [{"id": …}]}``, the array alone (Together), or with
    ``models`` and ``name``; Google's ``models/NAME`` without its first word."""
    try:
        value: Any = read_json(body)
    except ValueError:
        return ()
    if isinstance(value, dict):
        value = value.get("data", value.get("models"))
    if not isinstance(value, list):
        return ()
    listed = (item.get("id", item.get("name")) for item in value[:_MOST] if isinstance(item, dict))
    names = (name.removeprefix("models/") for name in listed if isinstance(name, str) and 0 < len(name) <= _LONGEST)
    return tuple(dict.fromkeys(names))
