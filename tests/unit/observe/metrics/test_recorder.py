"""Records as counts: attempts, retries, fallbacks, hedges, tokens, cost, times; bounded labels."""

from collections.abc import Iterator
from mmap import mmap
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.usage import Usage
from penstock.observe.metrics.families import FAMILIES
from penstock.observe.metrics.recorder import Bounds, Recorder, own_time, token_classes
from penstock.observe.metrics.table import SIZE, Table, read_series
from penstock.observe.record import AttemptRecord, Billed, Record
from penstock.observe.record_kinds import RecordKinds


class Charge(NamedTuple):
    nanos: int


class Prices:
    """A dollar for each prompt token, unless the model has no price."""

    is_loading = False

    def charge_of(self, attempt: AttemptRecord, at: float) -> Charge | None:
        if attempt.model == "unpriced" or attempt.usage is None:
            return None
        return Charge((attempt.usage.prompt or 0) * 1_000_000_000)


KINDS = RecordKinds()


class Counting:
    """A recorder, and what it has counted."""

    def __init__(self, table: Table, recorder: Recorder, prices: Prices) -> None:
        self._table, self.recorder, self.prices = table, recorder, prices

    def count(self, *records: Record) -> dict[str, float]:
        for each in records:
            self.recorder.count(each)
        return self.counts()

    def counts(self) -> dict[str, float]:
        """Everything above 0: counters by name and labels, of histograms the number of values."""
        self.recorder.settle()
        found = {}
        for family, labels, values in read_series(self._table.snapshot()):
            amount = sum(values[1:]) if FAMILIES[family].kind == "histogram" else values[0]
            if amount:
                name = FAMILIES[family].name.removeprefix("penstock_")
                found[f"{name} {' '.join(labels)}"] = amount
        return found


@pytest.fixture
def counting() -> Iterator[Counting]:
    with mmap(-1, SIZE) as memory:
        table, prices = Table(memory), Prices()
        yield Counting(table, Recorder(table, Bounds(3, ("team",)), prices), prices)
        table.close()


def attempt(target: str = "config", began: float = 0.1, ended: float | None = 0.5, **more: Any) -> AttemptRecord:
    members = {"provider": "openai", "model": "gpt", "lane": 1, "status": 200, **more}
    return AttemptRecord(target=target, began=began, ended=ended, **members)


def record(*attempts: AttemptRecord, status: int = 200, **more: Any) -> Record:
    members = {"operation": "chat", "provider": "openai", "model": "gpt", "attempts": attempts, **more}
    made = Record(1.0, "POST", "/v1/chat/completions", status, 1.0, **members)
    KINDS.assign(made)
    return made


def test_a_plain_request(counting: Counting) -> None:
    usage = Usage(prompt=10, completion=5, cached=4, reasoning=2)
    counts = counting.count(
        record(attempt(usage=usage), key="team-a", cache="MISS", metadata={"team": "red", "x": "y"})
    )
    assert counts == {
        "requests chat openai gpt 2xx": 1,
        "request_duration_seconds chat false": 1,
        "gateway_duration_seconds chat": 1,
        "attempts openai gpt 2xx": 1,
        "upstream_duration_seconds openai gpt": 1,
        "cache_requests miss": 1,
        "tokens openai gpt input": 6,
        "tokens openai gpt cache_read": 4,
        "tokens openai gpt output": 3,
        "tokens openai gpt reasoning": 2,
        "cost_dollars openai gpt": 10,
        "key_requests team-a": 1,
        "key_tokens team-a": 15,
        "key_cost_dollars team-a": pytest.approx(10),
        "metadata_requests team red": 1,
        "metadata_tokens team red": 15,
        "metadata_cost_dollars team red": pytest.approx(10),
    }


@pytest.mark.parametrize(("status", "fault"), [(400, "client"), (500, "provider")])
def test_whose_fault_a_providers_error_is(counting: Counting, status: int, fault: str) -> None:
    counts = counting.count(record(status=status, failure="upstream_status"))
    assert counts[f"errors upstream_status {fault} openai"] == 1


def test_retries_fallbacks_and_hedges(counting: Counting) -> None:
    failed = {"status": 503, "failure": "upstream_status"}
    counts = counting.count(
        record(
            attempt("a", 0.0, 0.1, **failed),
            attempt("a", 0.2, 0.3, **failed),
            attempt("b", 0.3, None, status=0, provider="azure", is_hedge_loser=True),
            attempt("c", 0.4, 0.6, provider="groq"),
        )
    )
    assert counts["attempts openai gpt 5xx"] == 2
    assert counts["attempts azure gpt cancelled"] == 1
    assert counts["attempt_errors openai upstream_status"] == 2
    assert counts["retries openai"] == 1
    assert counts["fallbacks azure"] == 1
    assert counts["hedges groq"] == 1
    assert counts["attempts groq gpt 2xx"] == 1


def test_a_call_that_nobody_made_or_another_request_pays_for_is_no_attempt(counting: Counting) -> None:
    usage = Usage(prompt=10)
    counts = counting.count(
        record(attempt(cache="HIT", is_charged=False, usage=usage), cache="HIT"),
        record(attempt(is_shared=True, is_charged=False, usage=usage)),
    )
    assert counts["requests chat openai gpt 2xx"] == 2
    assert counts["cache_requests hit"] == 1
    assert not [name for name in counts if name.startswith(("attempts", "tokens", "cost", "upstream"))]


def test_an_attempt_that_was_refused_before_its_call_is_none(counting: Counting) -> None:
    """A guard or a limit denied it: the next one is a fallback all the same."""
    denied = attempt("a", 0.0, 0.1, lane=0, status=446, failure="hooks_failed", model=None)
    counts = counting.count(record(denied, attempt("b", 0.1, 0.2, provider="groq")))
    assert {name: count for name, count in counts.items() if "attempt" in name or "upstream" in name} == {
        "attempts groq gpt 2xx": 1,
        "upstream_duration_seconds groq gpt": 1,
    }
    assert counts["fallbacks groq"] == 1


def test_a_refused_request(counting: Counting) -> None:
    refused = record(status=401, failure="invalid_gateway_key", provider=None, model=None, operation=None)
    counts = counting.count(refused)
    assert counts["requests none none none 4xx"] == 1
    assert counts["errors invalid_gateway_key client none"] == 1
    assert own_time(refused) == 1.0


def test_a_stream_s_first_token(counting: Counting) -> None:
    whole = attempt(first_content=0.3)
    broken = attempt(first_content=0.3, failure="upstream_truncated")
    counts = counting.count(record(whole), record(whole, stream=True), record(broken, stream=True))
    assert counts["time_to_first_token_seconds openai gpt"] == 1
    assert counts["request_duration_seconds chat true"] == 2


def test_own_time_is_what_no_attempt_covers() -> None:
    assert own_time(record(attempt(began=0.1, ended=0.9))) == pytest.approx(0.2)
    assert own_time(record(attempt(began=0.1, ended=0.3), attempt(began=0.5, ended=0.9))) == pytest.approx(0.2)
    assert own_time(record(attempt(began=0.1, ended=None))) == pytest.approx(0.1)


def test_what_limits_were_charged_is_what_counts(counting: Counting) -> None:
    billed = Billed(Usage(prompt=100), 2_000_000_000, is_estimated=True)
    counts = counting.count(record(attempt(billed=billed)))
    assert (counts["tokens openai gpt input"], counts["cost_dollars openai gpt"]) == (100, 2)


def test_unknown_prices_are_counted(counting: Counting) -> None:
    counts = counting.count(record(attempt(usage=Usage(prompt=5), model="unpriced"), model="unpriced"))
    assert counts["unpriced_attempts openai unpriced"] == 1


def test_costs_wait_for_prices(counting: Counting) -> None:
    counting.prices.is_loading = True
    counts = counting.count(record(attempt(usage=Usage(prompt=5))))
    assert "cost_dollars openai gpt" not in counts
    counting.recorder.settle()
    assert "cost_dollars openai gpt" not in counting.counts()
    counting.prices.is_loading = False
    counting.recorder.settle()
    assert counting.counts()["cost_dollars openai gpt"] == 5


def test_label_sets_are_bounded(counting: Counting) -> None:
    for number in range(100_000):
        name = f"x{number}"
        counting.recorder.count(record(attempt(model=name), model=name, metadata={"team": name}, key=name))
    counts = counting.counts()
    assert len(counts) < 40
    assert counts["requests chat openai other 2xx"] == counts["metadata_requests team other"] == 99_997
    assert counts["key_requests other"] == 99_997


def test_a_model_that_no_provider_answers_for_takes_no_room(counting: Counting) -> None:
    for number in range(10):
        failed = attempt(model=f"invented-{number}", status=404, failure="upstream_status")
        counting.recorder.count(record(failed, status=404, model=f"invented-{number}"))
    counts = counting.count(record(attempt(model="real"), model="real"))
    assert counts["requests chat openai other 4xx"] == 10
    assert counts["requests chat openai real 2xx"] == 1


def test_classes_of_tokens_add_up() -> None:
    usage = Usage(prompt=100, completion=50, cached=30, cache_written=20, reasoning=10)
    assert dict(token_classes(usage)) == {
        "input": 50, "cache_read": 30, "cache_write": 20, "output": 40, "reasoning": 10,
    }  # fmt: skip


@given(*[st.none() | st.integers(0, 9)] * 5)
def test_classes_of_tokens_are_never_less_than_none(
    prompt: int | None, completion: int | None, cached: int | None, written: int | None, reasoning: int | None
) -> None:
    """Some hosts tell more of a part than of the whole."""
    usage = Usage(prompt, completion, cached=cached, cache_written=written, reasoning=reasoning)
    tokens = [number for _, number in token_classes(usage)]
    assert min(tokens) >= 0
    assert sum(tokens) == (prompt or 0) + (completion or 0)


ALIKE: tuple[dict[str, Any], ...] = (
    {},
    {"stream": True},
    {"key": "team-a"},
    {"cache": "MISS", "model": None, "provider": None},
    {"operation": None, "metadata": {"x": "y"}},
    {"metadata": {"team": "red"}},
)


@pytest.mark.parametrize("more", ALIKE)
@pytest.mark.parametrize(
    "told",
    [
        {"usage": Usage(prompt=10, completion=5)},
        {"usage": Usage(completion=5), "first_content": 0.3},
        {"billed": Billed(Usage(prompt=3), 7)},
        {"usage": Usage(prompt=10, cached=4)},
        {"usage": Usage(prompt=10), "model": "unpriced"},
        {},
        {"status": 500, "failure": "upstream_status"},
        {"ended": None},
    ],
)
def test_requests_that_are_alike_count_as_much_as_the_first_of_them(
    counting: Counting, told: dict[str, Any], more: dict[str, Any]
) -> None:
    """What is added with the second request, whose series may be known, and the third."""
    each = record(attempt(**told), **more)
    first = counting.count(each)
    assert counting.count(each) == {name: 2 * count for name, count in first.items()}
    assert counting.count(each) == {name: 3 * count for name, count in first.items()}
