"""The record of a request → its spans: one for the request, one for each attempt. Pure, but for the ids of spans."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from penstock.core.failure import Blame, blame_of
from penstock.core.json_text import read_json_or_none
from penstock.core.trace_context import TraceContext
from penstock.core.usage import Usage
from penstock.observe.metrics.recorder import ChargeReader, nanos_of
from penstock.observe.record import AttemptRecord, Record
from penstock.observe.telemetry import conventions as named
from penstock.observe.telemetry.span import Attributes, Span, SpanKind, Value, new_span_id

_NANOS: Final = 1_000_000_000
NO_CONTENT: Final[Mapping[str, Value]] = MappingProxyType({})
_USER: Final = "_user"
"""The member of metadata that names the end user, as in Portkey."""


def spans_of(
    record: Record,
    charges: ChargeReader | None = None,
    version: str = "latest",
    content: Mapping[str, Value] = NO_CONTENT,
    scheme: str = "http",
) -> list[Span]:
    """The spans of a request, the request's own first; none for a request whose trace is not sampled. ``content`` are
    attributes of its last attempt; ``scheme`` is that of the gateway's own port."""
    context = record.trace_context
    if context is None or not context.is_sampled:
        return []
    own = new_span_id()
    spans = [_request_span(record, context, own, version, scheme)]
    for number, attempt in enumerate(record.attempts, 1):
        attributes = _attempt_attributes(record, attempt, number, charges)
        if content and number == len(record.attempts):
            attributes |= content
        start = _nanoseconds(record, attempt.began)
        spans.append(
            Span(
                context.trace_id,
                attempt.span_id or new_span_id(),
                own,
                _attempt_name(attributes, attempt),
                SpanKind.CLIENT,
                start,
                max(start, _nanoseconds(record, _end_of(record, attempt))),
                named.in_version(attributes, version),
                context.state.decode("latin-1"),
                attempt.failure,
                context.flags,
            )
        )
    return spans


def _request_span(record: Record, context: TraceContext, span_id: str, version: str, scheme: str) -> Span:
    # A server's span is no error where the status in the head of its answer is 4xx, whoever chose that status; else it
    # is where the caller is not to blame: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status
    is_refusal = 400 <= (record.head_status or record.status) < 500
    failure = record.failure
    is_error = failure is not None and not is_refusal and blame_of(failure, record.status) is not Blame.CLIENT
    return Span(
        context.trace_id,
        span_id,
        context.parent,
        record.operation or record.method,
        SpanKind.SERVER,
        _nanoseconds(record, 0),
        _nanoseconds(record, record.latency),
        named.in_version(_request_attributes(record, context, scheme), version),
        context.state.decode("latin-1"),
        failure if is_error else None,
        context.flags,
        bool(context.parent),
    )


def _request_attributes(record: Record, context: TraceContext, scheme: str) -> Attributes:
    attributes: Attributes = {
        named.HTTP_METHOD: record.method,
        named.URL_SCHEME: scheme,
        named.URL_PATH: record.path,
        named.HTTP_STATUS: record.head_status or record.status,
        "penstock.attempts": len(record.attempts),
    }
    texts = {
        named.CLIENT_ADDRESS: record.client,
        named.USER_AGENT: record.user_agent,
        named.ERROR_TYPE: record.failure,
        "penstock.trace_id": record.trace_id if record.trace_id != context.trace_id else None,
        "penstock.dialect": record.dialect,
        "penstock.key": record.key,
        "penstock.workspace": record.workspace,
        "penstock.virtual_key": record.virtual_key,
        "penstock.config": record.config,
        "penstock.cache": record.cache,
    }
    attributes |= {name: text for name, text in texts.items() if text}
    if record.dropped:
        attributes["penstock.dropped_params"] = record.dropped
    if record.first_byte is not None:
        attributes["penstock.first_byte"] = record.first_byte
    for name, value in (record.metadata or {}).items():
        attributes[named.USER_ID if name == _USER else f"penstock.metadata.{name}"] = value
    return {**attributes, **context.baggage}


def _attempt_attributes(
    record: Record, attempt: AttemptRecord, number: int, charges: ChargeReader | None
) -> Attributes:
    attributes: Attributes = {"penstock.target": attempt.target, "penstock.attempt": number}
    operation = record.operation
    if operation is not None and operation not in named.NO_MODEL:
        attributes[named.OPERATION_NAME] = named.OPERATIONS.get(operation, operation)
        attributes |= _parameters(record.parameters)
    attributes[named.PROVIDER_NAME] = named.provider_name(attempt.provider)
    if attempt.model:
        attributes[named.REQUEST_MODEL] = attempt.model
    if record.stream:
        attributes[named.REQUEST_STREAM] = True
        if attempt.first_content is not None and attempt.failure is None:
            attributes[named.TIME_TO_FIRST_CHUNK] = attempt.first_content - attempt.began
    if attempt.status:
        attributes[named.HTTP_STATUS] = attempt.status
    texts = {
        named.ERROR_TYPE: attempt.failure,
        "penstock.virtual_key": attempt.virtual_key,
        "penstock.cache": attempt.cache,
    }
    attributes |= {name: text for name, text in texts.items() if text}
    for name, is_so in (("penstock.shared", attempt.is_shared), ("penstock.hedge_loser", attempt.is_hedge_loser)):
        if is_so:
            attributes[name] = True
    # Back ends that sum tokens and cost by user read the spans that have them, and not their parents.
    user = (record.metadata or {}).get(_USER)
    if user is not None:
        attributes[named.USER_ID] = user
    if attempt.is_charged:
        attributes |= _usage(attempt, record.at, charges)
    return {**attributes, **(record.trace_context.baggage if record.trace_context is not None else {})}


def _usage(attempt: AttemptRecord, at: float, charges: ChargeReader | None) -> Attributes:
    """Tokens and cost. Only the attempt that pays for a call has them, so that sums over spans are right."""
    usage: Usage | None = attempt.usage if attempt.billed is None else attempt.billed.usage
    if usage is None:
        return {}
    counts = {
        named.INPUT_TOKENS: usage.prompt,
        named.OUTPUT_TOKENS: usage.completion,
        named.CACHE_READ_TOKENS: usage.cached,
        named.CACHE_WRITE_TOKENS: usage.cache_written,
        named.REASONING_TOKENS: usage.reasoning,
        named.AUDIO_INPUT_TOKENS: usage.audio_in,
        named.AUDIO_OUTPUT_TOKENS: usage.audio_out,
        named.IMAGE_INPUT_TOKENS: usage.image_in,
    }
    attributes: Attributes = {name: count for name, count in counts.items() if count is not None}
    nanos = None if charges is None else nanos_of(attempt, at, charges)
    if nanos is not None:
        attributes[named.USAGE_COST] = nanos / _NANOS
    return attributes


def _parameters(parameters: Mapping[str, bytes]) -> Attributes:
    attributes: Attributes = {}
    for name, raw in parameters.items():
        attribute = named.parameter_attribute(name, read_json_or_none(raw))
        if attribute is not None:
            attributes.setdefault(*attribute)
    return attributes


def _attempt_name(attributes: Attributes, attempt: AttemptRecord) -> str:
    """``{operation} {model}``, as the conventions say."""
    return f"{attributes.get(named.OPERATION_NAME, 'call')} {attempt.model or attempt.provider}"


def _end_of(record: Record, attempt: AttemptRecord) -> float:
    if attempt.ended is not None:
        return attempt.ended
    return record.latency if attempt.first_content is None else max(record.latency, attempt.first_content)


def _nanoseconds(record: Record, seconds: float) -> int:
    """Nanoseconds since 1970, some seconds after the request's arrival."""
    return int(record.at * 1_000_000) * 1000 + int(seconds * _NANOS)
