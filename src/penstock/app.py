"""The composition root: the only file that names concrete transports, policies and logs."""

from __future__ import annotations

import os
import sys

from penstock.core.address import AddressPolicy
from penstock.observe.access_log import AccessLog
from penstock.observe.record import Records
from penstock.pipeline.configure import Configure
from penstock.pipeline.run import Pipeline
from penstock.providers.registry import PROVIDERS
from penstock.server.gateway import Bounds, Gateway, Part
from penstock.settings import Settings
from penstock.transport.base import Transport
from penstock.transport.echo import EchoTransport


def build(settings: Settings) -> Gateway:
    """The whole gateway as an ASGI application."""
    policy = AddressPolicy(settings.trusted_hosts)
    records = Records()
    http1 = _http1(settings, policy)
    transports: dict[str, Transport] = {"http": http1, "https": http1, "echo": EchoTransport(settings.echo.pace_ms)}
    pipeline = Pipeline(
        Configure(PROVIDERS, policy, _limits(settings), _lent_keys(settings, os.environ)),
        transports,
        settings.server.max_hops,
    )
    bounds = Bounds(settings.server.max_body_bytes, settings.server.body_timeout, settings.server.keepalive)
    parts: list[Part] = [_Connections(transports)]
    if settings.server.access_log:
        parts.append(AccessLog(records, sys.stdout.buffer))
    return Gateway(pipeline, records, bounds, parts)
