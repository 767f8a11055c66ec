"""Stage, before an attempt at some providers: the model that an alias (an inference profile's ARN) stands for.

The gateway reads the profile once, with the request's credentials, and remembers the model. If the profile can't be
read (403, timeout), the request is sent without model-specific limits.
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
from penstock.pipeline.authorize import Authorizer
from penstock.pipeline.call import Call
from penstock.pipeline.subrequest import RememberedSubrequests, whole
from penstock.pipeline.target_route import TargetRoute
from penstock.providers.row import Profiles
from penstock.transport.base import Request, Transport

_REMEMBERED: Final = 4096
_PATIENCE: Final = 5.0
_UNTOLD_FOR: Final = 300.0
"""Seconds before a profile that couldn't be read is read again."""


class ModelAliases:
    """Resolves aliases to models. ``transports`` send the subrequests, ``authorizer`` signs them."""

    def __init__(self, transports: Mapping[str, Transport], authorizer: Authorizer) -> None:
        self._transports = transports
        self._authorizer = authorizer
        self._models: RememberedSubrequests[str] = RememberedSubrequests(_REMEMBERED)

    async def resolve(self, call: Call, route: TargetRoute, until: float) -> TargetRoute:
        """The route, with ``aliased_model`` set if the request's model is an alias whose profile can be read. ``until``
        is the moment (monotonic clock, seconds) at which the attempt must end."""
        profiles, endpoint, url = route.provider.profiles, route.endpoint, profile_url(call, route)
        if profiles is None or url is None:
            return route
        credentials = endpoint.default_route.headers if endpoint.signer is None else endpoint.signer.identity.encode()
        entry = f"{url.path} {hashlib.sha256(credentials).hexdigest()}"
        model = self._models.known(entry)
        if model is None:
            try:
                async with asyncio.timeout(min(until - time.monotonic(), route.limits.first_byte or _PATIENCE)):
                    model = await self._models.run(entry, lambda: self._ask(route, url, profiles))
            except TimeoutError:
                return route
        return msgspec.structs.replace(route, aliased_model=model) if model else route

    async def _ask(self, route: TargetRoute, url: Url, profiles: Profiles) -> tuple[str, float]:
        """The model in the profile, empty if the profile couldn't be read, and the seconds for which that is
        remembered."""
        answer: tuple[int, bytes] | Failure | None
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await self._answer(route, url)
        except TimeoutError:
            answer = None
        model = profiles.model_in(answer[1]) if isinstance(answer, tuple) and answer[0] == 200 else ""
        return model, float("inf") if model else _UNTOLD_FOR

    async def _answer(self, route: TargetRoute, url: Url) -> tuple[int, bytes] | Failure:
        endpoint, address = route.endpoint, url.path.encode()
        headers = endpoint.default_route.headers
        if endpoint.signer is not None:
            proof = await self._authorizer.lines_for(
                endpoint.signer, Outgoing(b"GET", url.origin, address, headers, b"")
            )
            if isinstance(proof, Failure):
                return proof
            headers += proof.lines
        request = Request(url.origin, b"GET", address, headers, b"", Limits(total=_PATIENCE))
        return await whole(self._transports, request)


def profile_url(call: Call, route: TargetRoute) -> Url | None:
    """Where the provider tells what the request's model stands for; None for a model that says so itself, and at an
    address that isn't the provider's own."""
    profiles, endpoint = route.provider.profiles, route.endpoint
    if profiles is None or call.request is None or not endpoint.default_route.origin.trusted:
        return None
    return profiles.where_told(_model(call, route), endpoint.options)


def _model(call: Call, route: TargetRoute) -> str:
    """The model that the request to the target names, after the config's overrides and defaults."""
    raw = route.changes.overrides.get("model")
    model = call.request.model if call.request is not None else None
    if raw is None and model is None:
        raw = route.changes.defaults.get("model")
    name = model if raw is None else read_json(raw)
    return name if isinstance(name, str) else ""
