"""Every metric, declared once: name, kind, labels, buckets, help. docs/metrics.md tells the same, and a test compares.

Names follow https://prometheus.io/docs/practices/naming/: base units, ``_total`` at the end of a counter.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]
"""The values of a family's labels, in their order."""


class Family(msgspec.Struct, frozen=True):
    """One metric with all its series. The ``name`` of a counter stands without ``_total``.

    ``buckets`` are the upper bounds of a histogram, without ``+Inf``. ``merge`` is how the gauges of several workers
    become one. ``is_of_otlp``: the metric has a name of OpenTelemetry's, and is sent over OTLP only; ``unit`` is its
    unit there.
    """

    name: str
    kind: Kind
    help: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()
    merge: Literal["sum", "max"] = "sum"
    is_of_otlp: bool = False
    unit: str = ""

    @property
    def shown(self) -> str:
        """The name under which Prometheus stores it: that of a counter's samples."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    @property
    def width(self) -> int:
        """The numbers of one series: a histogram has its sum, then a count for each bucket and for ``+Inf``."""
        return len(self.buckets) + 2 if self.kind == "histogram" else 1


NONE: Final = "none"
"""The value of a label where a request has none: no provider was called, say."""
OTHER: Final = "other"
"""The value that all values share for which there is no room."""

_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)
_OWN_SECONDS: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)

REQUESTS: Final = Family(
    "penstock_requests",
    "counter",
    "Finished requests, by the provider and the model of the last attempt, or those they named.",
    ("operation", "provider", "model", "status"),
)
ERRORS: Final = Family(
    "penstock_errors",
    "counter",
    "Requests that failed, by the error's code and by whose fault it is: client, gateway or provider.",
    ("error", "fault", "provider"),
)
DURATION: Final = Family(
    "penstock_request_duration_seconds",
    "histogram",
    "Time from a request's arrival to the last byte of its answer.",
    ("operation", "stream"),
    _SECONDS,
)
OWN: Final = Family(
    "penstock_gateway_duration_seconds",
    "histogram",
    "The gateway's own part of it: before the first attempt (with the arrival of the body) and after the last.",
    ("operation",),
    _OWN_SECONDS,
)
ATTEMPTS: Final = Family("penstock_attempts", "counter", "Calls of providers.", ("provider", "model", "status"))
ATTEMPT_ERRORS: Final = Family(
    "penstock_attempt_errors", "counter", "Calls of providers that failed, by the error's code.", ("provider", "error")
)
RETRIES: Final = Family(
    "penstock_retries", "counter", "Attempts that repeat the one before at the same target.", ("provider",)
)
FALLBACKS: Final = Family(
    "penstock_fallbacks", "counter", "Attempts after a failure of another target, by their own provider.", ("provider",)
)
HEDGES: Final = Family(
    "penstock_hedges", "counter", "Attempts that began while the one before was under way.", ("provider",)
)
UPSTREAM: Final = Family(
    "penstock_upstream_duration_seconds",
    "histogram",
    "Time of one attempt, to the last byte of the provider's reply.",
    ("provider", "model"),
    _SECONDS,
)
FIRST_TOKEN: Final = Family(
    "penstock_time_to_first_token_seconds",
    "histogram",
    "Time from the start of an attempt to the first content of its stream.",
    ("provider", "model"),
    _SECONDS,
)
CACHE: Final = Family(
    "penstock_cache_requests",
    "counter",
    "Requests that looked into the cache, or that an Idempotency-Key was answered for: hit, miss, refresh, replayed.",
    ("result",),
)
TOKENS: Final = Family(
    "penstock_tokens",
    "counter",
    "Tokens, each in one class: input, cache_read, cache_write, output, reasoning.",
    ("provider", "model", "class"),
)
COST: Final = Family("penstock_cost_dollars", "counter", "Cost of attempts, in dollars.", ("provider", "model"))
UNPRICED: Final = Family(
    "penstock_unpriced_attempts",
    "counter",
    "Attempts with a usage whose price is unknown.",
    ("provider", "model"),
)
KEY_REQUESTS: Final = Family("penstock_key_requests", "counter", "Finished requests of a gateway key.", ("key",))
KEY_TOKENS: Final = Family("penstock_key_tokens", "counter", "Tokens that a gateway key's requests took.", ("key",))
KEY_COST: Final = Family("penstock_key_cost_dollars", "counter", "Cost of a gateway key's requests.", ("key",))
METADATA_REQUESTS: Final = Family(
    "penstock_metadata_requests",
    "counter",
    "Finished requests, by a member of their metadata that metrics.metadata names.",
    ("name", "value"),
)
METADATA_TOKENS: Final = Family(
    "penstock_metadata_tokens", "counter", "Tokens, by a member of the metadata.", ("name", "value")
)
METADATA_COST: Final = Family(
    "penstock_metadata_cost_dollars", "counter", "Cost, by a member of the metadata.", ("name", "value")
)
LOST: Final = Family(
    "penstock_records_lost",
    "counter",
    "Records of requests that a reader lost because its queue was full.",
    ("reader",),
)
WAITING: Final = Family("penstock_records_waiting", "gauge", "Records that wait for a reader.", ("reader",))
TELEMETRY_LOST: Final = Family(
    "penstock_telemetry_lost",
    "counter",
    "Spans and metrics that an OTLP receiver did not get, by why: unreachable, refused, rejected, unsent.",
    ("signal", "why"),
)
ALERTS: Final = Family(
    "penstock_alerts",
    "counter",
    "Alerts by channel (webhook, slack, mail) and by what became of them: told, failed, dropped.",
    ("channel", "result"),
)
GUARD_VERDICTS: Final = Family(
    "penstock_guard_verdicts",
    "counter",
    "Verdicts of guards (docs/guardrails.md#what-is-recorded): passed, failed, denied, unread and others.",
    ("check", "verdict"),
)
CALLERS: Final = Family("penstock_caller_connections", "gauge", "Open connections of callers.")
POOL: Final = Family("penstock_pool_connections", "gauge", "Open connections to providers: in_use or idle.", ("state",))
POOL_WAITING: Final = Family("penstock_pool_waiting", "gauge", "Requests that wait for a connection to a provider.")
CIRCUITS: Final = Family(
    "penstock_circuits",
    "gauge",
    "Circuit breakers of targets that had an attempt, by state: closed, open, half_open.",
    ("state",),
)
BROKEN: Final = Family(
    "penstock_broken_circuits",
    "gauge",
    "Circuit breakers that are open or half_open, by the provider and the model that their target last failed with; "
    "none: another process saw it fail.",
    ("provider", "model", "state"),
)
BUDGET_LEFT: Final = Family(
    "penstock_budget_left",
    "gauge",
    "What is left of a budget in its window: dollars, tokens or requests, as unit says.",
    ("level", "owner", "limit", "unit"),
    merge="max",
)
WORKERS: Final = Family("penstock_workers", "gauge", "Workers that answered for this page.")
BUILD: Final = Family("penstock_build_info", "gauge", "Always 1.", ("version",), merge="max")
CPU: Final = Family("process_cpu_seconds", "counter", "CPU time of a worker process.", ("worker",))
MEMORY: Final = Family("process_resident_memory_bytes", "gauge", "Resident memory of a worker process.", ("worker",))
FILES: Final = Family("process_open_fds", "gauge", "Open files of a worker process.", ("worker",))
MOST_FILES: Final = Family("process_max_fds", "gauge", "Files that a worker process may open.", ("worker",))
STARTED: Final = Family(
    "process_start_time_seconds", "gauge", "When a worker process started, in seconds since 1970.", ("worker",)
)

# https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-metrics.md
_OTLP_SECONDS: Final = tuple(0.01 * 2**number for number in range(14))
_OTLP_TOKENS: Final = tuple(float(4**number) for number in range(14))
_OTLP_LABELS: Final = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model")
GEN_AI_TOKENS: Final = Family(
    "gen_ai.client.token.usage",
    "histogram",
    "Number of input and output tokens used.",
    (*_OTLP_LABELS, "gen_ai.token.type"),
    _OTLP_TOKENS,
    is_of_otlp=True,
    unit="{token}",
)
GEN_AI_DURATION: Final = Family(
    "gen_ai.client.operation.duration",
    "histogram",
    "Time of one attempt, to the last byte of the provider's reply.",
    (*_OTLP_LABELS, "error.type"),
    _OTLP_SECONDS,
    is_of_otlp=True,
    unit="s",
)
GEN_AI_FIRST_CHUNK: Final = Family(
    "gen_ai.client.operation.time_to_first_chunk",
    "histogram",
    "Time from the start of an attempt to the first content of its stream.",
    _OTLP_LABELS,
    _OTLP_SECONDS,
    is_of_otlp=True,
    unit="s",
)

FAMILIES: Final = (
    REQUESTS, ERRORS, DURATION, OWN, ATTEMPTS, ATTEMPT_ERRORS, RETRIES, FALLBACKS, HEDGES, UPSTREAM, FIRST_TOKEN, CACHE,
    TOKENS, COST, UNPRICED, KEY_REQUESTS, KEY_TOKENS, KEY_COST, METADATA_REQUESTS, METADATA_TOKENS, METADATA_COST, LOST,
    TELEMETRY_LOST, ALERTS, GUARD_VERDICTS, WAITING, CALLERS, POOL, POOL_WAITING, CIRCUITS, BROKEN, BUDGET_LEFT,
    WORKERS, BUILD, CPU, MEMORY, FILES, MOST_FILES, STARTED, GEN_AI_TOKENS, GEN_AI_DURATION, GEN_AI_FIRST_CHUNK,
)  # fmt: skip
"""All of them, in the order in which they are shown."""
