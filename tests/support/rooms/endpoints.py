"""Where an endpoint's requests go, for a test."""

from __future__ import annotations

from penstock.providers.endpoint import Endpoint
from penstock.providers.row import OPENAI


def target(endpoint: Endpoint, model: str | None, wire: str = OPENAI, *, streams: bool = False) -> bytes:
    """The request target for a model, by the name that callers of a wire give it."""
    route = endpoint.route_for(model, wire)
    return route.target(None if model is None else route.model(model), streams=streams)
