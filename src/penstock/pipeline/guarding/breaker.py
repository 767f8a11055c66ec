"""Which servers of checks are asked for now: none that fails again and again, and none too often at the same time.

Servers are told apart by caller: what a caller asks for can't switch the checks of another caller off.
Source: docs/guardrails.md#partners.
"""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.lru import Lru

_MOST_FAILURES: Final = 5
"""Failures in a row after which a server is left alone."""
_SECONDS: Final = 30.0
"""How long; then one call tries it."""
_MOST_CALLS: Final = 64
"""Calls of one server that wait at the same time."""
_MOST_SERVERS: Final = 1000


class _Server(msgspec.Struct):
    failures: int = 0
    until: float = 0.0
    calls: int = 0


class HostBreaker:
    """The servers that checks have asked, those of late. ``now`` is in seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._servers: Lru[str, _Server] = Lru(_MOST_SERVERS)

    def enter(self, name: str, now: float) -> bool:
        """Whether a server may be asked; then ``leave`` says how that ended."""
        server = self._servers.get(name)
        if server is None:
            server = _Server()
            self._servers.put(name, server)
        if server.calls >= _MOST_CALLS or now < server.until:
            return False
        if server.failures >= _MOST_FAILURES:
            # Whoever comes first tries the server; the others wait for what comes of it.
            server.until = now + _SECONDS
        server.calls += 1
        return True

    def leave(self, name: str, now: float, *, fails: bool | None) -> None:
        """A call has ended. ``fails``: whether the server failed, None where the call tells nothing of it."""
        server = self._servers.get(name)
        if server is None:
            return
        server.calls = max(0, server.calls - 1)
        if fails:
            server.failures += 1
            server.until = now + _SECONDS if server.failures >= _MOST_FAILURES else 0.0
        elif fails is False:
            server.failures, server.until = 0, 0.0
