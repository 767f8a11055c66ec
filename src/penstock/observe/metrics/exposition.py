"""The series of all workers as text: Prometheus' text format 0.0.4 and OpenMetrics 1.0.

Sources: https://prometheus.io/docs/instrumenting/exposition_formats/,
https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from penstock.observe.metrics.families import FAMILIES, OTHER, Family, Labels
from penstock.observe.metrics.table import read_series

TEXT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS_TYPE: Final = b"application/openmetrics-text; version=1.0.0; charset=utf-8"
_OPEN_METRICS: Final = "application/openmetrics-text"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_HELP_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})


class Snapshot(NamedTuple):
    """A worker's table. The gauges of a worker that is gone say nothing any more: ``has_gauges`` is False."""

    table: bytes
    has_gauges: bool = True


def wants_open_metrics(accept: str) -> bool:
    """Whether an Accept header (RFC 9110, 12.5.1) prefers OpenMetrics to text. Without the header it is text."""
    best: dict[bool, float] = {}
    for each in accept.lower().split(","):
        media, *parameters = [part.strip() for part in each.split(";")]
        if media not in {_OPEN_METRICS, "text/plain", "text/*", "*/*"}:
            continue
        quality = _quality(parameters)
        is_open = media == _OPEN_METRICS
        best[is_open] = max(quality, best.get(is_open, 0.0))
    return best.get(True, 0.0) > 0 and best[True] >= best.get(False, 0.0)


def _quality(parameters: Iterable[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def exposition(snapshots: Sequence[Snapshot], *, open_metrics: bool) -> bytes:
    """The page."""
    merged = merged_series(snapshots)
    lines: list[str] = []
    for index, family in enumerate(FAMILIES):
        if family.is_of_otlp:
            continue
        name = family.name if open_metrics else family.shown
        lines += [f"# HELP {name} {family.help.translate(_HELP_ESCAPES)}", f"# TYPE {name} {family.kind}"]
        series = merged.get(index, {})
        for labels in sorted(series):
            lines += _samples(family, labels, series[labels])
    if open_metrics:
        lines.append("# EOF")
    return "\n".join(lines).encode("utf-8") + b"\n"


def merged_series(snapshots: Iterable[Snapshot]) -> Mapping[int, Mapping[Labels, list[float]]]:
    """The series of all workers by family and labels; counters and histograms are added up."""
    merged: dict[int, dict[Labels, list[float]]] = {}
    for snapshot in snapshots:
        for index, labels, values in read_series(snapshot.table):
            family = FAMILIES[index]
            if family.kind == "gauge" and (not snapshot.has_gauges or math.isnan(values[0])):
                continue
            if labels and not any(values) and set(labels) == {OTHER}:
                continue
            series = merged.setdefault(index, {})
            known = series.get(labels)
            if known is None:
                series[labels] = list(values)
            elif family.merge == "max":
                known[0] = max(known[0], values[0])
            else:
                series[labels] = [one + another for one, another in zip(known, values, strict=True)]
    return merged


def _samples(family: Family, labels: Labels, values: Sequence[float]) -> Iterator[str]:
    pairs = [f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(family.labels, labels, strict=True)]
    if family.kind != "histogram":
        yield f"{family.shown}{_braced(pairs)} {_number(values[0])}"
        return
    count = 0.0
    bounds = [*(repr(float(bound)) for bound in family.buckets), "+Inf"]
    for bound, inside in zip(bounds, values[1:], strict=True):
        count += inside
        inner = _braced([*pairs, f'le="{bound}"'])
        yield f"{family.name}_bucket{inner} {_number(count)}"
    yield f"{family.name}_sum{_braced(pairs)} {_number(values[0])}"
    yield f"{family.name}_count{_braced(pairs)} {_number(count)}"


def _braced(pairs: Sequence[str]) -> str:
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
