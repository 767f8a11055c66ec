"""What the gateway listens to: path and method -> the operation that a caller means."""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.http import Headers
from penstock.providers.row import Operation


class Surface(msgspec.Struct, frozen=True):
    """One LLM endpoint: the method it takes, the operation it stands for.

    ``default_provider`` serves a request that names neither a provider nor a config.
    """

    method: str
    operation: Operation
    default_provider: str | None = None

    def routed(self, headers: Headers) -> Headers:
        """The headers, naming the default provider where they name none."""
        if self.default_provider is None or any(name in _ROUTING for name, _ in headers):
            return headers
        return [*headers, (b"x-portkey-provider", self.default_provider.encode())]


_ROUTING: Final = frozenset({b"x-portkey-provider", b"x-portkey-config", b"x-portkey-virtual-key"})

SURFACES: Final = {
    "/v1/chat/completions": Surface("POST", Operation.CHAT),
    # Without a provider: the models of the built-in one, so that a newcomer's SDK lists something that works.
    "/v1/models": Surface("GET", Operation.MODELS, default_provider="echo"),
}
