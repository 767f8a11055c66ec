"""The composition root's part for the edge: the settings' limits of callers, for each port."""

from __future__ import annotations

from penstock.server.limits import CallerLimits, RequestLimits
from penstock.settings.model import Server


def request_limits(server: Server) -> RequestLimits:
    """The limits of a port's callers."""
    return RequestLimits(
        largest_body(server), server.body_timeout, server.keepalive, _caller_limits(server), server.max_upload_bytes
    )


def largest_body(server: Server) -> int:
    """A body that could never be held is too large, whatever else is held."""
    return min(server.max_body_bytes, server.max_buffered_bytes or server.max_body_bytes)


def _caller_limits(server: Server) -> CallerLimits:
    return CallerLimits(
        head=server.head_timeout,
        body=server.body_deadline,
        body_rate=server.body_min_rate,
        write=server.write_timeout,
        buffered_bytes=server.max_buffered_bytes,
        connections=server.max_connections,
        connections_per_address=server.max_connections_per_address,
    )
