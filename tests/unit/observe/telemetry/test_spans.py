"""Records as spans."""

from __future__ import annotations

import msgspec

from penstock.core.trace_context import TraceContext
from penstock.core.usage import Usage
from penstock.observe.record import AttemptRecord, Billed, Record
from penstock.observe.telemetry.spans import spans_of

TRACE = "a" * 32
ATTEMPT = AttemptRecord(
    "config.targets[0]", "bedrock", "claude", 2, 200, 0.1, 0.2, 0.9, Usage(10, 5, 15, cached=4, reasoning=2)
)
RECORD = Record(
    1000.5, "POST", "/v1/chat/completions", 200, 1.0, "chat.completions", attempts=(ATTEMPT,), trace_id=TRACE,
    trace_context=TraceContext(TRACE, 1, "b" * 16, b"v=1", {"session.id": "s"}), cache="MISS", key="app",
    dropped=("logit_bias",), parameters={"temperature": b"0.5", "max_tokens": b"7", "max_completion_tokens": b"9"},
)  # fmt: skip


def test_times_and_parents() -> None:
    own, attempt = spans_of(RECORD)
    assert (own.parent, own.is_parent_remote, own.state) == ("b" * 16, True, "v=1")
    assert (own.start, own.end) == (1_000_500_000_000, 1_001_500_000_000)
    assert (attempt.parent, attempt.is_parent_remote) == (own.span_id, False)
    assert (attempt.start, attempt.end) == (1_000_600_000_000, 1_001_400_000_000)


def test_attributes() -> None:
    own, attempt = spans_of(RECORD)
    assert own.attributes["penstock.dropped_params"] == ("logit_bias",)
    assert own.attributes["penstock.cache"] == "MISS"
    assert own.attributes["session.id"] == attempt.attributes["session.id"] == "s"
    assert "penstock.trace_id" not in own.attributes
    expected = {
        "gen_ai.provider.name": "aws.bedrock", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4, "gen_ai.usage.reasoning.output_tokens": 2,
        "gen_ai.request.max_tokens": 7, "gen_ai.request.temperature": 0.5, "penstock.target": "config.targets[0]",
    }  # fmt: skip
    assert {name: attempt.attributes[name] for name in expected} == expected


def test_an_answer_that_broke_off_tells_the_status_that_was_sent() -> None:
    broken = msgspec.structs.replace(RECORD, status=502, head_status=200, failure="upstream_truncated")
    own, _ = spans_of(broken)
    assert (own.attributes["http.response.status_code"], own.error) == (200, "upstream_truncated")


def test_what_is_billed_counts() -> None:
    class Charges:
        is_loading = False

        def charge_of(self, attempt: AttemptRecord, at: float) -> None:
            raise AssertionError

    billed = msgspec.structs.replace(ATTEMPT, billed=Billed(Usage(7, 1, 8), 2_000_000_000))
    _, attempt = spans_of(msgspec.structs.replace(RECORD, attempts=(billed,)), Charges())
    assert attempt.attributes["gen_ai.usage.cost"] == 2.0
    assert attempt.attributes["gen_ai.usage.input_tokens"] == 7


def test_who_shares_a_call_has_no_tokens() -> None:
    shared = msgspec.structs.replace(ATTEMPT, is_charged=False, is_shared=True, is_hedge_loser=True)
    _, attempt = spans_of(msgspec.structs.replace(RECORD, attempts=(shared,)))
    assert not [name for name in attempt.attributes if name.startswith("gen_ai.usage")]
    assert attempt.attributes["penstock.shared"] is attempt.attributes["penstock.hedge_loser"] is True


def test_whose_fault_an_error_is() -> None:
    def own_error(failure: str, status: int) -> str | None:
        own, *_ = spans_of(msgspec.structs.replace(RECORD, failure=failure, status=status))
        assert own.attributes["error.type"] == failure
        return own.error

    assert own_error("invalid_request", 400) is None
    assert own_error("client_disconnected", 499) is None
    assert own_error("upstream_status", 502) == "upstream_status"
    for status in (400, 401, 408, 429):
        assert own_error("upstream_status", status) is None
    own, attempt = spans_of(
        msgspec.structs.replace(
            RECORD,
            failure="upstream_status",
            status=400,
            attempts=(msgspec.structs.replace(ATTEMPT, failure="upstream_status"),),
        )
    )
    assert (own.error, attempt.error) == (None, "upstream_status")
    broken = msgspec.structs.replace(RECORD, failure="idle_timeout", status=408, head_status=200)
    assert spans_of(broken)[0].error == "idle_timeout"


def test_an_attempt_that_has_no_end() -> None:
    cancelled = msgspec.structs.replace(ATTEMPT, first_content=None, ended=None, status=0, model=None, usage=None)
    _, attempt = spans_of(msgspec.structs.replace(RECORD, attempts=(cancelled,), operation="models"))
    assert attempt.end == 1_001_500_000_000
    assert attempt.name == "call bedrock"
    assert "gen_ai.operation.name" not in attempt.attributes


def test_without_a_sampled_trace_there_are_no_spans() -> None:
    assert spans_of(msgspec.structs.replace(RECORD, trace_context=None)) == []
    assert spans_of(msgspec.structs.replace(RECORD, trace_context=TraceContext(TRACE, 2))) == []
