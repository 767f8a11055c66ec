"""The settings of OpenTelemetry: spans and metrics that are sent to a back end over OTLP (docs/telemetry.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.settings.kinds import Seconds, Some, Switch

Url = Annotated[
    str, Meta(pattern=r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?$", title="a URL, such as http://localhost:4318")
]
Field = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+=[^\x00-\x08\x0a-\x1f\x7f]*$")]
Attribute = Annotated[str, Meta(pattern=r"^[^\s=,]{1,128}=[^,]{1,512}$")]
BaggageName = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$")]


class Telemetry(Struct, frozen=True):
    """Spans and metrics for OpenTelemetry: docs/telemetry.md."""

    endpoint: Annotated[
        Url,
        Meta(
            description="Where an OTLP receiver listens for HTTP: spans go to `/v1/traces` below it, metrics to "
            "`/v1/metrics`. Empty: nothing is sent.",
            examples=["http://127.0.0.1:4318"],
        ),
    ] = ""
    headers: Annotated[
        tuple[Field, ...],
        Meta(
            title="a list of NAME=VALUE",
            description="Headers of what is sent, such as `authorization=Bearer …`.",
            extra={"listed": True, "secret": True},
        ),
    ] = ()
    traces: Annotated[Switch, Meta(description="Send a span for each request and each attempt.")] = True
    metrics: Annotated[Switch, Meta(description="Send what `/metrics` shows.")] = True
    content: Annotated[
        Switch,
        Meta(
            description="Put prompts and answers into spans, of requests whose content is kept: by `logs.content`, a "
            "gateway key's `log_content` or a header (docs/request-log.md). What `logs.redact` matches is left out."
        ),
    ] = False
    service_name: Annotated[str, Meta(min_length=1, title="a name", description="The resource's `service.name`.")] = (
        "penstock"
    )
    resource: Annotated[
        tuple[Attribute, ...],
        Meta(
            title="a list of NAME=VALUE",
            description="Further attributes of the resource.",
            examples=[["deployment.environment.name=production"]],
            extra={"listed": True},
        ),
    ] = ()
    sample_ratio: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            title="a number from 0 to 1",
            description="The part of the traces that begin here which is sent. A request with a `traceparent` is sent "
            "if its caller's trace is sampled.",
        ),
    ] = 1.0
    propagate: Annotated[
        Switch,
        Meta(
            description="Send `traceparent` and `tracestate` to providers, with the attempt's span as the parent, and "
            "the members of `baggage` that `telemetry.baggage` names."
        ),
    ] = False
    baggage: Annotated[
        tuple[BaggageName, ...],
        Meta(
            title="a list of names",
            description="Members of the W3C header `baggage` that become attributes of spans.",
            examples=[["session.id", "user.id"]],
            extra={"listed": True},
        ),
    ] = ()
    conventions: Annotated[
        Literal["latest", "1.36"],
        Meta(
            title="one of latest, 1.36",
            description="Version of the semantic conventions for generative AI by which spans name things.",
        ),
    ] = "latest"
    queue_size: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            title="a whole number from 1 to 1000000",
            description="Finished requests of each process that wait for their spans to be made; further ones are "
            "lost, and counted.",
        ),
    ] = 10_000
    batch_size: Annotated[
        int, Meta(ge=1, le=10_000, title="a whole number from 1 to 10000", description="Most requests of one batch.")
    ] = 500
    interval: Annotated[
        float,
        Meta(
            ge=0.1,
            le=3600,
            title="a number of seconds from 0.1 to an hour",
            description="Time between two batches of spans.",
            extra={"unit": "s"},
        ),
    ] = 2.0
    metrics_interval: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            title="a number of seconds from 1 to an hour",
            description="Time between two batches of metrics.",
            extra={"unit": "s"},
        ),
    ] = 60.0
    timeout: Annotated[Seconds, Meta(description="Longest wait for a receiver's answer to a batch.")] = 10.0
    retry_seconds: Annotated[
        Seconds, Meta(description="How long a batch is tried again before it is lost, and counted.")
    ] = 60.0
    flush_seconds: Annotated[
        Some, Meta(description="Longest time in which the rest is sent when the gateway stops.", extra={"unit": "s"})
    ] = 5
