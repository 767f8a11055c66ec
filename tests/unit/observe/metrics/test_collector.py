"""The part of the gateway that counts: its page, what other parts tell, what goes wrong."""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

import pytest

from penstock import __version__
from penstock.observe.metrics import families
from penstock.observe.metrics.collector import Collector, Reading
from penstock.observe.metrics.recorder import Bounds
from penstock.observe.record import AttemptRecord, Record, Records

REQUEST = Record(0.0, "POST", "/v1/chat/completions", 200, 0.1, operation="chat")


def lines(page: tuple[bytes, bytes], *names: str) -> list[str]:
    return [line for line in page[1].decode().splitlines() if line.startswith(names)]


async def test_a_page_has_what_was_recorded_before_it_was_asked_for() -> None:
    records = Records()
    collector = Collector(records, Bounds())
    with pytest.raises(RuntimeError, match="before"):
        await collector.page("")
    collector.start()
    for _ in range(1000):
        records.publish(REQUEST)
    page = await collector.page("")
    assert page[0] == b"text/plain; version=0.0.4; charset=utf-8"
    assert lines(page, "penstock_requests_total", "penstock_workers", "penstock_build", "penstock_records_lost") == [
        'penstock_requests_total{operation="chat",provider="none",model="none",status="2xx"} 1000',
        'penstock_records_lost_total{reader="metrics"} 0',
        "penstock_workers 1",
        f'penstock_build_info{{version="{__version__}"}} 1',
    ]
    assert (await collector.page("application/openmetrics-text"))[1].endswith(b"# EOF\n")
    await collector.stop()


async def test_two_workers_and_the_end_of_one(tmp_path: Path) -> None:
    some, others = Records(), Records()
    first, second = (Collector(records, Bounds(), folder=tmp_path) for records in (some, others))
    first.start()
    second.start()
    for _ in range(3):
        some.publish(REQUEST)
        others.publish(REQUEST)
    wanted = "penstock_requests_total", "penstock_workers", "process_start"
    total, workers, *starts = lines(await first.page(""), *wanted)
    assert (total.rpartition(" ")[2], workers.rpartition(" ")[2], len(starts)) == ("6", "2", 2)
    others.publish(REQUEST)
    await second.stop()
    total, workers, *starts = lines(await first.page(""), *wanted)
    assert (total.rpartition(" ")[2], workers.rpartition(" ")[2], len(starts)) == ("7", "1", 1)
    await first.stop()


async def test_without_its_folder_a_worker_counts_by_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    collector = Collector(Records(), Bounds(), folder=tmp_path / "gone")
    with caplog.at_level(logging.WARNING, "penstock"):
        collector.start()
    assert "counts by itself" in caplog.text
    assert lines(await collector.page(""), "penstock_workers") == ["penstock_workers 1"]
    await collector.stop()


async def test_figures_of_other_parts(caplog: pytest.LogCaptureFixture) -> None:
    owners = ["a", "b"]

    def broken() -> Iterable[Reading]:
        raise OSError("no figure")

    async def budgets() -> Iterable[Reading]:
        return [Reading(families.BUDGET_LEFT, ("api_key", owner, "l", "dollars"), 2) for owner in owners]

    async def down() -> Iterable[Reading]:
        raise OSError("no store")

    collector = Collector(
        Records(),
        Bounds(),
        readings=[broken, lambda: [Reading(families.CALLERS, (), 7)]],
        slow_readings=[budgets, down],
    )
    collector.start()
    page = await collector.page("")
    assert lines(page, "penstock_caller_connections") == ["penstock_caller_connections 7"]
    assert len(lines(page, "penstock_budget_left")) == 2
    assert caplog.text.count("a figure can't be read") == 1  # once a minute
    owners.remove("b")
    assert len(lines(await collector.page(""), "penstock_budget_left")) == 1
    await collector.stop()


async def test_broken_circuits_have_the_names_that_their_targets_failed_with() -> None:
    records, broken = Records(), {("a", "open"): 2, ("b", "open"): 1, ("b", "half_open"): 1, ("unknown", "open"): 1}
    collector = Collector(records, Bounds(), broken=lambda: broken)
    collector.start()
    for target, model in (("a", "m"), ("b", "m"), ("c", "n")):
        attempt = AttemptRecord("config", "openai", model, 1, 500, 0.0, 0.1, failure="upstream_status", identity=target)
        records.publish(Record(0.0, "POST", "/", 500, 0.1, failure="upstream_status", attempts=(attempt,)))
    page = await collector.page("")
    assert sorted(lines(page, "penstock_broken_circuits")) == [
        'penstock_broken_circuits{provider="none",model="none",state="open"} 1',
        'penstock_broken_circuits{provider="openai",model="other",state="half_open"} 1',
        'penstock_broken_circuits{provider="openai",model="other",state="open"} 3',
    ]
    broken.clear()
    assert lines(await collector.page(""), "penstock_broken_circuits") == []
    await collector.stop()


async def test_a_record_that_can_not_be_counted_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    records = Records()
    collector = Collector(records, Bounds())
    collector.start()
    records.publish(Record(0.0, "POST", "/", None, 0.1))  # type: ignore[arg-type]
    records.publish(REQUEST)
    assert len(lines(await collector.page(""), "penstock_requests_total")) == 1
    assert "could not be counted" in caplog.text
    await collector.stop()


async def test_many_readers_of_the_page_take_turns() -> None:
    collector = Collector(Records(), Bounds())
    collector.start()
    pages = await asyncio.gather(*(collector.page("") for _ in range(5)))
    assert len({len(lines(page, "penstock")) for page in pages}) == 1
    await collector.stop()
