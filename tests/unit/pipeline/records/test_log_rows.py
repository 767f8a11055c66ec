"""Records as rows of the request log."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.core.usage import Usage
from penstock.observe.log_extras import Content, LogExtras
from penstock.observe.record import AttemptRecord, Billed, Record
from penstock.observe.redactor import REDACTED, Redactor
from penstock.pipeline.records.log_rows import Details, OnlyAttempt, Spooled, charges_of, row_of
from penstock.prices.charge import Charge
from penstock.stores.sql.request_log.entry import LogEntry
from penstock.stores.sql.request_log.stored_content import unpacked

CHARGE = Charge(7, price_version="v", price_match="exact")
SECRET = "sk-" + "a" * 40
USAGE = Usage(3, 2, 5)


def attempt(**more: Any) -> AttemptRecord:
    told = {"target": "config", "provider": "openai", "model": "m", "lane": 1, "status": 200, "began": 0.5, **more}
    return AttemptRecord(**told)


def row(*attempts: AttemptRecord, extras: LogExtras | None = None, known: bool = True, **more: Any) -> LogEntry:
    told = {"at": 10.0, "method": "POST", "path": "/p", "status": 200, "latency": 1.5, **more}

    def charge_of(each: AttemptRecord, at: float) -> Charge | None:
        assert at == 10.0
        return CHARGE if known and each.usage is not None else None

    spooled = Spooled("id", Record(attempts=attempts, **told), extras or LogExtras())
    return row_of(spooled, charges_of(spooled.record, charge_of), Redactor())


def details(told: LogEntry) -> Details:
    return msgspec.json.decode(told.details, type=Details)


def test_a_request_is_told_with_its_times_its_tokens_and_its_cost() -> None:
    usage = Usage(3, 2, 5, cached=1, reasoning=1)
    told = row(
        attempt(status=429, failure="rate_limited", ended=0.7),
        attempt(usage=usage, began=0.8, first_content=1.0, ended=1.4),
        provider="openai",
        model="m",
        usage=usage,
        stream=True,
        option="config",
        trace_id="t",
        key="k",
        key_id="i",
        workspace="w",
    )
    assert (told.at, told.latency, told.first_token, told.upstream) == (10_000_000, 1_500_000, 1_000_000, 800_000)
    assert (told.input_tokens, told.output_tokens, told.total_tokens, told.cached_tokens) == (3, 2, 5, 1)
    assert (told.amount, told.attempts, told.retries, told.is_fallback) == (7, 2, 1, False)
    assert (told.key_id, told.workspace_id, told.provider, told.target) == ("i", "w", "openai", "config")
    first, second = details(told).attempts
    assert (first.status, first.error, first.nanos, second.nanos) == (429, "rate_limited", 0, 7)
    assert (second.began, second.price_version) == (800.0, "v")


def test_the_tokens_of_a_row_are_those_of_its_prompt_and_its_answer() -> None:
    """As in metrics and budgets, whatever total a host told, and where only one of two attempts told one."""
    assert row(attempt(usage=Usage(3, 2, 50)), usage=Usage(3, 2, 50)).total_tokens == 5
    both = Usage(3, 2, 5).plus(Usage(4, 1))
    assert row(attempt(usage=Usage(3, 2, 5)), attempt(usage=Usage(4, 1)), usage=both).total_tokens == 10


@pytest.mark.parametrize(("is_charged", "cost", "saved"), [(False, 0, 7), (True, 7, 0)])
def test_the_cache_saves_what_nobody_pays_for(is_charged: bool, cost: int, saved: int) -> None:
    """Who joined a call and pays for it, as its first caller has left, has saved nothing."""
    alone = row(attempt(usage=USAGE, cache="HIT", is_charged=is_charged), cache="HIT")
    assert (alone.amount, alone.saved) == (cost, saved)
    failed = attempt(status=500, failure="upstream_status")
    several = row(failed, attempt(usage=USAGE, cache="HIT", is_charged=is_charged), cache="HIT")
    assert (several.amount, several.saved) == (cost, saved)


def test_what_no_provider_bills_costs_nothing() -> None:
    assert [row(attempt(), operation=each).amount for each in ("models", "chat.completions")] == [0, None]
    several = (attempt(status=500, failure="upstream_status"), attempt())
    assert [row(*several, operation=each).amount for each in ("count_tokens", "chat.completions")] == [0, None]


def test_a_fallback_and_an_unknown_price_are_told() -> None:
    told = row(attempt(target="a", status=500), attempt(target="b", usage=Usage(1, 1)), known=False)
    assert (told.is_fallback, told.retries, told.amount) == (True, 0, None)
    assert (told.provider, told.model) == ("openai", "m")


def test_what_limits_were_charged_is_what_the_row_says() -> None:
    told = row(attempt(billed=Billed(Usage(9, 9), 99, "v1", "rule", is_estimated=True)))
    assert told.amount == 99
    assert details(told).attempts[0].is_estimated


def test_of_an_only_attempt_that_answered_the_details_hold_what_the_columns_do_not_tell() -> None:
    usage = Usage(3, 2, 5)
    only = attempt(usage=usage, began=0.0012, first_content=0.25, ended=1.4, lane=2, virtual_key="v")
    answered: dict[str, Any] = {
        "usage": usage,
        "provider": "openai",
        "model": "m",
        "option": "config",
        "virtual_key": "v",
    }
    told = row(only, **answered)
    assert details(told).attempts == ()
    assert details(told).attempt == OnlyAttempt(1.2, "exact", "v", 250.0, translated=True)
    assert (told.amount, told.upstream, told.input_tokens, told.attempts) == (7, 1_398_800, 3, 1)
    billed = attempt(usage=usage, ended=1.4, virtual_key="v", billed=Billed(usage, 99, "v1", "rule"))
    assert details(row(billed, **answered)).attempt == OnlyAttempt(500.0, "rule", "v1")


@pytest.mark.parametrize(
    "change",
    [
        {"status": 201}, {"failure": "stream_broken"}, {"ended": None}, {"is_charged": False}, {"is_shared": True, "is_charged": False}, {"is_hedge_loser": True},
        {"target": "config.targets[1]"}, {"provider": "other"}, {"model": "other"}, {"virtual_key": None},
        {"cache": "MISS"}, {"billed": Billed(Usage(9, 9), 99)}, {"billed": Billed(USAGE, 99, is_estimated=True)},
    ],
)  # fmt: skip
def test_any_other_attempt_is_told_as_a_whole(change: dict[str, Any]) -> None:
    only = attempt(**{"usage": USAGE, "ended": 1.4, "virtual_key": "v"} | change)
    told = row(only, usage=USAGE, provider="openai", model="m", option="config", virtual_key="v")
    (whole,) = details(told).attempts
    assert details(told).attempt is None
    assert (whole.number, whole.status, whole.model) == (1, only.status, only.model)


@pytest.mark.parametrize("ended", [None, 1.4])
def test_an_answer_from_the_cache_costs_nothing_and_saves_its_price(ended: float | None) -> None:
    hit = attempt(cache="HIT", usage=Usage(1, 1), is_charged=False, ended=ended)
    told = row(hit, cache="HIT", provider="openai", model="m", option="config")
    assert (told.amount, told.saved, told.cache) == (0, 7, "HIT")
    assert (details(told).attempt is not None) is (ended is not None)


def test_a_request_that_no_provider_saw_costs_nothing() -> None:
    told = row(status=400, failure="invalid_config", extras=LogExtras(message=f"no {SECRET}"))
    assert (told.amount, told.attempts, told.upstream, told.first_token) == (0, 0, None, None)
    assert (told.error, told.message) == ("invalid_config", f"no {REDACTED}")


def test_secrets_are_hidden_wherever_callers_put_them() -> None:
    content = Content(1000, [(b"authorization", b"x")], f'{{"a":"{SECRET}"}}'.encode())
    content.keep_response(SECRET.encode())
    extras = LogExtras(messages=(f"bad {SECRET}",), content=content)
    told = row(attempt(failure="x"), extras=extras, metadata={"key": SECRET})
    assert told.metadata == {"key": REDACTED}
    assert details(told).attempts[0].error_message == f"bad {REDACTED}"
    assert told.content is not None
    kept = unpacked(told.content)
    assert kept is not None
    assert (kept.request, kept.response) == (f'{{"a":"{REDACTED}"}}', REDACTED)
    assert kept.request_headers == {"authorization": "*****"}


def test_entries_that_an_earlier_version_left_in_the_spool_are_read() -> None:
    written = msgspec.msgpack.encode(
        Spooled("id", Record(1.0, "POST", "/v1/messages", 200, 0.5), LogExtras(message="no"))
    )
    members = msgspec.msgpack.decode(written)
    assert members["noted"] == {"message": "no"}
    assert msgspec.msgpack.decode(written, type=Spooled).extras.message == "no"
