"""Stage, before an attempt at some providers: which model a name stands for that doesn't say so itself.

Asked once, under the same credentials as the request, and remembered. Whoever may not be told goes on without: nothing
is known then of what the model takes.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.auth.signer import Outgoing
from penstock.core.failure import Failure
from penstock.core.http import Limits, Url
from penstock.core.json_text import read_json
from penstock.core.lru import Lru
from penstock.pipeline.authorize import Authorizer
from penstock.pipeline.call import Call
from penstock.pipeline.compile import Route
from penstock.pipeline.subrequest import Subrequests, whole
from penstock.providers.row import Profiles
from penstock.transport.base import Request, Transport

_REMEMBERED: Final = 4096
_PATIENCE: Final = 5.0
_UNTOLD_FOR: Final = 300.0
"""Seconds for which nobody is asked again who didn't tell."""


class _KnownModel(msgspec.Struct, frozen=True):
    """What a name stands for, empty when nobody tells; ``until`` is in seconds of the monotonic clock."""

    model: str
    until: float = float("inf")


class ModelAliases:
    """Knows the models behind names. ``transports`` and ``authorize`` are how providers are asked."""

    def __init__(self, transports: Mapping[str, Transport], authorizer: Authorizer) -> None:
        self._transports = transports
        self._authorizer = authorizer
        self._known: Lru[str, _KnownModel] = Lru(_REMEMBERED)
        self._asking: Subrequests[_KnownModel] = Subrequests()

    async def resolve(self, call: Call, route: Route, until: float) -> Route:
        """The route with the model that the request's name for it stands for, where the name doesn't say. ``until`` is
        when the attempt must be over, in seconds of the monotonic clock."""
        profiles, endpoint = route.provider.profiles, route.endpoint
        if profiles is None or call.chat is None or not endpoint.default_route.origin.trusted:
            return route
        name = _model(call, route)
        url = profiles.where_told(name, endpoint.options)
        if url is None:
            return route
        credentials = endpoint.default_route.headers if endpoint.signer is None else endpoint.signer.identity.encode()
        entry = f"{name} {hashlib.sha256(credentials).hexdigest()}"
        told = self._known.get(entry)
        if told is None or told.until < time.monotonic():
            try:
                async with asyncio.timeout(min(until - time.monotonic(), route.limits.first_byte or _PATIENCE)):
                    told = await self._asking.run(entry, lambda: self._ask(entry, route, url, profiles))
            except TimeoutError:
                return route
        return msgspec.structs.replace(route, aliased_model=told.model) if told.model else route

    async def _ask(self, entry: str, route: Route, url: Url, profiles: Profiles) -> _KnownModel:
        """What the name stands for, or that it isn't told, for whatever reason."""
        answer: tuple[int, bytes] | Failure | None
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await self._answer(route, url)
        except TimeoutError:
            answer = None
        model = profiles.model_in(answer[1]) if isinstance(answer, tuple) and answer[0] == 200 else ""
        told = _KnownModel(model) if model else _KnownModel("", time.monotonic() + _UNTOLD_FOR)
        self._known.put(entry, told)
        return told

    async def _answer(self, route: Route, url: Url) -> tuple[int, bytes] | Failure:
        endpoint, headers, address = route.endpoint, route.endpoint.default_route.headers, url.path.encode()
        if endpoint.signer is not None:
            proof = await self._authorizer.lines_for(
                endpoint.signer, Outgoing(b"GET", url.origin, address, headers, b"")
            )
            if isinstance(proof, Failure):
                return proof
            headers += proof.lines
        request = Request(url.origin, b"GET", address, headers, b"", Limits(total=_PATIENCE))
        return await whole(self._transports, request)


def _model(call: Call, route: Route) -> str:
    """The model that the target will be asked for."""
    raw = None if route.shape is None else route.shape.overrides.get("model")
    given = call.chat.model if call.chat is not None else None
    if raw is None and given is None and route.shape is not None:
        raw = route.shape.defaults.get("model")
    name = given if raw is None else read_json(raw)
    return name if isinstance(name, str) else ""
