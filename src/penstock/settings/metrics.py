"""The settings of /metrics."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.settings.kinds import PORT, MetadataName, Number, Switch, address_of


class Metrics(Struct, frozen=True):
    """Figures for Prometheus at /metrics: docs/metrics.md."""

    enabled: Annotated[Switch, Meta(description="Count requests, and serve the counts at `/metrics`.")] = True
    listen: Annotated[
        str,
        Meta(
            pattern=rf"^((.+:)?{PORT})?$",
            title="ADDRESS:PORT or PORT, such as 127.0.0.1:9464",
            description="A port of the metrics' own, which then are served nowhere else, to whoever reaches it; a "
            "`PORT` alone is one of 127.0.0.1. Empty: the port of the gateway.",
            examples=["127.0.0.1:9464"],
        ),
    ] = ""
    open: Annotated[
        Switch,
        Meta(
            description="Serve `/metrics` on the gateway's port to callers without an admin key, also where there are "
            "gateway keys."
        ),
    ] = False
    max_values: Annotated[
        Number,
        Meta(
            description="Values of one label in each process: of models, of gateway keys, of each member of metadata; "
            "further ones count as `other`."
        ),
    ] = 200
    metadata: Annotated[
        tuple[MetadataName, ...],
        Meta(
            title="a list of names",
            description="Members of requests' metadata by which requests, tokens and cost are counted, too.",
            examples=[["team"]],
            extra={"listed": True},
        ),
    ] = ()

    @property
    def address(self) -> tuple[str, int] | None:
        """Address and port of ``listen``; None where metrics have no port of their own."""
        return address_of(self.listen)
