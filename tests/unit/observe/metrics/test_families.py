"""What is declared, what docs/metrics.md tells and what the dashboard for Grafana asks for are the same."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from paths import ROOT
from penstock.observe.metrics.families import FAMILIES, Family

PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")
DASHBOARD = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text("utf-8"))
ROWS = [re.split(r" \| ", line[2:-2]) for line in PAGE.splitlines() if re.match(r"\| `(penstock|process)_", line)]


def samples(family: Family) -> dict[str, set[str]]:
    """The names of a family's samples, with their labels."""
    labels = set(family.labels)
    if family.kind != "histogram":
        return {family.shown: labels}
    return {f"{family.name}_bucket": {*labels, "le"}, f"{family.name}_sum": labels, f"{family.name}_count": labels}


SHOWN = tuple(family for family in FAMILIES if not family.is_of_otlp)
"""Those of the page; the others are sent over OTLP only."""
TELEMETRY = (ROOT / "docs" / "telemetry.md").read_text("utf-8")
SAMPLES = {name: labels for family in SHOWN for name, labels in samples(family).items()}
OF_PROMETHEUS = {"job", "instance"}
"""Labels that Prometheus adds to every sample."""


def queries() -> Iterator[str]:
    """Everything that the dashboard sends to Prometheus."""

    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (value[name] for name in ("expr", "definition") if name in value)
            for member in value.values():
                yield from walk(member)
        elif isinstance(value, list):
            for member in value:
                yield from walk(member)

    yield from walk(DASHBOARD)


def test_the_page_tells_every_metric_and_no_other() -> None:
    told = [(name.strip("`"), kind, tuple(re.findall(r"`(\w+)`", labels)), text) for name, kind, labels, text in ROWS]
    assert told == [(each.shown, each.kind, each.labels, each.help) for each in SHOWN]


@pytest.mark.parametrize("family", SHOWN, ids=lambda family: family.name)
def test_names_are_as_prometheus_wants_them(family: Family) -> None:
    assert re.fullmatch(r"(penstock|process)_[a-z_]+", family.name)
    assert not family.name.endswith("_total")
    assert family.help.endswith(".")
    assert (family.kind == "histogram") == bool(family.buckets)
    assert list(family.buckets) == sorted(set(family.buckets))
    assert "le" not in family.labels


def test_metrics_of_opentelemetry_stand_on_its_page() -> None:
    told = set(re.findall(r"`(gen_ai\.client\.[\w.]+)`", TELEMETRY))
    older = {family.name for family in FAMILIES if family.is_of_otlp}
    assert older - told == {"gen_ai.client.operation.time_to_first_chunk"}  # no version has it
    for family in FAMILIES:
        if family.is_of_otlp:
            assert list(family.buckets) == sorted(set(family.buckets))
            assert all(f"`{label}`" in TELEMETRY for label in family.labels)


def test_names_are_there_once() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_the_dashboard_asks_for_what_there_is(query: str) -> None:
    names = re.findall(r"\b(?:penstock|process)_\w+", query)
    assert names
    known = set().union(*(SAMPLES[name] for name in names)) | OF_PROMETHEUS
    for grouped in re.findall(r"\bby \(([^)]*)\)", query):
        assert {label.strip() for label in grouped.split(",")} <= known
    for name, selector in re.findall(r"\b((?:penstock|process)_\w+)\{([^}]*)\}", query):
        assert set(re.findall(r'(\w+)=~?"', selector)) <= SAMPLES[name] | OF_PROMETHEUS


def test_the_dashboard_has_every_metric() -> None:
    asked = set(re.findall(r"\b(?:penstock|process)_\w+", "\n".join(queries())))
    assert [family.name for family in SHOWN if not asked & samples(family).keys()] == []


def test_the_dashboard_s_panels_have_ids_and_places_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [tuple(panel["gridPos"][side] for side in "xy") for panel in panels]
    assert len(set(places)) == len(places)
