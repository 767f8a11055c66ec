"""The page as text: both formats, escapes, the choice by Accept."""

from mmap import mmap

import pytest

from penstock.observe.metrics import families
from penstock.observe.metrics.exposition import Snapshot, exposition, wants_open_metrics
from penstock.observe.metrics.table import Metric, Table

# https://github.com/prometheus/prometheus/blob/v3.4.0/config/config.go (ScrapeProtocolsHeaders), with qualities.
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("text/html, */*;q=0.8", False),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; version=1.0.0", True),
        (PROMETHEUS, True),
        ("text/plain;q=0.5, application/openmetrics-text;q=0.4", False),
        ("application/openmetrics-text;q=0, text/plain", False),
        ("application/openmetrics-text;q=nonsense", False),
    ],
)
def test_the_format_that_is_asked_for(accept: str, expected: bool) -> None:
    assert wants_open_metrics(accept) is expected


def snapshot() -> bytes:
    with mmap(-1, 64 << 10) as memory:
        table = Table(memory)
        Metric(table, families.COST, "other").add(("echo", 'a\\b"c\nd'), 0.125)
        Metric(table, families.OWN, "other").observe(("chat",), 0.003)
        Metric(table, families.CALLERS, "other").set((), 4)
        Metric(table, families.BUDGET_LEFT, "other").set(("api_key", "a", "l", "dollars"), 1.5)
        made = table.snapshot()
        table.close()
    return made


def test_prometheus_text() -> None:
    text = exposition([Snapshot(snapshot())] * 2, open_metrics=False).decode()
    assert "# TYPE penstock_cost_dollars_total counter\n" in text
    assert 'penstock_cost_dollars_total{provider="echo",model="a\\\\b\\"c\\nd"} 0.25\n' in text
    assert 'penstock_gateway_duration_seconds_bucket{operation="chat",le="0.002"} 0\n' in text
    assert 'penstock_gateway_duration_seconds_bucket{operation="chat",le="0.005"} 2\n' in text
    assert 'penstock_gateway_duration_seconds_bucket{operation="chat",le="+Inf"} 2\n' in text
    assert 'penstock_gateway_duration_seconds_sum{operation="chat"} 0.006\n' in text
    assert 'penstock_gateway_duration_seconds_count{operation="chat"} 2\n' in text
    assert "\npenstock_caller_connections 8\n" in text
    assert 'penstock_budget_left{level="api_key",owner="a",limit="l",unit="dollars"} 1.5\n' in text
    assert 'model="other"' not in text
    assert "EOF" not in text


def test_open_metrics() -> None:
    text = exposition([Snapshot(snapshot())], open_metrics=True).decode()
    assert "# TYPE penstock_cost_dollars counter\n" in text
    assert 'penstock_cost_dollars_total{provider="echo"' in text
    assert text.endswith("\n# EOF\n")


def test_the_gauges_of_a_worker_that_is_gone_are_left_out() -> None:
    lines = exposition([Snapshot(snapshot(), has_gauges=False)], open_metrics=False).decode().splitlines()
    shown = {line.partition("{")[0].partition(" ")[0] for line in lines if not line.startswith("#")}
    assert "penstock_cost_dollars_total" in shown
    assert not shown & {"penstock_caller_connections", "penstock_budget_left"}
